"""Phases: their length and samples, hooks, and what cannot be one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Batch, Phase, Reservoir, Samples, SoloStrategy, Strategy, Task
from clbench.errors import StopRequested, StrategyError
from clbench.testing.bench import first_difference, rows
from clbench_plugins.naive import Naive

from .asking import Phased, phased

# ------------------------------------------------------------------------------------------ early
# stopping


@pytest.mark.parametrize("stop", [{"stop_at": {"train": 1e-9}}, {"stop_at": 1e-9}])
def test_a_phase_that_does_not_stop_keeps_all_its_epochs(make_bench: Any, stop: Any) -> None:
    asked = Phase("free", epochs=3, stop=False), Phase("watched", epochs=3)
    protocol = {**stop, "validation": 0.2, "batch_size": 200}
    make_bench(phased(*asked), tasks=1, **protocol).run(0)
    names = [name for _, name, _, _ in Phased.seen]
    assert names == ["free"] * 3 + ["watched"]


# ------------------------------------------------------------------------------------------
# augmentation


def test_a_phase_may_augment_otherwise(make_bench: Any) -> None:
    class Looks(Phased):
        """Notes whether images are seen as they are stored."""

        def observe(self, batch: Batch) -> Tensor | None:
            stored = self.fetch(batch.index, batch.tasks).x
            same = torch.tensor([bool((batch.x == stored).all())] * self.members)
            self.log(self.phase.name, same)
            return super().observe(batch)

    phased(Phase("plain", epochs=1, augment="none"), Phase("usual", epochs=1))
    record = make_bench(Looks, tasks=1, augment="crop_flip", batch_size=200).run(0)
    assert record.curves["plain"].all()
    assert not record.curves["usual"].any()


# ------------------------------------------------------------------------------------------ a
# buffer


class Buffered(Strategy):
    """Remembers samples, and trains on them in a second phase, at a rate of its own."""

    size: ClassVar[int] = 20
    seen: ClassVar[list[tuple[int, int, list[int], list[int]]]]  # member, task, index, tasks

    def setup(self) -> None:
        super().setup()
        Buffered.seen = []
        self.buffer = Reservoir(self, self.size)

    def phases(self, task: Task) -> Sequence[Phase]:
        if task.index == 0:
            return [Phase()]
        # The buffer goes on filling while the plan is carried out.
        samples = self.buffer.samples()
        counts = torch.tensor([seed for seed, _ in self.session.members])[:, None]
        kept = torch.arange(self.size) < self.size - 3 * counts
        assert samples.valid is not None
        unequal = replace(samples, valid=samples.valid & kept)
        return [Phase(), Phase("memory", epochs=2, data=unequal, lr=0.02, batch_size=6)]

    def observe(self, batch: Batch) -> Tensor | None:
        self.buffer.add(batch)
        if self.phase.name == "memory":
            for row in self.session.active:
                index, tasks = batch.index[row].tolist(), batch.tasks[row].tolist()
                self.seen.append((row, self.task.index, index, tasks))
        return super().observe(batch)


def test_a_phase_trains_on_the_samples_it_was_given(make_bench: Any) -> None:
    make_bench(Buffered, tasks=3).run(0, 2)
    for row, count in ((0, 20), (1, 14)):
        for task in (1, 2):
            mine = [(i, t) for r, at, i, t in Buffered.seen if (r, at) == (row, task)]
            index = np.concatenate([i for i, _ in mine])
            assert len(index) == 2 * count
            first, second = index[:count], index[count:]
            assert sorted(first) == sorted(second)
            assert first.tolist() != second.tolist()
            assert {t for _, tasks in mine for t in tasks} <= set(range(task))


@pytest.mark.parametrize("schedule", ["none", "cosine"])
def test_members_with_unequal_buffers_train_as_alone(make_bench: Any, schedule: str) -> None:
    bench = make_bench(Buffered, tasks=3, schedule=schedule)
    together = bench.run(0, 2, 1)
    for seed in (0, 1, 2):
        assert first_difference(rows(together, seed), rows(bench.run(seed), seed)) is None


@pytest.mark.parametrize("strategy", ["Buffered", "Late", "LateAlone"])
def test_a_job_goes_on_in_the_middle_of_a_phase_of_a_buffer(
    make_bench: Any, tmp_path: Any, strategy: str
) -> None:
    bench = make_bench(globals()[strategy], tasks=2)
    whole = bench.run(0, 1)
    checkpoint = tmp_path / "job.ckpt"
    record = None
    while record is None:  # it is interrupted every few steps
        with contextlib.suppress(StopRequested):
            record = bench.run(0, 1, leave_after=4, checkpoint=checkpoint)
    for seed in (0, 1):
        assert first_difference(rows(whole, seed), rows(record, seed)) is None


class Late(Strategy):
    """The second phase trains on what the first one left in the buffer."""

    def setup(self) -> None:
        super().setup()
        self.buffer = Reservoir(self, 12)

    def phases(self, task: Task) -> Sequence[Phase]:
        return [Phase(), Phase("memory", epochs=2, lr=0.02)]

    def begin_phase(self, phase: Phase) -> None:
        super().begin_phase(phase)
        if phase.name == "memory":
            self.train_on(self.buffer.samples())

    def observe(self, batch: Batch) -> Tensor | None:
        self.buffer.add(batch)
        self.log("size", torch.full((self.members,), float(batch.size)))
        return super().observe(batch)


class LateAlone(SoloStrategy):
    """The same for one member: it keeps the first samples it sees."""

    def setup(self) -> None:
        super().setup()
        self.index = torch.zeros(0, dtype=torch.int64)
        self.tasks = torch.zeros(0, dtype=torch.int64)

    def phases(self, task: Task) -> Sequence[Phase]:
        return [Phase(), Phase("memory", epochs=2, lr=0.02)]

    def begin_phase(self, phase: Phase) -> None:
        if phase.name == "memory":
            self.train_on(Samples(self.index, self.tasks))

    def observe(self, batch: Batch) -> Tensor | None:
        if self.phase.name == "train" and len(self.index) < 12:
            self.index = torch.cat([self.index, batch.index])[:12]
            self.tasks = torch.cat([self.tasks, batch.tasks])[:12]
        self.log("size", float(len(batch.index)))
        return super().observe(batch)


@pytest.mark.parametrize("strategy", [Late, LateAlone])
def test_a_phase_trains_on_what_begin_phase_chooses(make_bench: Any, strategy: Any) -> None:
    record = make_bench(strategy, tasks=1).run(0, 1)
    sizes = record.curves["size"]
    for row in sizes:
        assert row[~np.isnan(row)][-4:].tolist() == [8, 4, 8, 4]


def test_a_member_whose_buffer_is_empty_takes_no_part(make_bench: Any) -> None:
    class Half(Phased):
        """Only the first member has samples."""

        def phases(self, task: Task) -> Sequence[Phase]:
            index = torch.from_numpy(
                np.stack([self.first_samples(row) for row in range(self.members)])
            )
            valid = torch.zeros_like(index, dtype=torch.bool)
            valid[0] = True
            tasks = torch.full_like(index, task.index)
            return [Phase("half", epochs=1, data=Samples(index, tasks, valid))]

        def first_samples(self, row: int) -> Any:
            return self.session.streams.pool(row, [self.task.index])[0][:8]

        def observe(self, batch: Batch) -> Tensor | None:
            self.log("active", torch.full((self.members,), float(len(self.session.active))))
            return super().observe(batch)

    record = make_bench(Half, tasks=1).run(0, 1)
    assert record.curves["active"][0].tolist() == [1.0]
    assert np.isnan(record.curves["active"][1]).all()


# ------------------------------------------------------------------------------------------
# begin_phase


def test_every_phase_is_announced_once_to_all_that_train(make_bench: Any) -> None:
    asked = Phase("one", epochs=1), Phase("two", epochs=2)
    make_bench([Naive, phased(*asked)], tasks=2, batch_size=200).run(0, 1)
    assert Phased.begun == [("one", [0, 1]), ("two", [0, 1])] * 2


# ------------------------------------------------------------------------------------------
# mistakes


def samples(index: Any, tasks: Any, valid: Any = None) -> Samples:
    made = [None if part is None else torch.tensor(part) for part in (index, tasks, valid)]
    return Samples(*made)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("phase", "sentence"),
    [
        ({"data": "sen"}, "data is 'sen'; task, seen, all or Samples are wanted"),
        ({"epochs": -1}, "epochs is -1; a whole number of at least 0 is wanted"),
        ({"steps": 0}, "steps is 0; a whole number of at least 1"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"lr": -0.1}, "lr is -0.1; a number of at least 0 is wanted"),
        ({"lr": "fast"}, "lr is 'fast'"),
        ({"augment": "crop"}, "augment is 'crop'; known: none, flip, crop_flip"),
        ({"stop": None}, "stop is None; True or False is wanted"),
        ({"frozen_before": ""}, "frozen_before is ''; the name of a module is wanted"),
        ({"schedule": "linear"}, "must be none, cosine or"),
        ({"schedule": {"milestones": {"where": [1]}}}, "schedule: .*where|unknown"),
        ({"data": samples([[0.5]], [[0]])}, r"index of the samples is \[1, 1\] of torch.float32"),
        ({"data": samples([0], [0])}, r"\[1, n\] whole numbers are wanted"),
        ({"data": samples([[0, 1]], [[0]])}, r"have the shapes \[\[1, 2\], \[1, 1\], \[1, 2\]\]"),
        ({"data": samples([[10**6]], [[0]])}, "index of the samples holds 1000000, and there are"),
        ({"data": samples([[0]], [[9]])}, "tasks of the samples holds 9, and there are 3 tasks"),
        ({"data": samples([[0] * 3], [[0, 1, 2]])}, "of a class that task . of member 0 does not"),
        ({"data": samples([[0]], [[0]], [[1]])}, r"valid of the samples .* booleans are wanted"),
    ],
)
def test_what_is_wrong_with_a_phase_is_named(
    make_bench: Any, phase: dict[str, Any], sentence: str
) -> None:
    strategy = phased(Phase("odd", **phase))
    with pytest.raises(StrategyError, match=f"phased.phases, phase 'odd': .*({sentence})"):
        make_bench(strategy).run(0)


def test_places_that_do_not_count_may_hold_anything(make_bench: Any) -> None:
    class Padded(Phased):
        """Its last place is no sample at all."""

        def phases(self, task: Task) -> Sequence[Phase]:
            index = torch.from_numpy(self.session.streams.pool(0, [task.index])[0][None, :5])
            padded = torch.cat([index, torch.tensor([[-1]])], dim=1)
            valid = padded >= 0
            return [Phase("p", epochs=1, data=Samples(padded, valid * task.index, valid))]

    make_bench(Padded, tasks=2).run(0)
    assert all(len(index[0]) == 5 for _, _, index, _ in Phased.seen)


def test_a_phase_without_any_samples_is_named(make_bench: Any) -> None:
    nothing = Samples(torch.zeros(1, 0, dtype=torch.int64), torch.zeros(1, 0, dtype=torch.int64))
    with pytest.raises(StrategyError, match="phase odd: a member has no training samples"):
        make_bench(phased(Phase("odd", data=nothing))).run(0)


def test_samples_are_chosen_in_begin_phase_alone(make_bench: Any) -> None:
    class Elsewhere(Late):
        """Chooses too late."""

        def end_task(self, task: Task) -> None:
            super().end_task(task)
            self.train_on(self.buffer.samples())

    with pytest.raises(StrategyError, match="called in begin_phase, and nowhere else"):
        make_bench(Elsewhere).run(0)


def test_phases_of_solo_members_that_differ_are_named(make_bench: Any) -> None:
    class Uneven(SoloStrategy):
        """Every member wants another number of epochs."""

        def phases(self, task: Task) -> Sequence[Phase]:
            return [Phase(epochs=1 + self.row)]

    with pytest.raises(StrategyError, match=r"uneven.phases differ between members"):
        make_bench(Uneven).run(0, 1)


def test_solo_members_train_on_buffers_of_their_own(make_bench: Any) -> None:
    class Own(SoloStrategy):
        """The first samples of the task, of every member another number."""

        seen: ClassVar[dict[int, list[int]]] = {}

        def phases(self, task: Task) -> Sequence[Phase]:
            index = next(iter(self.batches())).index[: 4 + self.session.members[self.row][0]]
            return [Phase(epochs=1, data=Samples(index, torch.full_like(index, task.index)))]

        def observe(self, batch: Batch) -> Tensor | None:
            self.seen.setdefault(self.row, []).extend(batch.index.tolist())
            return super().observe(batch)

    bench = make_bench(Own, tasks=1)
    together = bench.run(0, 2)
    assert [len(Own.seen[row]) for row in (0, 1)] == [4, 6]
    assert first_difference(rows(together, 2), rows(bench.run(2), 2)) is None
