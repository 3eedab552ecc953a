"""What a method sees of a test set before it is predicted, and what it notes of it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

from clbench import ProbeMetric, SoloStrategy, Strategy, Task
from clbench.errors import StrategyError
from clbench.records import Results, load, write_record
from clbench.records.merging import merge_cells
from clbench.report.marks import marked_label
from clbench.report.terminal import summary_table
from clbench.testing.bench import first_difference, rows
from clbench_plugins.accuracy_metrics import OnlineAccuracy
from clbench_plugins.naive import Naive


class Looking(Strategy):
    """Notes of every test set how many images it saw, and how bright they were."""

    seen: ClassVar[list[Any]] = []

    def begin_evaluation(self, look: Any) -> None:
        super().begin_evaluation(look)
        batches = list(look.batches())
        counts = sum(images.valid.sum(1) for images in batches)
        light = sum((images.x.flatten(2).sum(2) * images.valid).sum(1) for images in batches)
        self.seen.append((look.split, self.net.training, torch.is_grad_enabled(), counts.tolist()))
        self.note("images", counts)
        self.note("light", light / counts)

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        self.seen.append("predict")
        return super().predict(x, task)


class LookingAlone(SoloStrategy):
    """The same for one member."""

    def begin_evaluation(self, look: Any) -> None:
        assert not self.net.training
        assert not torch.is_grad_enabled()
        batches = list(look.batches())
        assert all(images.valid.all() for images in batches)
        counts = sum(len(images.x) for images in batches)
        self.note("images", counts)
        self.note("light", sum(images.x.sum() for images in batches) / counts)


@pytest.fixture(autouse=True)
def _forget() -> None:
    Looking.seen.clear()


def by_hand(bench: Any, seed: int) -> tuple[list[int], list[float]]:
    """How many test images each task has, and their mean light."""
    scenario = bench.host.get("scenario", "split")(**bench.cell.scenario.options)
    tests = [task.test for task in scenario.stream(bench.arrays, seed, 0, 0.0).tasks]
    pixels = bench.arrays.x_test.astype(np.float64) / 255
    sizes = [len(test) for test in tests]
    means = [float(pixels[test].reshape(len(test), -1).sum(1).mean()) for test in tests]
    return sizes, means


@pytest.mark.parametrize("strategy", [Looking, LookingAlone])
def test_a_whole_test_set_is_seen_before_it_is_predicted(make_bench: Any, strategy: Any) -> None:
    bench = make_bench(strategy)
    record = bench.run(0, 2)
    for row, seed in enumerate((0, 2)):
        counts, light = by_hand(bench, seed)
        np.testing.assert_array_equal(record.notes["images"][row], np.tile(counts, (4, 1)))
        np.testing.assert_allclose(record.notes["light"][row], np.tile(light, (4, 1)), rtol=1e-5)
    assert record.notes["light"].shape == record.accuracy.shape
    alone = bench.run(2)
    assert np.array_equal(alone.notes["light"][0], record.notes["light"][1])


def test_it_is_seen_once_in_evaluation_mode_and_without_gradients(make_bench: Any) -> None:
    make_bench(Looking, tasks=2).run(0)
    looks = [place for place, entry in enumerate(Looking.seen) if entry != "predict"]
    # Two tasks after 0, 1 and 2 tasks, and each before it is trained.
    assert len(looks) == 8
    assert all(Looking.seen[place][:3] == ("test", False, False) for place in looks)
    assert all(Looking.seen[place + 1] == "predict" for place in looks)


def test_validation_and_continual_evaluation_are_looked_at_too(make_bench: Any) -> None:
    record = make_bench(
        Looking, tasks=2, validation=0.3, stop_at=0.99, epochs=2, evaluate={"every": 3}
    ).run(0)
    splits = [entry[0] for entry in Looking.seen if entry != "predict"]
    assert {"test", "validation"} == set(splits)
    assert record.curves["continual_images"].shape == record.curves["continual_accuracy"].shape
    assert (
        record.curves["continual_images"][0, 0, 0] == by_hand(make_bench(Naive, tasks=2), 0)[0][0]
    )


def test_every_part_of_a_composition_looks(make_bench: Any) -> None:
    record = make_bench([Naive, Looking], tasks=2).run(0)
    assert record.notes["images"].shape == (1, 3, 2)


def test_nobody_is_asked_where_no_part_looks(make_bench: Any) -> None:
    strategy, _ = make_bench([Naive, Looking]).start(0)
    assert "begin_evaluation" in strategy.session.overridden
    strategy, _ = make_bench(Naive).start(0)
    assert "begin_evaluation" not in strategy.session.overridden


class Placed(Strategy):
    """Finds what it is asked to predict in what it looked at before."""

    wiring = Strategy.wiring | {"looked"}
    found: ClassVar[list[bool]] = []

    def begin_evaluation(self, look: Any) -> None:
        super().begin_evaluation(look)
        batches = list(look.batches())
        self.looked = torch.cat([images.x for images in batches], dim=1)
        starts = [images.start for images in batches]
        assert starts == [16 * number for number in range(len(batches))]

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        asked = self.asked
        if asked is not None and asked.start is not None:
            here = self.looked[:, asked.start : asked.start + x.shape[1]]
            self.found.append(torch.equal(here, x) and torch.equal(asked.x, x))
        return super().predict(x, task)


def test_who_predicts_knows_where_the_images_stand(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clbench.engine.streams.Streams.chunk", lambda self, split: 16)
    Placed.found.clear()
    make_bench(Placed, tasks=2, metrics=[OnlineAccuracy]).run(0, 2)
    assert len(Placed.found) == 2 * 8  # two batches of each of eight test sets
    assert all(Placed.found)


def test_images_asked_about_outside_of_a_test_set_stand_nowhere(make_bench: Any) -> None:
    class Asked(Strategy):
        """Keeps what it knows of what it is asked."""

        seen: ClassVar[list[Any]] = []

        def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
            self.seen.append(self.asked)
            return super().predict(x, task)

        def end_task(self, task: Task) -> None:
            super().end_task(task)
            self.predict(next(iter(task.batches())).x)

    make_bench(Asked, tasks=1, metrics=[OnlineAccuracy]).run(0)
    test_set, in_training, mine = Asked.seen[0], Asked.seen[1], Asked.seen[-2]
    assert test_set.start == 0
    assert test_set.valid.sum() == 60
    assert in_training.start is None
    assert in_training.valid.all()
    assert mine is None


# ------------------------------------------------------------------------------------------ notes


def test_of_a_note_for_each_task_that_of_the_test_set_is_kept(make_bench: Any) -> None:
    class Guessing(Strategy):
        """Notes what holds of each task, and is told of none."""

        def begin_evaluation(self, look: Any) -> None:
            super().begin_evaluation(look)
            tasks = torch.arange(self.scenario.tasks, device=self.device)
            self.note("which", tasks + 10.0 * torch.arange(self.members)[:, None])

    record = make_bench(Guessing, evaluate={"every": 4}).run(0, 1)
    assert record.notes["which"][1].tolist() == [[10.0, 11.0, 12.0]] * 4
    assert record.curves["continual_which"][0, 0].tolist()[:1] == [0.0]


def test_of_a_note_for_each_task_a_solo_strategys_is_kept(make_bench: Any) -> None:
    class GuessingAlone(SoloStrategy):
        """The same for one member."""

        def begin_evaluation(self, look: Any) -> None:
            self.note("which", torch.arange(self.scenario.tasks))

    record = make_bench(GuessingAlone).run(0)
    assert record.notes["which"][0].tolist() == [[0.0, 1.0, 2.0]] * 4


def results_of(record: Any, tmp_path: Any) -> Results:
    """What was measured, through a file."""
    path = tmp_path / "notes.h5"
    write_record(path, [record], suite="notes", suite_text="", environment={})
    return load(path)


def test_notes_come_back_from_a_record(make_bench: Any, tmp_path: Any) -> None:
    record = make_bench(Looking, tasks=2).run(0, 1)
    results = results_of(record, tmp_path)
    cell = results.cells[0]
    assert np.array_equal(cell.notes["light"], record.notes["light"])
    frame = results.frame(["images"])
    last = frame[frame.task == 2].value.tolist()
    assert last == record.notes["images"][:, -1, 1].tolist()
    summary = frame[frame.task.isna()].value.tolist()
    assert summary == record.notes["images"][:, -1].mean(1).tolist()
    assert "images" in results.metric_names()
    assert np.array_equal(results.run(cell, 1).notes["images"], record.notes["images"][1])


def test_notes_stand_beside_the_entries_of_long_streams(make_bench: Any, tmp_path: Any) -> None:
    bench = make_bench(Looking, evaluate="current")
    record = bench.run(0, 1)
    assert record.notes["images"].shape == record.entries.value.shape
    counts, _ = by_hand(bench, 1)
    assert record.notes["images"][1].tolist() == [counts[0], *counts]
    cell = results_of(record, tmp_path).cells[0]
    assert np.array_equal(cell.notes["images"], record.notes["images"])


def test_notes_of_two_jobs_are_merged_where_they_belong(make_bench: Any) -> None:
    bench = make_bench(Looking, evaluate="current")
    one, other = bench.run(0), bench.run(1)
    assert other.entries is not None
    fewer = other.entries
    keep = np.array([0, 1, 3])  # as if its member had diverged for a while
    other.entries = type(fewer)(fewer.row[keep], fewer.column[keep], fewer.value[:, keep])
    other.notes = {name: values[:, keep] for name, values in other.notes.items()}
    (merged,) = merge_cells([one, other])
    assert np.isnan(merged.notes["images"][1, 2])
    both = bench.run(0, 1).notes["images"]
    assert np.array_equal(merged.notes["images"][:, keep], both[:, keep])


def test_notes_of_a_member_that_diverged_end_there(make_bench: Any) -> None:
    class Breaking(Looking):
        """Its second member diverges in the second task."""

        def task_loss(self, batch: Any) -> Tensor:
            broken = (torch.arange(self.members) == 1) & (self.task.index == 1)
            return super().task_loss(batch) + torch.where(broken, torch.nan, 0.0)

    record = make_bench(Breaking, tasks=3).run(0, 1)
    assert not np.isnan(record.notes["images"][0]).any()
    assert not np.isnan(record.notes["images"][1, :2]).any()
    assert np.isnan(record.notes["images"][1, 2:]).all()


@pytest.mark.parametrize(
    ("value", "got"), [(torch.zeros(3), r"\[3\]; \[1\] is wanted"), (1.0, r"float; \[1\]")]
)
def test_a_note_of_a_wrong_shape_is_named(make_bench: Any, value: Any, got: str) -> None:
    class Odd(Strategy):
        """Notes what is not one value a member."""

        def begin_evaluation(self, look: Any) -> None:
            super().begin_evaluation(look)
            self.note("odd", value)

    with pytest.raises(StrategyError, match=rf"note\('odd'\) was given {got}"):
        make_bench(Odd).run(0)


def test_a_note_with_a_name_of_the_engines_is_named(make_bench: Any) -> None:
    class Same(Strategy):
        """Calls its note accuracy."""

        def begin_evaluation(self, look: Any) -> None:
            super().begin_evaluation(look)
            self.note("accuracy", torch.zeros(self.members))

    with pytest.raises(StrategyError, match="the engine uses this name itself"):
        make_bench(Same).run(0)


def test_a_note_outside_of_an_evaluation_is_named(make_bench: Any) -> None:
    class Late(Strategy):
        """Notes where nothing is evaluated."""

        def end_task(self, task: Task) -> None:
            super().end_task(task)
            self.note("late", torch.zeros(self.members))

    with pytest.raises(StrategyError, match=r"call it in begin_evaluation or predict; self.log is"):
        make_bench(Late).run(0)


# ------------------------------------------------------------------------------------------ oracles


class Peeking(Strategy):
    """Wants to see the labels."""

    def begin_evaluation(self, look: Any) -> None:
        super().begin_evaluation(look)
        self.note("first", look.labels[:, 0])
        self.note("of_task", torch.full((self.members,), look.task.index))


class Oracle(Peeking):
    """And says so."""

    oracle = True


class OracleAlone(SoloStrategy):
    """The same for one member."""

    oracle = True

    def begin_evaluation(self, look: Any) -> None:
        assert len(look.labels) == sum(len(images.x) for images in look.batches())
        self.note("first", look.labels[0])
        self.note("of_task", look.task.index)


def test_labels_are_refused_to_who_is_no_oracle(make_bench: Any) -> None:
    with pytest.raises(StrategyError, match=r"look.labels is what .* says `oracle = True`"):
        make_bench(Peeking).run(0)


@pytest.mark.parametrize("strategy", [Oracle, OracleAlone])
def test_an_oracle_sees_labels_and_task_and_is_marked(
    make_bench: Any, tmp_path: Any, strategy: Any
) -> None:
    record = make_bench(strategy).run(0)
    assert record.declared == ("oracle",)
    assert record.notes["of_task"][0].tolist() == [[0.0, 1.0, 2.0]] * 4
    results = results_of(record, tmp_path)
    assert results.cells[0].declared == ("oracle",)
    console = Console(width=100, file=io.StringIO())
    console.print(summary_table(results))
    shown = console.file.getvalue()
    assert f"{record.label} (oracle)" in shown
    assert f"(oracle) {record.label}: it sees the labels" in shown


@pytest.mark.parametrize("base", [Oracle, OracleAlone])
def test_an_option_may_decide_whether_labels_are_seen(make_bench: Any, base: Any) -> None:
    class Choosing(base):  # type: ignore[misc]
        """Sees labels where it is told to."""

        peek: bool = False  # look at labels

        def declares(self) -> frozenset[str]:
            return super().declares() if self.peek else frozenset()

    assert make_bench(Choosing(peek=True)).run(0).declared == ("oracle",)
    with pytest.raises(StrategyError, match=r"look.labels is what"):
        make_bench(Choosing).run(0)


def test_the_mark_of_an_oracle_outlives_a_failed_job(make_bench: Any) -> None:
    one, other = make_bench(Naive).run(0), make_bench(Naive).run(1)
    other.declared = ("oracle",)
    (merged,) = merge_cells([one, other])
    assert merged.declared == ("oracle",)


def test_the_task_is_seen_where_the_setting_tells_it(make_bench: Any) -> None:
    class Told(Strategy):
        """Looks at the task."""

        def begin_evaluation(self, look: Any) -> None:
            super().begin_evaluation(look)
            self.note("of_task", torch.full((self.members,), look.task.index))

    record = make_bench(Told, setting="task").run(0)
    assert record.notes["of_task"][0, 0].tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(StrategyError, match=r"look.task is what a method is tested on"):
        make_bench(Told).run(0)


def test_a_method_that_looks_trains_as_alone(make_bench: Any) -> None:
    bench = make_bench(Looking)
    together = bench.run(0, 1, 2)
    assert first_difference(rows(together, 1), rows(bench.run(1), 1)) is None


# ------------------------------------------------------------------------------------------ test
# data


class Cheating(Strategy):
    """Trains on test data, in the hook it is told."""

    where: ClassVar[str] = "begin_task"

    def _read(self) -> None:
        next(iter(self.session.streams.tasks[0].batches("test")))

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        if self.where == "begin_task":
            next(iter(task.batches("test", 16)))

    def observe(self, batch: Any) -> Any:
        if self.where == "observe":
            next(iter(batch.task.batches("test")))
        return super().observe(batch)

    def end_epoch(self, phase: Any, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        if self.where == "end_epoch":
            next(iter(self.task.batches(split="test", limit=5)))

    def begin_evaluation(self, look: Any) -> None:
        super().begin_evaluation(look)
        if self.where == "begin_evaluation":
            self._read()

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        if self.where == "predict":
            self._read()
        return super().predict(x, task)


class CheatingAlone(SoloStrategy):
    """The same for one member."""

    def end_task(self, task: Task) -> None:
        next(iter(self.batches("test")))


WHERE = ["begin_task", "observe", "end_epoch", "begin_evaluation", "predict"]


@pytest.mark.parametrize("where", WHERE)
def test_test_data_is_refused_to_every_hook(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(Cheating, "where", where)
    with pytest.raises(StrategyError, match=r"asked for test data.*`reads_test = True`"):
        make_bench(Cheating, tasks=2).run(0)


def test_test_data_is_refused_to_solo_strategies(make_bench: Any) -> None:
    with pytest.raises(StrategyError, match="asked for test data"):
        make_bench(CheatingAlone, tasks=2).run(0)


@pytest.mark.parametrize("base", [Cheating, CheatingAlone])
def test_who_declares_it_reads_test_data_and_is_marked(make_bench: Any, base: Any) -> None:
    declared = type("Declared", (base,), {"__doc__": "Says so.", "reads_test": True})
    record = make_bench(declared, tasks=2).run(0)
    assert record.declared == ("reads_test",)
    assert marked_label(record) == "declared (reads test)"


def test_how_many_test_samples_there_are_is_no_secret(make_bench: Any) -> None:
    class Counting(Strategy):
        """Asks for the number alone."""

        def begin_task(self, task: Task) -> None:
            super().begin_task(task)
            assert all(task.size("test"))

    assert make_bench(Counting, tasks=2).run(0).declared == ()


def total(batches: Iterable[Any]) -> Tensor:
    """The sum of all pixels."""
    return sum((batch.x.sum() for batch in batches), torch.zeros(()))


def test_probe_metrics_read_test_data(make_bench: Any) -> None:
    class TestLight(ProbeMetric):
        """The mean light of a task's test images, by both ways to them."""

        when = "task_end"

        def measure(self, probe: Any) -> Tensor:
            both = probe.task.batches("test"), probe.data("test", "current")
            one, other = map(total, both)
            return torch.stack([one, other])[None]

    record = make_bench(Naive, tasks=2, metrics=[TestLight]).run(0)
    assert record.errors == ()
    assert (record.metrics["test_light"] > 0).all()
    with pytest.raises(StrategyError, match="asked for test data"):  # and nobody after them
        make_bench(Cheating, tasks=2, metrics=[TestLight]).run(0)


def test_what_is_noted_late_within_tasks_stands_beside_its_steps(make_bench: Any) -> None:
    class Late(Strategy):
        """Notes something from the second task on, and not always."""

        def begin_evaluation(self, look: Any) -> None:
            super().begin_evaluation(look)
            if self.task.index:
                self.note("late", torch.full((self.members,), float(self.task.index)))

    record = make_bench(Late, tasks=3, evaluate={"every": 2}, order="random").run(0, 1)
    task, late = record.curves["continual_task"], record.curves["continual_late"]
    assert late.shape == record.curves["continual_accuracy"].shape
    for row in range(2):
        known = ~np.isnan(task[row])
        noted = ~np.isnan(late[row]).all(axis=1)
        assert np.array_equal(noted[known], task[row][known] > 1)
        assert np.array_equal(late[row][noted][:, 0], task[row][noted] - 1)
