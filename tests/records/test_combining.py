"""Several records as one file: names, sources, what is asked for, and taking it apart again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clbench.errors import RecordError
from clbench.records import CellRecord, RecordFile, read_record, write_file
from clbench.records.combining import (
    ambiguous,
    identity,
    keyed_apart,
    merge_records,
    metric_facts_of,
    metrics_of,
    separated,
    tell_apart,
)
from tests.records.cells import cell, record

OURS = {"data": "f00d"}  # the content of a key that is a hash


def saved(path: Path, *cells: CellRecord, **changes: Any) -> Path:
    write_file(path, record(*cells, **changes))
    return path


# ---------------------------------------------------------------------- a new file


def test_a_merged_record_says_what_it_was_merged_from(tmp_path: Path) -> None:
    one = saved(tmp_path / "a.h5", cell(0, content=OURS), suite="a", environment={"python": "3"})
    other = saved(tmp_path / "b.h5", cell(1, content=OURS), suite="b")
    merged = merge_records([one, other], tmp_path / "out.h5")
    assert (merged.suite, merged.suite_text) == ("a + b", "name: demo\n")
    first, second = merged.environment["merged"]
    assert (first["file"], first["suite"], first["cells"]) == ("a.h5", "a", ["k"])
    assert first["environment"] == {"python": "3"}
    assert second["file"] == "b.h5"
    assert read_record(tmp_path / "out.h5").environment == merged.environment


def test_what_was_merged_is_merged_again_with_its_sources(tmp_path: Path) -> None:
    paths = []
    for seed, name in enumerate("abc"):
        paths.append(saved(tmp_path / f"{name}.h5", cell(seed, content=OURS), suite=name))
    first = tmp_path / "first.h5"
    merge_records(paths[:2], first)
    every = merge_records([first, paths[2]], tmp_path / "all.h5")
    assert [source["file"] for source in every.environment["merged"]] == ["a.h5", "b.h5", "c.h5"]
    assert every.cells[0].seed.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("out", "said"),
    [("a.h5", "a.h5 is one of the records to merge; choose"), ("there.h5", "there.h5 exists; ")],
)
def test_no_file_is_ever_replaced(tmp_path: Path, out: str, said: str) -> None:
    paths = [saved(tmp_path / "a.h5", cell(0)), saved(tmp_path / "b.h5", cell(1))]
    (tmp_path / "there.h5").write_text("something")
    with pytest.raises(RecordError, match=said):
        merge_records(paths, tmp_path / out)
    assert (tmp_path / "there.h5").read_text() == "something"


def test_a_record_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", cell(0))
    again = tmp_path / "link.h5"
    again.symlink_to(path)
    with pytest.raises(RecordError, match="a record is named twice; name each one once"):
        merge_records([path, again], tmp_path / "out.h5")


def test_a_member_measured_twice_is_named_with_both_files(tmp_path: Path) -> None:
    one = saved(tmp_path / "a.h5", cell(0, 1, content=OURS))
    differing = cell(1, content=OURS)
    differing.accuracy = differing.accuracy / 2
    other = saved(tmp_path / "b.h5", differing)
    with pytest.raises(RecordError) as raised:
        merge_records([one, other], tmp_path / "out.h5")
    said = str(raised.value)
    assert "split, er: seed 1 was measured twice, and accuracy differs: in " in said
    assert f"in {one} and in {other}; merge one of the two without it" in said
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize(
    ("purposes", "purpose"),
    [
        (("results", "results"), "results"),
        (("results", "smoke"), "smoke"),  # made-up data make all of it so
        (("results", ""), ""),
        (("", ""), ""),
    ],
)
def test_made_up_data_make_all_of_it_so(
    tmp_path: Path, purposes: tuple[str, str], purpose: str
) -> None:
    paths = []
    for seed, one in enumerate(purposes):
        paths.append(saved(tmp_path / f"{seed}.h5", cell(seed), purpose=one))
    assert merge_records(paths, tmp_path / "out.h5").purpose == purpose


# ---------------------------------------------------------------------- what is asked for


def test_of_one_metric_with_several_options_the_first_record_asks() -> None:
    first = record(metrics=(("a", {"window": 1}),))
    second = record(metrics=(("b", {}), ("a", {"window": 2})))
    assert dict(metrics_of([first, second])) == {"a": {"window": 1}, "b": {}}
    assert metrics_of([record(), record()]) == ()


def test_facts_of_metrics_are_those_that_the_first_record_has() -> None:
    first = record(metric_facts={"a": {"unit": "bytes"}})
    second = record(metric_facts={"a": {"unit": "s"}, "b": {"unit": ""}})
    assert metric_facts_of([first, second]) == {"a": {"unit": "bytes"}, "b": {"unit": ""}}


# ---------------------------------------------------------------------- names


def test_a_key_that_is_only_a_name_is_not_another_files_cell() -> None:
    known = {"er": cell(0, key="er")}
    same, other = cell(1, key="er"), cell(1, key="er", options={"memory": 5})
    assert keyed_apart(same, known) is same
    renamed = keyed_apart(other, known)
    assert renamed.key == "er-2"
    assert keyed_apart(cell(2, key="er", label="third"), {**known, "er-2": renamed}).key == "er-3"
    # A third record that means the same as the second finds it.
    assert keyed_apart(other, {**known, "er-2": renamed}).key == "er-2"


def test_a_key_that_is_a_hash_is_trusted() -> None:
    known = {"k": cell(0, content=OURS)}
    other = cell(1, content=OURS, label="er(renamed)")
    assert keyed_apart(other, known) is other


def test_the_identity_of_a_cell_is_what_was_trained_and_how() -> None:
    one = cell(0, options={"a": 1, "b": 2}, protocol={"epochs": 1})
    turned = cell(5, key="other", options={"b": 2, "a": 1}, protocol={"epochs": 1})
    assert identity(one) == identity(turned)
    for changes in ({"options": {"a": 1}}, {"protocol": {}}, {"label": "x"}, {"scenario": "s"}):
        different = cell(0, **{"options": one.options, "protocol": one.protocol, **changes})
        assert identity(different) != identity(one)


def test_labels_are_ambiguous_within_a_scenario() -> None:
    cells = [cell(0), cell(0, key="j"), cell(0, label="ewc"), cell(0, label="ewc", scenario="b")]
    assert ambiguous(cells) == {"er"}
    assert ambiguous([]) == set()


def test_what_two_suites_call_alike_gets_the_suites_name() -> None:
    cells = [cell(0, key="aaaa"), cell(0, key="bbbb"), cell(0, key="cccc", label="ewc")]
    origin = {"aaaa": "one", "bbbb": "two", "cccc": "two"}
    labels = [one.label for one in tell_apart(cells, origin)]
    assert labels == ["er [one]", "er [two]", "ewc"]


def test_where_that_is_not_enough_the_end_of_the_key_is_added() -> None:
    cells = [cell(0, key="0123456789a"), cell(0, key="0123456789b")]
    origin = dict.fromkeys(("0123456789a", "0123456789b"), "one")
    labels = [one.label for one in tell_apart(cells, origin)]
    assert labels == ["er [one] [3456789a]", "er [one] [3456789b]"]


# ---------------------------------------------------------------------- taken apart


def of_two_suites() -> RecordFile:
    sources = [
        {"suite": "a", "suite_text": "name: a\n", "cells": ["x", "y"]},
        {"suite": "b", "suite_text": "name: b\n", "cells": ["y", "z"]},
    ]
    cells = [cell(0, key=key) for key in "xyzw"]
    return record(*cells, environment={"merged": sources}, apart=[cell(9, key="old")])


def keys_of(part: RecordFile) -> list[str]:
    return [one.key for one in part.cells]


def test_a_merged_record_falls_into_its_suites_and_the_rest() -> None:
    """A cell of several is the first one's; what is kept apart stays with the first."""
    parts = separated(of_two_suites())
    keys = [keys_of(part) for part in parts]
    assert keys == [["x", "y"], ["z"], ["w"]]
    assert [(part.suite, part.suite_text) for part in parts[:2]] == [
        ("a", "name: a\n"),
        ("b", "name: b\n"),
    ]
    assert [len(part.apart) for part in parts] == [1, 0, 0]


@pytest.mark.parametrize(
    "merged", [None, [], "a", [{"suite": "a", "cells": ["x"]}], [{"cells": 3}, 7, {"suite": "b"}]]
)
def test_a_record_of_one_suite_stays_whole(merged: Any) -> None:
    whole = record(cell(0, key="x"), environment={"merged": merged})
    assert separated(whole) == [whole]
