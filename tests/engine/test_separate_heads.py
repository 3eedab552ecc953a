"""One head tensor trains as separate heads do in plain torch: outputs that take no part in a step
stand still.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench import Batch, SoloStrategy, Strategy, Task
from clbench.engine.hooks import parts_of
from clbench.errors import StopRequested
from clbench.testing import StrategyConformance
from clbench.testing.bench import Bench, first_difference, rows
from tests.engine.conftest import Make

OPTIMIZERS: dict[str, tuple[dict[str, Any], Any]] = {
    "sgd decay": ({"lr": 0.1, "weight_decay": 0.05}, torch.optim.SGD),
    "sgd momentum": ({"lr": 0.05, "momentum": 0.9, "weight_decay": 0.05}, torch.optim.SGD),
    "adam": ({"lr": 0.01}, torch.optim.Adam),
    "adam decay": ({"lr": 0.01, "weight_decay": 0.05}, torch.optim.Adam),
    "adamw": ({"lr": 0.01, "weight_decay": 0.1}, torch.optim.AdamW),
}
ROW = 1  # the member that is compared


class Recorded(Strategy):
    """Notes what is trained on, and the weights before that."""

    wiring: ClassVar[frozenset[str]] = Strategy.wiring | {"batches", "start"}

    def setup(self) -> None:
        super().setup()
        self.batches: list[tuple[int, Batch]] = []
        self.start = {name: p.detach()[ROW].clone() for name, p in self.net.params.items()}

    def task_loss(self, batch: Batch) -> Tensor:
        if ROW in self.session.active:
            self.batches.append((self.task.index, batch.member(ROW)))
        return super().task_loss(batch)


class RecordedSolo(SoloStrategy):
    """The same as a solo strategy."""

    def setup(self) -> None:
        super().setup()
        self.start = {name: p.detach().clone() for name, p in self.net.named_parameters()}
        self.batches[self.row] = []

    batches: ClassVar[dict[int, list[tuple[int, Batch]]]] = {}

    def task_loss(self, batch: Batch) -> Tensor:
        self.batches[self.row].append((self.task.index, batch))
        return super().task_loss(batch)


class SeparateHeads(nn.Module):
    """The tests' network in plain torch, with a linear layer of its own for every task."""

    def __init__(self, start: dict[str, Tensor], classes: list[Tensor]) -> None:
        super().__init__()
        hidden = next(iter(start)).rpartition(".")[0]
        self.classes = classes
        width, inputs = start[f"{hidden}.weight"].shape
        self.hidden = nn.Linear(inputs, width)
        self.heads = nn.ModuleList(nn.Linear(width, len(own)) for own in classes)
        with torch.no_grad():
            self.hidden.weight.copy_(start[f"{hidden}.weight"])
            self.hidden.bias.copy_(start[f"{hidden}.bias"])
            for head, own in zip(self.heads, classes, strict=True):
                head.weight.copy_(start["head.weight"][own])  # type: ignore[operator]
                head.bias.copy_(start["head.bias"][own])  # type: ignore[operator]

    def losses(self, batch: Batch, outputs: Any) -> Tensor:
        """Each sample's cross-entropy over the outputs of the tasks that `outputs` gives for its
        own.
        """
        features = F.relu(self.hidden(batch.x.flatten(1)))
        losses = []
        for feature, y, task in zip(features, batch.y, batch.tasks.tolist(), strict=True):
            tasks = outputs(task)
            names = torch.cat([self.classes[index] for index in tasks])
            logits = torch.cat([self.heads[index](feature) for index in tasks])
            losses.append(F.cross_entropy(logits[None], (names == y).nonzero()[0]))
        return torch.stack(losses)

    def whole_head(self) -> Tensor:
        """`[C, F + 1]`: all rows in the order of the classes."""
        order = torch.cat(self.classes).argsort()
        rows = [torch.cat([h.weight, h.bias[:, None]], 1) for h in self.heads]  # type: ignore[list-item, union-attr, index]
        return torch.cat(rows).detach()[order]


def trained_apart(
    start: dict[str, Tensor], batches: Any, tasks: list[Task], kind: Any, options: Any, seen: bool
) -> SeparateHeads:
    net = SeparateHeads(start, [task.classes[ROW] for task in tasks])
    optimizer = kind(net.parameters(), **options)
    for current, batch in batches:
        optimizer.zero_grad(set_to_none=True)
        losses = net.losses(batch, lambda task: range(current + 1) if seen else [task])  # noqa: B023
        weights = torch.ones_like(losses) if batch.valid is None else batch.valid.float()
        ((losses * weights).sum() / weights.sum()).backward()
        optimizer.step()
    return net


