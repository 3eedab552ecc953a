"""Who talks to whom: undirected graphs over the agents of a seed."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["full", "ring", "star", "tree", "random", "erdos_renyi", "self_loop"]
Graph = NDArray[np.bool_]


def graph_of(
    kind: Kind, agents: int, generator: np.random.Generator, edge_probability: float
) -> Graph:
    """`[agents, agents]`: whether two agents are neighbours; symmetric, and nobody is his own."""
    if kind == "full":
        return ~np.eye(agents, dtype=bool)
    if kind == "ring":
        return ring(agents)
    if kind == "star":
        return star(agents)
    if kind == "tree":
        return random_tree(agents, generator)
    if kind == "random":
        return random_tree(agents, generator) | erdos_renyi(agents, generator, edge_probability)
    if kind == "erdos_renyi":
        return erdos_renyi(agents, generator, edge_probability)
    return np.zeros((agents, agents), dtype=bool)


def ring(agents: int) -> Graph:
    """Each agent beside the one before it and the one after it."""
    graph = np.zeros((agents, agents), dtype=bool)
    for agent in range(agents):
        _connect(graph, agent, (agent + 1) % agents)
    return graph


def star(agents: int) -> Graph:
    """Agent 0 beside all others, as a server would be."""
    graph = np.zeros((agents, agents), dtype=bool)
    for agent in range(agents):
        _connect(graph, 0, agent)
    return graph


def random_tree(agents: int, generator: np.random.Generator) -> Graph:
    """A tree, each of the agents^(agents - 2) labelled ones with the same chance (Pruefer 1918).

    An agent stands in the sequence once less than it has neighbours. Each entry takes the first
    agent that has one neighbour left to be given; the last two agents are joined at the end.
    """
    graph = np.zeros((agents, agents), dtype=bool)
    if agents < 2:
        return graph
    # A Pruefer sequence: each one stands for exactly one labelled tree.
    sequence = generator.integers(agents, size=agents - 2)
    # Degrees.
    missing = 1 + np.bincount(sequence, minlength=agents)
    for agent in sequence:
        leaf = int(np.flatnonzero(missing == 1)[0])
        _connect(graph, leaf, int(agent))
        missing[[leaf, agent]] -= 1
    # Every entry gave one edge: n - 2 of them, and this is the last of a tree's n - 1.
    last, other = np.flatnonzero(missing == 1)
    _connect(graph, int(last), int(other))
    return graph


def erdos_renyi(agents: int, generator: np.random.Generator, edge_probability: float) -> Graph:
    """Each edge by itself with this probability (Gilbert's form of Erdos and Renyi's graph)."""
    drawn = generator.random((agents, agents)) < edge_probability
    # An edge is drawn once: the other half and the diagonal are thrown away.
    upper = np.triu(drawn, k=1)
    return upper | upper.T


def _connect(graph: Graph, one: int, other: int) -> None:
    """Make two agents neighbours; an agent is none of its own."""
    if one != other:
        graph[one, other] = graph[other, one] = True
