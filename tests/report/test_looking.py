"""A comparison is noted in the records that it looked at, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clbench.records import Results, load, read_record
from clbench.report.contest import NAN
from clbench.report.looking import note, note_files
from tests.report.built import compared_of, pair_of, untested_pair

TESTED = compared_of(pairs=(pair_of(test="signs"), pair_of("a", "c", test="t")), alpha=0.1)
UNTESTED = compared_of(pairs=(untested_pair(n=2), untested_pair("a", "c")))


@pytest.fixture
def path(made: Any, tmp_path: Path) -> Path:
    found: Path = made.save(tmp_path / "r.h5", *made.cells({"a": [0.5] * 3, "b": [0.6] * 2}))
    return found


def looks(path: Path) -> Any:
    return read_record(path).looks


def test_a_look_tells_seeds_metric_level_and_tests(path: Path) -> None:
    assert note([TESTED], {path: read_record(path)}) == []
    (look,) = looks(path)
    assert look.cells == {"split-a": (0, 1, 2), "split-b": (0, 1)}
    assert (look.metric, look.alpha, look.test) == ("average_accuracy", 0.1, "signs, t")
    assert dict(look.rule) == {}


def test_where_no_two_could_be_compared_nobody_looked(path: Path) -> None:
    note([UNTESTED], {path: read_record(path)})
    assert looks(path) == ()
    note([compared_of(pairs=(pair_of(p=NAN, better=0),))], {path: read_record(path)})
    assert looks(path) == ()


def test_several_comparisons_are_as_many_looks(path: Path) -> None:
    other = compared_of(metric="forgetting", pairs=(pair_of(),))
    note(iter([TESTED, UNTESTED, other]), {path: read_record(path)})
    assert [look.metric for look in looks(path)] == ["average_accuracy", "forgetting"]


def test_cells_of_other_records_that_were_compared_are_noted_too(
    made: Any, path: Path, tmp_path: Path
) -> None:
    known = made.cell("known", [0.5] * 2)
    foreign = made.cell("foreign", [0.5] * 2, content={})
    other = made.save(tmp_path / "other.h5", known, foreign)
    note([TESTED], {one: read_record(one) for one in (path, other)})
    # A key without content is only a name, which another record may give to another thing.
    assert set(looks(path)[0].cells) == {"split-a", "split-b", "split-known"}
    assert set(looks(other)[0].cells) == {"split-a", "split-b", "split-known", "split-foreign"}


def test_looks_that_the_suite_declares_are_noted_before_the_run_is_over(
    made: Any, tmp_path: Path
) -> None:
    text = "seeds: {until: separated, looks: [6, 8]}\n"
    path = made.save(tmp_path / "r.h5", made.cell("a", [0.5]), text=text)
    note([TESTED], {path: read_record(path)})
    assert looks(path)[0].rule["looks"] == [6, 8]


@pytest.mark.parametrize("wrap", [Path, str, lambda path: [path], lambda path: [str(path)]])
def test_sources_that_are_files_are_noted(path: Path, wrap: Any) -> None:
    note_files(TESTED, wrap(path))
    assert len(looks(path)) == 1


def test_results_at_hand_are_no_file(made: Any, path: Path) -> None:
    at_hand = load(path)
    note_files(TESTED, at_hand)
    note_files(TESTED, [at_hand, made.results()])
    assert looks(path) == ()
    note_files(TESTED, [at_hand, path])
    assert len(looks(path)) == 1
    assert isinstance(at_hand, Results)


def test_a_file_that_cannot_be_noted_in_is_warned_of(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clbench.report.looking.note_looks", lambda *_: "r.h5: read only")
    assert note([TESTED], {path: read_record(path)}) == ["r.h5: read only"]
    with pytest.warns(UserWarning, match="r.h5: read only"):
        note_files(TESTED, path)