def compare(net: SeparateHeads, found: dict[str, Tensor]) -> None:
    head = torch.cat([found["head.weight"], found["head.bias"][:, None]], 1)
    torch.testing.assert_close(head, net.whole_head(), rtol=1e-4, atol=2e-6)


def run(bench: Bench) -> Any:
    strategy, loop = bench.start(0, 1)
    for task in strategy.session.streams.tasks:
        loop.task(task)
    return strategy


def check(bench: Bench, case: str, seen: bool = False) -> None:
    strategy = run(bench)
    (part,) = (part for part in parts_of(strategy) if isinstance(part, Recorded))
    options, kind = OPTIMIZERS[case]
    tasks = strategy.session.streams.tasks
    apart = trained_apart(part.start, part.batches, tasks, kind, options, seen)
    compare(apart, {name: p.detach()[ROW] for name, p in strategy.net.params.items()})


def chosen(case: str) -> dict[str, Any]:
    return {case.split()[0]: OPTIMIZERS[case][0]}


@pytest.mark.parametrize("case", list(OPTIMIZERS))
def test_heads_of_the_task_setting_train_as_separate_ones(make_bench: Make, case: str) -> None:
    check(make_bench(Recorded, setting="task", optimizer=chosen(case)), case)


@pytest.mark.parametrize("case", ["sgd momentum", "adam decay"])
def test_replay_trains_the_heads_of_its_samples_and_no_others(
    make_bench: Make, host: Any, case: str
) -> None:
    er = host.get("strategy", "er")(memory=30, replay_batch=3)
    check(make_bench([er, Recorded], setting="task", optimizer=chosen(case)), case)


@pytest.mark.parametrize("case", ["adam"])
def test_joint_training_trains_the_heads_of_its_samples(
    make_bench: Make, host: Any, case: str
) -> None:
    joint = host.get("strategy", "joint")
    bench = make_bench(
        [joint, Recorded], setting="task", optimizer=chosen(case), epochs=2, batch_size=3
    )
    check(bench, case)


@pytest.mark.parametrize("logits", ["current", "seen"])
@pytest.mark.parametrize("case", ["sgd momentum", "adamw"])
def test_outputs_that_the_class_setting_leaves_out_of_training_stand_still(
    make_bench: Make, case: str, logits: str
) -> None:
    given = {"train": logits, "evaluate": "all"}
    bench = make_bench(Recorded, logits=given, optimizer=chosen(case))
    check(bench, case, seen=logits == "seen")


@pytest.mark.parametrize("case", list(OPTIMIZERS))
def test_a_solo_strategys_head_trains_as_separate_ones(make_bench: Make, case: str) -> None:
    RecordedSolo.batches = {}
    runner = run(make_bench(RecordedSolo, setting="task", optimizer=chosen(case)))
    solo = runner.solos[ROW]
    options, kind = OPTIMIZERS[case]
    tasks = runner.session.streams.tasks
    apart = trained_apart(solo.start, RecordedSolo.batches[ROW], tasks, kind, options, False)
    compare(apart, {name: p.detach() for name, p in solo.net.named_parameters()})


class TwoOptimizers(SoloStrategy):
    """The head is stepped by an optimiser of its own."""

    def setup(self) -> None:
        super().setup()
        head = list(self.net.get_submodule("head").parameters())
        known = {id(p) for p in head}
        self.optimizer = self.make_optimizer(
            [p for p in self.net.parameters() if id(p) not in known]
        )
        self.of_head = self.make_optimizer(head)

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        self.of_head.step()
        self.of_head.zero_grad()


def test_another_optimiser_of_a_solo_strategy_lets_outputs_stand_still(make_bench: Make) -> None:
    bench = make_bench(TwoOptimizers, setting="task", optimizer=chosen("adam decay"))
    runner, loop = bench.start(0, 1)
    head = runner.solos[ROW].net.get_submodule("head").weight
    before = head.detach().clone()
    loop.task(runner.session.streams.tasks[0])
    moved = (head.detach() != before).any(1)
    assert torch.equal(moved, runner.session.streams.owned[ROW, 0])


class OwnOptimizer(SoloStrategy):
    """Trains with an optimiser of torch's own, under a name of its own."""

    def setup(self) -> None:
        super().setup()
        self.mine = self.new()

    def new(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.net.parameters(), lr=0.01, weight_decay=0.5)

    def observe(self, batch: Batch) -> Tensor:
        self.mine.zero_grad()
        loss = self.cross_entropy(self.net(batch.x), batch)
        loss.backward()
        self.mine.step()
        return loss


