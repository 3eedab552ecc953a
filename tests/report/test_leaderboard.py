from __future__ import annotations

import csv
import io
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from clbench.errors import OutputError, RecordError, UserError
from clbench.records import CellRecord, RecordFile, write_file, write_record
from clbench.records.provenance import named, stamped
from clbench.report.leaderboard import leaderboard
from clbench.report.page import embedded, page
from clbench.report.page_data import page_data, plain
from clbench.report.publishing import as_csv, as_markdown, write
from clbench.report.repeat_words import repeat_mark, repeat_sentence
from clbench.report.reproduction import DIFFERS, EQUAL, NOT_SHOWN, SAME, TOO_FEW, Repeat, repeats
from clbench.report.sections import Section

NASTY = "<script>alert(1)</script>&\u2028"


def timed(cell: CellRecord, seconds: float) -> CellRecord:
    return replace(cell, cost={"train_seconds": np.linspace(seconds, seconds + 0.1, cell.members)})


@pytest.fixture
def three(made, tmp_path) -> Path:
    return made.save(
        tmp_path / "demo.h5",
        *made.three("one"),
        *made.three("two"),
        text="compare: {baseline: poor}",
    )


def built(out: Path, *paths: Path, **rules) -> list[Section]:
    sections = leaderboard(list(paths), out, **rules)
    write(sections, out)
    return sections


# ---------------------------------------------------------------------- what is ranked together


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


# ---------------------------------------------------------------------- run again


def measured(made, *values: float, seconds: float, content: str = "f00d") -> CellRecord:
    return timed(made.cell("er", values, content={"data": content}), seconds)


def verdicts(
    made, first: CellRecord, again: CellRecord, cpu: str = "another"
) -> list[tuple[str, int, bool]]:
    records = [
        replace(made.results(first).record, environment={"cpu": "one"}),
        replace(made.results(again).record, environment={"cpu": cpu}),
    ]
    return [
        (one.verdict, one.seeds, one.elsewhere)
        for all_of in repeats(records)[1].values()
        for one in all_of
    ]


def test_the_same_numbers_from_another_run_reproduce_a_cell(made) -> None:
    values = (0.5, 0.6, 0.7)
    assert verdicts(
        made, measured(made, *values, seconds=1.0), measured(made, *values, seconds=2.0)
    ) == [(SAME, 3, True)]
    assert verdicts(
        made, measured(made, *values, seconds=1.0), measured(made, *values, seconds=2.0), cpu="one"
    ) == [(SAME, 3, False)]


def test_a_copy_of_a_record_proves_nothing(made) -> None:
    cell = measured(made, 0.5, 0.6, 0.7, seconds=1.0)
    assert verdicts(made, cell, cell) == []
    assert verdicts(made, replace(cell, cost={}), replace(cell, cost={})) == []


def repeat(made, first: CellRecord, again: CellRecord) -> Repeat:
    """The one repeat that two records hold."""
    _, found = repeats([made.results(first).record, made.results(again).record])
    ((one,),) = found.values()
    return one


SPREAD = (0.5, 0.52, 0.55, 0.48, 0.51)


def test_a_seed_that_is_off_by_a_rounding_error_does_not_differ(made) -> None:
    one = repeat(made, measured(made, 0.5, seconds=1.0), measured(made, 0.5 + 1e-12, seconds=2.0))
    assert one.verdict == EQUAL
    assert repeat_mark([one]) == "equal"  # without a tick: it is one seed
    assert repeat_sentence(one) == (
        "1 seed measured again in the same environment: the final accuracies are equal, though not"
        " every number is."
    )


