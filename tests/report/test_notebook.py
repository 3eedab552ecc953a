"""What a notebook shows: tables that escape what they hold, figures, and one sentence for an
error.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import clbench
from clbench.errors import RecordError, SuiteError, UserError

HOSTILE = "<script>alert(1)</script>&\u202e"


def parsed(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html)


def cells_of(html: str) -> list[list[str]]:
    (table, *_) = parsed(html).iter("table")
    rows = table.iter("tr")
    return [list(map(text_of, row)) for row in rows]


def text_of(cell: ElementTree.Element) -> str:
    return cell.text or ""


def test_results_are_a_table_of_the_suite_s_metrics(made) -> None:
    html = made.results(*made.three("one"), *made.three("two"))._repr_html_()
    head, *rows = cells_of(html)
    assert head[:2] == ["scenario", "strategy"]
    assert any(name.startswith("average_accuracy") for name in head)
    assert [row[1] for row in rows] == ["poor", "good", "middle"] * 2
    assert "mean ± half width" in html


def test_an_empty_record_says_so(made) -> None:
    assert "the record holds no cells yet" in made.results()._repr_html_()


def test_a_comparison_is_its_summary_and_its_sentences(made) -> None:
    comparison = made.compared(*made.three())
    html = comparison._repr_html_()
    _, *rows = cells_of(html)
    assert {row[0] for row in rows} == {"poor", "good", "middle"}
    for sentence in comparison.text:
        assert sentence in "".join(parsed(html).itertext())
    (title,) = parsed(html).iter("summary")
    assert str(title.text).startswith("Every pair")


def test_html_escapes_names_and_sets_no_colour(made) -> None:
    cells = made.cells({HOSTILE: [0.1, 0.2], "good": [0.8, 0.9]})
    for shown in (made.results(*cells), made.compared(*cells)):
        html = shown._repr_html_()
        assert HOSTILE[:8] not in html
        assert "\u202e" not in html
        assert HOSTILE.replace("\u202e", "?") in "".join(parsed(html).itertext())
        assert "color:" not in html.replace("currentColor", "")


@pytest.mark.parametrize("kind", ["cd", "boxes", "accuracy", "matrix", "forgetting"])
def test_a_figure_from_python_shows_itself(made, tmp_path: Path, kind: str) -> None:
    path = made.save(tmp_path / "demo.h5", *made.three())
    for source in (path, clbench.load(path), clbench.compare(path)):
        figure = clbench.figure(source, kind)
        assert figure._repr_png_().startswith(b"\x89PNG")
    figure.savefig(tmp_path / "figure.svg")


def test_a_figure_of_one_strategy_needs_no_rival(made) -> None:
    results = made.results(made.cell("alone", [0.5, 0.6]))
    assert clbench.figure(results, "accuracy").axes


def test_a_figure_takes_the_rules_of_a_comparison(made) -> None:
    results = made.results(*made.three())
    figure = clbench.figure(results, "boxes", metric="final_accuracy")
    assert figure.axes[0].get_xlabel() == "final_accuracy (%)"
    with pytest.raises(UserError, match="there is no figure 'box'; did you mean 'boxes'"):
        clbench.figure(results, "box")
    with pytest.raises(UserError, match="metric: the comparison was made already"):
        clbench.figure(clbench.compare(results), "boxes", metric="final_accuracy")


METRIC = """
from clbench import RecordMetric, hookimpl

class Twice(RecordMetric):
    def value(self, run):
        return 2 * run.accuracy[-1].mean()

@hookimpl
def clbench_metrics():
    return [Twice]
"""


class Thrice(clbench.RecordMetric):
    """A metric of this session."""

    def value(self, run: Any) -> float:
        return float(3 * run.accuracy[-1].mean())


def test_metrics_of_plugins_are_asked_for_from_python(made, tmp_path: Path) -> None:
    path = made.save(tmp_path / "demo.h5", *made.three())
    plugin = tmp_path / "twice.py"
    plugin.write_text(METRIC)
    results = clbench.load(path, plugins=plugin)
    cell = results.cell("good")
    final = results.metric("final_accuracy", cell).summary
    assert results.metric("twice", cell).summary == pytest.approx(2 * final)
    assert clbench.compare(path, metric="twice", plugins=[plugin]).metric == "twice"
    both = clbench.compare(results, metric="thrice", plugins=Thrice)
    assert "twice" in both.results.metric_names()


def test_an_error_of_a_call_from_python_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        clbench.run({"name": "tiny", "strategis": ["naive"]}, out=tmp_path)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert len(frames) == 2  # this one, and the call
    assert caught.value.__cause__ is None
    assert "open_suite" in caught.value.details
    (shown,) = caught.value._render_traceback_()
    assert shown.startswith("SuiteError: <dict>:")
    with pytest.raises(RecordError) as missing:
        clbench.load(tmp_path / "nothing.h5")
    assert len(traceback.extract_tb(missing.value.__traceback__)) == 2
