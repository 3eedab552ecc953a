from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clbench.errors import OutputError, RecordError
from clbench.execution.job_record import failed_record, save
from clbench.execution.jobs import Job, PlannedCell, Site
from clbench.execution.store import Store
from clbench.records import CellRecord, read_record, write_record
from clbench.suite import Cell, Choice, Compare, Suite
from clbench.suite.choice import MetricChoice
from clbench.suite.protocol import Protocol


def a_cell(label: str = "er", scenario: str = "split") -> Cell:
    return Cell(
        Choice("split", {"dataset": "digits"}),
        scenario,
        (Choice("er", {}),),
        label,
        Protocol(epochs=1),
        (),
        (0, 1),
    )


def a_job(key: str = "k1", seeds: tuple[int, ...] = (0,), label: str = "er") -> Job:
    return Job(PlannedCell(a_cell(label), key, tasks=1), tuple((seed, 0) for seed in seeds))


def a_record(job: Job, value: float = 0.5) -> CellRecord:
    seeds = np.array([seed for seed, _ in job.members])
    return CellRecord(
        job.key, "split", "er", job.cell.label, seeds, np.full((len(seeds), 2, 1), value)
    )


def finish(store: Store, job: Job, value: float = 0.5) -> None:
    save(a_record(job, value), job, Site(store.folder, store.suite))


def merge(
    store: Store,
    *current: tuple[str, str],
    seeds: tuple[int, ...] = (0, 1, 2),
    own_seeds: tuple[int, ...] | None = None,
    **content: object,
) -> None:
    suite = Suite(
        "s",
        "s.yaml",
        "name: s",
        seeds,
        (MetricChoice("forgetting", {}, "forgetting"),),
        Compare(),
        own_seeds=own_seeds,
    )
    planned = [
        PlannedCell(replace(a_cell(label), seeds=seeds), key, content) for key, label in current
    ]
    store.merge(store.read(), {one.key: one for one in planned}, suite, {"python": "3"})


def test_job_files_become_one_record_and_are_removed(tmp_path: Path) -> None:
    with Store(tmp_path / "s", "s").open() as store:
        finish(store, a_job(seeds=(0, 1)))
        finish(store, a_job(seeds=(2,)))
        merge(store, ("k1", "er"))
    record = read_record(store.record)
    assert record.cells[0].seed.tolist() == [0, 1, 2]
    assert [name for name, _ in record.metrics] == ["forgetting"]
    assert sorted(path.name for path in store.folder.iterdir()) == ["s.h5"]


def test_job_files_nobody_merged_count_as_measured(tmp_path: Path) -> None:
    with Store(tmp_path, "s").open() as store:
        finish(store, a_job())
    assert Store(tmp_path, "s").read().cells["k1"].members == 1


def test_a_retry_takes_the_place_of_a_failure_and_of_its_traceback(tmp_path: Path) -> None:
    with Store(tmp_path, "s").open() as store:
        job = a_job()
        save(failed_record(job, "Traceback: it broke"), job, Site(tmp_path, "s"))
        merge(store, ("k1", "er"))
        assert store.read().cells["k1"].errors == ("Traceback: it broke",)
        assert store.read().cells["k1"].status == "failed"
        finish(store, job)
        merge(store, ("k1", "er"))
    cell = read_record(store.record).cells[0]
    assert (cell.status, cell.errors) == ("done", ())


def test_cells_stand_in_the_suites_order_under_its_labels_of_today(tmp_path: Path) -> None:
    with Store(tmp_path, "s").open() as store:
        finish(store, a_job("k1", label="er"))
        finish(store, a_job("k2", label="ewc"))
        merge(store, ("k2", "ewc"), ("k1", "er(memory=5)"))
    assert [cell.label for cell in read_record(store.record).cells] == ["ewc", "er(memory=5)"]


def keys(cells: list[CellRecord]) -> list[str]:
    return [cell.key for cell in cells]


def test_a_cell_that_was_edited_is_kept_apart_and_comes_back(tmp_path: Path) -> None:
    with Store(tmp_path, "s").open() as store:
        finish(store, a_job("old"))
        merge(store, ("old", "er"))
        finish(store, a_job("new"))
        merge(store, ("new", "er"), versions={"strategy er": "sha256:2"})
        record = read_record(store.record)
        assert (keys(record.cells), keys(record.apart)) == (["new"], ["old"])
        assert record.apart[0].apart == "it was measured with other code"
        merge(store, ("old", "er"))
        record = read_record(store.record)
        assert (keys(record.cells), keys(record.apart)) == (["old"], ["new"])
    assert store.read().cells.keys() == {"old", "new"}


