"""From tables of scores to verdicts: which tests, what they find, and about which runs it is."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.stats.by_design import JOINT
from clbench.stats.paired import signed_rank
from clbench.stats.questions import (
    NO_COMMON_BLOCKS,
    TOO_FEW_BLOCKS,
    Answer,
    PairAnswer,
    Plan,
    over_scenarios_like_these,
    over_these_scenarios,
    within_scenarios,
)
from tests.stats.samples import FAILED, NONE, suite, suites

# ---------------------------------------------------------------------- one scenario


def test_five_seeds_of_five_strategies_can_show_something() -> None:
    """The exact signed-rank test with Holm's correction could not, however large the difference."""
    tables = [suite(0, [0, 0, 0, 0, 5.0], 5)]
    assert 10 * min(signed_rank(tables[0][:, i], tables[0][:, 4]).p for i in range(4)) > 0.05
    [found] = within_scenarios(tables, Plan())
    better = found.better(5, 0.05)
    assert better[4, :4].all()
    assert better.sum() == 4
    assert {pair.test for pair in found.pairs} == {"paired t"}
    assert found.omnibus is not None
    assert found.omnibus.p <= min(pair.p_adjusted for pair in found.pairs)


def test_entries_that_cannot_be_tested_revoke_nobodys_result() -> None:
    """Eight seeds, p = 0.0078; ten entries of one seed made it 0.52."""
    two = suite(1, [0, 3.0], 8)
    short = np.full((8, 10), NONE)
    short[0] = np.arange(10)
    [found] = within_scenarios([np.hstack([two, short])], Plan())
    assert found.pairs[0].p_adjusted == found.pairs[0].p == 2**-7
    assert {pair.reason for pair in found.pairs[1:]} == {TOO_FEW_BLOCKS}
    assert not any(pair.differs(0.05) for pair in found.pairs[1:])


def test_seeds_that_only_others_have_change_nothing() -> None:
    table = suite(2, [0, 1.0, 1.0], 8)
    strangers = np.full((4, 3), NONE)
    strangers[:, 0] = 100.0
    [found] = within_scenarios([table], Plan())
    [longer] = within_scenarios([np.vstack([table, strangers])], Plan())
    assert found.p_adjusted.tolist() == longer.p_adjusted.tolist()
    table[:4, 0] = NONE
    table[4:, 1] = NONE
    [apart] = within_scenarios([table[:, :2]], Plan())
    assert apart.pairs[0].reason == NO_COMMON_BLOCKS


def test_a_pair_with_a_failed_run_is_compared_by_ranks() -> None:
    table = suite(3, [0, 2.0], 8)
    table[0, 1] = FAILED
    [found] = within_scenarios([table], Plan())
    expected = signed_rank(table[:, 0], table[:, 1])
    assert (found.pairs[0].p, found.pairs[0].better) == (pytest.approx(expected.p), expected.better)
    # Failing in every seed is the worst there is.
    table[:, 1] = FAILED
    [found] = within_scenarios([table], Plan())
    assert (found.pairs[0].better, found.pairs[0].p) == (1, 2**-7)


def test_scenarios_share_alpha() -> None:
    tables = suites(4, [0, 2.0], 10, scenarios=3)
    found = within_scenarios(tables, Plan())
    p = sorted(one.pairs[0].p for one in found)
    assert max(one.pairs[0].p_adjusted for one in found) == pytest.approx(
        max(3 * p[0], 2 * p[1], p[2])
    )


def test_only_the_comparisons_with_a_baseline_are_paid_for() -> None:
    tables = [suite(5, [0, 1.2, 0, 0, 0, 0, 0, 0], 12)]
    [every] = within_scenarios(tables, Plan())
    [few] = within_scenarios(tables, Plan(baseline=0))
    assert len(few.pairs) == 7
    assert few.pairs[0].p_adjusted < every.pairs[0].p_adjusted
    [few] = within_scenarios([suite(5, [0, 5.0, 0, 0, 0, 0, 0, 0], 5)], Plan(baseline=0))
    smallest = min(one.p for one in few.pairs)
    assert min(one.p_adjusted for one in few.pairs) == 7 * smallest


def test_the_same_tables_have_the_same_answer_in_any_order_of_seeds() -> None:
    tables = [suite(6, [0, 1.0, 2.0], 5)]
    [found] = within_scenarios(tables, Plan())
    [again] = within_scenarios([tables[0][::-1]], Plan())
    np.testing.assert_allclose(found.p_adjusted, again.p_adjusted)


# ---------------------------------------------------------------------- several scenarios


def test_over_these_scenarios_the_winner_of_every_seed_wins() -> None:
    """Until now the loser could: each strategy's own seeds were averaged, easy streams or not."""
    rng = np.random.default_rng(0)
    level = np.where(np.arange(12) < 6, 0.0, 30.0)[:, None]  # seeds 6 to 11 have easier streams
    tables = [level + rng.normal([2.0, 0.0], 0.3, (12, 2)) for _ in range(6)]
    for table in tables:
        table[:6, 1] = NONE
    found = over_these_scenarios(tables, Plan()).pairs[0]
    assert (found.better, found.size) == (1, 6)
    assert found.differs(0.05)
    anywhere = over_scenarios_like_these(tables, Plan())
    assert anywhere is not None
    assert (anywhere.pairs[0].better, anywhere.pairs[0].size) == (1, 6)


