"""The phases of a task's training: checked as a strategy
gives them, and resolved to samples and steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clbench.engine.plan import Step
from clbench.engine.task import AUGMENTATIONS, POOLS, Phase, Samples, Task
from clbench.errors import OptionError, StrategyError
from clbench.options import check_options
from clbench.randomness import generator
from clbench.scenarios.stream import Layout
from clbench.schedules import SCHEDULES, schedule_form
from clbench.suite.protocol import Protocol
from clbench.typing import Member

if TYPE_CHECKING:
    from clbench.engine.streams import Streams

IntArray = npt.NDArray[np.int64]
Pool = tuple[IntArray, IntArray]  # positions in the training set, and the task of each


# ------------------------------------------------------------------------------------------ checks


def checked(phases: Sequence[Phase], who: str, streams: Streams) -> list[Phase]:
    """These phases, every value sound and every schedule complete.

    `StrategyError` says what is not.
    """
    found = []
    for phase in phases:
        if type(phase) is not Phase:
            raise StrategyError(
                f"{who}.phases returned a {type(phase).__name__}; a list of clbench.Phase is wanted"
            )
        try:
            found.append(_checked(phase, streams))
        except ValueError as problem:
            raise StrategyError(f"{who}.phases, phase {phase.name!r}: {problem}") from None
    return found


def _checked(phase: Phase, streams: Streams) -> Phase:
    for name in ("epochs", "steps", "batch_size"):
        _check_count(name, getattr(phase, name), least=0 if name == "epochs" else 1)
    if phase.lr is not None and not _is_rate(phase.lr):
        raise ValueError(f"lr is {phase.lr!r}; a number of at least 0 is wanted")
    if phase.augment is not None and phase.augment not in AUGMENTATIONS:
        raise ValueError(f"augment is {phase.augment!r}; known: {', '.join(AUGMENTATIONS)}")
    if not isinstance(phase.stop, bool):
        raise ValueError(f"stop is {phase.stop!r}; True or False is wanted")
    _check_module(phase.frozen_before)
    if isinstance(phase.data, Samples):
        phase = replace(phase, data=_checked_samples(phase.data, streams))
    elif phase.data not in POOLS:
        raise ValueError(f"data is {phase.data!r}; {', '.join(POOLS)} or Samples are wanted")
    if phase.schedule is None:
        return phase
    return replace(phase, schedule=_complete_schedule(phase.schedule))


def _check_count(name: str, value: Any, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is {value!r}; a whole number of at least {least} is wanted")


def _check_module(name: Any) -> None:
    if name is not None and not (isinstance(name, str) and name):
        raise ValueError(f"frozen_before is {name!r}; the name of a module is wanted")


def _is_rate(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value >= 0


def _complete_schedule(value: Any) -> Any:
    """The schedule as a resolved protocol has it."""
    form = schedule_form(value)
    if isinstance(form, str):
        return form
    ((name, options),) = form.items()
    try:
        return {name: check_options(SCHEDULES[name], options)}
    except OptionError as error:
        problems = "; ".join(sentence for _, sentence in error.issues)
        raise ValueError(f"schedule: {problems}") from None


def _checked_samples(samples: Samples, streams: Streams) -> Samples:
    """A copy on the host: the plan of a task must not move when the buffer behind it does."""
    members = len(streams.members)
    index = _table("index", samples.index, members)
    tasks = _table("tasks", samples.tasks, members)
    everywhere = torch.ones_like(index, dtype=torch.bool)
    given = everywhere if samples.valid is None else samples.valid
    valid = _table("valid", given, members, boolean=True)
    if not index.shape == tasks.shape == valid.shape:
        shapes = [list(table.shape) for table in (index, tasks, valid)]
        raise ValueError(f"index, tasks and valid of the samples have the shapes {shapes}")
    # Places that do not count may hold anything.
    index, tasks = index.masked_fill(~valid, 0), tasks.masked_fill(~valid, 0)
    _check_range("index", index, len(streams.labels["train"]), "training samples")
    _check_range("tasks", tasks, streams.layout.tasks, "tasks")
    device = streams.device
    # -1 where a sample's class does not belong to that task of that member.
    labels = streams.labels_of(index.to(device), tasks.to(device)).cpu()
    strangers = ((labels < 0) & valid).nonzero()
    if len(strangers):
        member, place = strangers[0].tolist()
        raise ValueError(
            f"sample {int(index[member, place])} is of a class that task "
            f"{int(tasks[member, place]) + 1} of member {member} does not have"
        )
    return Samples(index, tasks, valid)


def _table(name: str, value: Any, members: int, boolean: bool = False) -> Tensor:
    # A copy: `phases` may hand out a buffer's own tensors, which will be written to.
    found = torch.as_tensor(value).detach().to("cpu", copy=True)
    kind_fits = found.dtype == torch.bool if boolean else not found.dtype.is_floating_point
    if found.dim() != 2 or len(found) != members or not kind_fits:
        wanted = "booleans" if boolean else "whole numbers"
        raise ValueError(
            f"{name} of the samples is {list(found.shape)} of {found.dtype}; "
            f"[{members}, n] {wanted} are wanted"
        )
    return found if boolean else found.to(torch.int64)


def _check_range(name: str, table: Tensor, end: int, what: str) -> None:
    outside = table[(table < 0) | (table >= end)]
    if len(outside):
        raise ValueError(
            f"{name} of the samples holds {int(outside[0])}, and there are {end} {what}"
        )


# --------------------------------------------------------------------------------------- checkpoint


def to_plain(phase: Phase) -> dict[str, Any]:
    """The phase as a checkpoint holds it: plain values and arrays."""
    plain = {field.name: getattr(phase, field.name) for field in fields(Phase)}
    if isinstance(phase.data, Samples):
        plain["data"] = {
            field.name: getattr(phase.data, field.name).numpy() for field in fields(Samples)
        }
    return plain


def from_plain(plain: Mapping[str, Any]) -> Phase:
    """`to_plain`, undone."""
    data = plain["data"]
    if isinstance(data, Mapping):
        data = Samples(**{name: torch.from_numpy(table) for name, table in data.items()})
    return Phase(**{**plain, "data": data})


# ------------------------------------------------------------------------------------------ solo


def joined(each: Mapping[int, Sequence[Phase]], members: int, who: str) -> list[Phase]:
    """The phases of a solo strategy's members (by row) as those of one stack.

    Members share everything but the samples of their buffers.
    """
    if not each:
        return []
    first = list(next(iter(each.values())))
    in_common = list(map(_common, first))
    for phases in each.values():
        # Samples apart, phases are compared as they are.
        if list(map(_common, phases)) != in_common:
            raise StrategyError(
                f"{who}.phases differ between members; they may differ in their samples alone"
            )
    found = []
    for number, phase in enumerate(first):
        of_member = {row: phases[number] for row, phases in each.items()}
        found.append(_with_stacked_samples(phase, of_member, members))
    return found


def _common(phase: Any) -> Any:
    """What members share of a phase, for comparison."""
    if isinstance(phase, Phase) and isinstance(phase.data, Samples):
        return replace(phase, data="task"), "samples"
    return phase, None


def _with_stacked_samples(phase: Phase, of_member: Mapping[int, Phase], members: int) -> Phase:
    data = {row: getattr(mine, "data", None) for row, mine in of_member.items()}
    buffers = {row: given for row, given in data.items() if isinstance(given, Samples)}
    return replace(phase, data=stacked(buffers, members)) if buffers else phase


def stacked(buffers: Mapping[int, Samples], members: int) -> Samples:
    """The buffers of a solo strategy's members (by row) as those of one stack."""
    # Padded to the fullest buffer; the rest is not valid.
    longest = max(len(buffer.index) for buffer in buffers.values())
    index = torch.zeros(members, longest, dtype=torch.int64)
    tasks = torch.zeros_like(index)
    valid = torch.zeros(members, longest, dtype=torch.bool)
    for row, buffer in buffers.items():
        count = len(buffer.index)
        index[row, :count] = torch.as_tensor(buffer.index)
        tasks[row, :count] = torch.as_tensor(buffer.tasks)
        valid[row, :count] = True if buffer.valid is None else torch.as_tensor(buffer.valid)
    return Samples(index, tasks, valid)


