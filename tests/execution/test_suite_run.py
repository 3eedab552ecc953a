"""Whole runs on digits. Where processes do not matter the jobs run in this one, by a launcher that
is a plugin like any other.
"""

from __future__ import annotations

import io
import json
import os
import platform
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import clbench
from clbench.errors import OutputError, RunFailed, SuiteError, UnknownName, UserError
from clbench.execution import Options, Outcome, open_suite, run_suite
from clbench.execution.display import Lines
from clbench.execution.environment import PACKAGES
from clbench.execution.job_record import save
from clbench.records import CellRecord, read_record
from clbench.records.provenance import runs_of
from clbench.report.terminal import summary_table
from clbench.testing.bench import first_difference, rows

SUITE: dict[str, Any] = {
    "name": "tiny",
    "scenarios": [{"split": {"dataset": "digits", "tasks": 5}}],
    "protocol": {
        "model": {"mlp": {"hidden": [8]}},
        "epochs": 1,
        "batch_size": 64,
        "optimizer": {"sgd": {"lr": 0.05}},
    },
    "seeds": 2,
    "strategies": ["naive"],
    "metrics": [],
}

FAULTY = """
import os, signal, time, torch
from pathlib import Path
from clbench import Strategy, hookimpl

class Faulty(Strategy):
    \"\"\"Breaks in the way it is told.\"\"\"
    how: str = "raise"
    mark: str = ""

    def task_loss(self, batch):
        if self.how == "slow":
            time.sleep(0.05)
            with open(self.mark, "a") as file:
                file.write(f"{self.task.index} {batch.index[0].tolist()}\\n")
        loss = super().task_loss(batch)
        if self.how == "memory alone" and (7, 0) in self.session.members:
            broken = [seed == 7 and self.task.index == 2 for seed, _ in self.session.members]
            return torch.where(torch.tensor(broken), torch.nan, loss)
        return loss

    def begin_task(self, task):
        super().begin_task(task)
        if task.index != 1:
            return
        if self.how == "raise":
            raise ValueError("no luck today")
        if self.how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "print":
            print("not JSON at all", flush=True)
        if self.how == "once" and not Path(self.mark).exists():
            Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "sleep":
            time.sleep(60)
        if self.how == "memory alone" and (3, 0) in self.session.members:
            raise MemoryError("seed 3 is too much")
        if self.how == "memory" and self.members > 1:
            raise MemoryError("too much")
        if self.how == "diverge":
            for p in self.net.parameters():
                p.data.fill_(float("nan"))

@hookimpl
def clbench_strategies():
    return [Faulty]
"""

INLINE = """
from clbench import JobEvent, Launcher, hookimpl
from clbench.execution.worker import perform
from clbench.host import Host

class Inline(Launcher):
    \"\"\"Jobs in this very process, one after the other.\"\"\"

    def slots(self, device, workers):
        return [device] * workers

    def run(self, jobs, slots, site):
        host = Host.load(site.plugins)
        for job in jobs:
            if job.cell.label == "late":
                yield JobEvent("ended", job.id, status="timeout", error="it took too long")
                continue
            events = []
            ended = perform(job, site, slots[0], host, events.append)
            yield from [*events, ended]

@hookimpl
def clbench_launchers():
    return [Inline]
"""


CUTTER = """
from clbench import Strategy, hookimpl


class Cutter(Strategy):
    replaces = frozenset({"observe"})

    def observe(self, batch):
        return None


@hookimpl
def clbench_strategies():
    return [Cutter]
"""


@pytest.fixture
def inline(tmp_path: Path) -> Path:
    path = tmp_path / "inline.py"
    path.write_text(INLINE)
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "faulty.py"
    path.write_text(FAULTY)
    return path


def run(
    out: Path, *plugins: Path, options: dict[str, Any] | None = None, **changes: Any
) -> Outcome:
    suite, host = open_suite({**SUITE, **changes}, plugins)
    launcher = "inline" if any(path.stem == "inline" for path in plugins) else "local"
    return run_suite(
        suite,
        host,
        Options(out=out, device="cpu", launcher=launcher, **{"workers": 1, **(options or {})}),
    )


