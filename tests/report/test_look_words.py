"""That seeds were added after a look, in words: what happened, and what verdicts go by."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.report.findings import SeedsAdded
from clbench.report.look_words import SHOWN, in_short, p_words, seeds_added

EARLIER = ((5, "2026-11-01"), (7, "2026-11-02"))


def added(**changes: Any) -> SeedsAdded:
    known: dict[str, Any] = {
        "earlier": EARLIER,
        "by_looks": (),
        "problem": "",
        "alpha": 0.05,
        "unpaired": False,
        "scenarios_like_these": False,
    }
    return SeedsAdded(**(known | changes))


def test_earlier_looks_are_named_with_their_days() -> None:
    assert seeds_added(added()).startswith(
        "Seeds were added after a look: these strategies were compared before, with"
        " 5 (2026-11-01), 7 (2026-11-02) of the seeds. "
    )


@pytest.mark.parametrize(("more", "words"), [(0, ""), (1, "1 other"), (4, "4 other")])
def test_of_many_looks_the_last_are_named_and_the_others_counted(more: int, words: str) -> None:
    earlier = tuple((k, f"day {k}") for k in range(1, SHOWN + more + 1))
    told = seeds_added(added(earlier=earlier))
    last = ", ".join(f"{k} (day {k})" for k in range(more + 1, SHOWN + more + 1))
    others = f"{words} numbers of seeds, " if more else ""
    assert f"compared before, with {others}{last} of the seeds." in told


def test_verdicts_go_by_the_p_that_holds_however_often() -> None:
    told = seeds_added(added())
    assert "so verdicts go by `p however often`, which holds however often somebody looked" in told
    assert told.endswith("intervals are as if the number of seeds had been fixed.")


def test_over_scenarios_like_these_there_is_no_such_p() -> None:
    sentence = "Over scenarios like these there is no such p."
    assert seeds_added(added(scenarios_like_these=True)).endswith(sentence)
    assert sentence not in seeds_added(added())


def test_declared_looks_decide_and_share_alpha() -> None:
    told = seeds_added(added(by_looks=(6, 9), alpha=0.1))
    assert told.startswith(
        "Seeds were added by looks that were declared beforehand (at 6, 9 seeds). Verdicts are what"
        " these looks decide, which share alpha = 0.1;"
    )


def test_why_declared_looks_do_not_decide_is_said() -> None:
    told = seeds_added(added(problem="other seeds are compared"))
    assert "but the declared looks cannot decide here: other seeds are compared. " in told
    assert "verdicts go by `p however often`" in told


def test_tests_that_are_not_paired_do_not_allow_for_looks() -> None:
    told = seeds_added(added(unpaired=True, by_looks=(6, 9), scenarios_like_these=True))
    assert "as if the number of seeds had been fixed, which it was not; tests paired by" in told
    assert "Over scenarios like these" not in told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "after a look, so ranks go by a p that holds however often one looks."),
        ({"problem": "x"}, "after a look, so ranks go by a p that holds however often one looks."),
        ({"by_looks": (6,)}, "by declared looks, and ranks are what those decide."),
        ({"unpaired": True}, "after a look, and these tests do not allow for it."),
        (
            {"unpaired": True, "by_looks": (6,)},
            "after a look, and these tests do not allow for it.",
        ),
    ],
)
def test_below_ranks_it_is_a_line(changes: dict[str, Any], words: str) -> None:
    assert in_short(added(**changes)) == f"Seeds were added {words}"


@pytest.mark.parametrize(
    ("p", "always", "said"),
    [
        (0.03, float("nan"), "p = 0.03"),
        (0.03, 0.2, "p = 0.03 if the number of seeds had been fixed, = 0.2 however often"),
        (1e-6, 1e-5, "p < 0.0001 if the number of seeds had been fixed, < 0.0001 however often"),
    ],
)
def test_both_p_are_told_where_there_are_two(p: float, always: float, said: str) -> None:
    assert p_words(p, always) == said
