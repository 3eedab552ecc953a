"""What a comparison is to be: what is given goes before what the suite says."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.errors import RecordError, UserError
from clbench.report.asking import rules_of
from clbench.report.contest import BASELINE, BY_DESIGN, EVERY_PAIR, RANKS, Rules
from clbench.report.findings import StatedNotUsed


def decided(made: Any, text: str = "", **given: Any) -> tuple[Rules, list[StatedNotUsed]]:
    cells = [made.cell(label, [0.5] * 3) for label in ("a", "b", "er(m=1)", "er(m=2)", "lwf(k=1)")]
    return rules_of(made.results(*cells, text=text), given, seed=7)


def rules(made: Any, text: str = "", **given: Any) -> Rules:
    found, not_used = decided(made, text, **given)
    assert not_used == []
    return found


# ---------------------------------------------------------------------- where it comes from


def test_without_a_word_the_defaults_hold(made: Any) -> None:
    assert rules(made) == Rules(
        metric="average_accuracy",
        baseline=None,
        alpha=0.05,
        tests=BY_DESIGN,
        family=EVERY_PAIR,
        correction="holm",
        unpaired=False,
        rope=None,
        seed=7,
    )


STATED = "compare: {metric: forgetting, baseline: a, alpha: 0.1, rope: 0.02}"


def test_the_suite_says_how(made: Any) -> None:
    found = rules(made, STATED)
    assert (found.metric, found.baseline, found.alpha, found.rope) == ("forgetting", "a", 0.1, 0.02)


@pytest.mark.parametrize(
    ("name", "value"),
    [("metric", "final_accuracy"), ("alpha", 0.01), ("rope", 0.0), ("baseline", "b")],
)
def test_what_is_given_goes_before_what_the_suite_says(made: Any, name: str, value: Any) -> None:
    found = rules(made, STATED, **{name: value})
    assert getattr(found, name) == value


def test_what_is_chosen_on_is_no_rule(made: Any) -> None:
    assert rules(made, "compare: {choose_on: 2}", choose_on="0-1") == rules(made)


def test_what_decided_how_many_seeds_there_are_is_compared(made: Any) -> None:
    text = "seeds: {until: separated, looks: [6, 8], alpha: 0.2, rope: 0.01}\n"
    found = rules(made, text)
    assert (found.alpha, found.rope, found.family) == (0.2, 0.01, EVERY_PAIR)
    with_baseline = rules(made, f"{text}compare: {{baseline: a}}")
    assert with_baseline.family == BASELINE
    assert rules(made, text, alpha=0.01).alpha == 0.01


def test_what_of_the_suite_cannot_be_read_is_told(made: Any) -> None:
    found, (not_used,) = decided(made, "compare: {alpha: much}")
    assert found == rules(made)
    assert not_used.error.startswith("compare.alpha: ")


# ---------------------------------------------------------------------- which tests


@pytest.mark.parametrize(
    ("text", "given", "tests", "correction"),
    [
        ("", {}, BY_DESIGN, "holm"),
        ("", {"tests": RANKS}, RANKS, "holm"),
        ("", {"correction": "none"}, RANKS, "none"),
        ("", {"unpaired": True}, RANKS, "holm"),
        ("compare: {tests: ranks}", {}, RANKS, "holm"),
        ("compare: {correction: fdr_bh}", {}, RANKS, "fdr_bh"),
        ("compare: {correction: fdr_bh}", {"correction": "bonferroni"}, RANKS, "bonferroni"),
        ("compare: {correction: fdr_bh}", {"unpaired": True}, RANKS, "fdr_bh"),
        ("compare: {correction: fdr_bh}", {"tests": BY_DESIGN}, BY_DESIGN, "holm"),
        ("compare: {unpaired: true}", {"tests": BY_DESIGN}, BY_DESIGN, "holm"),
        ("compare: {tests: ranks}", {"family": BASELINE, "baseline": "a"}, BY_DESIGN, "holm"),
    ],
)
def test_a_correction_and_unpaired_runs_ask_for_tests_on_ranks(
    made: Any, text: str, given: dict[str, Any], tests: str, correction: str
) -> None:
    found = rules(made, text, **given)
    assert (found.tests, found.correction) == (tests, correction)


def test_tests_by_design_pair_runs_whatever_the_suite_says(made: Any) -> None:
    assert rules(made, "compare: {unpaired: true}").unpaired
    assert not rules(made, "compare: {unpaired: true}", tests=BY_DESIGN).unpaired


# ---------------------------------------------------------------------- which pairs


@pytest.mark.parametrize(
    ("text", "given", "family"),
    [
        ("", {"baseline": "a"}, BASELINE),  # who names one now asks about it
        ("", {"baseline": "a", "family": EVERY_PAIR}, EVERY_PAIR),
        ("compare: {baseline: a}", {}, EVERY_PAIR),
        ("compare: {baseline: a, family: baseline}", {}, BASELINE),
        ("compare: {baseline: a, family: baseline}", {"family": EVERY_PAIR}, EVERY_PAIR),
        ("compare: {baseline: a}", {"family": BASELINE}, BASELINE),
        ("compare: {baseline: a, family: baseline}", {"tests": RANKS}, EVERY_PAIR),
    ],
)
def test_comparisons_with_a_baseline_are_the_family_where_they_are_asked_for(
    made: Any, text: str, given: dict[str, Any], family: str
) -> None:
    assert rules(made, text, **given).family == family


def test_a_family_with_a_baseline_that_is_gone_is_every_pair(made: Any) -> None:
    text = "compare: {baseline: gone, family: baseline}"
    found, (not_used,) = decided(made, text)
    assert (found.baseline, found.family) == (None, EVERY_PAIR)
    assert not_used.what == "the baseline that the suite names"
    assert not_used.error.startswith("the record has no strategy 'gone'")
    # Who asks for it now wants to know.
    with pytest.raises(UserError, match="needs one: --baseline NAME"):
        decided(made, text, family=BASELINE)


# ---------------------------------------------------------------------- a baseline


def test_a_baseline_is_a_label_or_a_name_that_one_strategy_has(made: Any) -> None:
    assert rules(made, baseline="er(m=1)").baseline == "er(m=1)"
    assert rules(made, baseline="lwf").baseline == "lwf(k=1)"


def test_a_name_of_several_strategies_is_no_baseline(made: Any) -> None:
    message = r"'er' names 2 strategies; choose one as the baseline: er\(m=1\), er\(m=2\)"
    with pytest.raises(RecordError, match=message):
        decided(made, baseline="er")
    found, (not_used,) = decided(made, "compare: {baseline: er}")
    assert found.baseline is None
    assert not_used.error.startswith("'er' names 2 strategies")


def test_a_strategy_on_several_scenarios_is_one_baseline(made: Any) -> None:
    cells = [made.cell("a", [0.5], scenario) for scenario in ("one", "two")]
    found, _ = rules_of(made.results(*cells), {"baseline": "a"}, seed=0)
    assert found.baseline == "a"


# ---------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tests": "rank"}, "unknown tests 'rank'; did you mean 'ranks'"),
        ({"family": "baselines"}, "unknown family 'baselines'; did you mean 'baseline'"),
        ({"correction": "holms"}, "unknown correction 'holms'; did you mean 'holm'"),
        ({"alpha": 0}, "alpha is 0; it must lie between 0 and 1"),
        ({"alpha": 1}, "alpha is 1; it must lie between 0 and 1"),
        ({"alpha": float("nan")}, "alpha is nan; it must lie between 0 and 1"),
        ({"rope": -0.01}, "practical equivalence is -0.01; it must be a finite size, 0 or more"),
        ({"rope": float("inf")}, "practical equivalence is inf; it must be a finite size"),
        ({"tests": BY_DESIGN, "unpaired": True}, "`unpaired` belongs to `tests: ranks`"),
        ({"family": BASELINE}, "the family of comparisons with a baseline needs one"),
        ({"family": BASELINE, "baseline": "a", "tests": RANKS}, "`tests: ranks` tests every pair"),
    ],
)
def test_wrong_rules_are_refused_in_a_sentence(
    made: Any, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        decided(made, **given)
    assert message in str(caught.value)


def test_what_is_given_is_not_changed(made: Any) -> None:
    given = {"baseline": "a", "choose_on": 2}
    rules_of(made.results(made.cell("a", [0.5])), given, seed=0)
    assert given == {"baseline": "a", "choose_on": 2}