def test_cells_of_strategies_that_left_the_suite_are_kept_apart(tmp_path: Path) -> None:
    with Store(tmp_path, "s").open() as store:
        finish(store, a_job("k1", label="er"))
        merge(store, ("k1", "er"))
        merge(store, ("k2", "ewc"))
    record = read_record(store.record)
    assert (keys(record.cells), keys(record.apart)) == ([], ["k1"])
    assert record.apart[0].apart == "the suite no longer asks for it"


def test_seeds_that_were_taken_away_are_kept_apart_and_come_back(tmp_path: Path) -> None:
    with Store(tmp_path, "s").open() as store:
        finish(store, a_job(seeds=(0, 1, 2)))
        merge(store, ("k1", "er"))
        merge(store, ("k1", "er"), seeds=(0, 2))
        record = read_record(store.record)
        assert record.cells[0].seed.tolist() == [0, 2]
        assert record.apart[0].seed.tolist() == [1]
        assert store.read().cells["k1"].seed.tolist() == [0, 1, 2]
        merge(store, ("k1", "er"))
        record = read_record(store.record)
        assert (record.cells[0].seed.tolist(), record.apart) == ([0, 1, 2], [])


def test_seeds_of_one_run_come_on_top_of_those_of_the_suite(tmp_path: Path) -> None:
    with Store(tmp_path, "s").open() as store:
        for seed in (0, 5, 6):
            finish(store, a_job(seeds=(seed,)))
            named = None if seed == 0 else (0,)
            merge(store, ("k1", "er"), seeds=(seed,), own_seeds=named)
        assert read_record(store.record).cells[0].seed.tolist() == [0, 5, 6]
        merge(store, ("k1", "er"), seeds=(0,))  # the suite's own again
    record = read_record(store.record)
    assert record.cells[0].seed.tolist() == [0]
    assert record.apart[0].seed.tolist() == [5, 6]


def test_what_an_earlier_version_had_set_aside_moves_into_the_record(tmp_path: Path) -> None:
    with Store(tmp_path, "s").open() as store:
        cells = [a_record(a_job("old"))]
        write_record(store.superseded, cells, suite="s", suite_text="", environment={})
        finish(store, a_job("new"))
        merge(store, ("new", "er"))
    record = read_record(store.record)
    assert (keys(record.cells), keys(record.apart)) == (["new"], ["old"])
    assert not store.superseded.exists()


def test_a_second_run_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with Store(tmp_path, "s").open():
        with (
            pytest.raises(OutputError, match=f"process {os.getpid()} on ") as caught,
            Store(tmp_path, "s").open(),
        ):
            pass
        assert caught.value.exit_code == 2
    with Store(tmp_path, "s").open():
        pass  # and it is free again


def test_the_lock_of_a_killed_run_is_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from clbench.execution.store import Store\n"
        f"with Store(Path({str(tmp_path)!r}), 's').open(): print('held', flush=True); "
        "time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(OutputError, match=f"process {process.pid} "),
            Store(tmp_path, "s").open(),
        ):
            pass
        process.send_signal(signal.SIGKILL)
    with Store(tmp_path, "s").open():
        pass


def test_what_a_dead_run_left_half_written_is_removed(tmp_path: Path) -> None:
    for name in (".s.h5.1234.tmp", "jobs/.x.h5.tmp", "checkpoints/.x.ckpt.99.tmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with Store(tmp_path, "s").open():
        assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("folder", ["/proc/nobody/writes/here", "/dev/null/x"])
def test_a_folder_that_cannot_be_written_is_refused_in_one_sentence(folder: str) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot write to .*--out") as caught,
        Store(Path(folder), "s").open(),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_a_disk_without_room_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="MB left"), Store(tmp_path, "s").open(expected=1 << 60):
        pass


def test_a_record_that_is_none_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s.h5").write_text("something else")
    with pytest.raises(RecordError, match=r"s\.h5.*--out"):
        Store(tmp_path, "s").read()
    assert (tmp_path / "s.h5").read_text() == "something else"


def test_jobs_with_a_checkpoint_are_found_again(tmp_path: Path) -> None:
    site, job, other = Site(tmp_path, "s"), a_job(seeds=(0, 1)), a_job("k2")
    with Store(tmp_path, "s").open() as store:
        store.begin([job, other])
        site.checkpoint(job).touch()
        assert store.begun(site) == [job]
        finish(store, job)
        assert store.begun(site) == []
        store.forget()
        assert not list(store.checkpoints.iterdir())
