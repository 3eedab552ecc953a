"""What was found is data; sentences are made of it last, and nothing reads them again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

import clbench
from clbench.records import Results
from clbench.report.findings import (
    AgainstBaseline,
    AllStrategies,
    Finding,
    LeftOutRuns,
    LostRuns,
    MeasuredInstead,
    MissingSeeds,
    NoBaseline,
    NothingToCompare,
    Omission,
    OneStrategy,
    PartlyStated,
    ProtocolsDiffer,
    Ranking,
    TwoStrategies,
)
from clbench.report.findings_of_design import (
    Chance,
    ChosenTests,
    DesignedTests,
    IntervalsMade,
    Power,
)
from clbench.report.sentences import sentence
from clbench.report.short import short


def kinds(found: Any) -> list[type]:
    return [type(one) for one in found.findings]


def the(kind: type, found: Any) -> Any:
    (one,) = (one for one in found.findings if isinstance(one, kind))
    return one


@pytest.mark.parametrize("kind", get_args(Finding | Omission), ids=lambda kind: kind.__name__)
def test_every_finding_can_be_said(kind: type) -> None:
    assert sentence.dispatch(kind) is not sentence.dispatch(object)


def test_what_is_no_finding_cannot_be_said() -> None:
    with pytest.raises(TypeError, match="str is no finding"):
        sentence("a text")  # type: ignore[arg-type]


def test_three_strategies_are_found_ranked(made: Any) -> None:
    found = made.compared(*made.three(), baseline="good", family="pairs")
    assert kinds(found) == [
        DesignedTests,
        Chance,
        AllStrategies,
        Ranking,
        AgainstBaseline,
        IntervalsMade,
    ]
    ranking = the(Ranking, found)
    assert (ranking.first, ranking.winner, ranking.differing) == (("good",), "good", 3)
    assert the(AgainstBaseline, found).worse == ("poor", "middle")
    assert found.text[: len(found.findings)] == tuple(map(sentence, found.findings))


def test_two_strategies_are_found_apart_or_not(made: Any) -> None:
    found = made.compared(*made.three()[:2])
    assert kinds(found) == [DesignedTests, Chance, TwoStrategies, NoBaseline, IntervalsMade]
    pair = the(TwoStrategies, found).pair
    assert (pair.winner, pair.loser, pair.exact) == ("good", "poor", True)
    assert (the(DesignedTests, found).flipped, the(DesignedTests, found).students) == ((12,), ())
    found = made.compared(*made.three()[:2], tests="ranks")
    assert kinds(found) == [ChosenTests, Power, TwoStrategies, NoBaseline, IntervalsMade]
    assert the(ChosenTests, found).exact


def test_too_few_seeds_are_a_finding_that_the_short_form_takes(made: Any) -> None:
    few = made.compared(*made.three(seeds=4), tests="ranks")
    power = the(Power, few)
    assert (power.n, power.is_enough, power.seeds_needed) == (4, False, 7)
    assert f"  {sentence(power)}" in short(few)
    enough = made.compared(*made.three(), tests="ranks")
    assert the(Power, enough).is_enough
    assert len(short(enough)) == 2


def test_missing_seeds_are_counted_by_strategy(made: Any) -> None:
    cells = made.three()
    cells[0] = made.cell("poor", np.full(9, 0.5))
    missing = the(MissingSeeds, made.compared(*cells))
    assert (missing.asked, missing.counts, missing.missing_to_all) == (12, (("poor", 9),), 0)


def test_seeds_that_nobody_has_are_missing_to_all(made: Any) -> None:
    missing = the(MissingSeeds, made.compared(*made.three(), text="name: demo\nseeds: 20\n"))
    assert (missing.asked, missing.missing_to_all) == (20, 8)


def test_one_strategy_is_nothing_to_compare_with(made: Any) -> None:
    found = made.compared(*made.three()[:1])
    assert the(OneStrategy, found).strategy == "poor"
    assert the(DesignedTests, found).family == 0


def test_without_a_value_there_is_another_metric(made: Any) -> None:
    accuracy = np.full((3, 3, 2), np.nan)
    accuracy[:, 1, 0] = accuracy[:, 2, 1] = 0.5  # each task is tested when it was learnt alone
    found = made.compared(made.cell("er", [0, 0, 0], accuracy=accuracy))
    assert kinds(found)[:2] == [NothingToCompare, MeasuredInstead]
    assert the(MeasuredInstead, found).metric == "learning_accuracy"
    assert found.left_out[0].startswith("split, er: 3 of 3 runs have no value")


def test_lost_runs_are_said_with_whose_they_are() -> None:
    lost = LeftOutRuns("split", "er", LostRuns("diverged", 1, 5))
    assert sentence(lost).startswith("split, er: 1 of 5 runs diverged: they rank below")


def test_protocols_that_differ_are_told_option_by_option(made: Any) -> None:
    cells = made.three()
    cells[0].protocol = {**made.protocol, "epochs": 3}
    (difference,) = the(ProtocolsDiffer, made.compared(*cells)).differences
    assert (difference.label, difference.scenarios) == ("poor", ("split",))
    assert difference.difference == "epochs 3 instead of 1"


# ---------------------------------------------------------------------- other libraries


def foreign(made: Any, label: str, **protocol: Any) -> Any:
    """A cell of a record that says in part how it was trained, and nothing of its streams."""
    return made.cell(label, made.draw(0.8, 12, 5), content={}, protocol=protocol)


OWN = {"epochs": 1, "batch_size": 32, "model": {"mlp": {"hidden": [100]}}, "head": "single"}


def test_what_a_foreign_record_does_not_state_is_not_said_to_be_none(made: Any) -> None:
    theirs: dict[str, Any] = {"epochs": 1, "batch_size": 64, "model": {"mnistmlp": {"width": 9}}}
    cells = [
        made.cell("naive", made.draw(0.7, 12, 1), protocol=OWN),
        foreign(made, "lwf", **theirs, noise_rate=0.0),
        foreign(made, "sgd", **theirs, noise_rate=0.0),
    ]
    found = made.compared(*cells)
    assert sentence(the(ProtocolsDiffer, found)) == (
        "Protocols differ, by declaration: lwf and sgd: batch_size 64 instead of 32,"
        " model mnistmlp instead of mlp (split)."
    )
    assert the(PartlyStated, found) == PartlyStated(
        ("lwf", "sgd"), (), ("head",), ("noise_rate",), ("naive",)
    )
    assert sentence(the(PartlyStated, found)) == (
        "lwf and sgd, from another library: that a seed is the same stream as for naive is not"
        " stated (--unpaired does not pair them); not stated are head; stated here alone are"
        " noise_rate."
    )
    assert "none" not in sentence(the(ProtocolsDiffer, found))
    for tests in ("by_design", "ranks"):
        design = made.compared(*cells, tests=tests).design
        assert "3 strategies ran on the same seeds, which are taken for the same streams" in design


def test_foreign_records_alone_are_set_against_each_other(made: Any) -> None:
    cells = [
        foreign(made, "a", lr=0.1, model={"m": {"width": 9}}),
        foreign(made, "b", lr=0.1, model={"m": {"width": 9}}),
        foreign(made, "c", lr=0.1, model={"m": {"width": 7}}, clip=1),
    ]
    found = made.compared(*cells)
    (difference,) = the(ProtocolsDiffer, found).differences
    assert (difference.label, difference.difference) == ("c", "model.m.width 7 instead of 9")
    unstated = {one.labels: one.unstated for one in found.findings if type(one) is PartlyStated}
    assert unstated == {("a", "b"): ("clip",), ("c",): ()}
    assert PartlyStated not in kinds(made.compared(*cells[:2]))


def test_what_files_of_a_kind_never_say_is_told_of_their_strategies(made: Any) -> None:
    cells = [foreign(made, "a", lr=0.1), foreign(made, "b", lr=0.1)]
    record = made.results(*cells).record
    record = replace(record, environment={"imported": "lib", "unsaid": ["the images", "the order"]})
    found = clbench.compare(Results(record, made.host))
    assert sentence(the(PartlyStated, found)) == (
        "a and b, from another library: the files do not say: the images and the order."
    )
