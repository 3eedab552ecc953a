"""Kernel plasticity on small Hebbian networks, against what a reader of S000 would compute by
hand.
"""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from clbench import Batch, Task
from clbench.engine.compose import check_composition
from clbench.errors import UserError
from clbench_plugins.kernel_plasticity import KernelPlasticity, ranking
from clbench_plugins.naive import Naive
from clbench_plugins.softhebb import SoftHebb

CONVOLUTIONS = {"hebbian": {"units": [12, 9], "kernel": [3, 3], "rate": [0.08, 0.05]}}
MIXED = {"hebbian": {**CONVOLUTIONS["hebbian"], "kernel": [3, 0], "pool": ["max 4/2/1", "none"]}}
INTERVAL = 4
Array = Any


class Noted(KernelPlasticity):
    """Keeps what it saw of each Hebbian update, and the weights behind it."""

    __doc__ = KernelPlasticity.__doc__
    name = "kernel_plasticity"
    updates: ClassVar[list[dict[str, Any]]] = []
    starts: ClassVar[dict[int, dict[str, Array]]] = {}
    ends: ClassVar[dict[int, dict[str, Array]]] = {}

    def setup(self) -> None:
        super().setup()
        for kept in (self.updates, self.starts, self.ends):
            kept.clear()

    def weights(self) -> dict[str, Array]:
        return {name: self._weight(name).detach().double().numpy().copy() for name in self.layers}

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.starts[task.index] = self.weights()

    def adjust_gradients(self, batch: Batch) -> None:
        steps = self.part("softhebb").steps
        before = {name: step.rate.clone() for name, step in steps.items()}
        super().adjust_gradients(batch)
        for name, step in steps.items():
            self.updates.append(
                {
                    "layer": name,
                    "task": batch.task.index,
                    "active": self.active.numpy().copy(),
                    "delta": step.delta.double().numpy().copy(),
                    "u": step.u.double().numpy().copy(),
                    "multiplier": (step.rate / before[name]).numpy().copy(),
                    "weight": self._weight(name),
                }
            )

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        for update in self.updates:
            if isinstance(update["weight"], torch.Tensor):
                update["weight"] = update["weight"].detach().double().numpy().copy()

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        self.ends[task.index] = self.weights()


def noted(what: str, layer: str, task: int, member: int) -> list[Array]:
    """Of each update in which the member took part."""
    updates = [one for one in Noted.updates if one["layer"] == layer and one["task"] == task]
    return [one[what][member] for one in updates if one["active"][member]]


@pytest.fixture
def trained(on_digits: Any) -> Any:
    """The stack of two members behind so many tasks, and the loop that trained it."""

    def train(part: Any = None, *, tasks: int = 2, model: Any = CONVOLUTIONS) -> Any:
        parts = [
            SoftHebb(order="consecutive", hebbian_batch_size=20),
            *([] if part is None else [part]),
        ]
        strategy, loop = on_digits(parts, model=model, epochs=1).start(0, 1)
        loop.untrained()
        for task in strategy.session.streams.tasks[:tasks]:
            loop.task(task)
        return strategy, loop

    return train


def by_hand_multipliers(layer: str, member: int, top_k: float, high: float, low: float) -> Array:
    """`[steps, kernels]` of task 2, from what task 1 showed, as B.2 and B.3 of the method write
    it.
    """
    weights = noted("weight", layer, 0, member)
    samples = [Noted.starts[0][layer][member], *weights[INTERVAL - 1 :: INTERVAL]]
    average = over_cells(np.abs(np.diff(samples, axis=0))).mean(0)
    allowed = average / average.max()
    scores = activity_by_hand(layer, 0, member)
    important = np.zeros(len(scores), dtype=bool)
    important[np.argsort(-scores)[: round(top_k * len(scores))]] = True
    sizes = over_cells(np.abs(noted("delta", layer, 1, member)))
    breaks = sizes / sizes.max(1, keepdims=True) > allowed
    return 1 + high * ~important - low * (important & breaks)


