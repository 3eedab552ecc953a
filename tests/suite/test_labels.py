"""Labels: a name, and the options in which the cells of that name differ."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.errors import UnknownName
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.suite.entries import ScenarioEntry, StrategyEntry
from clbench.suite.labels import (
    names_of,
    pick,
    scenario_labels,
    split_names,
    strategy_labels,
)
from clbench.suite.protocol import Protocol


def scenario(name: str = "split", label: str | None = None, **options: Any) -> ScenarioEntry:
    return ScenarioEntry(Choice(name, options), label, ("scenarios", 0))


def strategy(
    *parts: Choice, label: str | None = None, source: int = 0, **protocol: Any
) -> StrategyEntry:
    changed = Protocol().with_changes(**protocol)
    return StrategyEntry(parts, label, changed, ("strategies", source), ("protocol", "head"))


def er(memory: int, **options: Any) -> Choice:
    return Choice("er", {"memory": memory, **options})


def cell(label: str, name: str) -> Cell:
    return Cell(Choice("split", {}), "split", (Choice(name, {}),), label, Protocol(), (), (0,))


# ---------------------------------------------------------------------- strategies


def test_one_of_a_name_goes_by_it() -> None:
    entries = [strategy(er(5)), strategy(Choice("ewc", {"strength": 1}))]
    assert strategy_labels(entries) == ["er", "ewc"]
    assert strategy_labels([]) == []


def test_several_of_a_name_show_what_differs_in_the_order_of_their_options() -> None:
    entries = [strategy(er(5, batch=2, beta=1)), strategy(er(7, batch=3, beta=1))]
    assert strategy_labels(entries) == ["er(memory=5, batch=2)", "er(memory=7, batch=3)"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "none"),
        ("word", "word"),
        (True, "true"),
        (0.5, "0.5"),
        ([1, 2], "[1, 2]"),
        ({"a": 1}, '{"a": 1}'),
        ("two\nlines", '"two\\nlines"'),
    ],
)
def test_values_are_shown_as_a_suite_writes_them(value: Any, shown: str) -> None:
    """In a list, where nested mappings are not taken apart."""
    entries = [strategy(er(5, of=value)), strategy(er(5, of=["something else"]))]
    assert strategy_labels(entries)[0] == f"er(of={shown})"


def test_options_that_are_the_same_in_another_order_do_not_differ() -> None:
    entries = [strategy(er(5, of={"a": 1, "b": 2})), strategy(er(7, of={"b": 2, "a": 1}))]
    assert strategy_labels(entries) == ["er(memory=5)", "er(memory=7)"]


def test_options_of_parts_stand_behind_their_part() -> None:
    entries = [strategy(er(5), Choice("ewc", {"memory": 1})), strategy(er(5), Choice("ewc", {}))]
    entries.append(strategy(er(5), Choice("ewc", {"memory": 2})))
    labels = ["er+ewc(ewc.memory=1)", "er+ewc", "er+ewc(ewc.memory=2)"]
    assert strategy_labels(entries) == labels


def test_an_option_called_like_a_protocol_key_is_told_from_it() -> None:
    one = strategy(er(5, epochs=3), epochs=1)
    other = strategy(er(5, epochs=4), epochs=2)
    labels = ["er(epochs=3, protocol.epochs=1)", "er(epochs=4, protocol.epochs=2)"]
    assert strategy_labels([one, other]) == labels


def test_a_model_is_told_by_its_name_and_its_options_by_theirs() -> None:
    models = [{"mlp": {"hidden": [5]}}, {"mlp": {"hidden": [7]}}, {"convnet": {"width": 8}}]
    labels = strategy_labels([strategy(er(5), model=model) for model in models])
    assert labels == [
        "er(model=mlp, model.hidden=[5])",
        "er(model=mlp, model.hidden=[7])",
        "er(model=convnet)",
    ]


def test_a_label_of_ones_own_is_a_group_of_its_own() -> None:
    """A grid makes several of one entry; two entries that share a word are told apart elsewhere."""
    grid = [strategy(er(memory), label="mine", source=1) for memory in (5, 7)]
    assert strategy_labels([strategy(er(5)), *grid]) == ["er", "mine(memory=5)", "mine(memory=7)"]
    alike = [strategy(er(5), label="mine"), strategy(er(7), label="mine", source=1)]
    assert strategy_labels(alike) == ["mine", "mine"]


# ---------------------------------------------------------------------- scenarios


def test_scenarios_are_told_apart_by_their_options() -> None:
    entries = [scenario(tasks=5, dataset="digits"), scenario(tasks=2, dataset="digits")]
    assert scenario_labels(entries) == ["split(tasks=5)", "split(tasks=2)"]
    of = [scenario(dataset={"synthetic": {"size": 8}}), scenario(dataset="digits")]
    assert scenario_labels(of) == ["split(dataset=synthetic)", "split(dataset=digits)"]


# ---------------------------------------------------------------------- picking


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("naive", ["naive"]),
        ("naive, er", ["naive", "er"]),
        ("er(memory=5, beta=1),naive", ["er(memory=5, beta=1)", "naive"]),
        (",a,,b,", ["a", "b"]),
        ("", []),
    ],
)
def test_names_are_split_at_commas_outside_of_parentheses(text: str, names: list[str]) -> None:
    assert split_names(text) == names


CELLS = [cell("er(memory=5)", "er"), cell("er(memory=7)", "er"), cell("a, b", "ewc")]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["er"], ["er(memory=5)", "er(memory=7)"]),
        (["er(memory=7)"], ["er(memory=7)"]),
        (["ewc,er(memory=5)"], ["er(memory=5)", "a, b"]),
        (["a, b"], ["a, b"]),  # a label may hold commas itself
        ([], []),
    ],
)
def test_cells_are_picked_by_label_or_name_in_their_order(
    names: list[str], labels: list[str]
) -> None:
    assert [one.label for one in pick(CELLS, names)] == labels


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(UnknownName, match="errr"):
        pick(CELLS, ["er,errr"])


def test_strategies_may_be_named_by_both() -> None:
    assert names_of(CELLS) == {"er(memory=5)", "er(memory=7)", "a, b", "er", "ewc"}
    assert names_of([]) == set()
