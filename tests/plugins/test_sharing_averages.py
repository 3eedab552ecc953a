"""What a round of federated averaging does to the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from clbench_plugins.sharing import FedAvg

from .sharing import Array, mixing, scatter, started, weights

NORMS = {"mlp": {"hidden": [6], "norm": "batch"}}


def graph(running: Any) -> Array:
    """The first seed's."""
    return running.graph[: running.scenario.agents].numpy()  # type: ignore[no-any-return]


@pytest.mark.parametrize("topology", ["full", "ring", "star", "tree", "random", "self_loop"])
def test_no_agent_sees_what_a_neighbour_has_averaged_in_the_same_round(topology: str) -> None:
    running = started(FedAvg(topology=topology), agents=5)
    scatter(running)
    before = weights(running)
    running.exchange()
    together = mixing(graph(running)) @ before
    np.testing.assert_allclose(weights(running), together, atol=1e-6)
    one_by_one = before.copy()
    for agent, row in enumerate(mixing(graph(running))):
        one_by_one[agent] = row @ one_by_one
    if topology != "self_loop":
        assert np.abs(one_by_one - together).max() > 0.1


def test_a_round_may_weigh_agents_by_their_samples() -> None:
    running = started(
        FedAvg(topology="ring", weighting="samples"), scenario={"samples_per_class": None}
    )
    samples = np.array(running.task.size("train"))
    assert len(set(samples.tolist())) > 1
    scatter(running)
    before = weights(running)
    running.exchange()
    expected = mixing(graph(running), samples) @ before
    np.testing.assert_allclose(weights(running), expected, atol=1e-6)


@pytest.mark.parametrize("weighting", ["uniform", "samples"])
@pytest.mark.parametrize("topology", ["full", "star", "tree"])
def test_equal_agents_stay_equal_to_the_bit(topology: str, weighting: str) -> None:
    running = started(FedAvg(topology=topology, weighting=weighting), 0, 1, agents=7)
    start = weights(running)
    assert (start[0] == start[6]).all()
    for _ in range(3):
        running.exchange()
    assert (weights(running) == start).all()


@pytest.mark.parametrize("topology", ["full", "ring"])
def test_the_mean_is_conserved_where_all_have_as_many_neighbours(topology: str) -> None:
    running = started(FedAvg(topology=topology), agents=6)
    scatter(running)
    mean = weights(running).mean(0)
    for _ in range(10):
        running.exchange()
    np.testing.assert_allclose(weights(running).mean(0), mean, atol=1e-6)


@pytest.mark.parametrize("topology", ["ring", "star", "tree"])
def test_agents_come_together_at_the_rate_of_the_spectral_gap(topology: str) -> None:
    running = started(FedAvg(topology=topology), agents=8)
    scatter(running)
    rate = np.sort(np.abs(np.linalg.eigvals(mixing(graph(running)))))[-2]

    def spread_after(rounds: int) -> float:
        for _ in range(rounds):
            running.exchange()
        found = weights(running)
        return float(np.linalg.norm(found - found.mean(0)))

    spread_after(12)
    one, other = spread_after(1), spread_after(8)
    assert (other / one) ** (1 / 8) == pytest.approx(rate, rel=0.01)
    assert rate < 1


def test_a_star_comes_together_elsewhere_than_at_the_mean() -> None:
    running = started(FedAvg(topology="star"), agents=4)
    scatter(running)
    before = weights(running)
    for _ in range(60):
        running.exchange()
    # The limit weighs each agent by one more than its number of neighbours.
    limit = np.array([4, 2, 2, 2]) / 10 @ before
    after = weights(running)
    np.testing.assert_allclose(after, np.tile(limit, (4, 1)), atol=1e-5)
    assert np.abs(after - before.mean(0)).max() > 0.1


def test_seeds_do_not_hear_each_other() -> None:
    running = started(FedAvg, 0, 1)
    scatter(running)
    before = weights(running)
    running.exchange()
    expected = before.reshape(2, 4, -1).mean(1).repeat(4, axis=0)
    np.testing.assert_allclose(weights(running), expected, atol=1e-6)


def test_heads_are_each_agents_own_and_running_statistics_are_averaged() -> None:
    running = started(FedAvg, model=NORMS)
    scatter(running)
    net = running.net
    for value in net.named_buffers().values():
        value.copy_(torch.arange(4).view(-1, *(1,) * (value.dim() - 1)).expand_as(value))
    heads = [value.detach().clone() for value in net.part("head").parameters()]
    running.exchange()
    assert all(map(torch.equal, net.part("head").parameters(), heads))
    statistics = {name.rpartition(".")[2]: value for name, value in net.named_buffers().items()}
    assert statistics["running_mean"].unique().tolist() == [1.5]
    assert statistics["running_var"].unique().tolist() == [1.5]
    assert statistics["num_batches_tracked"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("why", ["sits out", "not a number", "infinite"])
def test_who_takes_no_part_is_not_heard_and_keeps_what_it_has(why: str) -> None:
    running = started(FedAvg(server_momentum=0.5))
    scatter(running)
    if why == "sits out":
        running.session.set_active([0, 2, 3])
    else:
        spoilt = torch.nan if why == "not a number" else torch.inf
        running.net.parameters()[0].detach()[1, 0, 0] = spoilt
    before = weights(running)
    running.exchange()
    after = weights(running)
    np.testing.assert_array_equal(after[1], before[1])
    others = [0, 2, 3]
    np.testing.assert_allclose(after[others], [before[others].mean(0)] * 3, atol=1e-6)
    assert all(value.isfinite().all() for value in running.velocity.values())
    assert not any(value[1].any() for value in running.velocity.values())


# ------------------------------------------------------------------ server momentum


def test_momentum_carries_the_change_of_a_round_on() -> None:
    running = started(FedAvg(topology="ring", server_momentum=0.6), agents=5)
    matrix = mixing(graph(running))
    last, velocity = weights(running), np.zeros_like(weights(running))
    generator = np.random.default_rng(1)
    for _ in range(3):
        scatter(running, generator.standard_normal)
        change = matrix @ weights(running) - last
        velocity = 0.6 * velocity + change
        last = last + velocity
        running.exchange()
        np.testing.assert_allclose(weights(running), last, atol=1e-5)


def test_momentum_of_zero_is_plain_averaging_to_the_bit() -> None:
    plain, momentous = started(FedAvg(topology="star")), started(FedAvg(topology="star"))
    named = momentous.net.named_parameters()
    momentous.aggregate = {name: named[name].detach().clone() for name in momentous.shared()}
    momentous.velocity = {
        name: torch.ones_like(value) for name, value in momentous.aggregate.items()
    }
    for running in (plain, momentous):
        scatter(running)
        for _ in range(3):
            running.exchange()
    assert plain.velocity == {}
    assert (weights(plain) == weights(momentous)).all()