def cells(out: Path, name: str = "tiny") -> dict[str, CellRecord]:
    return {cell.label: cell for cell in read_record(out / f"{name}.h5").cells}


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


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"protocol": {"optimizer": {"torch.RMSprp": {}}}},
            "protocol.optimizer.torch.RMSprp: torch has no optimizer 'RMSprp'",
        ),
        (
            {"protocol": {"optimizer": {"torch.RMSprop": {"lr": 0.1, "foo": 1}}}},
            "torch.RMSprop.foo: unknown option",
        ),
        ({"protocol": {"optimizer": {"torch.Adagrad": {"eps": "x"}}}}, "torch.Adagrad"),
        ({"strategies": ["cutter+naive"]}, "cutter replaces observe without calling super"),
    ],
)
def test_what_cannot_train_is_refused_with_its_line(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    plugin = tmp_path / "cutter.py"
    plugin.write_text(CUTTER)
    with pytest.raises(SuiteError, match=rf"<dict>:\d+: .*{sentence}"):
        open_suite({**SUITE, **changes}, [plugin])


def test_a_model_that_does_not_fit_the_images_is_refused_before_anything_runs(
    tmp_path: Path,
) -> None:
    with pytest.raises(
        UserError,
        match="scenario split: convnet needs images of at least 24x24 pixels; these are 8x8",
    ):
        run(tmp_path / "out", protocol={"model": "convnet"})
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_no_module_is_refused_before_anything_runs(tmp_path: Path) -> None:
    plugin = tmp_path / "five.py"
    plugin.write_text(
        "from clbench import hookimpl\ndef five(input_shape, classes):\n    return "
        "5\n@hookimpl\ndef clbench_models():\n    return [five]\n"
    )
    with pytest.raises(
        UserError, match=r"scenario split: model 'five' returned int; a torch.nn.Module is wanted"
    ):
        run(tmp_path / "out", plugin, protocol={"model": "five"})


def test_a_run_leaves_one_record_and_the_next_one_has_nothing_to_do(
    tmp_path: Path, inline: Path
) -> None:
    outcome = run(tmp_path / "out", inline, options={"workers": 2})
    assert (outcome.exit_code, outcome.finished, outcome.requested) == (0, 2, 2)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["tiny.h5"]
    before = cells(tmp_path / "out")["naive"]
    assert before.accuracy is not None
    assert not np.isnan(before.accuracy[:, 1:, 0]).any()
    written = (tmp_path / "out" / "tiny.h5").read_bytes()
    again = run(tmp_path / "out", inline)
    assert (again.ran, again.exit_code) == (0, 0)
    assert (tmp_path / "out" / "tiny.h5").read_bytes() == written
    np.testing.assert_array_equal(cells(tmp_path / "out")["naive"].accuracy, before.accuracy)


def test_added_seeds_are_computed_and_the_others_left_alone(tmp_path: Path, inline: Path) -> None:
    run(tmp_path, inline, seeds=1)
    first = cells(tmp_path)["naive"]
    outcome = run(tmp_path, inline, seeds=3)
    both = cells(tmp_path)["naive"]
    assert outcome.ran == 1
    assert both.seed.tolist() == [0, 1, 2]
    assert both.accuracy is not None
    assert first.accuracy is not None
    np.testing.assert_array_equal(both.accuracy[:1], first.accuracy)
    np.testing.assert_array_equal(
        both.cost["train_seconds"][:1], first.cost["train_seconds"]
    )  # measured once


def test_after_an_edit_only_what_the_suite_asks_for_is_compared(
    tmp_path: Path, inline: Path
) -> None:
    def asked(memories: list[int], lr: float) -> dict[str, Any]:
        protocol = {**SUITE["protocol"], "optimizer": {"sgd": {"lr": lr}}}
        return {
            "strategies": ["naive", {"er": {"memory": {"grid": memories}}}],
            "protocol": protocol,
        }

    run(tmp_path, inline, **asked([50, 100], 0.1))
    run(tmp_path, inline, **asked([60, 120], 0.05))
    comparison = clbench.compare(tmp_path / "tiny.h5")
    asked_for = {"naive", "er(memory=60)", "er(memory=120)"}
    assert {row.strategy for row in comparison.summary} == asked_for
    assert len(comparison.pairs) == 3
    assert comparison.left_out[-1].startswith(
        "3 cells that the suite no longer asks for are kept apart"
    )
    assert set(clbench.load(tmp_path / "tiny.h5").frame()["strategy"]) == asked_for


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


def test_an_edited_plugin_runs_again_and_nothing_else(
    tmp_path: Path, inline: Path, faulty: Path
) -> None:
    run(tmp_path, inline, faulty, strategies=["faulty", "naive"])
    faulty.write_text(FAULTY.replace("raise ValueError", "return; raise ValueError"))
    outcome = run(tmp_path, inline, faulty, strategies=["faulty", "naive"])
    assert (outcome.ran, outcome.exit_code) == (1, 0)
    assert [cell.label for cell in read_record(tmp_path / "tiny.h5").cells] == ["faulty", "naive"]


def test_only_and_force_take_names(tmp_path: Path, inline: Path) -> None:
    strategies = ["naive", {"er": {"memory": 20}}]
    assert run(tmp_path, inline, strategies=strategies, options={"only": ["er"]}).requested == 2
    assert list(cells(tmp_path)) == ["er"]
    assert run(tmp_path, inline, strategies=strategies).ran == 1
    assert run(tmp_path, inline, strategies=strategies, options={"force": ["naive"]}).ran == 1
    with pytest.raises(UnknownName, match="did you mean 'naive'"):
        run(tmp_path, inline, strategies=strategies, options={"only": ["naiv"]})


def test_the_record_says_where_it_was_made(tmp_path: Path, inline: Path) -> None:
    outcome = run(tmp_path, inline, seeds=1)
    facts = read_record(outcome.record).environment
    assert {name for name, version in facts["packages"].items() if version} == set(PACKAGES)
    assert facts["device"] == "cpu"
    assert facts["threads"] == 1
    assert "clbench" in facts["plugins"]["naive"]
    assert facts["plugins"]["inline"].startswith("inline.py sha256:")
    begun = datetime.fromisoformat(facts["date"])
    assert timedelta() <= datetime.now(UTC) - begun < timedelta(minutes=10)


WORST = """
from clbench import RecordMetric, hookimpl

class WorstTask(RecordMetric):
    \"\"\"How bad the worst task is.\"\"\"
    unit, higher_is_better, limits = "fraction", False, (0.0, 1.0)
    factor: float = 1.0

    def value(self, run):
        return self.factor * (1 - run.accuracy[-1].min())

@hookimpl
def clbench_metrics():
    return [WorstTask]
"""


def test_a_record_metric_of_a_stranger_is_in_the_record_for_who_lacks_its_plugin(
    tmp_path: Path, inline: Path
) -> None:
    plugin = tmp_path / "worst.py"
    plugin.write_text(WORST)
    asked = {"metrics": [{"worst_task": {"factor": 0.5}}], "strategies": ["naive", "joint"]}
    run(tmp_path, inline, plugin, **asked)
    results = clbench.load(tmp_path / "tiny.h5")  # without the plugin
    assert "worst_task" not in results.host.names("metric")
    cell = results.cell("joint")
    measured = results.metric("worst_task", cell)
    assert cell.accuracy is not None
    np.testing.assert_allclose(measured.summary, 0.5 * (1 - cell.accuracy[:, -1].min(1)))
    assert (measured.unit, measured.higher_is_better, measured.limits) == (
        "fraction",
        False,
        (0, 1),
    )
    assert "worst_task" in set(results.frame()["metric"])
    comparison = clbench.compare(results, metric="worst_task")
    assert (comparison.higher_is_better, comparison.unit) == (False, "fraction")
    assert {row.n for row in comparison.summary} == {2}
    drawn = io.StringIO()
    Console(file=drawn, width=200).print(summary_table(results))
    assert "worst_task" in drawn.getvalue()
    assert "no plugin here" not in drawn.getvalue()


def test_an_edited_record_metric_is_stored_anew_without_training(
    tmp_path: Path, inline: Path
) -> None:
    plugin = tmp_path / "worst.py"
    for factor in (1.0, 3.0):
        plugin.write_text(WORST.replace("self.factor *", f"{factor} *"))
        outcome = run(tmp_path, inline, plugin, metrics=["worst_task"], seeds=1)
    assert outcome.ran == 0
    (cell,) = read_record(tmp_path / "tiny.h5").cells
    assert cell.accuracy is not None
    assert cell.metrics["worst_task"][0] == 3.0 * (1 - cell.accuracy[0, -1].min())


ELSEWHERE = INLINE.replace("class Inline", "class Elsewhere").replace("[Inline]", "[Elsewhere]")
ELSEWHERE = ELSEWHERE.replace(
    "ended = perform(job, site, slots[0], host, events.append)",
    """with mock.patch("platform.platform", lambda: "another machine"):
                ended = perform(job, site, slots[0], host, events.append)""",
).replace("from clbench import", "from unittest import mock\nfrom clbench import")


def test_each_seed_says_which_run_measured_it_as_its_worker_saw_it(
    tmp_path: Path, inline: Path
) -> None:
    run(tmp_path, inline, seeds=1)
    before = read_record(tmp_path / "tiny.h5")
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)
    suite, host = open_suite({**SUITE, "seeds": 2}, [tmp_path / "elsewhere.py"])
    run_suite(suite, host, Options(out=tmp_path, device="cpu", workers=1, launcher="elsewhere"))
    after = read_record(tmp_path / "tiny.h5")
    found = [(run["platform"], seeds) for run, seeds in runs_of(after, after.cells[0])]
    assert found == [(platform.platform(), [0]), ("another machine", [1])]
    assert after.runs[0] == before.runs[0]
    assert after.environment == after.runs[1]