class FreshOptimizer(OwnOptimizer):
    """A new one for each epoch."""

    def begin_epoch(self, phase: Any, epoch: int) -> None:
        super().begin_epoch(phase, epoch)
        self.mine = self.new()


class OneATask(Strategy):
    """A stacked strategy with a new optimiser for each task."""

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.optimizer = self.make_optimizer(self.net.parameters())


class SecondAnEpoch(Strategy):
    """A stacked strategy with a second optimiser, a new one for each epoch."""

    def begin_epoch(self, phase: Any, epoch: int) -> None:
        super().begin_epoch(phase, epoch)
        self.second = self.make_optimizer(self.net.parameters(), lr=0.02)

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        self.second.step()


@pytest.mark.parametrize("kind", [OwnOptimizer, FreshOptimizer, OneATask, SecondAnEpoch])
def test_outputs_stand_still_whoever_makes_the_optimizer_and_when(
    make_bench: Make, kind: type[Any]
) -> None:
    strategy, loop = make_bench(kind, setting="task", optimizer=chosen("adamw")).start(0, 1)
    loop.untrained()
    for task in strategy.session.streams.tasks:
        before = head_of(strategy)
        loop.task(task)
        moved = (head_of(strategy) != before).any(1)
        assert torch.equal(moved, strategy.session.streams.owned[ROW, task.index])


def head_of(strategy: Any) -> Tensor:
    net = strategy.solos[ROW].net if hasattr(strategy, "solos") else None
    weight = strategy.net.params["head.weight"][ROW] if net is None else net.head.weight
    return weight.detach().clone()


class Everywhere(Strategy):
    """A loss over all logits: it reaches every output."""

    def task_loss(self, batch: Batch) -> Tensor:
        return super().task_loss(batch) + self.net(batch.x).square().mean((1, 2))


def test_a_loss_over_all_logits_moves_all_outputs(make_bench: Make) -> None:
    strategy, loop = make_bench(Everywhere, setting="task", optimizer=chosen("adam")).start(0, 1)
    before = strategy.net.params["head.weight"].detach().clone()
    loop.task(strategy.session.streams.tasks[0])
    assert (strategy.net.params["head.weight"].detach() != before).any(2).all()


class Plain(Strategy):
    """Fine-tuning."""


class PlainSolo(SoloStrategy):
    """Fine-tuning, a member at a time."""


@pytest.mark.parametrize("kind", [Plain, PlainSolo])
def test_a_job_that_was_left_holds_its_outputs_when_it_goes_on(
    make_bench: Make, tmp_path: Any, kind: Any
) -> None:
    def bench() -> Bench:
        return make_bench(kind, setting="task", optimizer=chosen("adam decay"))

    whole = bench().run(0, 1)
    with pytest.raises(StopRequested):
        bench().run(0, 1, checkpoint=tmp_path / "job.ckpt", leave_after=9)
    resumed = bench().run(0, 1, checkpoint=tmp_path / "job.ckpt")
    alone = bench().run(1)
    assert first_difference(rows(whole, 1), rows(resumed, 1)) is None
    assert first_difference(rows(whole, 1), rows(alone, 1)) is None


@pytest.mark.parametrize("case", list(OPTIMIZERS))
def test_a_step_in_which_outputs_stand_still_can_be_captured(
    make_bench: Make, host: Any, case: str
) -> None:
    er = host.get("strategy", "er")(memory=30)
    bench = make_bench([er, Plain], setting="task", optimizer=chosen(case))
    StrategyConformance().test_step_can_be_captured(bench)


@pytest.mark.parametrize("case", ["sgd momentum", "adam decay", "adamw"])
@pytest.mark.parametrize("name", ["naive", "ewc", "online_ewc"])
def test_heads_of_other_tasks_do_not_move_by_a_bit(
    make_bench: Make, host: Any, name: str, case: str
) -> None:
    kind = host.get("strategy", name)
    strategy, loop = make_bench(kind, setting="task", optimizer=chosen(case)).start(0, 1)
    tasks = strategy.session.streams.tasks
    loop.task(tasks[0])
    before = strategy.net.params["head.weight"].detach().clone()
    loop.task(tasks[1])
    moved = (strategy.net.params["head.weight"].detach() != before).any(2)
    assert torch.equal(moved, strategy.session.streams.owned[:, 1])
