"""One entry of a suite's lists, resolved against what plugins declare."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.host import Host
from clbench.suite.choice import Choice, MetricChoice
from clbench.suite.entries import Resolver, ScenarioEntry, StrategyEntry, dataset_of
from clbench.suite.grids import Variant
from clbench.suite.problems import Problems
from clbench.suite.protocol import Protocol

BASE = Variant({}, ("protocol",))


class Asked:
    """A resolver, and what it found wrong."""

    def __init__(self, host: Host, *imported: str) -> None:
        self.problems = Problems("suite.yaml", {})
        self.resolver = Resolver(host, self.problems, imported)

    def metric(self, data: Any) -> MetricChoice | None:
        return self.resolver.metric(Variant(data, ("metrics", 0)))

    def scenario(self, data: Any) -> ScenarioEntry | None:
        return self.resolver.scenario(Variant(data, ("scenarios", 0)))

    def strategy(self, data: Any, base: Variant = BASE) -> StrategyEntry | None:
        return self.resolver.strategy(Variant(data, ("strategies", 0)), base)

    @property
    def wrong(self) -> dict[str, str]:
        return {problem.path: problem.message for problem in self.problems.found}


@pytest.fixture
def asked(host: Host) -> Asked:
    return Asked(host)


# ---------------------------------------------------------------------- scenarios


def test_a_scenario_is_complete_with_every_default(asked: Asked) -> None:
    found = asked.scenario({"split": {"dataset": "digits"}})
    assert found is not None
    assert (found.name, found.label, found.holds_out) == ("split", None, True)
    assert found.choice.options["tasks"] == 5
    assert found.choice.options["dataset"] == "digits"
    assert asked.wrong == {}


def test_a_data_sets_options_are_filled_in_where_it_has_any(asked: Asked) -> None:
    found = asked.scenario({"split": {"dataset": {"synthetic": {"size": 4}}}})
    assert found is not None
    data = found.choice.options["dataset"]["synthetic"]
    assert (data["size"], data["classes"]) == (4, 10)


@pytest.mark.parametrize(
    ("data", "path", "said"),
    [
        ("spilt", "scenarios[0]", "unknown scenario 'spilt'; did you mean 'split'"),
        (
            {"split": {"dataset": "digist"}},
            "scenarios[0].split.dataset",
            "unknown dataset 'digist'",
        ),
        ({"split": {"dataset": 3}}, "scenarios[0].split.dataset", "must be a dataset's name, or"),
        (
            {"split": {"dataset": "digits", "tasks": 3}},
            "scenarios[0].split.tasks",
            "10 classes do not divide into 3 tasks",
        ),
        (
            {"split": {"dataset": {"synthetic": {"size": "x"}}}},
            "scenarios[0].split.dataset.synthetic.size",
            "",
        ),
        (
            {"split": {"dataset": "digits", "label": "a\nb"}},
            "scenarios[0].split.label",
            "must be one",
        ),
    ],
)
def test_what_is_wrong_with_a_scenario_is_named(
    asked: Asked, data: Any, path: str, said: str
) -> None:
    assert asked.scenario(data) is None
    assert list(asked.wrong) == [path]
    assert asked.wrong[path].startswith(said)


def test_imported_data_is_taken_by_its_name(host: Host) -> None:
    asked = Asked(host, "mine")
    found = asked.scenario({"split": {"dataset": "mine", "tasks": 7}})
    assert found is not None  # how many classes it has is not known here
    assert found.choice.options["dataset"] == "mine"
    assert asked.scenario({"split": {"dataset": "mien"}}) is None
    assert "did you mean 'mine'" in asked.wrong["scenarios[0].split.dataset"]


def test_a_data_set_is_made_with_its_options(host: Host) -> None:
    scenario = Choice("split", {"dataset": {"synthetic": {"classes": 7}}})
    assert dataset_of(scenario, host).classes == 7


# ---------------------------------------------------------------------- strategies


def test_a_strategy_carries_the_suites_protocol(asked: Asked) -> None:
    found = asked.strategy("er", Variant({"epochs": 3}, ("protocol",)))
    assert found is not None
    assert found.parts == (Choice("er", {"memory": 200, "replay_batch": None}),)
    assert (found.protocol.epochs, found.protocol.batch_size) == (3, 32)
    assert found.head == ("protocol", "head")


def test_a_strategys_own_protocol_is_laid_over_it(asked: Asked) -> None:
    base = Variant({"epochs": 3, "batch_size": 8}, ("protocol",))
    found = asked.strategy({"er": {"protocol": {"epochs": 5, "head": "multi"}}}, base)
    assert found is not None
    assert (found.protocol.epochs, found.protocol.batch_size) == (5, 8)
    assert found.head == ("strategies", 0, "er", "protocol", "head")
    assert "protocol" not in found.parts[0].options


def test_a_composition_has_its_options_by_part(asked: Asked) -> None:
    found = asked.strategy({"er+ewc": {"er": {"memory": 5}, "label": "both"}})
    assert found is not None
    assert (found.name, found.label) == ("er+ewc", "both")
    assert [part.options for part in found.parts] == [
        {"memory": 5, "replay_batch": None},
        {"strength": 1.0},
    ]


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ("err", {"strategies[0]": "unknown strategy 'err'; did you mean 'er'"}),
        ({"er": {"memroy": 5}}, {"strategies[0].er.memroy": "unknown option"}),
        (
            {"er": {"protocol": 3}},
            {"strategies[0].er.protocol": "must be protocol keys"},
        ),
        ({"er": {"label": " "}}, {"strategies[0].er.label": "must be a word, not ' '"}),
        ({"er": {"label": 3}}, {"strategies[0].er.label": "must be a word, not 3"}),
        ({"er": {"scenarios": []}}, {"strategies[0].er.scenarios": "must be a list of labels of"}),
        ({"er": {"scenarios": "a"}}, {"strategies[0].er.scenarios": "must be a list of labels of"}),
        ({"er": {"scenarios": ["a", 3]}}, {"strategies[0].er.scenarios": "must be a list of lab"}),
        ("er+er", {"strategies[0].er+er": "a composition has each part once"}),
        (
            {"er+ewc": {"memory": 5}},
            {"strategies[0].er+ewc.memory": "is no part of 'er+ewc'; options of a"},
        ),
        ({"er+ewc": {"er": 5}}, {"strategies[0].er+ewc.er": "must be options with values, not 5"}),
        (3, {"strategies[0]": "must be a strategy's name, or {name: options}, not 3"}),
        ({}, {"strategies[0]": "must be a strategy's name, or {name: options}, not {}"}),
        (
            {"er": {}, "ewc": {}},
            {"strategies[0]": "holds 'er', 'ewc', but an entry names one strat"},
        ),
        ({"er": 5}, {"strategies[0].er": "must be options with values such as {option: value}"}),
        (
            {"er": {"label": 3, "memory": "x", "protocol": {"epochs": 0}}},
            {"strategies[0].er.label": "", "strategies[0].er.memory": ""}
            | {"strategies[0].er.protocol.epochs": ""},
        ),
    ],
)
def test_everything_wrong_with_a_strategy_is_named_at_once(
    asked: Asked, data: Any, wrong: dict[str, str]
) -> None:
    assert asked.strategy(data) is None
    assert set(asked.wrong) == set(wrong)
    for path, said in wrong.items():
        assert asked.wrong[path].startswith(said)


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ({}, "protocol.epochs"),
        ({"batch_size": 8}, "protocol.epochs"),
        ({"epochs": -1}, "strategies[0].er.protocol.epochs"),
    ],
)
def test_a_wrong_protocol_is_named_where_it_is_written(
    asked: Asked, override: dict[str, Any], path: str
) -> None:
    base = Variant({"epochs": 0}, ("protocol",))
    assert asked.strategy({"er": {"protocol": override}}, base) is None
    assert list(asked.wrong) == [path]


def test_a_wrong_protocol_may_be_mended_by_a_strategy(asked: Asked) -> None:
    base = Variant({"epochs": 0}, ("protocol",))
    assert asked.strategy({"er": {"protocol": {"epochs": 2}}}, base) is not None
    assert asked.wrong == {}


@pytest.mark.parametrize(
    ("scenarios", "meets"),
    [(None, True), (("mine",), True), (("split",), True), (("other",), False)],
)
def test_a_strategy_meets_the_scenarios_that_it_is_limited_to(
    scenarios: tuple[str, ...] | None, meets: bool
) -> None:
    scenario = ScenarioEntry(Choice("split", {}), "mine", ("scenarios", 0))
    limited = StrategyEntry((), None, Protocol(), (), (), scenarios)
    assert limited.meets(scenario, "mine") is meets


# ---------------------------------------------------------------------- metrics


@pytest.mark.parametrize(
    ("data", "label", "options"),
    [
        ("dormant_units", "dormant_units", {"rule": "tau"}),
        ({"dormant_units": {"rule": "dead", "label": "dead"}}, "dead", {"rule": "dead"}),
        ({"dormant_units": None}, "dormant_units", {"rule": "tau"}),
    ],
)
def test_a_metric_goes_by_its_name_or_its_label(
    asked: Asked, data: Any, label: str, options: dict[str, Any]
) -> None:
    assert asked.metric(data) == MetricChoice("dormant_units", options, label)


@pytest.mark.parametrize(
    ("data", "path", "said"),
    [
        ("dormant", "metrics[0]", "unknown metric 'dormant'"),
        ({"dormant_units": {"rule": "x"}}, "metrics[0].dormant_units.rule", ""),
        (
            {"dormant_units": {"label": "two words"}},
            "metrics[0].dormant_units.label",
            "must be one",
        ),
        (
            {"dormant_units": {"label": "weight_magnitude"}},
            "metrics[0].dormant_units.label",
            "'weight_magnitude' is a metric of its own",
        ),
    ],
)
def test_what_is_wrong_with_a_metric_is_named(
    asked: Asked, data: Any, path: str, said: str
) -> None:
    assert asked.metric(data) is None
    assert list(asked.wrong) == [path]
    assert asked.wrong[path].startswith(said)


def test_what_was_written_is_not_changed(asked: Asked) -> None:
    data = {"er": {"memory": 5, "label": "mine", "protocol": {"epochs": 2}, "scenarios": ["a"]}}
    before = repr(data)
    asked.strategy(data)
    assert repr(data) == before
