"""Jobs that fail, are killed, run out of memory or of room; the others go on."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from clbench.errors import OutputError, RunFailed
from clbench.execution import Options, open_suite, run_suite
from clbench.execution.display import Lines
from clbench.execution.job_record import save
from clbench.testing.bench import first_difference, rows

from .whole_runs import SUITE, cells, run


def test_worker_processes_outlive_what_strategies_do_to_them(tmp_path: Path, faulty: Path) -> None:
    kinds = [{"faulty": {"how": how, "label": how}} for how in ("die", "print", "fine")]
    suite, host = open_suite({**SUITE, "strategies": kinds}, [faulty])
    lines = io.StringIO()
    outcome = run_suite(
        suite,
        host,
        Options(out=tmp_path, device="cpu", workers=1),
        Lines(Console(file=lines, width=200)),
    )
    found = cells(tmp_path)
    assert "split  print  seeds 0-1 | not JSON at all\n" in lines.getvalue()
    assert {label: cell.status for label, cell in found.items()} == {
        "die": "failed",
        "print": "done",
        "fine": "done",
    }
    assert found["fine"].test_images == 355  # the test part of `digits`
    assert (
        "killed by signal 9 (SIGKILL); the system kills so when memory runs out; tried once more, "
        "from its last checkpoint\n" in lines.getvalue()
    )
    assert "SIGKILL" in found["die"].errors[0]
    assert outcome.failures[0].error.startswith(
        "for the second time, the worker process was killed by signal 9 (SIGKILL)"
    )
    assert outcome.exit_code == 1


def test_a_strategy_that_raises_is_recorded_and_the_others_go_on(
    tmp_path: Path, inline: Path, faulty: Path
) -> None:
    outcome = run(tmp_path, inline, faulty, strategies=["faulty", "naive"])
    assert outcome.exit_code == 1
    assert [str(failure) for failure in outcome.failures] == [
        "split, faulty, seeds 0-1: ValueError: no luck today"
    ]
    found = cells(tmp_path)
    assert found["naive"].status == "done"
    assert found["faulty"].status == "failed"
    assert 'raise ValueError("no luck today")' in found["faulty"].errors[0]
    assert (
        run(tmp_path, inline, faulty, strategies=["faulty", "naive"]).ran == 1
    )  # the failed job is tried again


def test_a_job_that_took_too_long_is_recorded_as_such(tmp_path: Path, inline: Path) -> None:
    outcome = run(tmp_path, inline, strategies=[{"naive": {"label": "late"}}])
    assert (outcome.exit_code, outcome.failures[0].error) == (1, "it took too long")
    member_status = cells(tmp_path)["late"].member_status
    assert member_status is not None
    assert member_status.tolist() == ["timeout", "timeout"]


def test_a_job_whose_worker_was_killed_goes_on_and_the_record_is_that_of_another_launcher(
    tmp_path: Path, inline: Path, faulty: Path
) -> None:
    strategies = [{"faulty": {"how": "once", "mark": str(tmp_path / "mark")}}]
    assert run(tmp_path / "a", faulty, strategies=strategies).exit_code == 0
    assert (tmp_path / "mark").exists()
    assert run(tmp_path / "b", inline, faulty, strategies=strategies).exit_code == 0
    resumed, whole = cells(tmp_path / "a")["faulty"], cells(tmp_path / "b")["faulty"]
    np.testing.assert_array_equal(resumed.accuracy, whole.accuracy)
    np.testing.assert_array_equal(resumed.loss, whole.loss)
    assert resumed.errors == ()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["tiny.h5"]


def test_a_job_out_of_memory_is_divided(tmp_path: Path, inline: Path, faulty: Path) -> None:
    outcome = run(tmp_path, inline, faulty, strategies=[{"faulty": {"how": "memory"}}], seeds=3)
    assert (outcome.exit_code, outcome.finished) == (0, 3)


def test_of_ten_one_runs_out_of_memory_and_one_diverges_and_nine_are_right(
    tmp_path: Path, inline: Path, faulty: Path
) -> None:
    strategies = [{"faulty": {"how": "memory alone"}}]
    outcome = run(tmp_path / "ten", inline, faulty, strategies=strategies, seeds=10)
    (failure,) = outcome.failures
    assert (outcome.exit_code, outcome.finished, failure.seeds) == (1, 9, (3,))
    assert failure.error == "out of memory with one seed alone: MemoryError: seed 3 is too much"
    ten = cells(tmp_path / "ten")["faulty"]
    run(
        tmp_path / "others",
        inline,
        faulty,
        strategies=strategies,
        seeds=[0, 1, 2, 4, 5, 6, 7, 8, 9],
    )
    others = cells(tmp_path / "others")["faulty"]
    for cell in (ten, others):
        assert (
            dict(zip(cell.seed.tolist(), cell.member_status.tolist(), strict=True))[7] == "diverged"
        )
    for seed in others.seed:
        assert first_difference(rows(others, seed), rows(ten, seed)) is None
    assert others.diverged_at[others.seed == 7] == ten.diverged_at[ten.seed == 7] > 0


def test_a_cell_in_which_everybody_diverged_is_exit_1(
    tmp_path: Path, inline: Path, faulty: Path
) -> None:
    outcome = run(tmp_path, inline, faulty, strategies=[{"faulty": {"how": "diverge"}}])
    assert (outcome.exit_code, outcome.failures, outcome.diverged) == (1, (), ("split, faulty",))


def full(path: Path, *rest: Any, **options: Any) -> None:
    raise OutputError(
        f"cannot write {path}: the disk is full; free some space and run the same command again"
    )


FULL = (
    "stopped: cannot write .*: the disk is full; free some space and run the same command again;"
    " what is finished is kept"
)


def test_a_record_that_finds_no_room_stops_the_run_and_the_next_one_goes_on(
    tmp_path: Path, inline: Path, faulty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategies = [
        "naive",
        {"faulty": {"how": "slow", "mark": str(tmp_path / "steps")}},
        {"er": {"memory": 9}},
    ]
    with monkeypatch.context() as patch:
        patch.setattr(
            "clbench.execution.worker.save",
            lambda record, job, site, run: (full if job.cell.label == "faulty" else save)(
                record, job, site, run
            ),
        )
        with pytest.raises(RunFailed, match=FULL) as caught:
            run(tmp_path / "out", inline, faulty, strategies=strategies, seeds=1)
    assert (caught.value.exit_code, "\n" in str(caught.value)) == (1, False)
    assert list(cells(tmp_path / "out")) == ["naive"]
    steps = (tmp_path / "steps").read_text()
    outcome = run(tmp_path / "out", inline, faulty, strategies=strategies, seeds=1)
    assert (outcome.exit_code, outcome.ran) == (0, 2)
    assert (tmp_path / "steps").read_text() == steps  # what was trained is not trained again
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny.h5"]


def test_a_merged_record_that_finds_no_room_keeps_what_was_measured(
    tmp_path: Path, inline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("clbench.execution.store.write_file", full)
        with pytest.raises(RunFailed, match=FULL):
            run(tmp_path, inline)
    assert len(list((tmp_path / "jobs").glob("*.h5"))) == 1
    outcome = run(tmp_path, inline)
    assert (outcome.exit_code, outcome.finished, outcome.ran) == (0, 2, 0)


def test_a_damaged_checkpoint_is_said_and_its_job_starts_anew(
    tmp_path: Path, inline: Path, faulty: Path
) -> None:
    strategies = [{"faulty": {"how": "raise"}}]
    run(tmp_path, inline, faulty, strategies=strategies, seeds=1)
    (checkpoint,) = (tmp_path / "checkpoints").glob("*.ckpt")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    suite, host = open_suite({**SUITE, "strategies": strategies, "seeds": 1}, [inline, faulty])
    lines = io.StringIO()
    options = Options(out=tmp_path, device="cpu", launcher="inline", workers=1)
    run_suite(suite, host, options, Lines(Console(file=lines, width=300)))
    assert (
        f"the checkpoint {checkpoint} cannot be used (it is damaged or cut off); the job starts "
        "anew" in lines.getvalue()
    )
