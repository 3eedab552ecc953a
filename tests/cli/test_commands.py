"""The commands, in process; runs go through a launcher of the test's own, so that nothing is
started.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from clbench.cli import main
from clbench.records import read_record

SUITE = """
    name: tiny
    scenarios:
      - split: {dataset: digits, tasks: 5}
    protocol: {model: {mlp: {hidden: [8]}}, epochs: 1, batch_size: 64}
    seeds: 2
    strategies:
      - naive
      - er: {memory: {grid: [10, 20]}}
    metrics: [average_accuracy]
"""

PLUGIN = '''
    from clbench import JobEvent, Launcher, Strategy, hookimpl
    from clbench.execution.worker import perform
    from clbench.host import Host


    class Inline(Launcher):
        """Jobs in this very process."""

        def slots(self, device, workers):
            return ["cpu"] * (workers or 1)

        def run(self, jobs, slots, site):
            host = Host.load(site.plugins)
            for job in jobs:
                events = []
                ended = perform(job, site, "cpu", host, events.append)
                yield from [*events, ended]


    class Stopping(Inline):
        """Ctrl-C after the first job."""

        def run(self, jobs, slots, site):
            yield from super().run(jobs[:1], slots, site)
            raise KeyboardInterrupt


    class Broken(Strategy):
        """Never works."""

        strength: float = 0.5  # how much it fails

        def begin_task(self, task):
            raise RuntimeError("it is broken")


    @hookimpl
    def clbench_launchers():
        return [Inline, Stopping]


    @hookimpl
    def clbench_strategies():
        return [Broken]
'''


@pytest.fixture
def here(project):
    project.write("tiny.yaml", SUITE)
    project.write("mine.py", PLUGIN)
    return project


def run(here, *arguments, launcher="inline"):
    return here.clbench(
        "run", "tiny.yaml", "--plugin", "mine.py", "--launcher", launcher, *arguments
    )


# ------------------------------------------------------------------ run


def test_run_ends_with_a_table_and_the_next_command(here) -> None:
    answer = run(here)
    assert answer.code == 0, answer.stderr
    assert "er(memory=10)" in answer.stdout
    assert "6 of 6 runs are in results/tiny/tiny.h5" in answer.stdout
    assert "next: clbench show results/tiny/tiny.h5" in answer.stdout
    assert (
        "every pair, intervals and effect sizes: clbench compare results/tiny/tiny.h5"
        in answer.stdout
    )
    assert "\x1b" not in answer.stdout + answer.stderr  # no colours into a pipe
    assert "[1/3]" in answer.stderr


def test_run_again_has_nothing_to_do_and_out_names_the_folder(here) -> None:
    assert run(here, "--out", "elsewhere", "--quiet").stderr == ""
    assert "nothing was left to run" in run(here, "--out", "elsewhere").stdout
    assert (here.folder / "elsewhere" / "tiny.h5").exists()


def test_only_seeds_and_set_narrow_a_run(here) -> None:
    answer = run(
        here,
        "--only",
        "naive,er(memory=20)",
        "--seeds",
        "3-3",
        "--set",
        "protocol.batch_size=32",
        "--precision",
        "fp32",
    )
    assert "2 of 2 runs" in answer.stdout, answer.stderr


def test_a_name_that_only_does_not_know_is_exit_2_with_a_suggestion(here) -> None:
    answer = run(here, "--only", "naiv")
    assert answer.code == 2
    assert "did you mean 'naive'" in answer.stderr


def test_a_failure_is_exit_1_with_a_list_and_where_the_traceback_is(here) -> None:
    here.write("tiny.yaml", SUITE.replace("- naive", "- broken"))
    answer = run(here)
    assert answer.code == 1
    assert "failed: split, broken, seeds 0-1: RuntimeError: it is broken" in answer.stderr
    assert "clbench show results/tiny/tiny.h5 broken" in answer.stderr
    assert "4 of 6 runs" in answer.stdout
    shown = here.clbench("show", "results/tiny/tiny.h5", "broken")
    assert 'raise RuntimeError("it is broken")' in shown.stdout
    only = run(here, "--only", "broken", "--out", "broken")
    assert "next:" not in only.stdout  # there are no curves to show


def test_ctrl_c_keeps_what_finished_and_says_how_to_go_on(here) -> None:
    answer = run(here, launcher="stopping")
    assert answer.code == 130
    assert "go on with: clbench run tiny.yaml --plugin mine.py --launcher stopping" in answer.stderr
    assert "2 of 6 runs" in answer.stdout
    assert "4 of 6 runs" in run(here, launcher="stopping").stdout


@pytest.mark.parametrize("where", ["typer.main.get_command", "typer.core.TyperGroup.parse_args"])
def test_ctrl_c_before_a_command_begins_is_no_error(
    where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, stop)
    with pytest.raises(SystemExit) as left:
        main(["run", "a suite.yaml"])
    assert left.value.code == 130
    assert capsys.readouterr().err == "interrupted; go on with: clbench run 'a suite.yaml'\n"


def test_a_dry_run_prints_the_plan_and_writes_nothing(here) -> None:
    answer = run(here, "--dry-run")
    assert answer.code == 0, answer.stderr
    assert "er(memory=10)" in answer.stdout
    assert "in all: 3 jobs" in answer.stdout
    assert not (here.folder / "results").exists()


def test_smoke_has_a_folder_of_its_own(here) -> None:
    answer = run(here, "--smoke")
    assert answer.code == 0, answer.stderr
    assert (here.folder / "results" / "tiny-smoke" / "tiny-smoke.h5").exists()
    assert not (here.folder / "results" / "tiny").exists()
    assert read_record(here.folder / "results" / "tiny-smoke" / "tiny-smoke.h5").purpose == "smoke"
    page = here.clbench("leaderboard", "results/tiny-smoke/tiny-smoke.h5", "--out", "page")
    assert (page.code, "nothing to publish" in page.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--launcher", "locl"], "did you mean 'local'"),
        (["--launcher", "ray"], "unknown launcher 'ray'"),
        (["--timeout", "soon"], "--timeout soon"),
        (["--slurm", "partition"], "write KEY=VALUE"),
        (
            ["--address", "auto"],
            "--address is for launchers that reach other machines; 'inline' does not",
        ),
        (["--only", ""], "--only names no strategy"),
        (["--out", "tiny.yaml"], "it is a file, not a folder"),
        (["--seeds", "x"], "--seeds"),
        (["--out", "/dev/null/x"], "cannot write to"),
    ],
)
def test_bad_options_are_exit_2_in_one_sentence(here, arguments: list[str], sentence: str) -> None:
    answer = run(here, *arguments)
    assert answer.code == 2
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr


# ------------------------------------------------------------------ errors


def test_a_wrong_suite_lists_every_problem_with_its_line(here) -> None:
    here.write("bad.yaml", SUITE.replace("- naive", "- naiv").replace("epochs: 1", "epoch: 1"))
    for command in ("validate", "run"):
        answer = here.clbench(command, "bad.yaml")
        assert answer.code == 2
        assert "bad.yaml:4: protocol.epoch" in answer.stderr
        assert "bad.yaml:7: strategies[0]" in answer.stderr
        assert "2 problems" in answer.stderr


def test_debug_shows_the_traceback_wherever_it_stands(here) -> None:
    for line in (["--debug", "run", "none.yaml"], ["run", "none.yaml", "--debug"]):
        answer = here.clbench(*line)
        assert answer.code == 2
        assert "Traceback" in answer.stderr
    assert "Traceback" not in here.clbench("run", "none.yaml").stderr


def test_an_internal_error_is_one_line(here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clbench.host.Host.load", lambda *args: 1 / 0)
    answer = here.clbench("list")
    assert answer.code == 1
    assert (
        answer.stderr == "internal error: ZeroDivisionError: division by zero;"
        " run again with --debug to see where\n"
    )


def test_a_file_that_is_no_record_is_said_so(here) -> None:
    answer = here.clbench("show", "tiny.yaml")
    assert answer.code == 2
    assert "tiny.yaml is a suite, not a record; `clbench run` on it writes one" in answer.stderr
    assert "Traceback" not in answer.stderr


# ------------------------------------------------------------------ the other commands


def test_validate_counts_what_would_run(here) -> None:
    assert (
        "1 scenario x 3 strategies, 3 cells, 6 runs" in here.clbench("validate", "tiny.yaml").stdout
    )


def test_list_and_describe_know_plugins_of_ours_and_of_strangers(here) -> None:
    assert "naive" in here.clbench("list", "strategies").stdout
    everything = here.clbench("list", "--plugin", "mine.py").stdout
    assert all(
        word in everything
        for word in ("broken", "local", "digits", "mlp", "split", "average_accuracy")
    )
    answer = here.clbench("describe", "broken", "--plugin", "mine.py")
    assert "Never works." in answer.stdout
    assert all(
        word in answer.stdout
        for word in ("strength", "float", "0.5", "how much it fails", "mine.py")
    )


@pytest.mark.parametrize(
    "name", ["er", "average_accuracy", "split", "digits", "mlp", "local", "protocol"]
)
def test_describe_knows_every_kind(run_cli, name: str) -> None:
    answer = run_cli("describe", name)
    assert answer.code == 0
    assert len(answer.stdout.splitlines()) > 3


def test_describe_says_none_as_a_suite_does(run_cli) -> None:
    (line,) = [a for a in run_cli("describe", "er").stdout.splitlines() if "replay_batch" in a]
    assert line.split()[:7] == ["replay_batch", "int,", ">", "0", "|", "none", "none"]


def test_describe_suggests(run_cli) -> None:
    answer = run_cli("describe", "naiv")
    assert answer.code == 2
    assert "did you mean 'naive'" in answer.stderr


def test_plugins_lists_hooks_and_pins_requirements(here) -> None:
    listed = here.clbench("plugins", "--plugin", "mine.py").stdout
    assert "clbench_launchers" in listed
    assert "mine.py" in listed
    assert (
        "mine.py: a file" in here.clbench("plugins", "--requirements", "--plugin", "mine.py").stdout
    )


def test_schema_is_json(run_cli) -> None:
    assert "properties" in json.loads(run_cli("schema").stdout)


def test_data_is_listed_imported_and_found(project, data_root: Path) -> None:
    import numpy as np

    x, y = np.zeros((4, 8, 8), dtype=np.uint8), np.array([0, 1, 0, 1])
    np.savez(project.folder / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    assert (
        "imported mine: 4 training and 4 test images, 2 classes"
        in project.clbench("data", "import", "mine", "a.npz").stdout
    )
    assert "mine" in project.clbench("data", "list").stdout
    assert "mine" in project.clbench("list", "datasets").stdout
    assert str(data_root) in project.clbench("data", "where").stdout


def test_missing_data_is_exit_2_before_training(here, data_root: Path) -> None:
    here.write("tiny.yaml", SUITE.replace("digits", "mnist"))
    answer = run(here)
    assert answer.code == 2
    assert "clbench data fetch mnist" in answer.stderr
    assert not (here.folder / "results").exists()


def test_data_that_cannot_be_downloaded_says_how_it_is_brought(project, data_root: Path) -> None:
    fetched = project.clbench("data", "fetch", "imagenet32")
    assert fetched.code == 2
    assert "clbench cannot download it" in fetched.stderr
    for answer in (fetched.stderr, project.clbench("data", "list").stdout):
        assert "clbench data import imagenet32 FOLDER" in answer
    assert "classes/999.npy" in project.clbench("describe", "imagenet32").stdout


def test_doctor_looks_at_everything(run_cli) -> None:
    answer = run_cli("doctor")
    assert answer.code == 0, answer.stdout
    assert all(word in answer.stdout for word in ("torch", "digits", "no problems found"))


def test_commands_of_later_issues_do_not_exist(run_cli) -> None:
    assert run_cli("leaderboard").code == 2


def test_python_dash_m_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clbench", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("clbench ")


def test_a_dry_run_names_who_runs_without_device_graphs() -> None:
    from clbench import Strategy
    from clbench.cli.dry_run import without_graphs
    from clbench.suite.choice import Choice

    class Declining(Strategy):
        """Cannot be captured."""

        capturable = False

    known = {"naive": Strategy, "declining": Declining}
    host = SimpleNamespace(get=lambda kind, name: known[name])
    cells = [SimpleNamespace(parts=(Choice(name, {}),)) for name in known]
    assert without_graphs(cells, host) == ["declining"]  # type: ignore[arg-type]
