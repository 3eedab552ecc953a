"""What the leaderboard's page is given of each strategy and each run."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.records import RecordFile, write_file
from clbench.records.provenance import named
from clbench.report.leaderboard import leaderboard
from clbench.report.page_data import PAIR_COLUMNS, page_data, plain


def section_of(record: Path, out: Path) -> Any:
    (section,) = page_data(leaderboard([record], out))["sections"]
    return section


def test_a_ranking_has_the_value_of_every_seed_and_none_of_a_failed_run(
    made: Any, tmp_path: Path
) -> None:
    status = np.array(["done", "diverged", "done"], dtype=object)
    cells = [
        made.cell("a", [0.5, 0.9, 0.25], member_status=status, seed=np.array([4, 5, 7])),
        made.cell("b", [0.5, 0.75], seed=np.array([4, 7])),
    ]
    section = section_of(made.save(tmp_path / "r.h5", *cells), tmp_path)
    assert section["rankings"][0]["runs"] == {
        "split": {"a": [[4, 5, 7], [0.5, None, 0.25]], "b": [[4, 7], [0.5, 0.75]]}
    }


def test_an_entry_has_its_papers_its_defaults_and_the_plugin_of_its_code(
    made: Any, tmp_path: Path
) -> None:
    cell = made.cell(
        "er",
        [0.5, 0.6],
        options={"memory": 100},
        papers={"er": "Somebody et al. 2019"},
        defaults={"memory": 200},
        content={"versions": {"strategy er": "sha256:1234", "scenario split": "2.0"}},
    )
    run = named({"plugins": {"er": "clbench 0.2.0 sha256:1234", "mine.py": "sha256:5"}})
    cell.run = np.array([run["id"]] * 2, dtype=object)
    write_file(tmp_path / "r.h5", RecordFile(1, "demo", "", {}, [cell], runs=(run,)))
    (entry,) = section_of(tmp_path / "r.h5", tmp_path)["entries"]
    assert entry["papers"] == {"er": "Somebody et al. 2019"}
    assert (entry["options"], entry["defaults"]) == ({"memory": 100}, {"memory": 200})
    assert entry["code"] == [
        {"what": "scenario split", "plugin": "", "version": "2.0"},
        {"what": "strategy er", "plugin": "er, clbench 0.2.0", "version": "sha256:1234"},
    ]


def test_what_a_stranger_s_record_holds_in_their_place_is_left_out(
    made: Any, tmp_path: Path
) -> None:
    cell = made.cell("er", [0.5, 0.6], content={"versions": ["1"]})
    run = named({"plugins": "none"})
    cell.run = np.array([run["id"]] * 2, dtype=object)
    write_file(tmp_path / "r.h5", RecordFile(1, "demo", "", {}, [cell], runs=(run,)))
    (entry,) = section_of(tmp_path / "r.h5", tmp_path)["entries"]
    assert (entry["code"], entry["papers"], entry["defaults"]) == ([], {}, {})


def test_unequal_memory_is_said_before_any_number(made: Any, tmp_path: Path) -> None:
    cells = made.cells({"small": [0.5, 0.6], "large": [0.6, 0.7]})
    for cell, size in zip(cells, (2_000.0, 9_000.0), strict=True):
        cell.cost["state_bytes"] = cell.cost["device_bytes"] = np.full(2, size)
    (line,) = section_of(made.save(tmp_path / "r.h5", *cells), tmp_path)["carrying"]
    assert "small 2.0 kB, large 9.0 kB, 4.5 times as much" in line


def test_ties_are_sorted_by_the_middle_half_of_their_runs_and_not_by_one_outlier(
    made: Any, tmp_path: Path
) -> None:
    steady = np.array([0.5, 0.51, 0.52, 0.5, 0.51, 0.52])
    once = np.array([0.49, 0.5, 0.51, 0.49, 0.5, 0.95])  # one run lifts its mean above the other's
    lost = np.array(["done"] * 5 + ["diverged"], dtype=object)
    cells = made.cells({"once": once, "steady": steady})
    cells.append(made.cell("fragile", steady, member_status=lost))
    (ranking,) = section_of(made.save(tmp_path / "r.h5", *cells), tmp_path)["rankings"]
    rows = ranking["summary"]
    assert [row["strategy"] for row in rows] == ["steady", "fragile", "once"]
    assert {(row["rank_best"], row["rank_worst"]) for row in rows} == {(1, 3)}


def test_ranks_are_intervals_and_bounds_have_none(made: Any, tmp_path: Path) -> None:
    cells = made.three()
    cells[1].declared = ("bound",)
    (ranking,) = section_of(made.save(tmp_path / "r.h5", *cells), tmp_path)["rankings"]
    found = {row["strategy"]: (row["rank_best"], row["rank_worst"]) for row in ranking["summary"]}
    assert found == {"middle": (1, 1), "poor": (2, 2), "good": (None, None)}


def test_numbers_are_plain_and_short() -> None:
    assert plain(
        {"a": np.float64(1 / 3), "b": [np.nan, np.int64(3)], "c": (float("inf"), "x", None)}
    ) == {
        "a": 0.333333,
        "b": [None, 3],
        "c": [None, "x", None],
    }


# ---------------------------------------------------------------------- its parts


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1 / 3, 0.333333),
        (123456789.0, 123457000.0),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([0.5, np.nan]), [0.5, None]),
        (np.str_("x"), "x"),
        ((1, [2.0]), [1, [2.0]]),
        ({1: float("-inf")}, {"1": None}),
        (None, None),
        (True, True),
    ],
)
def test_anything_becomes_plain(value: Any, wanted: Any) -> None:
    found = plain(value)
    assert found == wanted
    assert type(found) is type(wanted)


def test_a_page_of_nothing_still_says_its_version_and_how_to_cite() -> None:
    data = page_data([])
    assert data["sections"] == []
    assert data["version"] == version("clbench")
    assert f"version = {{{version('clbench')}}}," in data["citation"]
    assert data["citation"].startswith("@software{clbench,")
    assert data["citation"].endswith("\n}")


def test_pairs_are_a_list_a_column(made: Any, tmp_path: Path) -> None:
    section = section_of(made.save(tmp_path / "r.h5", *made.three(seeds=6)), tmp_path)
    pairs = section["rankings"][0]["pairs"]
    assert set(pairs) == {*PAIR_COLUMNS, "in_own_record"}
    assert {len(column) for column in pairs.values()} == {3}
    assert pairs["scenario"] == ["split"] * 3


def test_pairs_over_all_scenarios_follow_those_of_each(made: Any, tmp_path: Path) -> None:
    cells = [*made.three("one", seeds=6), *made.three("two", seeds=6)]
    section = section_of(made.save(tmp_path / "r.h5", *cells), tmp_path)
    (ranking,) = section["rankings"]
    assert ranking["pairs"]["scenario"] == ["one"] * 3 + ["two"] * 3 + [None] * 3
    assert [row["strategy"] for row in ranking["overall"]] == ["good", "middle", "poor"]
    assert [diagram["scenario"] for diagram in ranking["diagrams"]] == [None, "one", "two"]
    assert (section["scenarios"], section["strategies"]) == (
        ["one", "two"],
        ["poor", "good", "middle"],
    )


def test_a_front_is_of_rivals_with_a_known_cost(made: Any, tmp_path: Path) -> None:
    cells = made.cells(
        {"cheap": [0.5, 0.51], "good": [0.8, 0.81], "joint": [0.9, 0.91], "free": [0.95, 0.96]}
    )
    for cell, seconds in zip(cells, (1.0, 2.0, 0.5, 0.0), strict=True):
        cell.cost["train_seconds"] = np.full(2, seconds)
    cells[2].declared = ("bound",)
    section = section_of(made.save(tmp_path / "r.h5", *cells), tmp_path)
    fronts = section["rankings"][0]["fronts"]
    assert fronts["train_seconds"] == {"split": [[1.0, 0.505], [2.0, 0.805]]}
    assert fronts["bytes_sent"] == {"split": []}  # which nobody measured


def test_a_source_is_linked_to_and_dated_by_its_last_run(made: Any, tmp_path: Path) -> None:
    runs = tuple({"id": day, "date": day} for day in ("2025-03-01", "2025-01-31"))
    record = RecordFile(1, "demo", "text", {"python": "3"}, made.three(seeds=3), runs=runs)
    write_file(tmp_path / "a b.h5", record)
    section = section_of(tmp_path / "a b.h5", tmp_path)
    (source,) = section["records"]
    assert (source["place"], source["link"]) == ("a b.h5", "a%20b.h5")
    assert (source["date"], source["suite_text"]) == ("2025-03-01", "text")
    assert source["cells"] == [cell.key for cell in record.cells]
    assert set(section["runs"]) == {"2025-03-01", "2025-01-31"}
