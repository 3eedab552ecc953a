from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from clbench.errors import OutputError, UserError
from clbench.report.compared import Comparison
from clbench.report.curves import pareto
from clbench.report.figures import check, draw, figure, kind_of

KINDS = ("cd", "boxes", "accuracy", "matrix", "forgetting", "cost")


@pytest.fixture(scope="module")
def comparison(made) -> Comparison:
    cells = [*made.three("one"), *made.three("two")]
    for k, cell in enumerate(cells):
        cell.cost["train_seconds"] = np.full(12, 1.0 + k)
    return made.compared(*cells)


def texts(path: Path) -> str:
    return " ".join(
        "".join(element.itertext())
        for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    )


@pytest.mark.parametrize("ending", ["svg", "pdf", "png"])
def test_a_file_s_ending_is_its_form(comparison, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"boxes-final.{ending}"
    draw(comparison, path)
    start = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}[ending]
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_names_the_strategies(comparison, tmp_path: Path, kind: str) -> None:
    draw(comparison, tmp_path / f"{kind}.svg")
    shown = texts(tmp_path / f"{kind}.svg")
    assert all(name in shown for name in ("good", "middle", "poor"))


def test_the_same_figure_is_the_same_file(comparison, tmp_path: Path) -> None:
    for ending in ("svg", "pdf", "png"):
        for name in ("cd1", "cd2"):
            draw(comparison, tmp_path / f"{name}.{ending}")
        assert (tmp_path / f"cd1.{ending}").read_bytes() == (
            tmp_path / f"cd2.{ending}"
        ).read_bytes()


def test_the_diagram_shows_ranks_and_the_critical_difference(
    made, comparison, tmp_path: Path
) -> None:
    by_ranks = made.compared(*comparison.results.cells, tests="ranks")
    draw(by_ranks, tmp_path / "cd.svg")
    assert "critical difference 2.34" in texts(tmp_path / "cd.svg")
    draw(comparison, tmp_path / "cd.svg")
    assert "average ranks over 2 scenarios" in texts(tmp_path / "cd.svg")
    assert "critical" not in texts(tmp_path / "cd.svg")
    assert "good  1.00" in texts(tmp_path / "cd.svg")
    draw(made.compared(*made.three()), tmp_path / "cd.svg")
    assert "average ranks over seeds" in texts(tmp_path / "cd.svg")
    assert "critical" not in texts(tmp_path / "cd.svg")


def test_names_with_markup_stay_text(made, tmp_path: Path) -> None:
    found = made.compared(
        *made.cells({"<script>$x^2$": made.draw(0.8, 6, 1), "b": made.draw(0.7, 6, 2)})
    )
    for kind in ("cd", "boxes", "accuracy", "matrix"):
        draw(found, tmp_path / f"{kind}.svg")
        assert "<script>" not in (tmp_path / f"{kind}.svg").read_text()
        assert "<script>$x^2$" in texts(tmp_path / f"{kind}.svg")


def test_what_cannot_be_drawn_is_said(made, tmp_path: Path) -> None:
    empty = made.compared()
    for kind, words in (
        ("cd", "needs two strategies"),
        ("boxes", "no run has a value"),
        ("accuracy", "no run has accuracies"),
        ("cost", "no cost"),
    ):
        with pytest.raises(UserError, match=words):
            draw(empty, tmp_path / f"{kind}.svg")
    with pytest.raises(UserError, match="no cost to draw"):
        draw(made.compared(*made.three()), tmp_path / "cost.svg")
    with pytest.raises(UserError, match=r"ends in \.svg, \.pdf or \.png"):
        check(tmp_path / "cd.jpeg")
    with pytest.raises(UserError, match="did you mean 'boxes'"):
        check(tmp_path / "box.svg")
    with pytest.raises(OutputError, match="there is no folder"):
        check(tmp_path / "nowhere" / "cd.svg")


def test_odd_records_can_be_drawn(made, tmp_path: Path) -> None:
    failed = made.cell(
        "failed",
        np.full(3, np.nan),
        member_status=np.array(["failed"] * 3, dtype=object),
        status="failed",
    )
    once = made.compared(*made.three(seeds=1))
    for found in (
        once,
        made.compared(*made.three(seeds=3), failed),
        made.compared(*made.cells(dict.fromkeys("ab", [0.5] * 4))),
    ):
        for kind in KINDS[:-1]:
            draw(found, tmp_path / f"{kind}.png")


