"""When rounds are held, who takes part, and what is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clbench import Batch
from clbench.testing.bench import first_difference, rows
from clbench_plugins.naive import Naive
from clbench_plugins.sharing import FedAvg, FedProx

from .sharing import agents_on_digits, scatter, started, weights


class Noted(FedAvg):
    """Notes its rounds: task and epoch."""

    name = "noted"

    def setup(self) -> None:
        super().setup()
        self.rounds: list[tuple[int, int]] = []
        self.epoch = -1

    def begin_epoch(self, phase: Any, epoch: int) -> None:
        self.epoch = epoch
        super().begin_epoch(phase, epoch)

    def exchange(self) -> None:
        super().exchange()
        self.rounds.append((self.task.index, self.epoch))


@pytest.mark.parametrize(
    ("when", "every", "protocol", "epochs"),
    [
        ("before", 2, {"epochs": 5}, [0, 2, 4]),
        ("after", 2, {"epochs": 5}, [1, 3, 4]),
        ("before", 9, {"epochs": 2}, [0]),
        ("after", 9, {"epochs": 2}, [1]),
        ("after", 1, {"steps": 7}, [0]),
    ],
)
def test_rounds_are_held_before_or_after_each_stretch_of_epochs(
    when: str, every: int, protocol: dict[str, Any], epochs: list[int]
) -> None:
    strategy, loop = agents_on_digits(Noted(when=when, every=every), **protocol).start(0)
    loop.task(strategy.session.streams.tasks[0])
    assert [epoch for _, epoch in strategy.rounds] == epochs


def test_there_are_no_rounds_while_all_agents_have_the_same_task() -> None:
    bench = agents_on_digits(
        Noted(server_momentum=0.5), scenario={"tasks": 3, "shared_tasks": 1}, epochs=1
    )
    strategy, loop = bench.start(0)
    for task in strategy.session.streams.tasks:
        loop.task(task)
        if task.index == 0:
            assert strategy.aggregate == {}
    assert strategy.rounds == [(1, 0), (2, 0)]


def test_bytes_are_those_that_each_agent_sends_to_each_neighbour() -> None:
    record = agents_on_digits(FedAvg(topology="star"), epochs=2).run(0)
    # Two rounds in each of two tasks, of 64 x 6 weights and 6 biases of four bytes.
    once = 2 * 2 * (64 * 6 + 6) * 4
    assert record.cost["bytes_sent"].tolist() == [3 * once, once, once, once]


def test_nothing_is_sent_to_or_by_who_takes_no_part() -> None:
    running = started(FedAvg)
    running.session.set_active([0, 1, 2])
    running.exchange()
    bytes_sent = running.session.measurements.cost["bytes_sent"]
    assert bytes_sent[:3] == [2 * (64 * 6 + 6) * 4] * 3
    assert np.isnan(bytes_sent[3])


def test_an_agent_that_stopped_early_takes_part_in_no_average() -> None:
    class Stopping(Noted):
        """Notes the weights that each round begins and ends with."""

        name = "stopping"

        def exchange(self) -> None:
            before, active = weights(self), self.active.clone()
            super().exchange()
            self.seen = [*getattr(self, "seen", []), (before, weights(self), active.tolist())]

        def held(self) -> dict[str, Any]:
            return {key: value for key, value in super().held().items() if key != "seen"}

    strategy, loop = agents_on_digits(Stopping, epochs=3).start(0)

    def reached(task: Any, taking: Any) -> set[int]:
        return {1} if loop.cursor.epoch == 0 else set()

    loop.observation.reached = reached  # type: ignore[method-assign]
    loop.task(strategy.session.streams.tasks[0])
    stopped = weights(strategy)[1]
    assert [active for _, _, active in strategy.seen] == [
        [True] * 4,
        [True, False, True, True],
        [True, False, True, True],
    ]
    for before, after, _ in strategy.seen[1:]:
        np.testing.assert_array_equal(before[1], stopped)
        np.testing.assert_array_equal(after[1], stopped)
        np.testing.assert_allclose(after[0], before[[0, 2, 3]].mean(0), atol=1e-6)


def test_an_agent_that_diverged_moves_no_neighbour() -> None:
    class Poisoned(Noted):
        """Agent 3 breaks in the last step of the first epoch."""

        name = "poisoned"
        left = 0.0

        def after_step(self, batch: Batch) -> None:
            super().after_step(batch)
            if self.epoch == 0:
                with torch.no_grad():
                    self.net.parameters()[0][3] = torch.nan

    def trained(left: float) -> np.ndarray[Any, Any]:
        strategy, loop = agents_on_digits(Poisoned, epochs=3, batch_size=64).start(0)
        strike = loop.participation.mark_diverged

        def strike_and_leave(member: int, step: int) -> None:
            strike(member, step)
            for value in strategy.net.parameters():
                value.detach()[member] = left

        loop.participation.mark_diverged = strike_and_leave  # type: ignore[method-assign]
        loop.task(strategy.session.streams.tasks[0])
        assert strategy.session.measurements.running == [0, 1, 2]
        return weights(strategy)

    one, other = trained(0.0), trained(5.0)
    np.testing.assert_array_equal(one[:3], other[:3])
    assert np.isfinite(one).all()
    assert (other[3] == 5.0).any()


# ------------------------------------------------------------------ FedProx


def test_mu_of_zero_is_fedavg_to_the_bit() -> None:
    given = {"epochs": 3, "optimizer": {"adam": {"lr": 0.01}}}
    plain = agents_on_digits([Naive, FedAvg(every=2)], **given).run(0)
    proximal = agents_on_digits([Naive, FedProx(every=2, mu=0.0)], **given).run(0)
    pulled = agents_on_digits([Naive, FedProx(every=2, mu=1.0)], **given).run(0)
    assert first_difference(rows(plain, 0), rows(proximal, 0)) is None
    assert first_difference(rows(plain, 0), rows(pulled, 0)) is not None


def test_the_pull_is_half_mu_times_the_squared_distance_of_shared_parameters() -> None:
    running = started(FedProx(topology="ring", mu=0.3))
    scatter(running)
    running.exchange()
    last = weights(running)
    assert running.penalty().tolist() == [0.0] * 4
    scatter(running, np.random.default_rng(5).standard_normal)
    penalty = running.penalty()
    expected = 0.15 * np.square(weights(running) - last).sum(1)
    np.testing.assert_allclose(penalty.detach().numpy(), expected, rtol=1e-5)
    penalty.sum().backward()
    named = running.net.named_parameters()
    assert all(named[name].grad is None for name in ("head.weight", "head.bias"))
    slope = torch.cat([named[name].grad.flatten(1) for name in running.shared()], dim=1)
    np.testing.assert_allclose(slope.numpy(), 0.3 * (weights(running) - last), atol=1e-5)


def test_before_the_first_round_the_pull_is_to_the_start() -> None:
    running = started(FedProx(mu=2.0))
    start = weights(running)
    scatter(running)
    expected = np.square(weights(running) - start).sum(1)
    np.testing.assert_allclose(running.penalty().detach().numpy(), expected, rtol=1e-5)


# ------------------------------------------------------------------ one agent


def test_sharing_is_refused_where_there_is_one_agent(project: Any, tmp_path: Path) -> None:
    project.write(
        "lonely.yaml",
        """
        name: lonely
        scenarios: [split: {dataset: digits, tasks: 5}]
        protocol: {model: {mlp: {hidden: [8]}}, epochs: 1}
        seeds: 1
        strategies: [naive, naive+fedavg, fedprox]
        """,
    )
    for command in (("validate",), ("run", "--workers", "0", "--quiet")):
        answer = project.clbench(*command, "lonely.yaml")
        assert answer.code == 2
        assert "split, naive+fedavg: fedavg shares among the agents of a seed" in answer.stderr
        assert "split, fedprox: fedprox shares among the agents of a seed" in answer.stderr
        assert "Traceback" not in answer.stderr
