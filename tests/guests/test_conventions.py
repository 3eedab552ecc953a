"""What guests do to one another: a rule without gradients is changed by another part as a gradient
would be.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from clbench import Batch, Probe, ProbeMetric, Strategy
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench
from tests.guests.test_guests import guest

STANDARD: dict[str, Any] = {
    "model": {"mlp": {"hidden": [12, 9]}},
    "batch_size": 16,
    "optimizer": {"sgd": {"lr": 0.05}},
}


class Watching(Strategy):
    """Notes that it was told of every step."""

    def setup(self) -> None:
        super().setup()
        self.seen = 0

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        self.seen += 1


def moved(strategy: Any, plasticity: float | None) -> dict[str, torch.Tensor]:
    """By how much the first Hebbian step moves each parameter, where every second unit is as
    plastic as this.
    """
    scenario = Choice("split", {"dataset": "digits", "tasks": 5})
    running, _ = Bench(strategy, Host.load(), scenario, STANDARD).start(0, 1)
    if plasticity is not None:
        for gate in running.part("modulated").plasticity.values():
            gate[:, ::2] = plasticity
    task = running.session.streams.tasks[0]
    running.session.task = task
    running.session.phase = running.phases(task)[0]
    before = {name: p.detach().clone() for name, p in running.net.named_parameters().items()}
    running.observe(next(task.batches("train", 16)))
    assert all(p.grad is None for p in running.net.parameters())
    if isinstance(strategy, list) and Watching in strategy:
        assert running.part("watching").seen == 1
    return {name: p.detach() - before[name] for name, p in running.net.named_parameters().items()}


@pytest.mark.parametrize("plasticity", [0.0, 0.5])
def test_a_rule_without_gradients_is_modulated_by_another_part(plasticity: float) -> None:
    rule, modulation = guest("layerwise").Layerwise, guest("modulated").Modulated
    alone = moved(rule, None)
    together = moved([modulation, Watching, rule], plasticity)
    assert alone["linear1.weight"].abs().amax((1, 2)).min() > 0
    for name, change in alone.items():
        if name != "linear1.weight":
            assert not change.any()
            assert not together[name].any()
    wanted = alone["linear1.weight"].clone()
    wanted[:, ::2] *= plasticity
    torch.testing.assert_close(together["linear1.weight"], wanted, rtol=1e-3, atol=1e-6)


def test_agents_that_stop_early_are_out_of_the_average() -> None:
    file = guest("two_agents")
    scenario, given = Choice("shared_pairs", {"dataset": "digits"}), {**STANDARD, "epochs": 3}
    bench = Bench(file.Averaging, Host.load(), scenario, given, own_scenario=file.SharedPairs)
    running, loop = bench.start(0, 1)
    # Of seed 0 an agent stops after an epoch, of seed 1 both do, after one and after two.
    stops: dict[int, set[int]] = {0: {1, 2}, 1: {3}}

    def reached(task: Any, taking: Any) -> set[int]:
        return stops.get(loop.cursor.epoch, set())

    loop.observation.reached = reached  # type: ignore[method-assign]
    ends: dict[int, torch.Tensor] = {}
    once = running.end_epoch

    def watched(phase: Any, epoch: int) -> None:
        once(phase, epoch)
        weight = running.net.parameters()[0].detach()
        for member in running.session.active:
            ends[member] = weight[member].clone()

    running.end_epoch = watched
    loop.task(running.session.streams.tasks[0])
    weight = running.net.parameters()[0].detach()
    assert all(torch.equal(weight[member], ends[member]) for member in range(4))
    assert not torch.equal(weight[0], weight[1])
    assert not torch.equal(weight[2], weight[3])


class LargestWeight(ProbeMetric):
    """The largest weight of the network that is shown."""

    name = "largest_weight"
    when = "task_end"

    def measure(self, probe: Probe) -> torch.Tensor:
        return torch.stack(
            [p.detach().abs().flatten(1).amax(1) for p in probe.net.parameters()]
        ).amax(0)


def test_a_hypernetwork_is_measured_by_what_it_trains_and_what_it_generates() -> None:
    file, tasks = guest("hypernet"), 3
    scenario = Choice(
        "split", {"dataset": "digits", "tasks": tasks, "classes_per_task": 2, "setting": "task"}
    )
    given = {**STANDARD, "optimizer": {"adam": {"lr": 0.003}}, "keep": ["weights"]}
    bench = Bench(file.LookaheadHypernet, Host.load(), scenario, given, [LargestWeight])
    record = bench.run(0, 1)
    main = 64 * 12 + 12 + 12 * 9 + 9 + 9 * 10 + 10
    wanted = 16 * 16 + 16 + 16 * main + main + 16 * tasks
    assert record.cost["parameters"].tolist() == [wanted] * 2
    kept = {}
    for row in range(1, tasks + 1):
        names = [name for name in record.stored if name.startswith(f"weights/{row}/")]
        kept[row] = max(abs(record.stored[name].rows[1]).max() for name in names)
    assert record.metrics["largest_weight"][1].tolist() == pytest.approx(list(kept.values()))
    assert len(set(kept.values())) == tasks
