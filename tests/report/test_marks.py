"""Marks beside the names of strategies whose classes declare what others have not."""

from __future__ import annotations

import pytest

from clbench.records import CellRecord
from clbench.records.fields import DECLARATIONS
from clbench.report.marks import bound_labels, declared_lines, marked_label, marked_names


def cells(made, **declared: tuple[str, ...]) -> list[CellRecord]:
    """A cell a name, with what it declares."""
    return [made.cell(name, [0.5], declared=marks) for name, marks in declared.items()]


@pytest.mark.parametrize(
    ("declared", "label"),
    [((), "er"), (("oracle",), "er (oracle)"), (("bound", "oracle"), "er (bound, oracle)")],
)
def test_a_label_is_followed_by_what_its_classes_declare(made, declared, label: str) -> None:
    assert marked_label(made.cell("er", [0.5], declared=declared)) == label


def test_a_mark_of_several_words_has_blanks(made) -> None:
    name = next(name for name in DECLARATIONS if "_" in name)
    label = marked_label(made.cell("er", [0.5], declared=(name,)))
    assert label == f"er ({name.replace('_', ' ')})"


def test_bounds_are_not_marked_where_a_table_shows_them_in_its_own_way(made) -> None:
    found = cells(made, joint=("bound",), seer=("oracle",), both=("bound", "oracle"))
    assert marked_names(found) == {
        "joint": "joint",
        "seer": "seer (oracle)",
        "both": "both (oracle)",
    }


def test_a_strategy_is_marked_by_what_any_of_its_cells_declares(made) -> None:
    plain = made.cell("er", [0.5], "one")
    declared = made.cell("er", [0.5], "two", declared=("oracle",))
    for order in ([plain, declared], [declared, plain]):
        assert marked_names(order) == {"er": "er (oracle)"}


def test_bounds_by_their_labels(made) -> None:
    found = cells(made, joint=("bound",), er=(), naive=("bound", "oracle"))
    assert bound_labels(found) == {"joint", "naive"}
    assert bound_labels([]) == set()


def test_each_mark_is_explained_once_with_who_has_it(made) -> None:
    found = [
        *cells(made, a=("oracle",), b=("oracle", "bound")),
        made.cell("a", [0.5], "two", declared=("oracle",)),
    ]
    lines = declared_lines(found)
    assert sorted(lines) == sorted(
        [f"(oracle) a, b: {DECLARATIONS['oracle']}", f"(bound) b: {DECLARATIONS['bound']}"]
    )


def test_lines_come_in_the_order_of_the_declarations(made) -> None:
    every = tuple(DECLARATIONS)
    lines = declared_lines(cells(made, last=every[::-1]))
    marks = [line.partition(")")[0].strip("(").replace(" ", "_") for line in lines]
    assert marks == list(every)


def test_without_declarations_there_is_nothing_to_explain(made) -> None:
    assert declared_lines(made.three()) == []
