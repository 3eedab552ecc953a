"""The formats that come with clbench: each renders by its own module, in its layouts."""

from __future__ import annotations

import json

import pytest
from rich.console import Group

from clbench.report import compare_formats, compare_page, latex
from clbench.report.builtin_formats import (
    Csv,
    Html,
    Json,
    Latex,
    Markdown,
    Table,
    clbench_report_formats,
)
from clbench.report.compared import Comparison


@pytest.fixture(scope="module")
def comparison(made) -> Comparison:
    found: Comparison = made.compared(*made.three(seeds=4))
    return found


def test_a_terminal_gets_what_fits_its_width(comparison) -> None:
    assert isinstance(Table().render(comparison), Group)


@pytest.mark.parametrize(
    ("form", "render"),
    [
        (Markdown(), compare_formats.markdown),
        (Markdown(layout="paper"), compare_formats.markdown_for_paper),
        (Latex(), latex.latex),
        (Latex(layout="paper"), latex.latex_for_paper),
        (Csv(), compare_formats.as_csv),
        (Json(), compare_formats.as_json),
        (Html(), compare_page.html),
    ],
)
def test_a_text_is_that_of_its_module(comparison, form, render) -> None:
    assert form.render(comparison) == render(comparison)


def test_the_layouts_of_a_format_are_different_texts(comparison) -> None:
    for form in (Markdown, Latex):
        whole, paper = (form(layout=layout).render(comparison) for layout in form.layouts)
        assert whole != paper


def test_all_are_offered_under_names_of_their_own() -> None:
    offered = clbench_report_formats()
    assert {Table, Markdown, Latex, Csv, Json, Html} == set(offered)
    assert len({form.__name__ for form in offered}) == len(offered)


def test_json_can_be_read_back(comparison) -> None:
    found = json.loads(Json().render(comparison))
    assert [row["strategy"] for row in found["summary"]] == ["good", "middle", "poor"]
