"""Formats, exports and figures come from plugins: those of clbench, and a stranger's beside
them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import clbench
from clbench.cli import compare as compare_command
from clbench.cli import export as export_command
from clbench.errors import UnknownName, UserError
from clbench.host import Host
from clbench.report.compare_formats import render
from clbench.report.figures import kind_of

GUEST = Path(__file__).parents[1] / "guests" / "reporting.py"
FIGURES = {
    *("accuracy", "activation_maps", "agent_matrix", "agents", "before_after", "boxes", "cd"),
    *("cost", "forgetting", "kernels", "learnt", "matrix", "online"),
}


@pytest.fixture
def record(made: Any, tmp_path: Path) -> Path:
    return made.save(tmp_path / "r.h5", *made.three())


def named(metavar: str) -> set[str]:
    """The names that `--help` shows."""
    return set(metavar.strip("<>").split("|"))


def test_what_comes_with_clbench_is_offered_by_hooks() -> None:
    host = Host.load(only=("format", "export", "figure"))
    assert set(host.names("format")) == named(compare_command.BUILT_IN)
    assert set(host.names("export")) == named(export_command.BUILT_IN)
    assert set(host.names("figure")) == FIGURES


def test_a_host_that_was_loaded_for_metrics_finds_the_rest_when_it_is_asked_for() -> None:
    host = Host.load([GUEST], only="metric")
    assert "one_line" in host.offering("format").names("format")
    assert {"bars", "boxes"} <= set(host.offering("figure").names("figure"))
    assert host.offering("metric") is host
    assert host.offering("figure") is host.offering("figure")


def test_a_strangers_format_prints(project: Any, record: Path) -> None:
    answer = project.clbench("compare", record, "--format", "one_line", "--plugin", GUEST)
    assert (answer.code, answer.stderr) == (0, "")
    assert [line.split()[:2] for line in answer.stdout.splitlines()] == [
        ["1", "good"],
        ["2", "middle"],
        ["3", "poor"],
    ]


def test_a_strangers_export_is_written(project: Any, record: Path) -> None:
    answer = project.clbench("export", record, "--to", "seeds", "--plugin", GUEST)
    assert answer.code == 0
    assert (
        record.with_suffix(".seeds")
        .read_text()
        .startswith("poor: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\n")
    )
    shown = project.clbench("export", record, "--to", "seeds", "--plugin", GUEST, "--out", "-")
    assert shown.stdout.startswith("poor: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\n")


@pytest.mark.parametrize("command", ["compare", "show"])
def test_a_strangers_figure_is_drawn(project: Any, record: Path, command: str) -> None:
    target = record.with_name("bars-1.svg")
    answer = project.clbench(command, record, "--figure", target, "--plugin", GUEST)
    assert answer.code == 0
    assert target.read_text().count("<svg") == 1


def test_in_python_too(record: Path) -> None:
    found = clbench.compare(record, plugins=GUEST)
    assert render(found, "one_line").startswith("1 good")
    assert len(clbench.figure(found, "bars").axes[0].patches) == 3
    assert len(clbench.figure(record, "bars", plugins=GUEST).axes[0].patches) == 3


@pytest.mark.parametrize(
    "line",
    [("compare", "--format", "tabel"), ("export", "--to", "cvs")],
    ids=["compare", "export"],
)
def test_an_unknown_name_is_said_before_anything_is_computed(
    project: Any, record: Path, line: tuple[str, ...]
) -> None:
    command, *options = line
    answer = project.clbench(command, record, *options)
    assert (answer.code, answer.stdout) == (2, "")
    assert "did you mean" in answer.stderr


def test_the_longest_name_decides_what_a_file_shows(tmp_path: Path) -> None:
    class Box(clbench.FigureKind):
        """A shorter name than `boxes`."""

    class BoxesOfAll(clbench.FigureKind):
        """A longer one."""

    host = Host.load([Box, BoxesOfAll], only="figure")
    assert kind_of(tmp_path / "boxes_of_all-2.svg", host) is BoxesOfAll
    assert kind_of(tmp_path / "boxes-2.svg", host) is host.get("figure", "boxes")
    assert kind_of(tmp_path / "box.svg", host) is Box
    with pytest.raises(UserError, match="must begin with what to draw"):
        kind_of(tmp_path / "boxer.svg", host)


def test_what_a_plugin_forgot_is_said() -> None:
    class Empty(clbench.ReportFormat):
        """It renders nothing."""

    with pytest.raises(NotImplementedError, match=r"Empty does not define render\(comparison\)"):
        Empty().render(None)


@pytest.mark.parametrize("kind", ["format", "export", "figure"])
def test_an_unknown_name_of_a_kind_is_an_error_of_the_user(kind: str) -> None:
    with pytest.raises(UnknownName, match=f"unknown {kind} 'nothing'"):
        Host.load(only=kind).get(kind, "nothing")