def whole_choice(
    chosen: Mapping[int | None, Samples], active: Sequence[int], members: int
) -> Samples:
    """What `train_on` was given: by a stack at once, or by each member of a solo strategy."""
    if None in chosen:
        return chosen[None]
    by_row = {row: samples for row, samples in chosen.items() if row is not None}
    if missing := sorted(set(active) - set(by_row)):
        raise StrategyError(
            f"begin_phase called train_on(samples) for some members, and not for {missing}"
        )
    return stacked(by_row, members)


# ----------------------------------------------------------------------------------------- resolved


@dataclass(frozen=True)
class ResolvedPhase:
    """A phase as it is carried out: `steps`, or `epochs` over each member's samples.

    `sizes` says how many samples each member has, and `totals` how many steps. The pool of a member
    that has none holds one sample, which nobody trains on.
    """

    size: int
    epochs: int
    steps: int | None
    pools: list[Pool]
    sizes: list[int]
    totals: list[int]


def resolve(
    phase: Phase, task: Task, streams: Streams, protocol: Protocol, running: Sequence[int]
) -> ResolvedPhase:
    """The phase's batches, epochs and samples, where the protocol fills in what it leaves open."""
    size = phase.batch_size or protocol.batch_size
    steps = phase.steps or (protocol.steps if phase.epochs is None else None)
    # A phase that says how many steps or epochs overrules the protocol's either.
    epochs = (protocol.epochs if phase.epochs is None else phase.epochs) or 0  # 0 beside `steps`
    pools = _pools(phase, task, streams)
    sizes = [len(pool) for pool, _ in pools]
    _check_sizes(phase, task, sizes, running)
    for member, count in enumerate(sizes):
        # The stack trains as one: even a member without samples is shown something.
        if count == 0:
            pools[member] = _any_sample(streams, member)
    totals = [_steps_of(count, size, steps, epochs) for count in sizes]
    return ResolvedPhase(size, 1 if steps else epochs, steps, pools, sizes, totals)


