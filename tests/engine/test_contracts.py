"""What parts of a method say about themselves and to one another: costs, the network shown, what is
shared, updates.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clbench import Batch, Phase, Probe, ProbeMetric, SoloStrategy, Stack, Strategy
from clbench.engine.hooks import parts_of
from clbench.engine.measuring import measure_kept
from clbench.errors import StopRequested, StrategyError
from clbench.testing import StrategyConformance
from tests.engine.conftest import Make

# ---------------------------------------------------------------------------------------- costs


class Sending(Strategy):
    """Counts what it sends, and knows its own size."""

    def setup(self) -> None:
        super().setup()
        self.cost("parameters", torch.arange(self.members) + 7)

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self.cost("bytes_sent", 10, add=True)
        self.cost("last_epoch", epoch)


class SendingSolo(SoloStrategy):
    """The same, a member at a time."""

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self.cost("bytes_sent", 10, add=True)
        self.cost("parameters", 7 + self.row)
        self.cost("last_epoch", epoch)


@pytest.mark.parametrize("strategy", [Sending, SendingSolo])
def test_a_method_writes_its_own_costs(make_bench: Make, strategy: Any, tmp_path: Path) -> None:
    bench = make_bench(strategy, epochs=2)
    record = bench.run(0, 1)
    assert record.cost["bytes_sent"].tolist() == [60, 60]
    assert record.cost["last_epoch"].tolist() == [1, 1]
    assert record.cost["parameters"].tolist() == [7, 8]
    assert (record.cost["state_bytes"] >= 0).all()
    checkpoint = tmp_path / "job.ckpt"
    with pytest.raises(StopRequested):
        bench.run(0, 1, checkpoint=checkpoint, leave_after=7)
    assert bench.run(0, 1, checkpoint=checkpoint).cost["bytes_sent"].tolist() == [60, 60]


def test_costs_are_of_the_members_that_take_part(make_bench: Make) -> None:
    strategy, loop = make_bench(Strategy).start(0, 1)
    loop.participation.set_active([1])
    strategy.cost("bytes_sent", torch.tensor([5.0, 6.0]), add=True)
    loop.participation.set_active([0, 1])
    strategy.cost("bytes_sent", 1, add=True)
    assert strategy.session.measurements.cost["bytes_sent"] == [1, 7]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("bytes_sent", torch.zeros(3), r"given \[3\]; a number, or one a member, \[2\]"),
        ("train_seconds", 1.0, "is measured by the engine"),
        ("a/b", 1.0, "no plain name"),
    ],
)
def test_a_cost_that_cannot_be_stored_is_refused(
    make_bench: Make, name: str, value: Any, said: str
) -> None:
    strategy, _ = make_bench(Strategy).start(0, 1)
    with pytest.raises(StrategyError, match=said):
        strategy.cost(name, value)


# ---------------------------------------------------------------------------------------- the
# network shown


class Generated(Strategy):
    """Shows another network than the one it was given: a generated one."""

    def shown_net(self) -> Stack:
        made = super().shown_net().spawn()
        with torch.no_grad():
            for value in made.parameters():
                value.fill_(3.0)
        return made


class Largest(ProbeMetric):
    """The largest weight."""

    when = "task_end"

    def measure(self, probe: Probe) -> Tensor:
        return torch.stack([p.flatten(1).amax(1) for p in probe.net.parameters()]).amax(0)


def test_probes_and_kept_weights_see_the_network_that_a_method_shows(make_bench: Make) -> None:
    bench = make_bench(Generated, metrics=[Largest], keep=["weights"])
    record = bench.run(0, 1)
    assert (record.metrics["largest"] == 3.0).all()
    kept = [rows for name, rows in record.stored.items() if name.startswith("weights/3/")]
    assert kept
    assert all((rows.rows[0] == 3.0).all() for rows in kept)


def test_metrics_of_kept_weights_are_measured_from_the_weights_themselves(make_bench: Make) -> None:
    bench = make_bench(Generated, metrics=[Largest], keep=["weights"])
    strategy, _ = bench.start(0, 1)
    given = {
        name: torch.full_like(value, 5.0).detach().numpy()
        for name, value in (strategy.net.named_parameters() | strategy.net.buffers).items()
    }
    metric, members = Largest(), bench.members(0, 1)
    values, said = measure_kept(
        bench.cell,
        members,
        "auto",
        [given] * 3,
        "largest",
        metric,
        host=bench.host,
        arrays=bench.arrays,
    )
    assert said is None
    assert (values == 5.0).all()


# ---------------------------------------------------------------------------------------- parts


class Frozen(Strategy):
    """Trains no biases, and shares one parameter less."""

    def setup(self) -> None:
        super().setup()
        for name, value in self.net.named_parameters().items():
            value.requires_grad_("bias" not in name)

    def shared(self) -> list[str]:
        return [name for name in super().shared() if "linear2" not in name]


class Base(Strategy):
    """What another derives from."""


class Derived(Base):
    """Derives from it."""

    secret = 7


class Asking(Strategy):
    """Asks the others."""

    def found(self) -> Any:
        return self.part("derived").secret

    def lacking(self) -> Any:
        return self.part("ewc")


def test_parameters_that_may_be_averaged_are_the_trainable_ones_without_the_head(
    make_bench: Make,
) -> None:
    net = {"model": {"mlp": {"hidden": [6, 5]}}}
    strategy, _ = make_bench(Strategy, **net).start(0)
    assert strategy.shared() == ["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"]
    composed, _ = make_bench([Base, Frozen], **net).start(0)
    assert composed.shared() == parts_of(composed)[1].shared() == ["linear1.weight"]


def test_a_part_reads_another_by_name_or_by_class(make_bench: Make) -> None:
    first, _ = make_bench([Asking, Derived]).start(0)
    assert first.found() == 7
    assert first.part(Derived) is first.part(Base) is first.part("base") is parts_of(first)[1]
    assert first.part(Derived).part("asking") is first
    with pytest.raises(StrategyError, match="asks for the part 'ewc'; there are: asking, derived"):
        first.lacking()


def test_a_class_of_the_same_name_from_a_file_loaded_again_is_found(make_bench: Make) -> None:
    again = type("Derived", (Strategy,), {"__doc__": "The same file, loaded again."})
    first, _ = make_bench([Asking, Derived]).start(0)
    assert first.part(again) is parts_of(first)[1]


class Probed(ProbeMetric):
    """Reads a part."""

    when = "task_end"

    def measure(self, probe: Probe) -> Tensor:
        secret: float = probe.strategy.part("derived").secret
        return torch.full((probe.strategy.members,), secret)


def test_a_probe_reads_a_part(make_bench: Make) -> None:
    record = make_bench([Asking, Derived], metrics=[Probed]).run(0)
    assert (record.metrics["probed"] == 7).all()


def test_an_attribute_with_the_name_of_a_hook_is_refused(make_bench: Make) -> None:
    class Clashing(Strategy):
        """Keeps something under the name of a hook, where no checkpoint would have it."""

        def setup(self) -> None:
            super().setup()
            self.shared = torch.zeros(3)  # type: ignore[assignment, method-assign]

    with pytest.raises(
        StrategyError, match=r"self\.shared is set to a Tensor, and shared is a hook"
    ):
        make_bench(Clashing).run(0)


# ---------------------------------------------------------------------------------------- updates


class Identity(Strategy):
    """Looks at the updates, and leaves them."""

    def adjust_updates(self, batch: Batch, updates: list[Tensor | None]) -> None:
        super().adjust_updates(batch, updates)
        assert len(updates) == len(self.optimizer.params)


class IdentitySolo(SoloStrategy):
    """The same, a member at a time."""

    def adjust_updates(self, batch: Batch, updates: list[Tensor | None]) -> None:
        super().adjust_updates(batch, updates)
        assert all(update is not None for update in updates)


class Orthogonal(Strategy):
    """No update has a part along a direction."""

    def setup(self) -> None:
        super().setup()
        self.across = [
            nn.functional.normalize(self.rng("d").normal(*p[0].shape).flatten(1), dim=1).view_as(p)
            for p in self.net.parameters()
        ]
        self.largest = torch.zeros(self.members)

    def adjust_updates(self, batch: Batch, updates: list[Tensor | None]) -> None:
        super().adjust_updates(batch, updates)
        for direction, update in zip(self.across, updates, strict=True):
            assert update is not None
            along = (direction * update).flatten(1).sum(1)
            update -= direction * along.view(-1, *(1,) * (update.dim() - 1))
        self.before = [p.detach().clone() for p in self.net.parameters()]

    def observe(self, batch: Batch) -> Tensor | None:
        before = [p.detach().clone() for p in self.net.parameters()]
        loss = super().observe(batch)
        for direction, p, old in zip(self.across, self.net.parameters(), before, strict=True):
            along = ((p.detach() - old) * direction).flatten(1).sum(1).abs()
            self.largest = torch.maximum(self.largest, along)
        return loss


class Returning(Strategy):
    """Returns updates, which nobody reads."""

    def adjust_updates(self, batch: Batch, updates: list[Tensor | None]) -> Any:
        return [update for update in updates if update is not None]


class Halved(Strategy):
    """Half of every update; the first parameter stands still."""

    def adjust_updates(self, batch: Batch, updates: list[Tensor | None]) -> None:
        super().adjust_updates(batch, updates)
        for number, update in enumerate(updates):
            updates[number] = None if number == 0 or update is None else update * 0.5


OPTIMIZERS: list[dict[str, Any]] = [
    {"sgd": {"lr": 0.1}},
    {"sgd": {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}},
    {"adam": {"lr": 0.01}},
    {"adamw": {"lr": 0.01}},
    {"torch.RMSprop": {"lr": 0.001}},
]


def weights(bench: Any) -> tuple[list[Tensor], Any]:
    strategy, loop = bench.start(0, 1)
    for task in strategy.session.streams.tasks[:2]:
        loop.task(task)
    return [p.detach().clone() for p in strategy.net.parameters()], strategy


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda choice: next(iter(choice)))
@pytest.mark.parametrize("pair", [(Strategy, Identity), (SoloStrategy, IdentitySolo)])
def test_updates_that_nobody_changes_leave_every_bit(
    make_bench: Make, optimizer: dict[str, Any], pair: Any
) -> None:
    class Plain(pair[0]):  # type: ignore[misc]
        """Nothing of its own."""

    (plain, _), (looked_at, _) = (
        weights(make_bench(kind, optimizer=optimizer, setting="task")) for kind in (Plain, pair[1])
    )
    assert all(map(torch.equal, plain, looked_at))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda choice: next(iter(choice)))
def test_projected_updates_are_what_the_parameters_move_by(
    make_bench: Make, optimizer: dict[str, Any]
) -> None:
    _, strategy = weights(make_bench(Orthogonal, optimizer=optimizer))
    assert (strategy.largest < 1e-6).all()


def test_changed_updates_leave_the_moments_those_of_the_gradients(make_bench: Make) -> None:
    """The first step with Adam, by hand: the moments are the gradient's, and the parameter moves by
    half.
    """
    bench = make_bench(Halved, optimizer={"adam": {"lr": 0.01}}, batch_size=64)
    strategy, loop = bench.start(0, 1)
    before = [p.detach().clone() for p in strategy.net.parameters()]
    loop.task(strategy.session.streams.tasks[0])
    assert strategy.session.measurements.steps.tolist() == [1, 1]
    for number, (slot, old) in enumerate(
        zip(strategy.optimizer.slots.values(), before, strict=True)
    ):
        assert slot.param.grad is not None
        torch.testing.assert_close(slot.moments[0], 0.1 * slot.param.grad)
        moved = slot.param.detach() - old
        share = 0.0 if number == 0 else 0.5
        wanted = -share * 0.01 * slot.param.grad / (slot.param.grad.abs() + 1e-8)
        torch.testing.assert_close(moved, wanted, rtol=1e-3, atol=1e-7)


def test_updates_that_are_returned_are_an_error(make_bench: Make) -> None:
    with pytest.raises(
        StrategyError, match="adjust_updates returned a list; it changes the updates"
    ):
        make_bench(Returning).run(0)


def test_a_step_with_changed_updates_can_be_captured(make_bench: Make) -> None:
    StrategyConformance().test_step_can_be_captured(make_bench(Halved))
