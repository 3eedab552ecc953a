"""`clbench run`: what of the command line reaches the run, and how it ends; nothing is trained."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clbench.execution.jobs import CHECKPOINT_EVERY


class Runs:
    """Stands for a run: keeps what it was given, and ends as it is told."""

    def __init__(self) -> None:
        self.opened: dict[str, Any] = {}
        self.options: Any = None
        self.exit_code = 0
        self.reported: list[str] = []
        launcher: Any = type("Local", (), {"__doc__": "Here."})
        self.host = SimpleNamespace(warnings=["a plugin is old"], get=lambda kind, name: launcher)

    def open_suite(self, source: str, plugins: Any, **given: Any) -> tuple[Any, Any]:
        """A suite, and the host."""
        self.opened = {"source": source, "plugins": plugins, **given}
        return SimpleNamespace(warnings=["a suite is odd"]), self.host

    def make(self, suite: Any, host: Any, options: Any, display: Any) -> Runs:
        """The run."""
        self.options = options
        return self

    def go(self) -> Any:
        """Run it; an observer fails meanwhile."""
        self.host.warnings.append("an observer failed")
        return SimpleNamespace(exit_code=self.exit_code)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs()
    monkeypatch.setattr("clbench.execution.open_suite", made.open_suite)
    monkeypatch.setattr("clbench.execution.Run", made.make)

    def report(outcome: Any, suite: Any, host: Any, again: str) -> None:
        made.reported.append(again)

    monkeypatch.setattr("clbench.cli.run_report.report", report)
    return made


def test_without_options_a_run_is_as_the_suite_says(runs: Runs, run_cli) -> None:
    assert run_cli("run", "a.yaml").code == 0
    assert runs.opened == {
        "source": "a.yaml",
        "plugins": [],
        "data": None,
        "overrides": [],
        "seeds": None,
        "smoke": False,
    }
    assert (runs.options.device, runs.options.launcher, runs.options.form) == (
        "auto",
        "local",
        "auto",
    )
    assert runs.options.timeout is None
    assert runs.options.checkpoint_every == CHECKPOINT_EVERY


def test_options_reach_the_suite(runs: Runs, run_cli) -> None:
    line = ["--seeds", "3-3", "--set", "protocol.epochs=1", "--precision", "bf16", "--smoke"]
    run_cli("run", "a.yaml", *line, "--plugin", "mine.py", "--data", "d")
    assert runs.opened["seeds"] == "3-3"
    # The precision is one more change of the protocol, after those that were written out.
    assert runs.opened["overrides"] == ["protocol.epochs=1", "protocol.precision=bf16"]
    assert (runs.opened["plugins"], runs.opened["data"]) == ([Path("mine.py")], Path("d"))
    assert runs.opened["smoke"]


def test_options_reach_the_run(runs: Runs, run_cli) -> None:
    line = ["--only", "er,ewc", "--force", "er", "--form", "loop", "--workers", "2"]
    line += ["--timeout", "2h", "--checkpoint-every", "30s", "--out", "o", "--device", "cpu"]
    run_cli("run", "a.yaml", *line)
    options = runs.options
    assert (options.only, options.force) == (["er,ewc"], ["er"])
    assert (options.form, options.workers, options.device) == ("loop", 2, "cpu")
    assert (options.timeout, options.checkpoint_every) == (7200, 30)
    assert options.out == Path("o")


@pytest.mark.parametrize("code", [0, 1, 130])
def test_the_exit_code_is_the_outcome_s(runs: Runs, run_cli, code: int) -> None:
    runs.exit_code = code
    assert run_cli("run", "a.yaml").code == code


def test_each_warning_is_told_once(runs: Runs, run_cli) -> None:
    assert run_cli("run", "a.yaml").stderr.splitlines() == [
        "warning: a plugin is old",
        "warning: a suite is odd",
        "warning: an observer failed",
    ]


def test_the_command_that_goes_on_is_the_line_as_it_was_typed(runs: Runs, run_cli) -> None:
    run_cli("run", "my suite.yaml", "--quiet", "--debug")
    assert runs.reported == ["clbench run 'my suite.yaml' --quiet --debug"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--timeout", "0"], "--timeout 0: write seconds"),
        (["--checkpoint-every", "soon"], "--checkpoint-every soon: write seconds"),
        (["--only", ","], "--only names no strategy"),
        (["--force", ""], "--force names no strategy"),
        (["--slurm", "a=b"], "--slurm is for launchers that reach other machines"),
    ],
)
def test_an_option_without_a_meaning_is_refused_before_anything_runs(
    runs: Runs, run_cli, arguments: list[str], said: str
) -> None:
    answer = run_cli("run", "a.yaml", *arguments)
    assert answer.code == 2
    assert said in answer.stderr
    assert runs.options is None