def _steps_of(count: int, size: int, steps: int | None, epochs: int) -> int:
    if count == 0:
        return 0
    # The last, smaller batch counts as a step.
    return steps or epochs * math.ceil(count / size)


def _pools(phase: Phase, task: Task, streams: Streams) -> list[Pool]:
    members = range(len(streams.members))
    if not isinstance(phase.data, Samples):
        tasks = tasks_of(phase.data, task.index, streams.layout)
        return [streams.pool(member, tasks) for member in members]
    assert phase.data.valid is not None
    pools = []
    for member in members:
        counts = phase.data.valid[member]
        index, tasks_of_samples = phase.data.index[member], phase.data.tasks[member]
        pools.append((index[counts].numpy(), tasks_of_samples[counts].numpy()))
    return pools


def _any_sample(streams: Streams, member: int) -> Pool:
    """One sample, to be shown where the others of the stack train."""
    for task in range(streams.layout.tasks):
        index, tasks = streams.pool(member, [task])
        if len(index):
            return index[:1], tasks[:1]
    raise StrategyError("a member has no training samples in any task")


def tasks_of(data: str, current: int, layout: Layout) -> Sequence[int]:
    """The tasks whose samples a phase of this `data` trains on."""
    return {"task": [current], "seen": layout.seen(current), "all": layout.every}[data]


def _check_sizes(phase: Phase, task: Task, sizes: Sequence[int], running: Sequence[int]) -> None:
    missing = [member for member in running if sizes[member] == 0]
    if isinstance(phase.data, Samples) and len(missing) < len(running):
        return  # a member whose buffer is empty takes no part
    if missing:
        raise StrategyError(
            f"task {task.index + 1}, phase {phase.name}: a member has no training samples"
        )


# ------------------------------------------------------------------------------------------ order


@dataclass(frozen=True)
class Order:
    """An epoch's samples in order, `[3, R, longest]`
    (index, task, label), and each member's number.

    Rows of members with fewer samples are filled up; nobody trains on that. `places` are, on the
    host, each member's samples by their places in the phase's pool, in the same order.
    """

    sizes: list[int]
    samples: Tensor
    places: list[IntArray]

    def batch(self, step: Step) -> Tensor:
        """`[3, R, B]`: the next samples of the members that take part, and any for the others."""
        first = step.start[0]
        # Members side by side need no gather: a view.
        if all(start == first for start in step.start):
            return self.samples.narrow(2, first, step.size)
        starts = torch.zeros(self.samples.shape[1], 1, dtype=torch.int64)
        starts[list(step.members), 0] = torch.tensor(step.start)
        # `[R, B]`; members that take no part are shown their first samples.
        where = (starts + torch.arange(step.size)).to(self.samples.device)
        return self.samples.gather(2, where.expand(3, -1, -1))


def order_of_epoch(
    resolved: ResolvedPhase,
    streams: Streams,
    members: Sequence[Member],
    position: tuple[int, int, int],
) -> Order:
    """The order of an epoch's samples; a number of steps takes as many rounds as it needs.

    `position` is the task, the phase and the epoch: with the member's seed it decides the order.
    """
    # Samples a member needs in all; None where a phase has epochs.
    wanted = resolved.steps and resolved.steps * resolved.size
    rows = [
        _row(member, count, wanted, position)
        for member, count in zip(members, resolved.sizes, strict=True)
    ]
    longest = max(map(len, rows))
    index, tasks = [], []
    for row, (pool, task_of) in zip(rows, resolved.pools, strict=True):
        # Repeated to the longest: rows have to be of one length.
        filled = np.resize(row, longest)
        index.append(pool[filled])
        tasks.append(task_of[filled])
    device = streams.device
    where = torch.from_numpy(np.stack(index)).to(device)
    of = torch.from_numpy(np.stack(tasks)).to(device)
    samples = torch.stack([where, of, streams.labels_of(where, of)])
    return Order([len(row) for row in rows], samples, rows)


def _row(
    member: Member, count: int, wanted: int | None, position: tuple[int, int, int]
) -> IntArray:
    """A member's places in its pool, in the order of this epoch."""
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    task, phase, epoch = position
    rounds = 1 if wanted is None else math.ceil(wanted / count)
    # Each round is a permutation of its own, under the number its epoch would have.
    orders = [
        generator(*member, "order", task, phase, epoch + extra).permutation(count)
        for extra in range(rounds)
    ]
    return np.concatenate(orders)[:wanted]