def test_three_scenarios_of_ten_seeds_find_what_ranks_over_scenarios_cannot() -> None:
    tables = suites(7, [0, 0, 0, 0, 1.41], 10, scenarios=3)
    assert over_these_scenarios(tables, Plan()).better(5, 0.05)[4].sum() == 4
    assert over_scenarios_like_these(tables, Plan()) is None


def test_a_seed_is_flipped_as_a_whole() -> None:
    """One seed draws alike in all scenarios: six copies of a scenario show no more than one."""
    tables = [suite(8, [0, 1.0], 8)]
    one = over_these_scenarios(tables, Plan()).pairs[0]
    six = over_these_scenarios(tables * 6, Plan()).pairs[0]
    assert one.p == six.p


def test_failing_never_helps_over_scenarios() -> None:
    """Five of ten runs at 10 % on each scenario, or the same five diverged."""
    tables = suites(9, [1.0, 0.0], 10, scenarios=6)
    for question in (over_these_scenarios, over_scenarios_like_these):
        for value in (-20.0, FAILED):
            worse = [table.copy() for table in tables]
            for table in worse:
                table[:5, 0] = value
            found = question(worse, Plan())
            assert found is not None
            assert found.pairs[0].better <= 0


def test_a_third_strategy_does_not_turn_the_first_two_round() -> None:
    tables = suites(10, [0.5, 0.0, -30.0], 8, scenarios=6)
    tables[0][0, 0] = tables[0][1, 1] = FAILED
    for question in (over_these_scenarios, over_scenarios_like_these):
        two = question([table[:, :2] for table in tables], Plan())
        three = question(tables, Plan())
        assert two is not None
        assert three is not None
        assert (two.pairs[0].p, two.pairs[0].better) == (three.pairs[0].p, three.pairs[0].better)


def test_scenarios_like_these_have_scenarios_for_blocks() -> None:
    tables = suites(11, [0, 0, 3.0], 4, scenarios=8)
    found = over_scenarios_like_these(tables, Plan())
    assert found is not None
    assert {pair.size for pair in found.pairs} == {8}
    assert found.better(3, 0.05)[2].tolist() == [True, True, False]
    tables[0][0, 0] = FAILED
    failed = over_scenarios_like_these(tables, Plan())
    assert failed is not None
    assert failed.pairs[0].test == "sign flips of signed ranks"
    assert failed.better(3, 0.05)[2].tolist() == [True, True, False]


# ---------------------------------------------------------------------- answers


def answer(p: float, better: int) -> PairAnswer:
    return PairAnswer(
        first=0,
        second=1,
        size=8,
        test="sign flips of the mean, exact",
        statistic=0.1,
        p=p,
        p_adjusted=p,
        smallest_p=2**-7,
        better=better,
    )


@pytest.mark.parametrize(
    ("p", "better", "differs"),
    [(0.05, 1, True), (0.051, 1, False), (0.01, 0, False), (NONE, 0, False), (NONE, 1, False)],
)
def test_two_differ_where_p_is_within_alpha_and_one_is_ahead(
    p: float, better: int, differs: bool
) -> None:
    assert answer(p, better).differs(0.05) is differs


@pytest.mark.parametrize(("better", "row", "column"), [(1, 0, 1), (-1, 1, 0)])
def test_the_matrix_has_a_win_in_the_row_of_the_winner(better: int, row: int, column: int) -> None:
    shown = Answer(None, JOINT, (answer(0.01, better),)).better(3, 0.05)
    assert shown.sum() == 1
    assert shown[row, column]


def test_other_adjusted_p_leave_everything_else() -> None:
    before = Answer(None, JOINT, (answer(0.01, 1),))
    after = before.with_adjusted(np.array([0.2]))
    assert (after.pairs[0].p, after.pairs[0].p_adjusted) == (0.01, 0.2)
    assert before.p_adjusted.tolist() == [0.01]
    assert not after.better(2, 0.05).any()


def test_a_baseline_leaves_no_omnibus_test_where_few_seeds_are_compared() -> None:
    tables = [suite(12, [0, 1.0, 2.0], 5)]
    [every], [few] = within_scenarios(tables, Plan()), within_scenarios(tables, Plan(baseline=0))
    assert every.omnibus is not None
    assert every.omnibus.test == "Friedman, exact"
    assert few.omnibus is None
    assert [(pair.first, pair.second) for pair in few.pairs] == [(0, 1), (0, 2)]


def test_two_strategies_have_no_omnibus_test() -> None:
    for seeds in (5, 8):
        [found] = within_scenarios([suite(13, [0, 1.0], seeds)], Plan())
        assert found.omnibus is None
        assert found.pairs[0].p == found.pairs[0].p_adjusted


def test_an_adjusted_p_is_never_below_the_pairs_own_where_all_are_flipped() -> None:
    [found] = within_scenarios([suite(14, [0, 0.5, 1.0, 2.0], 9)], Plan())
    assert found.correction == JOINT
    for pair in found.pairs:
        assert pair.p_adjusted >= pair.p


def test_five_scenarios_say_nothing_of_others() -> None:
    tables = suites(15, [0, 3.0], 5, scenarios=6)
    assert over_scenarios_like_these(tables[:5], Plan()) is None
    found = over_scenarios_like_these(tables, Plan())
    assert found is not None
    assert found.pairs[0].smallest_p == 2 / 2**6
