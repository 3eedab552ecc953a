"""Who talks to whom."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args

import numpy as np
import pytest

from clbench_plugins.sharing import FedAvg
from clbench_plugins.sharing.topology import Kind, graph_of

from .sharing import started

KINDS: list[Any] = list(get_args(Kind))


def draw(kind: Any, agents: int, seed: int = 0, edge_probability: float = 0.3) -> Any:
    return graph_of(kind, agents, np.random.default_rng(seed), edge_probability)


def is_connected(graph: Any) -> bool:
    reached = np.linalg.matrix_power(graph | np.eye(len(graph), dtype=bool), len(graph))
    return bool(reached.all())


@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_are_mutual_and_nobody_is_his_own(kind: Any) -> None:
    for agents in range(1, 8):
        graph = draw(kind, agents)
        assert graph.shape == (agents, agents)
        assert graph.dtype == bool
        assert (graph == graph.T).all()
        assert not graph.diagonal().any()


def test_neighbours_are_those_of_the_named_graph() -> None:
    assert draw("full", 5).sum(1).tolist() == [4] * 5
    assert draw("star", 5).sum(1).tolist() == [4, 1, 1, 1, 1]
    assert draw("self_loop", 5).sum() == 0
    ring = draw("ring", 5)
    assert [np.flatnonzero(row).tolist() for row in ring] == [
        [1, 4],
        [0, 2],
        [1, 3],
        [2, 4],
        [0, 3],
    ]
    assert draw("ring", 2).tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("kind", ["tree", "random"])
def test_random_graphs_of_these_kinds_are_connected(kind: Any) -> None:
    for seed in range(30):
        assert is_connected(draw(kind, 2 + seed % 9, seed, edge_probability=0.1))


def test_a_tree_has_no_edge_too_many_and_each_tree_the_same_chance() -> None:
    generator = np.random.default_rng(0)
    found = Counter(graph_of("tree", 4, generator, 0.0).tobytes() for _ in range(1600))
    assert len(found) == 16  # Cayley: 4^2 labelled trees
    assert min(found.values()) > 60
    assert max(found.values()) < 140
    assert all(np.frombuffer(tree, dtype=bool).sum() == 2 * 3 for tree in found)


def test_the_probability_of_an_edge_is_that_of_the_option() -> None:
    assert draw("erdos_renyi", 6, edge_probability=0.0).sum() == 0
    assert draw("erdos_renyi", 6, edge_probability=1.0).sum() == 6 * 5
    assert draw("random", 6, edge_probability=0.0).sum() == 2 * 5
    assert draw("random", 6, edge_probability=1.0).sum() == 6 * 5
    share = draw("erdos_renyi", 80, edge_probability=0.3).sum() / (80 * 79)
    assert share == pytest.approx(0.3, abs=0.04)


def test_the_graph_of_a_seed_follows_from_the_seed_alone() -> None:
    stacked = started(FedAvg(topology="random"), 3, 5, agents=6).graph
    alone = started(FedAvg(topology="random"), 5, agents=6).graph
    assert (stacked[6:] == alone).all()
    assert (stacked[:6] != stacked[6:]).any()