def over_cells(values: Array) -> Array:
    """`[n, K, ...]` to `[n, K]`."""
    return values.reshape(*values.shape[:2], -1).sum(2)


def activity_by_hand(layer: str, task: int, member: int) -> Array:
    """`[K]`, over all steps of the task."""
    return sum(activity_of_step(u) for u in noted("u", layer, task, member))


def activity_of_step(u: Array) -> Array:
    """`[B, K, ...]` to `[K]`."""
    return np.abs(u.sum(0)).reshape(u.shape[1], -1).sum(1)


@pytest.mark.parametrize("model", [CONVOLUTIONS, MIXED])
def test_multipliers_equal_those_computed_by_hand(trained: Any, model: Any) -> None:
    trained(Noted(top_k=0.4, high_lr=0.2, low_lr=0.8, delta_w_interval=INTERVAL), model=model)
    for layer in ("block1", "block2"):
        for member in (0, 1):
            assert (np.array(noted("multiplier", layer, 0, member)) == 1).all()
            found = noted("multiplier", layer, 1, member)
            wanted = by_hand_multipliers(layer, member, 0.4, 0.2, 0.8)
            np.testing.assert_allclose(found, wanted, rtol=1e-5)
            assert {0.2, 1.0, 1.2} == set(np.round(wanted, 6).ravel())


def test_without_high_and_low_it_is_softhebb_bit_for_bit(trained: Any) -> None:
    plain, plain_loop = trained(tasks=3)
    neutral, loop = trained(KernelPlasticity(high_lr=0.0, low_lr=0.0, delta_w_interval=3), tasks=3)
    for one, other in zip(plain.net.parameters(), neutral.net.parameters(), strict=True):
        assert torch.equal(one, other)
    np.testing.assert_array_equal(plain_loop.measurements.accuracy, loop.measurements.accuracy)


@pytest.mark.parametrize("order", ["consecutive", "successive", "simultaneous"])
def test_top_kernels_that_are_locked_do_not_move(on_digits: Any, order: str) -> None:
    part = Noted(top_k=0.5, low_lr=1.0, topk_lock=True)
    bench = on_digits(
        [SoftHebb(order=order, hebbian_batch_size=20), part], model=CONVOLUTIONS, epochs=1
    )
    strategy, loop = bench.start(0, 1)
    loop.untrained()
    first, second = strategy.session.streams.tasks[:2]
    loop.task(first)
    running = strategy.part("kernel_plasticity")
    locked = {name: memory.important.numpy().copy() for name, memory in running.layers.items()}
    loop.task(second)
    for layer, is_locked in locked.items():
        moved = (Noted.ends[1][layer] != Noted.ends[0][layer]).reshape(*is_locked.shape, -1).any(2)
        assert is_locked.any()
        np.testing.assert_array_equal(moved, ~is_locked)


def test_the_record_has_the_average_change_and_the_top_kernels(on_digits: Any) -> None:
    part = Noted(top_k=0.25, delta_w_interval=INTERVAL)
    bench = on_digits(
        [SoftHebb(order="consecutive", hebbian_batch_size=20), part],
        tasks=2,
        model=CONVOLUTIONS,
        epochs=1,
    )
    record = bench.run(0, 1)
    for task, layer, member in itertools.product((0, 1), ("block1", "block2"), (0, 1)):
        weights = noted("weight", layer, task, member)
        samples = len(weights) // INTERVAL
        change = weights[samples * INTERVAL - 1] - Noted.starts[task][layer][member]
        found = record.curves[f"kernel_change_{layer}"][member, task]
        wanted = over_cells(change[None])[0] / samples
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)
        top = record.curves[f"top_kernels_{layer}"][member, task]
        assert sorted(top) == [0.0] * (len(top) - round(len(top) / 4)) + [1.0] * round(len(top) / 4)


