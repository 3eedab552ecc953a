"""A leaderboard: which records are ranked together, and which are left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clbench.errors import RecordError, UserError
from clbench.records import RecordFile, write_file, write_record
from clbench.report.leaderboard import leaderboard
from clbench.report.page_data import page_data
from clbench.report.publishing import as_markdown
from tests.report.boards import built, timed


def test_a_suites_own_rules_are_followed(three, tmp_path) -> None:
    (section,) = built(tmp_path / "board", three)
    assert section.title == "demo"
    assert section.main.baseline == "poor"
    assert section.main.metric == "average_accuracy"


def saved(made, path: Path, suite: str, purpose: str = "") -> Path:
    record = RecordFile(1, suite, "", {}, made.three(suite), purpose=purpose)
    write_file(path, record)
    return path


def test_made_up_data_and_what_was_set_aside_are_left_out_in_one_line(made, tmp_path) -> None:
    """By what the file says; by name where it is from before files said it."""
    real = saved(made, tmp_path / "demo.h5", "demo", "results")
    named_so = saved(made, tmp_path / "a-smoke.h5", "a-smoke", "results")
    renamed = saved(made, tmp_path / "nice.h5", "demo-smoke", "smoke")
    older = saved(made, tmp_path / "demo-smoke.h5", "demo-smoke")
    superseded = saved(made, tmp_path / "demo.superseded.h5", "demo")
    said: list[str] = []
    paths = (real, named_so, renamed, older, superseded)
    sections = built(tmp_path / "board", *paths, tell=said.append)
    assert [section.title for section in sections] == ["demo", "a-smoke"]
    assert said == [
        f"left out: {renamed} (made-up data of --smoke), {older} (made-up data of --smoke), "
        f"{superseded} (cells of an older state of its suite)"
    ]
    assert not (tmp_path / "board" / "records" / "nice.h5").exists()


def test_made_up_data_alone_is_nothing_to_publish(made, tmp_path) -> None:
    smoke = saved(made, tmp_path / "demo-smoke.h5", "demo-smoke", "smoke")
    with pytest.raises(RecordError, match=r"nothing to publish: .*demo-smoke.h5 \(made-up data"):
        built(tmp_path / "board", smoke)


def test_suites_with_the_same_streams_and_budget_are_one_section(made, tmp_path) -> None:
    one = made.save(tmp_path / "one.h5", *made.three(), suite="one")
    other = made.save(tmp_path / "other.h5", made.cell("new", made.draw(0.8, 12, 9)), suite="other")
    (section,) = built(tmp_path / "board", one, other)
    assert section.title == "one + other"
    assert {row.strategy for row in section.main.summary} == {"good", "middle", "poor", "new"}


def test_another_budget_is_ranked_apart_unless_it_is_insisted_on(made, tmp_path) -> None:
    one = made.save(tmp_path / "one.h5", *made.three(), suite="one")
    cells = [
        replace(cell, key=f"longer-{cell.key}")
        for cell in made.three(protocol={**made.protocol, "epochs": 20})
    ]
    longer = made.save(tmp_path / "longer.h5", *cells, suite="longer")
    assert [section.title for section in built(tmp_path / "board", one, longer)] == [
        "one",
        "longer",
    ]
    (mixed,) = built(tmp_path / "board", one, longer, force_mixed=True)
    assert "length of a task: 1 epochs in one; 20 epochs in longer" in " ".join(mixed.main.mixed)


def test_other_streams_are_ranked_apart(made, tmp_path) -> None:
    one = made.save(tmp_path / "one.h5", *made.three("split"), suite="one")
    other = made.save(tmp_path / "other.h5", *made.three("permuted"), suite="other")
    assert [section.title for section in built(tmp_path / "board", one, other)] == ["one", "other"]


def test_a_baseline_counts_where_it_is_known_and_must_be_somewhere(made, tmp_path) -> None:
    one = made.save(tmp_path / "one.h5", *made.three("split"), suite="one")
    other = made.save(
        tmp_path / "other.h5",
        *made.cells({"x": made.draw(0.1, 9, 1), "y": made.draw(0.2, 9, 2)}, "permuted"),
        suite="other",
    )
    assert [
        section.main.baseline for section in built(tmp_path / "board", one, other, baseline="x")
    ] == [None, "x"]
    with pytest.raises(RecordError, match="no record has a strategy 'nobody'"):
        leaderboard([one], tmp_path / "board", baseline="nobody")


def test_costs_are_shown_but_not_ranked(made, tmp_path) -> None:
    path = tmp_path / "demo.h5"
    metrics = [("forgetting", {}), ("train_seconds", {})]
    write_record(
        path,
        [timed(cell, 3.0) for cell in made.three()],
        suite="demo",
        suite_text="",
        environment={},
        metrics=metrics,
    )
    (section,) = built(tmp_path / "board", path)
    assert list(section.comparisons) == ["average_accuracy", "forgetting"]
    entry = page_data([section])["sections"][0]["entries"][0]
    assert entry["costs"]["train_seconds"] == pytest.approx(3.05)


def test_records_with_nothing_to_rank_still_make_a_page(made, tmp_path) -> None:
    lonely = made.save(tmp_path / "lonely.h5", made.cell("only", [0.5]), suite="lonely")
    diverged = np.array(["diverged"] * 3, dtype=object)
    lost = [made.cell(name, [0.5] * 3, member_status=diverged) for name in ("a", "b")]
    for path in (
        lonely,
        made.save(tmp_path / "lost.h5", *lost, suite="lost"),
        made.save(tmp_path / "empty.h5", suite="empty"),
    ):
        built(tmp_path / "board", path)
    text = as_markdown(leaderboard([tmp_path / "lost.h5"], tmp_path))
    assert "3 of 3 runs diverged" in text


def test_an_unknown_metric_is_an_error(three, tmp_path) -> None:
    with pytest.raises(UserError, match="did you mean"):
        leaderboard([three], tmp_path, metric="averge_accuracy")