@pytest.mark.parametrize("jitter", [0.0, 0.002])
def test_five_seeds_that_are_all_lower_differ_though_within_the_old_interval(made, jitter) -> None:
    lower = [value - 0.015 + jitter * (-1) ** k for k, value in enumerate(SPREAD)]
    one = repeat(made, measured(made, *SPREAD, seconds=1.0), measured(made, *lower, seconds=2.0))
    assert (one.verdict, one.seeds, one.unlike) == (DIFFERS, 5, 0)
    assert one.difference == pytest.approx(-0.015, abs=1e-3)
    assert one.low <= one.high < 0
    assert one.largest == pytest.approx(0.015 + jitter)
    assert repeat_mark([one]).startswith("✗ differs, -1.")
    assert "the two differ" in repeat_sentence(one)
    assert ("(p = " in repeat_sentence(one)) == (jitter > 0)


def test_numbers_of_fewer_than_five_seeds_have_no_verdict(made) -> None:
    one = repeat(
        made,
        measured(made, 0.5, 0.6, 0.7, 0.8, seconds=1.0),
        measured(made, 0.1, 0.1, 0.2, 0.2, seconds=2.0),
    )
    assert one.verdict == TOO_FEW
    assert repeat_mark([one]) == "too few seeds, -50.0 points"
    assert "too few seeds to tell (5 are needed)" in repeat_sentence(one)


def test_that_no_difference_is_shown_is_no_tick(made) -> None:
    again = (0.51, 0.51, 0.55, 0.49, 0.5)
    one = repeat(made, measured(made, *SPREAD, seconds=1.0), measured(made, *again, seconds=2.0))
    assert one.verdict == NOT_SHOWN
    assert repeat_mark([one]) == "no difference shown, 0.0 points"


def test_a_seed_that_fails_one_time_is_counted_apart(made) -> None:
    again = measured(made, *SPREAD, seconds=2.0)
    again.member_status = np.array(["diverged", *["done"] * 4], dtype=object)
    one = repeat(made, measured(made, *SPREAD, seconds=1.0), again)
    assert (one.verdict, one.seeds, one.unlike, one.difference) == (TOO_FEW, 5, 1, 0.0)
    assert repeat_sentence(one).endswith("; 1 seed failed one time and finished the other.")


def test_agents_of_a_seed_are_one_run_when_it_is_run_again(made) -> None:
    values = np.repeat(SPREAD, 2)
    two = {"seed": np.repeat(np.arange(5), 2), "agent": np.tile([0, 1], 5)}
    first = timed(made.cell("er", values, **two), 1.0)
    again = timed(made.cell("er", values + np.tile([0.01, -0.03], 5), **two), 2.0)
    one = repeat(made, first, again)
    assert (one.seeds, one.verdict) == (5, DIFFERS)
    assert one.largest == pytest.approx(0.01)


def test_the_board_says_what_a_run_again_found(made, tmp_path) -> None:
    (tmp_path / "b").mkdir()
    first = made.save(tmp_path / "demo.h5", measured(made, *SPREAD, seconds=1.0))
    lower = measured(made, *(value - 0.015 for value in SPREAD), seconds=2.0)
    sections = leaderboard(
        [first, made.save(tmp_path / "b" / "demo.h5", lower)], tmp_path / "board", alpha=0.01
    )
    (row,) = csv.DictReader(io.StringIO(as_csv(sections)))
    assert row["run_again"] == DIFFERS
    assert float(row["run_again_difference"]) == pytest.approx(-0.015)
    assert "split, er: 5 seeds measured again" in as_markdown(sections)
    (entry,) = page_data(sections)["sections"][0]["entries"]
    assert entry["again"] == "✗ differs, -1.5 points"
    assert entry["repeats"][0]["difference"] == pytest.approx(-0.015)
    assert entry["repeats"][0]["words"] == repeat_sentence(sections[0].repeats[entry["key"]][0])


def test_the_first_measurement_stands_and_new_seeds_join(made) -> None:
    first = measured(made, 0.5, 0.6, seconds=1.0)
    again = measured(made, 0.1, 0.2, 0.3, seconds=2.0)
    kept, found = repeats([made.results(first).record, made.results(again).record])
    assert [record.cells[0].seed.tolist() for record in kept] == [[0, 1], [2]]
    assert [one.seeds for one in found[first.key]] == [2]


