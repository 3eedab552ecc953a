"""`--set PATH=VALUE`, laid over a suite's data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clbench.host import Host
from clbench.suite.overrides import apply_overrides
from clbench.suite.paths import Path, render
from tests.suite.conftest import Complaints, Loader
from tests.suite.texts import load_suite_text, with_lines

DATA: dict[str, Any] = {
    "seeds": 3,
    "protocol": {"epochs": 1, "optimizer": {"sgd": {"lr": 0.1}}},
    "strategies": ["naive", {"er": {"memory": 5}}, {"ewc": None}],
    "compare": None,
}


def applied(*overrides: str) -> tuple[dict[str, Any], list[Path], list[tuple[str, str]]]:
    """The data, the paths that were changed, and what was wrong."""
    wrong: list[tuple[str, str]] = []

    def note(path: Path, message: str) -> None:
        wrong.append((render(path), message))

    data, paths = apply_overrides(DATA, overrides, note)
    return data, paths, wrong


def at(data: Any, *path: str | int) -> Any:
    for part in path:
        data = data[part]
    return data


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("seeds=5", ("seeds",), 5),
        ("seeds=[1, 2]", ("seeds",), [1, 2]),
        ("protocol.epochs=2", ("protocol", "epochs"), 2),
        ("protocol.optimizer.sgd.lr=1e-3", ("protocol", "optimizer", "sgd", "lr"), 1e-3),
        ("protocol.optimizer=adam", ("protocol", "optimizer"), "adam"),
        ("strategies[1].er.memory=7", ("strategies", 1, "er", "memory"), 7),
        ("strategies[0]=er", ("strategies", 0), "er"),
        # A bare name is a name without options, and nothing is an empty mapping.
        ("strategies[0].naive.label=n", ("strategies", 0, "naive", "label"), "n"),
        ("strategies[2].ewc.strength=2", ("strategies", 2, "ewc", "strength"), 2),
        ("compare.metric=forgetting", ("compare", "metric"), "forgetting"),
        ("metrics=", ("metrics",), None),
        (" name = a = b", ("name",), "a = b"),
    ],
)
def test_a_value_is_put_where_its_path_leads(
    override: str, path: tuple[str | int, ...], value: Any
) -> None:
    data, paths, wrong = applied(override)
    assert wrong == []
    assert at(data, *path) == value
    assert paths == [path]


def test_the_suite_itself_is_not_changed() -> None:
    before = repr(DATA)
    applied("protocol.optimizer.sgd.lr=5", "strategies[1].er.memory=9")
    assert repr(DATA) == before


def test_later_ones_are_laid_over_earlier_ones() -> None:
    data, paths, _ = applied("protocol.model={mlp: {hidden: [5]}}", "protocol.model.mlp.hidden=[7]")
    assert data["protocol"]["model"] == {"mlp": {"hidden": [7]}}
    assert len(paths) == 2


@pytest.mark.parametrize(
    ("override", "path", "said"),
    [
        ("seeds", "suite", "write it as PATH=VALUE, for example protocol.epochs=2"),
        ("=3", "suite", "'' is no path; write it like protocol.epochs or strategies[1].er.memory"),
        ("a..b=3", "suite", "'a..b' is no path"),
        ("seeds=[1", "suite", "the value cannot be read: "),
        ("seeds.a=3", "seeds.a", "seeds has no a"),
        ("strategies[3]=er", "strategies[3]", "strategies is a list; its items are strategies[0]"),
        ("strategies.er=3", "strategies.er", "its items are strategies[0] to strategies[2]"),
        ("protocol[0]=3", "protocol[0]", "protocol has no [0]"),
        (
            "strategies[1].err.memory=3",
            "strategies[1].err.memory",
            "has no 'err'; did you mean 'er",
        ),
        ("strategies[1].ewc.memory=3", "strategies[1].ewc.memory", "strategies[1] has no 'ewc'"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_problem(override: str, path: str, said: str) -> None:
    data, paths, [(where, message)] = applied(override)
    assert (data, paths) == (DATA, [])
    assert where == path
    assert message.startswith(f"--set {override}: ")
    assert said in message


def test_what_is_wrong_does_not_keep_the_others_out() -> None:
    data, paths, wrong = applied("seeds.a=1", "seeds=7", "nowhere")
    assert (data["seeds"], paths, len(wrong)) == (7, [("seeds",)], 2)


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("protocol.epochs=7", lambda cell: cell.protocol["epochs"] == 7),
        (
            "protocol.optimizer.sgd.lr=1e-3",
            lambda cell: cell.protocol["optimizer"]["sgd"]["lr"] == 1e-3,
        ),
        (
            "protocol.optimizer={adam: {lr: 0.5}}",
            lambda cell: cell.protocol["optimizer"]["adam"]["lr"] == 0.5,
        ),
        (
            "protocol.model.mlp.hidden=[3, 4]",
            lambda cell: cell.protocol["model"]["mlp"]["hidden"] == [3, 4],
        ),
        (
            "strategies[1].er.memory=9",
            lambda cell: cell.strategy == "naive" or cell.options["memory"] == 9,
        ),
        ("strategies[0]=ewc", lambda cell: cell.strategy in ("ewc", "er")),
        ("strategies[0].naive.label=first", lambda cell: cell.label in ("first", "er")),
        ("scenarios[0].split.tasks=2", lambda cell: cell.scenario.options["tasks"] == 2),
        ("seeds=[4]", lambda cell: cell.seeds == (4,)),
    ],
)
def test_set_changes_a_suite(
    load: Loader, host: Host, override: str, found: Callable[[Any], bool]
) -> None:
    text = with_lines(protocol="protocol: {model: mlp}", compare="compare: {}")
    suite = load(text, overrides=[override])
    assert all(found(cell) for cell in suite.cells)
    assert load_suite_text(suite, host) == suite.cells


@pytest.mark.parametrize(
    ("override", "place", "sentence"),
    [
        (
            "protocol.epoch=5",
            "3: protocol.epoch",
            "unknown key; did you mean 'epochs'? (set on the command line)",
        ),
        (
            "epochs",
            "1: suite",
            "--set epochs: write it as PATH=VALUE, for example protocol.epochs=2",
        ),
        (
            "a..b=3",
            "1: suite",
            "'a..b' is no path; write it like protocol.epochs or strategies[1].er.memory",
        ),
        ("protocol.epochs=[", "1: suite", "the value cannot be read"),
        (
            "strategies[9].er.memory=9",
            "5: strategies[9].er.memory",
            "strategies is a list; its items are strategies[0] to strategies[1]",
        ),
        ("strategies.er.memory=9", "5: strategies.er.memory", "strategies is a list"),
        (
            "strategies[1].ewc.strength=9",
            "5: strategies[1].ewc.strength",
            "strategies[1] has no 'ewc'; known: er",
        ),
        ("seeds.first=9", "4: seeds.first", "seeds has no first"),
        (
            "strategies[1].er.memory=x",
            "5: strategies[1].er.memory",
            "should be a valid integer, not 'x' (set on the command line)",
        ),
    ],
)
def test_a_wrong_set_is_a_problem(
    complaints: Complaints, override: str, place: str, sentence: str
) -> None:
    told = complaints(with_lines(), overrides=[override])
    assert list(told) == [place]
    assert sentence in told[place]
