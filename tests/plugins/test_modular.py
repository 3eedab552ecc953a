"""Modular networks against the same thing written plainly, and what must never move."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch, Phase, Stack, Task
from clbench.testing.bench import Bench
from clbench_plugins.modular import Modular
from clbench_plugins.modular.lifelong import INITIAL
from clbench_plugins.modular.model import soft_ordering_cnn
from clbench_plugins.modular.strategy import ACCOMMODATION, ASSIMILATION, NOBODY

MODULES, DEPTH, WIDTH, TASKS, FIRST = 3, 2, 8, 5, 2
RATE = 0.2
MODEL = {"soft_ordering_mlp": {"components": MODULES, "depth": DEPTH, "width": WIDTH}}


MIXING = pytest.mark.parametrize("mixing", ["structure", "gated"])


class Noted(Modular):
    """Notes what it begins with, trains on and decides."""

    steps: ClassVar[list[tuple[str, int, Batch, Tensor]]] = []
    start: ClassVar[dict[str, Tensor]] = {}
    kept: ClassVar[list[Tensor]] = []

    def setup(self) -> None:
        super().setup()
        self.steps.clear()
        self.kept.clear()
        self.start.clear()
        self.start.update({k: v.detach().clone() for k, v in self.net.named_parameters().items()})
        self.start["structures"] = self.structures.clone()

    def observe(self, batch: Batch) -> Tensor | None:
        loss = super().observe(batch)
        self.steps.append((self.phase.name, self.at, batch, self.active.clone()))
        return loss

    def _helps(self, task: Task) -> Tensor:
        """The decision is not what is compared here: members and tasks differ in it."""
        return torch.tensor([(row + task.index) % 2 == 0 for row in range(self.members)])


def bench_of(on_digits: Any, strategy: Any, **protocol: Any) -> Bench:
    given = {"model": MODEL, "epochs": 3, "batch_size": 64, "validation": 0.2, **protocol}
    bench: Bench = on_digits(strategy, setting="task", **given)
    return bench


class Plain:
    """One member, in double precision: SGD on a list of matrices, each step written out."""

    def __init__(self, start: dict[str, Tensor], row: int) -> None:
        values = {name: value[row].double() for name, value in start.items()}
        self.projection = values["body.encoder.1.weight"], values["body.encoder.1.bias"]
        total = MODULES + TASKS - FIRST
        self.modules = []
        for m in range(total):
            linear = f"body.components.{m}.0"
            self.modules.append([values[f"{linear}.weight"], values[f"{linear}.bias"]])
        self.head = [values["head.weight"], values["head.bias"]]
        self.structure = {t: values["structures"][t] for t in range(TASKS)}
        self.gates = {
            t: torch.zeros(*self.structure[0].shape, WIDTH).double() for t in range(TASKS)
        }
        self.used = list(range(MODULES))

    def begin(self, task: int, candidate: int) -> None:
        self.structure[task] = torch.full((MODULES + TASKS - FIRST, DEPTH), -torch.inf).double()
        self.structure[task][[*self.used, candidate]] = 1.0

    def step(self, batch: Batch, outputs: list[Tensor], task: int, train: str, hidden: int) -> None:
        """One step of gradient descent on what `train` says, without the module that is hidden."""
        gates = {t: value.clone() for t, value in self.gates.items()}
        modules = [[weight.clone(), bias.clone()] for weight, bias in self.modules]
        head = [value.clone() for value in self.head]
        structure = {t: value.clone() for t, value in self.structure.items()}
        moved = []
        if "modules" in train:
            moved += [value for number in self.used for value in modules[number]]
        if "candidate" in train:
            moved += modules[MODULES + task - FIRST]
        if "head" in train:
            moved += head
        if "structure" in train:
            moved.append(structure[task])
        if "gates" in train:
            moved.append(gates[task])
        for value in moved:
            value.requires_grad_()
        total = torch.zeros((), dtype=torch.float64)
        for of in batch.tasks.unique().tolist():
            mine = batch.tasks == of
            numbers = structure[of]
            if hidden != NOBODY:
                mask = torch.zeros(len(numbers), 1, dtype=torch.bool)
                mask[hidden] = True
                numbers = numbers.masked_fill(mask, -torch.inf)
            h = F.linear(batch.x[mine].flatten(1).double(), *self.projection)
            for layer in range(DEPTH):
                given = [F.linear(h, *module).relu() for module in modules]
                weights = (numbers[:, layer] + F.linear(h, gates[of][:, layer])).softmax(1)
                h = sum(w[:, None] * g for w, g in zip(weights.T, given, strict=True))
            logits = F.linear(h, *head)
            own = torch.full_like(logits, -torch.inf)
            own[:, outputs[of]] = 0.0
            total = total + F.cross_entropy(logits + own, batch.y[mine], reduction="sum")
        gradients = torch.autograd.grad(total / len(batch.y), moved, allow_unused=True)
        with torch.no_grad():
            for value, gradient in zip(moved, gradients, strict=True):
                if gradient is not None:
                    value -= RATE * gradient
        self.modules = [[weight.detach(), bias.detach()] for weight, bias in modules]
        self.head = [v.detach() for v in head]
        self.structure = {t: v.detach() for t, v in structure.items()}
        self.gates = {t: v.detach() for t, v in gates.items()}


@MIXING
def test_training_is_the_plain_loop(on_digits: Any, mixing: str) -> None:
    """Two members that keep other candidates, against each written out step by step."""
    chosen = Noted(initial_tasks=FIRST, replay=4, mixing=mixing)
    strategy, loop = bench_of(on_digits, chosen, optimizer={"sgd": {"lr": RATE}}).start(0, 1)
    of_task = "structure, gates, head" if mixing == "gated" else "structure, head"
    tasks = strategy.session.streams.tasks
    start = {name: value.clone() for name, value in strategy.start.items()}
    for task in tasks:
        loop.task(task)
    for row in range(2):
        plain, begun = Plain(start, row), FIRST - 1
        outputs = [task.classes[row] for task in tasks]
        for name, at, batches, active in strategy.steps:
            if not active[row]:
                continue
            candidate = MODULES + at - FIRST
            if at != begun:
                _settle(plain, begun, (row + begun) % 2 == 0)
                plain.begin(at, candidate)
                begun = at
            batch = batches.member(row)
            if name == INITIAL:
                plain.step(batch, outputs, at, "modules, head", NOBODY)
            elif name == ASSIMILATION:
                plain.step(batch, outputs, at, f"candidate, {of_task}", NOBODY)
                plain.step(batch, outputs, at, of_task, candidate)
            else:
                assert name == ACCOMMODATION
                plain.step(batch, outputs, at, "modules, candidate", NOBODY)
                plain.step(batch, outputs, at, "modules", candidate)
        _settle(plain, begun, (row + begun) % 2 == 0)
        named = strategy.net.named_parameters()
        for number in plain.used:
            for kind, value in zip(("weight", "bias"), plain.modules[number], strict=True):
                found = named[f"body.components.{number}.0.{kind}"][row].double()
                torch.testing.assert_close(found, value, atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(
            named["head.weight"][row].double(), plain.head[0], atol=2e-5, rtol=1e-4
        )
        for task in range(FIRST, TASKS):
            found = strategy.structures[row, task].double().softmax(0)
            torch.testing.assert_close(
                found, plain.structure[task].softmax(0), atol=2e-5, rtol=1e-4
            )
        if mixing == "gated":
            finished = strategy.gates.finished[row].double()
            wanted = torch.stack([plain.gates[task] for task in range(TASKS)])
            assert wanted[FIRST:].abs().flatten(1).amax(1).gt(1e-3).all()
            torch.testing.assert_close(finished, wanted, atol=2e-5, rtol=1e-4)


def _settle(plain: Plain, task: int, is_kept: bool) -> None:
    candidate = MODULES + task - FIRST
    if task < FIRST:
        return
    if is_kept:
        plain.used.append(candidate)
    else:
        plain.structure[task][candidate] = -torch.inf
        plain.gates[task][candidate] = 0.0
        plain.modules[candidate] = [torch.zeros_like(v) for v in plain.modules[candidate]]


class Watched(Modular):
    """Notes which numbers moved in each phase, with Adam, which has moments of everything."""

    moved: ClassVar[dict[str, set[str]]] = {}

    def setup(self) -> None:
        super().setup()
        self.moved.clear()

    def _numbers(self) -> dict[str, Tensor]:
        named = {**self.net.named_parameters(), "structure": self.structure}
        if self.mixing == "gated":
            named["gates"] = self.gates.current
        return {name: value.detach().clone() for name, value in named.items()}

    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        super().begin_epoch(phase, epoch)
        self.before = self._numbers()

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        after = self._numbers()
        moved = {name for name in after if not torch.equal(after[name], self.before[name])}
        self.moved.setdefault(f"{phase.name} {self.at}", set()).update(moved)


def names_of(*numbers: int) -> set[str]:
    return {f"body.components.{n}.0.{kind}" for n in numbers for kind in ("weight", "bias")}


@pytest.mark.parametrize(
    ("loss", "mixing"), [("ce", "structure"), ("detached", "structure"), ("detached", "gated")]
)
def test_what_stands_still_does_not_move_a_bit(on_digits: Any, loss: str, mixing: str) -> None:
    """Adam would move by its moments what has a gradient of 0."""
    protocol = {"optimizer": {"adam": {"lr": 0.01}}, "epochs": 4}
    options = {"loss": loss, "mixing": mixing}
    chosen = Watched(initial_tasks=FIRST, accommodate_every=2, threshold=0.0, **options)
    strategy, loop = bench_of(on_digits, chosen, **protocol).start(0)
    for task in strategy.session.streams.tasks[:3]:
        loop.task(task)
    head = {"head.weight", "head.bias"}
    of_task = {"structure", "gates"} if mixing == "gated" else {"structure"}
    first = range(MODULES)
    assert strategy.moved[f"{INITIAL} 1"] == names_of(*first) | head
    assert strategy.moved[f"{ASSIMILATION} 2"] == names_of(MODULES) | head | of_task
    assert strategy.moved[f"{ACCOMMODATION} 2"] == names_of(*first, MODULES)


def test_frozen_modules_never_move(on_digits: Any) -> None:
    chosen = Modular(initial_tasks=FIRST, modules="frozen", add_modules=False)
    strategy, loop = bench_of(on_digits, chosen, optimizer={"adam": {"lr": 0.01}}).start(0)
    tasks = strategy.session.streams.tasks
    for task in tasks[:2]:
        loop.task(task)
    assert strategy.shared() == []
    named = strategy.net.named_parameters()
    names = [name for name in named if name.startswith("body.components")]
    before = [named[name].clone() for name in names]
    for task in tasks[2:]:
        loop.task(task)
    after = [named[name] for name in names]
    assert len(after) == 2 * MODULES
    assert all(map(torch.equal, before, after))


def test_samples_of_old_tasks_that_join_a_batch_go_through_their_own_structure(
    on_digits: Any,
) -> None:
    strategy, loop = bench_of(on_digits, Modular(initial_tasks=FIRST)).start(0)
    tasks = strategy.session.streams.tasks
    for task in tasks[:FIRST]:
        loop.task(task)
    strategy.session.task = tasks[FIRST]
    strategy.begin_task(tasks[FIRST])
    strategy.session.phase = Phase(ASSIMILATION)
    new, old = next(tasks[FIRST].batches("train", 6)), next(tasks[0].batches("train", 6))
    logits = strategy.training_logits(new.join(old))
    strategy.net.eval()
    torch.testing.assert_close(logits[:, :6], strategy.predict(new.x, tasks[FIRST]))
    torch.testing.assert_close(logits[:, 6:], strategy.predict(old.x, tasks[0]))


class Decided(Modular):
    """Keeps every candidate, or none."""

    def _helps(self, task: Task) -> Tensor:
        return torch.full((self.members,), self.threshold > 0)


@MIXING
@pytest.mark.parametrize("is_kept", [False, True])
def test_a_rejected_candidate_leaves_no_trace(on_digits: Any, is_kept: bool, mixing: str) -> None:
    """Neither in structures nor in the optimiser nor among its numbers; one that is kept is there
    in all of them.
    """
    chosen = Decided(initial_tasks=FIRST, threshold=float(is_kept), mixing=mixing)
    strategy, loop = bench_of(on_digits, chosen, optimizer={"adam": {"lr": 0.01}}).start(0, 1)
    for task in strategy.session.streams.tasks:
        loop.task(task)
    later = range(MODULES, MODULES + TASKS - FIRST)
    for number in later:
        born = FIRST + number - MODULES
        for param in strategy.module_parameters(number).values():
            assert bool(param.any()) == is_kept
            slot = strategy.optimizer.slots[strategy.optimizer._find(param)]
            assert all(bool(moment.any()) == is_kept for moment in slot.moments)
        finite = strategy.structures[:, :, number].isfinite().any(-1)
        expected = torch.arange(TASKS) >= (born if is_kept else TASKS)
        assert torch.equal(finite, expected.expand(2, TASKS))
        if mixing == "gated":
            gated = strategy.gates.finished[:, :, number].flatten(2).any(-1)
            assert torch.equal(gated, finite)
    assert strategy.exists.sum().item() == 2 * (MODULES + is_kept * len(later))


@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_gates_of_convolutions_read_the_mean_over_positions(form: str) -> None:
    """Two members, samples of two tasks, a module that is not used; each sample against its own
    sum.
    """
    net = Stack(
        lambda: soft_ordering_cnn(
            (2, 8, 8), 3, components=3, depth=2, width=4, dropout=0, gated=True
        ),
        2,
        form=form,
    )
    body = net.module.get_submodule("body")
    body.used = [[0, 1, 2]] * 2
    x, gates = torch.rand(2, 5, 2, 8, 8), torch.randn(2, 2, 3, 2, 4)
    tasks = torch.tensor([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]])
    structure = torch.randn(2, 5, 3, 2).index_fill(2, torch.tensor([1]), -torch.inf)
    given = {"body.mixture": structure.softmax(2), "body.gates": gates, "body.gates_of": tasks}
    with net.given(buffers=given), net.inputs_of("flatten") as inputs:
        net(x)
    named = net.named_parameters()
    for row in range(2):
        for place, task in enumerate(tasks[row].tolist()):
            h = torch.cat([x[row, place], torch.zeros(2, 8, 8)])
            for layer in range(2):
                numbers = gates[row, task, :, layer] @ h.mean((1, 2))
                weights = (structure[row, place, :, layer] + numbers).softmax(0)
                kernels = [named[f"body.components.{m}.0.weight"][row] for m in range(3)]
                biases = [named[f"body.components.{m}.0.bias"][row] for m in range(3)]
                given_out = [
                    F.max_pool2d(F.conv2d(h, kernel, bias, padding=1), 2).relu()
                    for kernel, bias in zip(kernels, biases, strict=True)
                ]
                h = sum(w * g for w, g in zip(weights, given_out, strict=True))
            torch.testing.assert_close(inputs["flatten"][row, place], h)
