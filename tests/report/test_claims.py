"""A board keeps the family in which a record made its claim beside its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.report.claims import Claim, with_claims, words_of_pair
from clbench.report.compared import Comparison, Overall, Rows
from clbench.report.contest import LIKE_THESE, THESE, Pair
from clbench.report.leaderboard import leaderboard
from clbench.report.page_data import page_data
from clbench.report.publishing import as_markdown, write
from clbench.report.sections import Section
from tests.report.built import compared_of, pair_of, untested_pair

SEEDS = 8


def two(made: Any) -> list[Any]:
    """A difference that one pair can show with eight seeds, and one pair among many cannot."""
    base = made.draw(0.7, SEEDS, 1)
    gains = np.array([0.02, 0.03, 0.01, 0.04, 0.02, 0.03, -0.004, 0.01])
    return made.cells({"a": base + gains, "b": base})


def others(made: Any, count: int, **changes: Any) -> list[Any]:
    """Entries like b: a family of many pairs of which none differs."""
    table = {f"x{k}": made.draw(0.7, SEEDS, 10 + k) for k in range(count)}
    return made.cells(table, **changes)


def board(made: Any, folder: Path, count: int = 10, **rules: Any) -> Section:
    mine = made.save(folder / "mine.h5", *two(made), suite="mine")
    theirs = made.save(folder / "theirs.h5", *others(made, count), suite="theirs")
    (section,) = leaderboard([mine, theirs], folder / "board", **rules)
    write([section], folder / "board")
    return section


def test_a_board_that_grows_does_not_revoke_a_claim_silently(made: Any, tmp_path: Path) -> None:
    section = board(made, tmp_path)
    (claim,) = section.main.claims
    assert (claim.better, claim.worse, claim.record) == ("a", "b", "records/mine.h5")
    assert (claim.family, claim.board_family, claim.holds) == (1, 66, False)
    assert claim.p_adjusted <= 0.05 < claim.board_p
    assert claim.board_verdict == "cannot be told apart"
    line = (
        "split: shown in its own record, records/mine.h5 (family of 1 pair), not on this board"
        " (family of 66): a better than b."
    )
    assert line in section.main.text
    assert line in as_markdown([section])
    (ranking,) = page_data([section])["sections"][0]["rankings"]
    assert ranking["claims"][0]["holds"] is False
    assert {*ranking["pairs"]["in_own_record"]} == {"", "a better (records/mine.h5, family of 1)"}
    assert line in (tmp_path / "board" / "index.html").read_text()


def test_a_claim_that_holds_on_the_board_is_kept_without_a_line(made: Any, tmp_path: Path) -> None:
    main = board(made, tmp_path, count=1).main
    held = [claim for claim in main.claims if claim.holds]
    assert [claim.better for claim in held] == ["a"]
    assert not any("in its own record" in line for line in main.text)


def test_the_level_is_the_boards_whatever_a_suite_states(made: Any, tmp_path: Path) -> None:
    strict = made.save(
        tmp_path / "a.h5", *others(made, 1), suite="a", text="compare: {alpha: 0.01}"
    )
    mine = made.save(tmp_path / "mine.h5", *two(made), suite="mine")
    (section,) = leaderboard([strict, mine], tmp_path / "board")
    assert (section.main.alpha, section.main.claims) == (0.01, ())


def test_one_record_alone_claims_nothing_beside_itself(made: Any, tmp_path: Path) -> None:
    record = made.save(tmp_path / "mine.h5", *two(made))
    (section,) = leaderboard([record], tmp_path / "board")
    assert section.main.claims == ()


def test_copies_of_a_record_claim_once(made: Any, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    files = [
        made.save(folder / "mine.h5", *two(made), suite="mine")
        for folder in (tmp_path, tmp_path / "copy")
    ]
    (section,) = leaderboard(files, tmp_path / "board")
    assert [claim.record for claim in section.main.claims] == ["records/mine.h5"]


def test_a_claim_is_told_in_the_boards_names(made: Any, tmp_path: Path) -> None:
    """Theirs has another b, so both are called by their suites."""
    mine = made.save(tmp_path / "mine.h5", *two(made), suite="mine")
    content = {"scenario": ["split", {}], "data": "f00d", "versions": "2"}
    other = made.cell("b", made.draw(0.7, SEEDS, 40), "split", content=content)
    other.key = "another"
    theirs = made.save(tmp_path / "theirs.h5", other, *others(made, 10), suite="theirs")
    (section,) = leaderboard([mine, theirs], tmp_path / "board")
    assert [(one.better, one.worse) for one in section.main.claims] == [("a", "b [mine]")]


def test_claims_over_scenarios_have_a_family_of_their_own(made: Any, tmp_path: Path) -> None:
    mine = []
    theirs = []
    for scenario in ("one", "two"):
        for cell in two(made):
            mine.append(made.cell(cell.label, cell.accuracy[:, 0, 0], scenario))
        theirs += others(made, 10, scenario=scenario)
    files = [
        made.save(tmp_path / "mine.h5", *mine, suite="mine"),
        made.save(tmp_path / "theirs.h5", *theirs, suite="theirs"),
    ]
    (section,) = leaderboard(files, tmp_path / "board")
    families = {claim.scenario: claim.family for claim in section.main.claims}
    assert families[None] == 1
    assert families.get("one", 2) == 2


@pytest.mark.parametrize("baseline", ["a", "x0"])
def test_a_baseline_that_a_record_lacks_is_no_obstacle(
    made: Any, tmp_path: Path, baseline: str
) -> None:
    assert board(made, tmp_path, baseline=baseline).main.claims


# ---------------------------------------------------------------------- claims by hand


def cells(made: Any, **labels: str) -> Any:
    """Results with a cell of this key for each label."""
    found = []
    for key, label in labels.items():
        cell = made.cell(label, [0.5])
        cell.key = key
        found.append(cell)
    return made.results(*found)


def own_claims(board: Comparison, *own: Comparison) -> tuple[Claim, ...]:
    by_record = {f"r{k}.h5": one for k, one in enumerate(own)}
    return with_claims(board, by_record).claims


def test_a_claim_keeps_both_families_and_both_p(made: Any) -> None:
    board = compared_of(
        pairs=(pair_of(p=0.2, verdict="cannot be told apart"), pair_of("a", "c", p=0.5))
    )
    own = compared_of(pairs=(pair_of(p=0.01), untested_pair("a", "d", n=2)))
    (claim,) = own_claims(board, own)
    assert (claim.better, claim.worse, claim.scenario) == ("a", "b", "split")
    # Pairs without a p are in no family.
    assert (claim.family, claim.board_family) == (1, 2)
    assert (claim.p_adjusted, claim.board_p) == (0.01, 0.2)
    assert (claim.board_verdict, claim.holds) == ("cannot be told apart", False)


@pytest.mark.parametrize(
    ("on_board", "holds"),
    [
        (pair_of(p=0.04), True),
        (pair_of("b", "a", p=0.04, better=-1), True),  # the other order
        (pair_of(p=0.04, better=-1), False),  # the board shows the contrary
        (pair_of(p=0.2), False),
        (untested_pair(n=2), False),
    ],
)
def test_a_claim_holds_where_the_board_shows_the_same(on_board: Any, holds: bool) -> None:
    board = compared_of(pairs=(on_board,), alpha=0.05)
    found = with_claims(board, {"r.h5": compared_of(pairs=(pair_of(),))})
    assert [claim.holds for claim in found.claims] == [holds]
    lines = found.text[len(board.text) :]
    assert len(lines) == (not holds)


@pytest.mark.parametrize(
    ("own", "count"),
    [
        (pair_of(p=0.2), 0),  # it shows nothing by itself
        (pair_of("a", "x"), 0),  # of whom the board knows nothing
        (pair_of(scenario="elsewhere"), 0),
        (pair_of("b", "a"), 1),
    ],
)
def test_what_is_shown_of_a_pair_of_the_board_is_a_claim(own: Any, count: int) -> None:
    board = compared_of(pairs=(pair_of(p=0.2),))
    assert len(own_claims(board, compared_of(pairs=(own,)))) == count


def test_a_claim_is_made_at_the_level_of_its_record() -> None:
    board = compared_of(pairs=(pair_of(p=0.03),), alpha=0.01)
    own = pair_of(p=0.03)
    (claim,) = own_claims(board, compared_of(pairs=(own,), alpha=0.05))
    assert not claim.holds
    assert own_claims(board, compared_of(pairs=(own,), alpha=0.01)) == ()


def test_the_p_however_often_is_claimed_where_verdicts_go_by_it() -> None:
    board = compared_of(pairs=(pair_of(p=0.2, p_always=0.4),))
    own = pair_of(p=0.01, p_always=0.03, decision="first better")
    (claim,) = own_claims(board, compared_of(pairs=(own,)))
    assert (claim.p_adjusted, claim.board_p) == (0.03, 0.4)


def test_copies_claim_once_under_the_first_record() -> None:
    board = compared_of(pairs=(pair_of(p=0.2),))
    own = compared_of(pairs=(pair_of(),))
    (claim,) = own_claims(board, own, own)
    assert claim.record == "r0.h5"


def test_names_are_those_of_the_board_by_key(made: Any) -> None:
    board = compared_of(
        results=cells(made, key1="a [mine]", key2="b"), pairs=(pair_of("a [mine]", "b", p=0.2),)
    )
    own = compared_of(results=cells(made, key1="a", key3="unknown"), pairs=(pair_of("a", "b"),))
    (claim,) = own_claims(board, own)
    assert (claim.better, claim.worse) == ("a [mine]", "b")


def test_scenarios_are_those_of_the_board_by_key(made: Any) -> None:
    there = made.results(made.cell("a", [0.5], "board"))
    there.cells[0].key = "key"
    here = made.results(made.cell("a", [0.5], "mine"))
    here.cells[0].key = "key"
    board = compared_of(results=there, pairs=(pair_of(scenario="board", p=0.2),))
    own = compared_of(results=here, pairs=(pair_of(scenario="mine"),))
    assert [claim.scenario for claim in own_claims(board, own)] == ["board"]


def overall(question: str, *pairs: Pair) -> Overall:
    nothing = dict.fromkeys(("statistic", "p", "f", "f_p", "critical_difference"), float("nan"))
    return Overall(
        question=question, test=None, correction="none", ranks=Rows(), pairs=Rows(pairs), **nothing
    )


def test_each_question_over_scenarios_is_a_family_of_its_own() -> None:
    def over(question: str, p: float) -> Overall:
        return overall(question, pair_of(scenario=None, question=question, p=p))

    board = compared_of(pairs=(), overall=over(THESE, 0.2), like_these=over(LIKE_THESE, 0.03))
    own = compared_of(pairs=(), overall=over(THESE, 0.01), like_these=over(LIKE_THESE, 0.01))
    found = own_claims(board, own)
    assert [(claim.question, claim.holds) for claim in found] == [
        (THESE, False),
        (LIKE_THESE, True),
    ]
    # A question that the board does not ask is not set beside another.
    assert own_claims(replace(board, like_these=None), own) == found[:1]
    assert own_claims(replace(board, overall=None, like_these=None), own) == ()


def test_lost_claims_are_told_a_line_a_record_and_scenario() -> None:
    weak = [pair_of(*names, p=0.2) for names in ("ab", "ac", "bc")]
    board = compared_of(pairs=(*weak, pair_of(scenario="two", p=0.2)), text=())
    first = compared_of(pairs=(pair_of("a", "b"), pair_of("a", "c"), pair_of(scenario="two")))
    other = compared_of(pairs=(pair_of("b", "c"),))
    assert with_claims(board, {"x.h5": first, "y.h5": other}).text == (
        "split: shown in its own record, x.h5 (family of 3 pairs), not on this board (family of"
        " 4): a better than b and a better than c.",
        "two: shown in its own record, x.h5 (family of 3 pairs), not on this board (family of 4):"
        " a better than b.",
        "split: shown in its own record, y.h5 (family of 1 pair), not on this board (family of 4):"
        " b better than c.",
    )


def test_a_lost_claim_over_scenarios_says_so() -> None:
    def over(p: float) -> Overall:
        return overall(THESE, pair_of(scenario=None, question=THESE, p=p))

    board = compared_of(pairs=(), overall=over(0.2), text=())
    (line,) = with_claims(board, {"x.h5": compared_of(pairs=(), overall=over(0.01))}).text
    assert line.startswith("Over scenarios: shown in its own record, x.h5 (family of 1 pair), not")


def test_a_pair_of_a_table_names_the_records_that_show_it() -> None:
    board = compared_of(pairs=(pair_of(p=0.2), pair_of("a", "c", p=0.2)))
    claims = own_claims(
        board, compared_of(pairs=(pair_of(),)), compared_of(pairs=(pair_of(better=-1),))
    )
    said = "a better (r0.h5, family of 1); b better (r1.h5, family of 1)"
    assert words_of_pair(claims, pair_of()) == said
    assert words_of_pair(claims, pair_of().turned()) == said
    for other in (pair_of("a", "c"), pair_of(scenario="two"), pair_of(question=THESE)):
        assert words_of_pair(claims, other) == ""
