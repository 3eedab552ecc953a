"""A board keeps the family in which a record made its claim beside its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.report.leaderboard import leaderboard
from clbench.report.page_data import page_data
from clbench.report.publishing import as_markdown, write
from clbench.report.sections import Section

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