def test_a_matrix_that_was_measured_at_the_end_only(made, tmp_path: Path) -> None:
    cell = made.cell("joint", made.draw(0.9, 4, 1))
    cell.accuracy[:, 1:-1] = np.nan
    found = made.compared(cell, made.cell("naive", made.draw(0.4, 4, 2)))
    for kind in ("accuracy", "matrix", "forgetting"):
        draw(found, tmp_path / f"{kind}.svg")


def test_the_command_draws_and_says_where(made, project) -> None:
    made.save(project.folder / "r.h5", *made.three())
    answer = project.clbench(
        "compare", "r.h5", "--figure", "cd.svg", "--figure", "boxes.pdf", "--format", "csv"
    )
    assert answer.code == 0
    assert answer.stderr.splitlines() == ["figure: cd.svg", "figure: boxes.pdf"]
    assert (project.folder / "cd.svg").exists()
    assert answer.stdout.startswith("table,")


def percentages(path: Path) -> list[float]:
    """The ticks of a figure's axes of percentages."""
    return [float(text) for text in texts(path).split() if re.fullmatch(r"-?\d+(\.\d+)?", text)]


@pytest.mark.parametrize("kind", ["boxes", "accuracy", "forgetting", "cost"])
def test_no_axis_of_accuracies_goes_beyond_100_percent(made, tmp_path: Path, kind: str) -> None:
    wild = [0.99, 1.0, 0.2, 1.0, 0.98]  # the interval of its mean ends far above 1
    cells = made.cells({"a": wild, "b": [0.9, 0.1, 1.0, 1.0, 0.9]})
    for cell in cells:
        cell.cost["train_seconds"] = np.full(5, 2.0)
    draw(made.compared(*cells), tmp_path / f"{kind}.svg")
    assert min(percentages(tmp_path / f"{kind}.svg")) >= 0
    assert max(percentages(tmp_path / f"{kind}.svg")) <= 100


def test_legends_have_one_order(comparison, tmp_path: Path) -> None:
    orders = []
    for kind in ("accuracy", "cost"):
        draw(comparison, tmp_path / f"{kind}.svg")
        shown = texts(tmp_path / f"{kind}.svg").split()
        orders.append([name for name in shown if name in ("good", "middle", "poor")])
    assert orders[0] == orders[1] == ["poor", "good", "middle"]


def test_bounds_are_no_part_of_the_front(made, tmp_path: Path, monkeypatch) -> None:
    cells = made.cells({"all_data": made.draw(0.95, 12, 1), "rival": made.draw(0.8, 12, 2)})
    cells[0].declared = ("bound",)
    for cell in cells:
        cell.cost["train_seconds"] = np.full(12, 2.0)
    asked: list[int] = []

    def counted(points, **how):
        asked.append(len(points))
        return pareto(points, **how)

    monkeypatch.setattr("clbench.report.figures_runs.pareto", counted)
    draw(made.compared(*cells), tmp_path / "cost.svg")
    assert asked == [1]


# ---------------------------------------------------------------------- which figure


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("agents.svg", "Agents"),
        ("agents2.svg", "Agents"),
        ("agents-final.pdf", "Agents"),
        ("agent_matrix.png", "AgentMatrix"),
        ("before_after_x.svg", "BeforeAfter"),
        ("CD.SVG", "CriticalDifference"),
    ],
)
def test_a_name_begins_with_what_to_draw(name: str, kind: str) -> None:
    assert kind_of(Path(name)).__name__ == kind
    assert check(Path(name)) == Path(name)


@pytest.mark.parametrize("name", ["agentship.svg", "cds.svg", "x-cd.svg", "1.svg"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"{name}: its name must begin with what to draw"):
        kind_of(Path(name))


def test_from_python_a_figure_is_asked_for_by_name(made, comparison) -> None:
    drawn = figure(made.results(*made.three()), "boxes", metric="forgetting")
    assert drawn.axes[0].get_xlabel() == "forgetting (%)"
    assert figure(comparison, "matrix").axes


def test_a_file_that_cannot_be_written_is_named(comparison, tmp_path: Path) -> None:
    path = tmp_path / "boxes.svg"
    path.mkdir()
    with pytest.raises(OutputError, match=r"boxes\.svg cannot be written: "):
        draw(comparison, path)