def test_observers_are_told(tmp_path: Path, inline: Path) -> None:
    plugin = tmp_path / "watch.py"
    hooks = ("suite_started", "task_finished", "job_finished", "suite_finished")
    body = (
        "def clbench_{0}(event):\n"
        "    with open({1!r}, 'a') as file:\n"
        "        file.write('{0}\\n')\n"
    )
    plugin.write_text(
        "import clbench\n"
        + "".join(
            "@clbench.hookimpl\n" + body.format(hook, str(tmp_path / "seen")) for hook in hooks
        )
    )
    run(tmp_path / "out", inline, plugin, seeds=1)
    seen = (tmp_path / "seen").read_text().split()
    assert seen == ["suite_started", *["task_finished"] * 5, "job_finished", "suite_finished"]


# ------------------------------------------------------------------ Python


def test_clbench_run_gives_results(tmp_path: Path, inline: Path) -> None:
    where = {
        "out": tmp_path,
        "plugins": [inline],
        "launcher": "inline",
        "workers": 1,
        "device": "cpu",
    }
    results = clbench.run(
        SUITE, seeds=[3, 5], overrides={"protocol.batch_size": 32}, quiet=True, **where
    )
    assert results.cells[0].seed.tolist() == [3, 5]
    assert results.cells[0].protocol["batch_size"] == 32
    assert results.accuracy("naive").shape == (2, 6, 5)


