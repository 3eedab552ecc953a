"""What is seen of a run: on a terminal, in a notebook, in a log."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from clbench.execution.board import Board
from clbench.execution.display import CELLS, Lines, Live, Notebook, Quiet, display_for
from clbench.execution.forecast import Forecast
from clbench.execution.jobs import Job, JobEvent, PlannedCell
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.suite.protocol import Protocol


def planned(label: str) -> PlannedCell:
    return PlannedCell(
        Cell(
            Choice("split", {}), "split", (Choice("er", {}),), label, Protocol(), (), (0, 1, 2, 3)
        ),
        f"key {label}",
        {},
        5,
    )


class Scene:
    """Two cells, a job of each under way, a third waiting, on a clock of their own."""

    def __init__(self) -> None:
        self.now = 0.0
        cells = [planned("er<b>"), planned("ewc")]
        one, other = (Job(cell, cell.members) for cell in cells)
        self.jobs = [*one.divide(2), other]
        costs = {job.id: float(len(job.members)) for job in self.jobs}
        self.board = Board.of(
            "s", cells, self.jobs, Forecast(self.jobs, costs, 2, clock=lambda: self.now)
        )

    def apply(self, display: Any, job: Job, **event: Any) -> None:
        told = JobEvent(job=job.id, **event)
        self.board.apply(told)
        display.event(self.board, job, told)

    def play(self, display: Any) -> None:
        with display.showing(self.board):
            for job in self.jobs[:2]:
                self.apply(display, job, kind="started", tasks=5)
                self.apply(display, job, kind="progress", task=1, tasks=5)
            self.now = 10.0
            self.apply(
                display,
                self.jobs[1],
                kind="progress",
                task=2,
                tasks=5,
                fraction=0.25,
                accuracy=(0.5, 0.7),
            )
            self.apply(display, self.jobs[0], kind="ended", status="done", seconds=10.0)
            self.apply(display, self.jobs[2], kind="started", tasks=5)
            self.apply(
                display,
                self.jobs[1],
                kind="ended",
                status="lost",
                error="the worker process was killed\nits last words: ...",
            )


def text(display: Live, board: Board) -> str:
    with display.console.capture() as captured:
        display.console.print(display.picture(board))
    return captured.get()


def test_the_picture_shows_every_cell_and_every_job_under_way() -> None:
    scene, display = (
        Scene(),
        Live(
            Console(
                file=io.StringIO(), force_terminal=True, width=100, height=40, color_system=None
            )
        ),
    )
    scene.play(Quiet())
    scene.apply(Quiet(), scene.jobs[1], kind="started", tasks=5)
    scene.apply(Quiet(), scene.jobs[1], kind="progress", task=3, tasks=5, fraction=0.5)
    seen = [" ".join(line.split()) for line in text(display, scene.board).splitlines()]
    assert seen[1].startswith("split er<b> ━")
    assert seen[1].endswith("2/4 3/5 0.600 running")
    assert seen[2].startswith("split ewc")
    assert any(
        line.startswith("split er<b> 2-3 ━") and "3/5" in line and line.endswith("left")
        for line in seen
    )
    assert any(line.startswith("split ewc 0-3") for line in seen)
    assert seen[-1].endswith("left")


def test_what_is_tried_again_is_said_in_a_line() -> None:
    scene, lines = Scene(), io.StringIO()
    scene.play(Lines(Console(file=lines, width=300)))
    assert (
        "[1/3]  split  er<b>  seeds 0-1  done in 10 s  accuracy 0.600  about " in lines.getvalue()
    )
    assert (
        "split  er<b>  seeds 2-3: the worker process was killed; tried once more, from its last "
        "checkpoint\n" in lines.getvalue()
    )


def test_a_terminal_gets_the_picture_and_what_went_wrong_above_it() -> None:
    scene, screen = Scene(), io.StringIO()
    scene.play(
        Live(Console(file=screen, force_terminal=True, width=120, height=40, color_system=None))
    )
    assert "tried once more" in screen.getvalue()
    assert "under way" in screen.getvalue() or "running" in screen.getvalue()


def test_a_notebook_gets_the_picture_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Place:
        def update(self, html: str) -> None:
            shown[-1] = html

    def display(html: str, display_id: bool = False) -> Place:
        shown.append(html)
        return Place()

    module = ModuleType("IPython.display")
    module.HTML, module.display = str, display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    scene, said = Scene(), io.StringIO()
    scene.play(Notebook(Console(file=said, width=200)))
    assert len(shown) == 1
    assert "er&lt;b&gt;" in shown[0]
    assert "2/4" in shown[0]
    assert "tried once more" in said.getvalue()


def test_what_suits_where_the_output_goes() -> None:
    assert isinstance(display_for(Console(), quiet=True), Quiet)
    assert type(display_for(Console(file=io.StringIO()), quiet=False)) is Lines
    assert type(display_for(Console(file=io.StringIO(), force_terminal=True), quiet=False)) is Live
    assert isinstance(
        display_for(Console(file=io.StringIO(), force_jupyter=True), quiet=False), Notebook
    )


def test_a_job_that_is_divided_stays_in_the_sum() -> None:
    scene = Scene()
    scene.play(Quiet())
    big = scene.jobs[2]
    scene.apply(Quiet(), big, kind="ended", status="memory")
    parts = [replace(part) for part in big.divide(2)]
    scene.board.replace(big, parts)
    assert scene.board.total == 4
    assert scene.board.left is not None
    assert scene.board.left > 0


def test_on_a_narrow_terminal_names_are_folded_and_counts_are_whole() -> None:
    from rich.text import Text

    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    name = "er+anchor(memory=400, strength=0.01, replay_batch=64)"
    row = [Text("class"), Text(name), "=" * 16, "144/144", "10/10", "0.155", Text("running")]
    console.print(Live(console)._table(CELLS, [row]))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert {"144/144", "10/10", "0.155", "running"} <= set(lines[1].split())
    assert "…" not in "".join(lines)
    assert len(lines) > 2
