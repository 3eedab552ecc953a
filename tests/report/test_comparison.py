"""Records to a comparison: the tests that belong to it, its ranking and what is said of it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clbench.report.compare_tables import tables
from clbench.stats.blocks import permutation_omnibus
from tests.report.built import pair_in, row_in, said


def test_strategies_that_differ_are_ranked_and_told_apart(made) -> None:
    found = made.compared(*made.three())
    assert [(row.strategy, row.rank, row.group) for row in found.summary] == [
        ("good", 1, "a"),
        ("middle", 2, "b"),
        ("poor", 3, "c"),
    ]
    assert {pair.verdict for pair in found.pairs} == {"good better", "middle better"}
    assert "split: good is better than every other; 3 of 3 pairs differ." in found.text
    assert found.left_out == ()


def test_the_tests_are_scipys(made) -> None:
    rng = np.random.default_rng(0)
    table = {name: np.clip(rng.normal(0.7, 0.05, 9), 0, 1) for name in "abcd"}
    found = made.compared(*made.cells(table), tests="ranks")
    friedman = stats.friedmanchisquare(*table.values())
    assert found.omnibus[0].statistic == pytest.approx(friedman.statistic)
    permuted = permutation_omnibus(np.stack(list(table.values()), axis=1))
    assert found.omnibus[0].p == permuted.p
    assert permuted.p == pytest.approx(friedman.pvalue, abs=0.01)
    for one in found.pairs:
        expected = stats.wilcoxon(table[one.a], table[one.b], method="exact")
        assert (one.statistic, one.p) == pytest.approx((expected.statistic, expected.pvalue))
    p = [one.p for one in found.pairs]
    steps = np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1)).clip(max=1)
    assert sorted(one.p_adjusted for one in found.pairs) == pytest.approx(sorted(steps))


@pytest.mark.parametrize(
    ("tests", "test"),
    [("by_design", "sign flips of the mean, exact"), ("ranks", "Wilcoxon signed-rank, exact")],
)
def test_two_strategies_need_no_omnibus_test(made, tests: str, test: str) -> None:
    found = made.compared(*made.three()[:2], tests=tests)
    assert found.omnibus[0].test == test
    assert found.omnibus[0].p == found.pairs[0].p == found.pairs[0].p_adjusted == 2 / 2**12
    assert "split: good is better than poor (poor - good: difference -40" in said(found)


def test_the_baseline_is_subtracted_whatever_its_place(made) -> None:
    cells = made.three()
    for name, place in (("poor", 0), ("middle", 2)):
        found = made.compared(*cells, baseline=name)
        good = row_in(found, "good")
        assert good.difference == pytest.approx(
            row_in(found, "good").mean - row_in(found, name).mean
        )
        assert (good.effect, good.p_adjusted) == (
            1.0,
            pair_in(found, *(("poor", "good") if place == 0 else ("good", "middle"))).p_adjusted,
        )
        assert np.isnan(row_in(found, name).difference)
    assert "split: against middle: better: good; worse: poor." in found.text


def test_without_a_baseline_there_are_no_differences_to_it(made) -> None:
    found = made.compared(*made.three())
    assert all(np.isnan(row.difference) for row in found.summary)
    assert "No baseline was named" in said(found)


def test_less_can_be_better(made) -> None:
    cells = made.three()
    for k, cell in enumerate(cells):
        cell.metrics["seconds_used"] = np.arange(12.0) / 100 + k
        cell.cost["train_seconds"] = np.arange(12.0) / 100 + k
    found = made.compared(*cells, metric="train_seconds", baseline="poor")
    assert [row.strategy for row in found.summary] == ["poor", "good", "middle"]
    assert not found.higher_is_better
    good = row_in(found, "good")
    assert good.difference == pytest.approx(1.0)  # slower by a second ...
    assert good.effect == 0.0  # ... and never better
    assert "train_seconds (less is better)" in tables(found)[0].title


def test_iqm_from_ten_runs_on(made) -> None:
    assert all(np.isnan(row.iqm) for row in made.compared(*made.three(seeds=9)).summary)
    found = made.compared(*made.three(seeds=10))
    assert row_in(found, "good").iqm == pytest.approx(stats.trim_mean(made.draw(0.9, 10, 1), 0.25))
    assert (
        row_in(found, "good").iqm_low < row_in(found, "good").iqm < row_in(found, "good").iqm_high
    )


def test_agents_of_one_seed_are_one_run(made) -> None:
    both = [
        made.cell(name, values, seed=np.repeat(np.arange(6), 2), agent=np.tile([0, 1], 6))
        for name, values in (("a", np.linspace(0.1, 0.6, 12)), ("b", np.linspace(0.3, 0.8, 12)))
    ]
    found = made.compared(*both)
    assert (found.pairs[0].n, found.pairs[0].p, row_in(found, "a").n) == (6, 2 / 2**6, 6)


def test_by_ranks_five_seeds_can_show_nothing_and_how_many_more_can(made) -> None:
    found = made.compared(*made.three(seeds=5)[:2], tests="ranks")
    assert found.pairs[0].smallest_p == found.pairs[0].p == 0.0625
    assert found.pairs[0].verdict == "cannot be told apart"
    assert (
        "A pair of 5 seeds can have no p smaller than 0.0625: no difference could be shown"
        in said(found)
    )
    assert "with 6 seeds, 1 more, one could be, if all of them agree." in said(found)


def test_the_correction_is_counted_in(made) -> None:
    table = {f"m{k}": made.draw(0.1 + 0.1 * k, 10, k) for k in range(8)}
    found = made.compared(*made.cells(table), tests="ranks")
    assert "0.00195, 0.0547 after the correction: no difference could be shown" in said(found)
    assert "with 11 seeds, 1 more, one could be, if all of them agree." in said(found)
    assert {(row.rank_best, row.rank_worst) for row in found.summary} == {(1, 8)}
    for told_apart in ({"correction": "fdr_bh"}, {"tests": "by_design"}):
        found = made.compared(*made.cells(table), **told_apart)
        ranks = [(row.rank_best, row.rank_worst) for row in found.summary]
        assert ranks == list(zip(range(1, 9), range(1, 9), strict=True))


def test_the_family_is_every_pair_shown(made) -> None:
    cells = [*made.three("one"), *made.three("two")]
    assert {pair.p_adjusted for pair in made.compared(*cells, correction="bonferroni").pairs} == {
        6 * 2 / 2**12
    }


def test_pairs_are_marked_where_the_omnibus_test_found_nothing(made) -> None:
    """Two strategies differ by a hair at every seed, among others of pure noise."""
    rng = np.random.default_rng(1)
    base = rng.uniform(0.3, 0.7, 14)
    table = {"a": base, "b": base + 0.001} | {f"n{k}": rng.uniform(0.3, 0.7, 14) for k in range(9)}
    found = made.compared(*made.cells(table), correction="none")
    assert found.omnibus[0].p > 0.05
    assert (
        pair_in(found, "a", "b").verdict == "b better (though the omnibus test found no difference)"
    )


def test_unpaired_is_mann_whitney_for_two_and_dunn_for_more(made) -> None:
    cells = made.three()
    two = made.compared(*cells[:2], unpaired=True)
    expected = stats.mannwhitneyu(made.draw(0.5, 12, 0), made.draw(0.9, 12, 1), method="exact")
    assert (two.pairs[0].test, two.pairs[0].p) == (
        "Mann-Whitney, exact",
        pytest.approx(expected.pvalue),
    )
    three = made.compared(*cells, unpaired=True)
    kruskal = stats.kruskal(*(made.draw(centre, 12, k) for k, centre in enumerate((0.5, 0.9, 0.7))))
    assert (three.omnibus[0].test, three.omnibus[0].p) == (
        "Kruskal-Wallis",
        pytest.approx(kruskal.pvalue),
    )
    assert {pair.test for pair in three.pairs} == {"Dunn"}
    assert "whose runs are taken as independent" in three.design
    welch = stats.ttest_ind(
        made.draw(0.5, 12, 0), made.draw(0.9, 12, 1), equal_var=False
    ).confidence_interval()
    assert (two.pairs[0].ci_low, two.pairs[0].ci_high) == pytest.approx((welch.low, welch.high))


def test_sure_and_too_small_to_matter_is_equivalent(made) -> None:
    base = made.draw(0.8, 12, 3)
    found = made.compared(
        *made.cells({"a": base, "b": base + np.linspace(0.001, 0.002, 12)}), rope=0.01, baseline="a"
    )
    assert found.pairs[0].p == 2 / 2**12
    assert found.pairs[0].verdict == "equivalent within ±0.01"
    assert "equivalent within 1.0 points by two one-sided tests: a = b" in said(found)
    assert "b 0.00, 1.00, 0.00" in said(found)
    assert found.to_json()["rope"] == 0.01


def test_the_same_record_gives_the_same_answer(made) -> None:
    one, other = (made.compared(*made.three("one"), *made.three("two")).to_json() for _ in range(2))
    assert one == other


def test_a_comparison_needs_neither_torch_nor_pandas_at_import() -> None:
    heavy = "{'torch', 'pandas', 'scipy', 'matplotlib'}"
    code = (
        "import sys, clbench.report.comparison, clbench.report.compare_formats\n"
        f"print({heavy} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_where_nothing_differs_few_suites_say_otherwise(made) -> None:
    """The whole pipeline, 4 strategies x 8 seeds, 200 times: at most alpha, but for three standard
    errors.
    """
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(200):
        seeds = rng.normal(0, 0.05, 8)
        table = {name: np.clip(0.7 + seeds + rng.normal(0, 0.03, 8), 0, 1) for name in "abcd"}
        alarms += any("better" in pair.verdict for pair in made.compared(*made.cells(table)).pairs)
    assert alarms / 200 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


@given(
    st.lists(
        st.lists(st.sampled_from([0.1, 0.2, 0.2, 0.9]), min_size=7, max_size=7),
        min_size=2,
        max_size=5,
    )
)
@settings(max_examples=25, deadline=None)
def test_ranks_letters_and_verdicts_agree(made, values: list[list[float]]) -> None:
    found = made.compared(
        *made.cells({f"m{k}": numbers for k, numbers in enumerate(values)}), correction="none"
    )
    group = {row.strategy: set(row.group) for row in found.summary}
    rank = {row.strategy: row.rank for row in found.summary}
    for one in found.pairs:
        assert bool(group[one.a] & group[one.b]) is ("better" not in one.verdict)
    assert min(rank.values()) == 1 or len(rank) > 2
    order = [row.rank for row in found.summary]
    assert order == sorted(order)


# ---------------------------------------------------------------------- beside a baseline


def test_beside_a_baseline_stands_the_pair_from_the_strategys_side(made) -> None:
    """Whichever of the two comes first in the suite."""
    cells = made.cells({"base": [0.5] * 8, "up": [0.6] * 8, "down": [0.4] * 8})
    for order in (cells, cells[::-1]):
        found = made.compared(*order, baseline="base", family="pairs")
        up, down = row_in(found, "up"), row_in(found, "down")
        assert (up.difference, down.difference) == pytest.approx((0.1, -0.1))
        assert (up.won, up.lost, up.effect) == (8, 0, 1.0)
        assert (down.won, down.lost, down.effect) == (0, 8, 0.0)
        assert (up.compared, down.compared) == (8, 8)
        assert up.difference_low == pytest.approx(0.1)
        assert up.won_low > 0.5 > down.won_high


def test_a_baseline_without_a_run_leaves_every_pair(made) -> None:
    nobody = np.array(["failed"] * 12, dtype=object)
    lost = made.cell("lost", np.full(12, np.nan), member_status=nobody, status="failed")
    found = made.compared(*made.three(), lost, baseline="lost")
    assert (found.family, len(found.pairs)) == ("baseline", 3)
    absent = made.three()
    for cell in absent[:2]:
        cell.metrics["my_probe"] = np.arange(12.0)
    found = made.compared(*absent, metric="my_probe", baseline="middle")
    assert (found.family, len(found.pairs)) == ("pairs", 1)


def test_the_middle_half_has_an_interval_of_the_level_of_the_others(made) -> None:
    cells = made.cells({"a": np.linspace(0.2, 0.8, 12), "b": np.linspace(0.3, 0.9, 12)})
    wide, narrow = (row_in(made.compared(*cells, alpha=alpha), "a") for alpha in (0.01, 0.2))
    assert wide.iqm == narrow.iqm == pytest.approx(0.5)
    assert wide.iqm_low < narrow.iqm_low < narrow.iqm_high < wide.iqm_high