def test_clbench_run_raises_what_the_command_would_print(
    tmp_path: Path, inline: Path, faulty: Path
) -> None:
    where = {
        "out": tmp_path,
        "plugins": [inline, faulty],
        "launcher": "inline",
        "workers": 1,
        "device": "cpu",
    }
    with pytest.raises(RunFailed, match="no luck today"):
        clbench.run({**SUITE, "strategies": ["faulty"]}, quiet=True, **where)


# ------------------------------------------------------------------ ends of processes


def start(folder: Path, faulty: Path, **options: str) -> subprocess.Popen[str]:
    suite = folder / "suite.json.yaml"
    suite.write_text(json.dumps({**SUITE, "strategies": ["naive", {"faulty": options}]}))
    where = [
        "--out",
        str(folder / "out"),
        "--plugin",
        str(faulty),
        "--workers",
        "1",
        "--device",
        "cpu",
    ]
    command = [sys.executable, "-m", "clbench", "run", str(suite), *where]
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # what a shell starts in the background ignores it
    )


def wait_for(condition: Any, seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_keeps_what_finished_loses_no_step_and_says_how_to_go_on(
    tmp_path: Path, faulty: Path, signal_: int
) -> None:
    steps = tmp_path / "steps"
    process = start(tmp_path, faulty, how="slow", mark=str(steps))
    wait_for(
        lambda: steps.exists() and len(steps.read_text().splitlines()) > 8
    )  # in the second task
    os.killpg(process.pid, signal_)  # as a terminal does, and a cluster: to everybody
    _, said = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "go on with: clbench run" in said
    assert list(cells(tmp_path / "out")) == ["naive"]
    before = steps.read_text().splitlines()
    strategies = ["naive", {"faulty": {"how": "slow", "mark": str(steps)}}]
    where: dict[str, Any] = {"out": tmp_path / "out", "plugins": faulty, "device": "cpu"}
    clbench.run({**SUITE, "strategies": strategies}, **where, workers=0, quiet=True)
    taken = steps.read_text().splitlines()
    assert len(before) < len(taken) == len(set(taken))
    assert {line.split()[0] for line in taken} == set("01234")


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path: Path, faulty: Path) -> None:
    process = start(tmp_path, faulty, how="sleep")
    wait_for(
        lambda: (
            list((tmp_path / "out" / "checkpoints").glob("*.ckpt"))
            and list((tmp_path / "out" / "jobs").glob("*.h5"))
        )
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children
    process.kill()
    process.communicate()
    wait_for(lambda: not any(_runs(int(child)) for child in children))
    assert [
        cell.label for cell in read_record(next((tmp_path / "out" / "jobs").glob("*.h5"))).cells
    ] == ["naive"]


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