def test_kse_ranks_by_the_next_layer_and_the_last_layer_by_activation(trained: Any) -> None:
    strategy, _ = trained(Noted(ranking="kse", top_k=0.25), tasks=1)
    layers = strategy.part("kernel_plasticity").layers
    of_next = ranking.kse(torch.from_numpy(Noted.ends[0]["block2"]), channels=12)
    torch.testing.assert_close(layers["block1"].scores, of_next)
    for member in (0, 1):
        scores = activity_by_hand("block2", 0, member)
        found = layers["block2"].scores[member].numpy()
        np.testing.assert_allclose(found, scores / scores.max(), rtol=1e-5)


def test_counts_say_in_how_many_steps_a_kernel_was_among_the_first(trained: Any) -> None:
    strategy, _ = trained(Noted(ranking="counts", top_k=0.25), tasks=1)
    counts = np.zeros(12)
    for u in noted("u", "block1", 0, member=1):
        counts[np.argsort(-activity_of_step(u))[:3]] += 1
    found = strategy.part("kernel_plasticity").layers["block1"].scores[1]
    np.testing.assert_allclose(found, counts / counts.max())


@pytest.mark.parametrize("carry", ["overwrite", "accumulate"])
def test_carry_over_to_later_tasks(trained: Any, carry: str) -> None:
    found = []
    for tasks in (1, 2):
        strategy, _ = trained(Noted(carry=carry, high_lr=0.0, low_lr=0.0), tasks=tasks)
        memory = strategy.part("kernel_plasticity").layers["block1"]
        found.append((memory.allowed.numpy(), memory.scores.numpy()))
    second = activity_by_hand("block1", 1, member=0)
    scores = second / second.max()
    if carry == "accumulate":
        scores = scores + found[0][1][0]
        # A mean of two vectors whose largest entry is 1, where different kernels may have it.
        assert (found[1][0] >= found[0][0] / 2 - 1e-6).all()
        assert (found[1][0] <= found[0][0] / 2 + 0.5 + 1e-6).all()
    else:
        assert (found[1][0].max(1) == 1).all()
    np.testing.assert_allclose(found[1][1][0], scores, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"delta_w_interval": 5}, [5, 10, 15]),
        ({"delta_w_interval": 5, "sample_first_batch": True}, [1, 6, 11]),
        ({"delta_w_interval": 1000}, []),
    ],
)
def test_steps_after_which_weights_are_sampled(
    trained: Any, options: Any, wanted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled = []

    def after_step(self: Noted, batch: Batch) -> None:
        before = self.layers["block1"].taken[0]
        KernelPlasticity.after_step(self, batch)
        if self.layers["block1"].taken[0] > before:
            sampled.append(int(self.steps_taken[0] - self.steps_before_task[0]) + 1)

    monkeypatch.setattr(Noted, "after_step", after_step)
    strategy, _ = trained(Noted(**options), tasks=1)
    assert sampled == wanted
    # A task shorter than the interval gives one sample, over all of it.
    taken = strategy.part("kernel_plasticity").layers["block1"].taken
    assert taken[0] == max(1, len(wanted))


@pytest.mark.parametrize("kinds", [[KernelPlasticity], [Naive, KernelPlasticity]])
def test_without_softhebb_it_is_refused(kinds: Any) -> None:
    with pytest.raises(UserError, match=r"not there: softhebb\+kernel_plasticity"):
        check_composition(kinds)
    check_composition([SoftHebb, KernelPlasticity])


def test_alone_in_a_suite_it_is_refused_before_anything_runs(project: Any, run_cli: Any) -> None:
    suite = """
        name: alone
        scenarios: [{split: {dataset: digits, tasks: 2}}]
        strategies: [kernel_plasticity]
        seeds: 1
    """
    answer = run_cli("validate", project.write("alone.yaml", suite))
    assert answer.code == 2
    assert "works on softhebb, which is not there" in answer.stderr
