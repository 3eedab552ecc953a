"""What `show` says of cells that are kept apart, and of who looked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from clbench.errors import RecordError
from clbench.records import Results
from clbench.records.looks import Look
from clbench.report.apart import strategy_of, table_with_apart

WHY = "clbench 0.1 ran it"


def printed(shown: Any) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def results(made: Any, *, kept_apart: bool = True) -> Results:
    """`er` is shown; `old(k=1)` is kept apart."""
    record = made.results(made.cell("er", [0.7] * 3)).record
    old = made.cell("old(k=1)", [0.5] * 3, apart=WHY)
    return Results(replace(record, apart=[old] if kept_apart else []), made.host)


def test_what_is_kept_apart_is_told_in_a_line(made: Any) -> None:
    told = printed(table_with_apart(results(made), every=False))
    table, line = told.rstrip().rsplit("\n", 1)
    assert "er" in table
    assert "old" not in table
    assert "1 cell that the suite no longer asks for is kept apart" in line


def test_with_every_cell_its_table_and_the_reasons_are_shown(made: Any) -> None:
    told = printed(table_with_apart(results(made), every=True))
    assert "Kept apart, and in no comparison" in told
    assert f"split, old(k=1): {WHY} (key split-old(k=1))" in told
    assert told.rstrip().endswith("removes one of them, `--apart` all")


def test_where_nothing_is_kept_apart_that_is_said_to_who_asks(made: Any) -> None:
    whole = results(made, kept_apart=False)
    assert printed(table_with_apart(whole, every=True)).rstrip().endswith("nothing is kept apart")
    assert "kept apart" not in printed(table_with_apart(whole, every=False))


@pytest.mark.parametrize("every", [False, True])
def test_who_looked_is_told_last(made: Any, every: bool) -> None:
    whole = results(made)
    assert "compared" not in printed(table_with_apart(whole, every)).rstrip().splitlines()[-1]
    look = Look("2026-11-01T10:00:00+00:00", {"split-er": (0, 1)}, "forgetting", 0.05, "t")
    looked_at = Results(replace(whole.record, looks=(look,)), made.host)
    assert "compared" in printed(table_with_apart(looked_at, every)).rstrip().splitlines()[-1]


def test_a_strategy_that_is_shown_is_shown(made: Any) -> None:
    assert "er" in printed(strategy_of(results(made), "er", every=False))


@pytest.mark.parametrize("name", ["old", "old(k=1)"])
def test_one_that_is_kept_apart_is_shown_to_who_asks_for_all(made: Any, name: str) -> None:
    assert "old(k=1)" in printed(strategy_of(results(made), name, every=True))
    with pytest.raises(RecordError, match="it is kept apart, and --all shows it"):
        strategy_of(results(made), name, every=False)


@pytest.mark.parametrize("every", [False, True])
def test_one_that_is_nowhere_is_an_error(made: Any, every: bool) -> None:
    with pytest.raises(RecordError, match="no strategy 'nobody'") as caught:
        strategy_of(results(made), "nobody", every)
    assert "kept apart" not in str(caught.value)
