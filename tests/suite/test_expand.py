"""Expansion: products, labels, equal cells, and that it is a pure function of what was written."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clbench.errors import SuiteError, UnknownName
from clbench.host import Host
from clbench.suite import Cell, Suite, load_suite, pick, split_names
from clbench.suite.grids import count, unfold

Made = Callable[..., Suite]

BASE: dict[str, Any] = {
    "name": "digits",
    "scenarios": [{"split": {"dataset": "digits"}}],
    "seeds": 2,
    "strategies": ["naive"],
}


def labels(suite: Suite, host: Host) -> list[str]:
    return [cell.label for cell in suite.cells]


# ------------------------------------------------------------------ cells


def test_a_cell_is_plain_data_with_every_default_in_it(made: Made, host: Host) -> None:
    (cell,) = made(strategies=["er"], metrics=["dormant_units"], seeds=[5, 2]).cells
    assert (cell.scenario.name, cell.scenario_label, cell.strategy, cell.label) == (
        "split",
        "split",
        "er",
        "er",
    )
    assert cell.scenario.options == {
        "dataset": "digits",
        "setting": "class",
        "tasks": 5,
        "class_order": "fixed",
    }
    assert cell.options == {"memory": 200, "replay_batch": None}
    assert [(metric.name, metric.options) for metric in cell.metrics] == [
        ("dormant_units", {"rule": "tau"})
    ]
    assert cell.seeds == (2, 5)
    assert cell.protocol["batch_size"] == 32


def test_scenarios_strategies_and_protocols_are_multiplied(made: Made, host: Host) -> None:
    suite = made(
        scenarios=[
            {"split": {"dataset": "digits", "tasks": {"grid": [2, 5]}}},
            {"split": {"dataset": "cifar100"}},
        ],
        protocol={"batch_size": {"grid": [10, 32]}},
        strategies=["naive", {"er": {"memory": {"grid": [1, 2, 3]}}}],
    )
    cells = suite.cells
    assert len(cells) == 3 * 2 * 4
    assert len({cell.key("", {}) for cell in cells}) == len(cells)
    assert len({(cell.scenario_label, cell.label) for cell in cells}) == len(cells)


def test_a_composition_keeps_its_order_and_its_parts_options(made: Made, host: Host) -> None:
    suite = made(
        strategies=[
            {"er+ewc": {"er": {"memory": 5}, "ewc": {"strength": {"grid": [1, 2]}}}},
            "ewc+er",
        ]
    )
    first, second, third = suite.cells
    assert first.options == {"er": {"memory": 5, "replay_batch": None}, "ewc": {"strength": 1.0}}
    assert [cell.label for cell in (first, second, third)] == [
        "er+ewc(ewc.strength=1.0)",
        "er+ewc(ewc.strength=2.0)",
        "ewc+er",
    ]


def test_a_strategy_s_own_protocol_is_laid_over_the_suite_s(made: Made, host: Host) -> None:
    suite = made(
        protocol={"epochs": 4, "optimizer": {"sgd": {"lr": 0.03}}},
        strategies=[
            "naive",
            {"er": {"protocol": {"steps": 9, "optimizer": {"sgd": {"momentum": 0.9}}}}},
            {"ewc": {"protocol": None}},
        ],
    )
    naive, er, ewc = (cell.protocol for cell in suite.cells)
    assert (naive["epochs"], naive["steps"]) == (4, None)
    assert (
        er["epochs"],
        er["steps"],
        er["optimizer"]["sgd"]["lr"],
        er["optimizer"]["sgd"]["momentum"],
    ) == (None, 9, 0.03, 0.9)
    assert ewc == naive


def test_grids_in_grids_unfold(made: Made, host: Host) -> None:
    optimizer = {"grid": [{"sgd": {"lr": {"grid": [0.1, 0.2]}}}, "adam"]}
    suite = made(protocol={"optimizer": optimizer})
    assert labels(suite, host) == [
        "naive(optimizer=sgd, optimizer.lr=0.1)",
        "naive(optimizer=sgd, optimizer.lr=0.2)",
        "naive(optimizer=adam, optimizer.lr=0.001)",
    ]


def test_a_data_set_may_have_options(made: Made, host: Host) -> None:
    suite = made(scenarios=[{"split": {"dataset": {"synthetic": {"classes": {"grid": [10, 20]}}}}}])
    assert [cell.scenario_label for cell in suite.cells] == [
        "split(dataset.classes=10)",
        "split(dataset.classes=20)",
    ]
    assert suite.cells[0].scenario.options["dataset"]["synthetic"]["train"] == 1000


def test_imported_data_is_known_by_name(host: Host) -> None:
    suite = load_suite(
        {**BASE, "scenarios": [{"split": {"dataset": "mine"}}]}, host, imported={"mine"}
    )
    assert suite.cells[0].scenario.options["dataset"] == "mine"


# ------------------------------------------------------------------ labels


def test_labels_show_only_what_differs(made: Made, host: Host) -> None:
    suite = made(
        strategies=[
            "naive",
            {"er": {"memory": {"grid": [200, 500]}, "replay_batch": 10}},
            {"er": {"memory": 7, "label": "small"}},
        ]
    )
    assert labels(suite, host) == ["naive", "er(memory=200)", "er(memory=500)", "small"]


def test_a_labelled_grid_is_told_apart_behind_its_label(made: Made, host: Host) -> None:
    suite = made(strategies=[{"er": {"memory": {"grid": [1, 2]}, "label": "mine"}}])
    assert labels(suite, host) == ["mine(memory=1)", "mine(memory=2)"]


def test_protocol_keys_show_where_they_differ(made: Made, host: Host) -> None:
    suite = made(strategies=["er", {"er": {"protocol": {"batch_size": 10}}}])
    assert labels(suite, host) == ["er(batch_size=32)", "er(batch_size=10)"]


def test_scenarios_have_labels_too(made: Made, host: Host) -> None:
    splits = [
        {"split": {"dataset": "digits"}},
        {"split": {"dataset": "cifar100"}},
        {"split": {"dataset": "digits", "tasks": 2, "label": "two"}},
    ]
    assert [cell.scenario_label for cell in made(scenarios=splits).cells] == [
        "split(dataset=digits)",
        "split(dataset=cifar100)",
        "two",
    ]


@pytest.mark.parametrize(
    "strategies",
    [
        [{"er": {"memory": 1, "label": "a"}}, {"er": {"memory": 2, "label": "a"}}],
        ["naive", {"er": {"label": "naive"}}],
    ],
)
def test_a_label_means_one_cell(made: Made, strategies: list[Any]) -> None:
    with pytest.raises(SuiteError, match="2 different cells are called"):
        made(strategies=strategies)


SETTINGS = [
    {"split": {"dataset": "digits", "setting": setting, "label": setting}}
    for setting in ("task", "class")
]


def limited(strength: int, *scenarios: str) -> dict[str, Any]:
    return {"ewc": {"label": "ewc", "strength": strength, "scenarios": list(scenarios)}}


def test_a_strategy_may_be_limited_to_some_scenarios(made: Made, host: Host) -> None:
    suite = made(
        scenarios=SETTINGS, strategies=["naive", limited(10, "task"), limited(600, "class")]
    )
    assert [
        (cell.scenario_label, cell.label, cell.options.get("strength")) for cell in suite.cells
    ] == [
        ("task", "naive", None),
        ("task", "ewc", 10),
        ("class", "naive", None),
        ("class", "ewc", 600),
    ]


def test_a_head_a_task_is_for_the_scenarios_that_tell_it(made: Made, host: Host) -> None:
    heads = {"label": "heads", "protocol": {"head": "multi"}}
    with pytest.raises(SuiteError, match="one head a task"):
        made(scenarios=SETTINGS, strategies=[{"naive": heads}])
    suite = made(
        scenarios=SETTINGS, strategies=["naive", {"naive": {**heads, "scenarios": ["task"]}}]
    )
    assert labels(suite, host) == ["naive", "heads", "naive"]


@pytest.mark.parametrize(
    ("strategies", "message"),
    [
        ([limited(1, "tsk")], "'tsk' is no scenario of this suite; did you mean 'task'"),
        ([limited(1)], "must be a list of labels"),
        ([{"ewc": {"scenarios": "task"}}], "must be a list of labels"),
        ([limited(1, "task"), limited(2, "class", "task")], "2 different cells are called 'ewc'"),
    ],
)
def test_what_a_strategy_is_limited_to_is_checked(
    made: Made, strategies: list[Any], message: str
) -> None:
    with pytest.raises(SuiteError, match=message):
        made(scenarios=SETTINGS, strategies=strategies)


def test_labels_and_names_pick_cells(made: Made, host: Host) -> None:
    cells = made(strategies=["naive", {"er": {"memory": {"grid": [1, 2]}}}]).cells
    assert [cell.label for cell in pick(cells, ["er"])] == ["er(memory=1)", "er(memory=2)"]
    assert [cell.label for cell in pick(cells, ["er(memory=2)", "naive"])] == [
        "naive",
        "er(memory=2)",
    ]
    with pytest.raises(UnknownName, match="did you mean 'naive'"):
        pick(cells, ["naiv"])
    assert pick(cells, ["naive, er(memory=2)"]) == pick(cells, ["naive", "er(memory=2)"])
    with_comma = [replace(cell, label="a,b") if cell.label == "naive" else cell for cell in cells]
    assert [cell.label for cell in pick(with_comma, ["a,b"])] == ["a,b"]
    assert split_names("naive, er(memory=1, replay_batch=2),ewc") == [
        "naive",
        "er(memory=1, replay_batch=2)",
        "ewc",
    ]


# ------------------------------------------------------------------ equal cells


def test_equal_cells_run_once_with_a_warning(made: Made, host: Host) -> None:
    suite = made(
        strategies=["er", {"er": {"memory": 200}}, {"er": {"memory": {"grid": [200, 500]}}}]
    )
    assert labels(suite, host) == ["er(memory=200)", "er(memory=500)"]
    assert len(suite.warnings) == 2
    assert "strategies[1]: is the same as 'er(memory=200)'" in suite.warnings[0]


def test_equal_scenarios_run_once(made: Made, host: Host) -> None:
    suite = made(
        scenarios=[
            {"split": {"dataset": "digits"}},
            {"split": {"dataset": {"digits": None}, "tasks": 5}},
        ]
    )
    assert len(suite.cells) == 1
    assert len(suite.warnings) == 1


# ------------------------------------------------------------------ properties

VALUES = st.lists(st.integers(1, 50), min_size=1, max_size=3, unique=True)


@st.composite
def suites(draw: st.DrawFn) -> tuple[dict[str, Any], int]:
    """A suite with grids in all three places, and the number of cells it stands for."""
    memory, replay, batch, rates = draw(VALUES), draw(VALUES), draw(VALUES), draw(VALUES)
    tasks = draw(st.lists(st.sampled_from([1, 2, 5, 10]), min_size=1, max_size=3, unique=True))
    suite = {
        **BASE,
        "scenarios": [{"split": {"dataset": "digits", "tasks": {"grid": tasks}}}],
        "protocol": {"batch_size": {"grid": batch}, "optimizer": {"sgd": {"lr": {"grid": rates}}}},
        "strategies": [
            {"er": {"memory": {"grid": memory}, "replay_batch": {"grid": replay}}},
            "naive",
        ],
    }
    return suite, len(tasks) * len(batch) * len(rates) * (len(memory) * len(replay) + 1)


def shuffled(data: Any, order: random.Random) -> Any:
    """The same data with the keys of every mapping in another order."""
    if isinstance(data, dict):
        keys = list(data)
        order.shuffle(keys)
        return {key: shuffled(data[key], order) for key in keys}
    return [shuffled(item, order) for item in data] if isinstance(data, list) else data


def keys(cells: list[Cell]) -> set[str]:
    return {cell.key("data", {}) for cell in cells}


@settings(deadline=None, max_examples=30)
@given(suites(), st.randoms(use_true_random=False))
def test_expansion_is_a_pure_product_whatever_the_order_of_keys(
    host: Host, drawn: tuple[dict[str, Any], int], order: random.Random
) -> None:
    data, size = drawn
    before = copy.deepcopy(data)
    suite = load_suite(data, host)
    cells = suite.cells
    assert data == before
    assert load_suite(data, host).cells == cells
    assert (
        len(cells)
        == len(keys(cells))
        == len({(cell.scenario_label, cell.label) for cell in cells})
        == size
    )
    assert keys(load_suite(shuffled(data, order), host).cells) == keys(cells)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4))
def test_the_number_of_variants_is_known_without_making_them(grids: dict[str, list[int]]) -> None:
    data = {key: {"grid": values} for key, values in grids.items()}
    variants = unfold(data)
    assert len(variants) == count(data) == math.prod(map(len, grids.values()))
    for variant in variants:
        for key, value in variant.data.items():
            assert variant.in_suite((key,)) == (key, "grid", grids[key].index(value))


def test_a_grid_too_large_is_refused_before_it_is_made(made: Made) -> None:
    wide = {"grid": list(range(100))}
    with pytest.raises(SuiteError, match="unfolds into more than 100,000 variants"):
        made(strategies=[{"er": {"memory": wide, "replay_batch": wide, "label": wide}}])
    with pytest.raises(SuiteError, match="unfolds into more than 100,000 cells"):
        made(
            strategies=[{"er": {"memory": wide, "replay_batch": wide}}],
            protocol={"batch_size": wide},
        )


def test_a_scenario_of_which_nothing_can_be_held_out_refuses_validation(
    made: Made, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host.get("scenario", "split"), "holds_out", False)
    assert made().cells
    with pytest.raises(SuiteError, match=r"in 'split' nothing can be held out.*'naive'.* 0\.1"):
        made(protocol={"validation": 0.1})