def test_other_content_is_no_repetition(made) -> None:
    first = measured(made, 0.5, 0.6, seconds=1.0)
    foreign = replace(first, content={}, cost={"train_seconds": np.array([9.0, 9.0])})
    assert verdicts(made, foreign, foreign) == []


# ---------------------------------------------------------------------- files


def test_records_are_copied_where_they_are_not_in_the_folder(made, three, tmp_path) -> None:
    board = tmp_path / "board"
    (tmp_path / "elsewhere").mkdir()
    elsewhere = made.save(tmp_path / "elsewhere" / "demo.h5", *made.three("x"), suite="x")
    built(board, three, elsewhere)
    assert (board / "records" / "demo.h5").read_bytes() == three.read_bytes()
    assert (board / "records" / "demo-2.h5").read_bytes() == elsewhere.read_bytes()
    sections = built(board, board / "records" / "demo.h5")
    assert [source.place for source in sections[0].sources] == ["records/demo.h5"]


def test_the_same_records_give_the_same_bytes(three, tmp_path) -> None:
    built(tmp_path / "a", three)
    built(tmp_path / "b", three)
    for name in ("index.html", "leaderboard.csv", "leaderboard.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_folder_that_cannot_be_is_said_in_a_sentence(three, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        built(tmp_path / "file", three)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_is_said_in_a_sentence(three, tmp_path) -> None:
    board = tmp_path / "board"
    board.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="permission denied"):
        built(board, three)


def test_the_csv_has_every_number(three, tmp_path) -> None:
    (section,) = built(tmp_path / "board", three)
    rows = list(csv.DictReader(io.StringIO(as_csv([section]))))
    assert len(rows) == 6
    best = section.main.summary[0]
    assert float(rows[0]["mean"]) == best.mean
    assert rows[0]["records"] == "records/demo.h5"


def test_the_markdown_has_tables_and_sentences(three, tmp_path) -> None:
    text = as_markdown(built(tmp_path / "board", three))
    assert "| one | good | 1 | a |" in text
    assert "- one: good is better than every other; 3 of 3 pairs differ." in text
    assert "[records/demo.h5](records/demo.h5)" in text


# ---------------------------------------------------------------------- the page, unopened


