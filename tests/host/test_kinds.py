"""What a contribution of each kind must look like, and the sentence where it does not."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import pytest

import clbench
from clbench import Launcher, RecordMetric, hookspecs
from clbench.host.kinds import HOOKS, KINDS, Kind, check_contribution, is_of_kind
from clbench.options import Declaration

METRIC, MODEL, LAUNCHER = KINDS["metric"], KINDS["model"], KINDS["launcher"]


class Spread(RecordMetric):
    """Best minus worst."""

    width: int = 3  # how wide


class Mine(Launcher):
    """Runs jobs."""

    # Of another kind this word means something; launchers have no labels.
    label: str = ""  # an option like others


def small(input_shape: Any, classes: Any, *, hidden: int = 3) -> None:
    """A model."""


def test_hooks_and_kinds_name_each_other() -> None:
    for name, kind in KINDS.items():
        assert kind.name == name
        assert HOOKS[kind.hook] == name
    assert len(HOOKS) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_has_a_documented_hook_and_public_bases(kind: Kind) -> None:
    assert getattr(hookspecs, kind.hook).__doc__
    assert all(hasattr(clbench, base) for base in kind.bases)


# ------------------------------------------------------------------ sound ones


@pytest.mark.parametrize(
    ("kind", "item", "name"),
    [
        (METRIC, Spread, "spread"),
        (METRIC, type("RankOfAll", (Spread,), {}), "rank_of_all"),
        (METRIC, type("Odd", (Spread,), {"name": "a-b.c_1"}), "a-b.c_1"),
        (LAUNCHER, Mine, "mine"),
        (MODEL, small, "small"),
    ],
)
def test_a_sound_contribution_is_called_by_its_public_name(
    kind: Kind, item: Any, name: str
) -> None:
    assert check_contribution(kind, item) == name


def test_a_class_may_have_a_name_of_ours() -> None:
    mine = type("RecordMetric", (Spread,), {"name": "mine"})
    assert check_contribution(METRIC, mine) == "mine"


def test_a_model_may_be_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    class Net:
        """Built from what the data says."""

        def __init__(self, input_shape: Any, classes: Any, *, hidden: int = 3) -> None:
            """Build it."""

    assert check_contribution(MODEL, Net) == "net"


# ------------------------------------------------------------------ what a class is made from


def test_a_base_class_is_not_a_class_made_from_it() -> None:
    assert is_of_kind(METRIC, Spread)
    assert is_of_kind(METRIC, type("Wider", (Spread,), {}))
    assert not is_of_kind(METRIC, RecordMetric)
    assert not is_of_kind(LAUNCHER, Spread)
    assert not is_of_kind(METRIC, 3)


def test_a_stranger_s_base_of_the_same_name_is_none_of_ours() -> None:
    stranger = type("RecordMetric", (), {"__module__": "lab.metrics"})
    assert not is_of_kind(METRIC, type("Mine", (stranger,), {}))
    assert not is_of_kind(METRIC, type("Mine", (type("RecordMetric", (), {}),), {}))


def test_bases_are_told_by_name_so_that_nothing_is_imported() -> None:
    imported = set(sys.modules)
    is_of_kind(KINDS["strategy"], Spread)
    assert set(sys.modules) == imported


# ------------------------------------------------------------------ what is wrong


@pytest.mark.parametrize(
    ("kind", "item", "sentence"),
    [
        (
            METRIC,
            3,
            "3 is not a class; a metric is a subclass of clbench.RecordMetric or"
            " clbench.ProbeMetric",
        ),
        (LAUNCHER, Spread, "Spread is not a subclass of clbench.Launcher"),
        (
            MODEL,
            3,
            "3 is not a function or class; a model is called as (input_shape, classes, *, options)",
        ),
        (
            METRIC,
            type("Odd", (Spread,), {"name": "two words"}),
            "Odd: its name 'two words' is not one word of letters, digits, -, _ and .",
        ),
        (
            METRIC,
            type("Odd", (Spread,), {"name": "-first"}),
            "Odd: its name '-first' is not one word of letters, digits, -, _ and .",
        ),
        (
            METRIC,
            type("Odd", (Spread,), {"__annotations__": {"label": str}, "label": ""}),
            "Odd: an option cannot be called 'label', that word means something else already",
        ),
        (
            METRIC,
            type("Odd", (Spread,), {"__annotations__": {"value": int}, "value": 1}),
            "Odd: an option cannot be called 'value', that word means something else already",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(kind: Kind, item: Any, sentence: str) -> None:
    with pytest.raises(Declaration) as caught:
        check_contribution(kind, item)
    assert str(caught.value) == sentence


def test_a_partial_has_no_name_to_be_called_by() -> None:
    with pytest.raises(Declaration, match="is not a function or class; a model is called as"):
        check_contribution(MODEL, partial(small, hidden=4))


@pytest.mark.parametrize(
    ("positional", "sentence"),
    [
        ("", "takes 0 positional arguments; a model takes input_shape and classes"),
        ("shape", "takes 1 positional arguments; a model takes input_shape and classes"),
        ("shape, classes, hidden=3", "'hidden' is no option yet; write `*` before it"),
        ("shape, classes, hidden=3, /", "'hidden' is no option yet; write `*` before it"),
    ],
)
def test_a_factory_takes_two_arguments_and_options(positional: str, sentence: str) -> None:
    names: dict[str, Any] = {}
    exec(f"def odd({positional}): ...", names)
    with pytest.raises(Declaration, match="odd") as caught:
        check_contribution(MODEL, names["odd"])
    assert sentence in str(caught.value)