class Elements(HTMLParser):
    """The scripts of a page, and every address in an attribute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.addresses: list[str] = []
        self.open: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.open = dict(attrs) if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self.open is not None:
            self.scripts.append((self.open, data))
            self.open = None


def test_names_that_are_markup_do_not_leave_their_data(made, tmp_path) -> None:
    path = made.save(
        tmp_path / "demo.h5",
        *made.cells({"<script>alert(1)</script>": [0.5] * 6, "b": [0.6] * 6}),
        suite="</script><b>",
    )
    text = page(page_data(leaderboard([path], tmp_path)))
    scripts = Elements(text).scripts
    assert [attributes.get("type") for attributes, _ in scripts] == ["application/json", None]
    data = json.loads(scripts[0][1])
    assert data["sections"][0]["strategies"] == ["<script>alert(1)</script>", "b"]
    assert data["sections"][0]["title"] == "</script><b>"


def test_embedded_data_has_no_letter_that_means_something_in_a_page() -> None:
    text = embedded({"a": NASTY + "\u2029"})
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {"a": NASTY + "\u2029"}


def test_the_page_forbids_itself_the_network(three, tmp_path) -> None:
    text = page(page_data(leaderboard([three], tmp_path)))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "http" not in policy[1]
    assert not [address for address in Elements(text).addresses if re.match(r"https?:|//", address)]


def test_numbers_are_plain_and_short() -> None:
    assert plain(
        {"a": np.float64(1 / 3), "b": [np.nan, np.int64(3)], "c": (float("inf"), "x", None)}
    ) == {
        "a": 0.333333,
        "b": [None, 3],
        "c": [None, "x", None],
    }


def test_long_streams_are_binned(made, tmp_path) -> None:
    course = np.linspace(0.9, 0.1, 150)
    accuracy = np.broadcast_to(course, (6, 151, 150))
    cells = [
        made.cell(name, [0.5] * 6, accuracy=accuracy * factor)
        for name, factor in (("a", 1.0), ("b", 0.9))
    ]
    data = page_data(leaderboard([made.save(tmp_path / "long.h5", *cells)], tmp_path))
    entry = data["sections"][0]["entries"][0]
    learnt = entry["curves"]["learnt"]
    assert learnt["size"] == 5
    assert len(learnt["points"]) == 30
    assert learnt["points"][1][:2] == [10, pytest.approx(course[5:10].mean(), rel=1e-5)]
    assert list(entry["curves"]) == ["average", "learnt"]
    matrix = entry["matrix"]
    assert np.shape(matrix["values"]) == (16, 15)
    assert matrix["values"][3][1] == pytest.approx(course[10:20].mean(), rel=1e-5)
    assert (matrix["size"], matrix["tasks"][-1], matrix["ends"][-1]) == (10, "141-150", 150)


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


def test_the_page_is_dated_by_its_newest_run_and_not_by_today(made, tmp_path) -> None:
    cells = made.cells({"a": [0.5] * 6, "b": [0.6] * 6})
    runs = tuple(
        {"id": name, "date": f"{name}T10:00:00+00:00"} for name in ("2025-01-31", "2025-03-01")
    )
    write_file(tmp_path / "r.h5", RecordFile(1, "demo", "", {}, cells, runs=runs))
    sections = leaderboard([tmp_path / "r.h5"], tmp_path)
    text = page(page_data(sections))
    assert "Newest run: 2025-03-01." in text
    assert text == page(page_data(sections))
    undated = page(page_data(leaderboard([made.save(tmp_path / "old.h5", *cells)], tmp_path)))
    assert "Newest run" not in undated


def test_an_entry_says_which_run_measured_which_seeds(made, tmp_path) -> None:
    here, there = named({"cpu": "A"}), named({"cpu": "B"})
    good, *others = made.three(seeds=3)
    good.run = np.array([here["id"], there["id"], here["id"]], dtype=object)
    record = RecordFile(1, "demo", "", {}, [good, *others], runs=(here, there))
    write_file(tmp_path / "r.h5", record)
    (section,) = page_data(built(tmp_path / "board", tmp_path / "r.h5"))["sections"]
    assert section["runs"] == {here["id"]: here, there["id"]: there}
    by_label = {entry["label"]: entry["runs"] for entry in section["entries"]}
    assert by_label[good.label] == [[here["id"], [0, 2]], [there["id"], [1]]]
    assert by_label[others[0].label] == []


def test_whether_a_repeat_is_from_elsewhere_is_said_of_the_runs_that_measured_it(made) -> None:
    """Not of whoever added something to the record last; packages count that both records name."""
    first = timed(made.cell("good", [0.5, 0.6]), 1.0)
    again = timed(made.cell("good", [0.5, 0.6]), 2.0)
    old = replace(made.results(first).record, environment={"cpu": "A", "packages": {"torch": "2"}})
    packages = {"torch": "2", "scipy": "1"}
    here, there = named({"cpu": "A", "packages": packages}), named({"cpu": "B"})
    record = made.results(stamped(again, here)).record
    new = replace(record, runs=(here, there), environment=there)
    _, found = repeats([old, new])
    assert [one.elsewhere for one in found[first.key]] == [False]
    other = replace(made.results(stamped(again, there)).record, runs=(here, there))
    _, found = repeats([old, other])
    assert [one.elsewhere for one in found[first.key]] == [True]
