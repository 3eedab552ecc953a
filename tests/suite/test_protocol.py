"""The protocol: defaults, forms, merging, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.errors import StrategyError
from clbench.host import Host
from clbench.suite.protocol import Protocol, describe_protocol
from clbench.suite.resolving import merge, resolve_protocol

DEFAULTS = {
    "model": {"mlp": {"hidden": [100], "dropout": 0.0}},
    "epochs": 1,
    "steps": None,
    "batch_size": 32,
    "optimizer": {"sgd": {"lr": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0}},
    "schedule": "none",
    "clip": None,
    "augment": "none",
    "pad": 0,
    "normalise": "unit",
    "validation": 0.0,
    "stop_at": None,
    "restore": "never",
    "evaluate": {"tasks": "all", "last": None, "every": None},
    "logits": {"train": "all", "evaluate": "all"},
    "head": "single",
    "head_reset": "never",
    "optimizer_reset": "never",
    "precision": "fp32",
    "keep": [],
}


def resolved(host: Host, given: dict[str, Any]) -> dict[str, Any]:
    protocol, issues = resolve_protocol(given, host)
    assert issues == []
    return dict(protocol)


def test_every_default_is_filled_in(host: Host) -> None:
    assert resolved(host, {}) == DEFAULTS


@pytest.mark.parametrize(
    "given",
    [
        {"model": "mlp"},
        {"model": {"mlp": None}},
        {"model": {"mlp": {"hidden": [100]}}},
        {"optimizer": "sgd"},
        {"optimizer": {"sgd": {"momentum": 0, "lr": 0.1}}},
        {"epochs": 1},
        {"epochs": None},
        {"schedule": None},
        {"clip": "none"},
        {"stop_at": "none"},
        {"evaluate": "all"},
        {"logits": {"train": "all"}},
        {"keep": None},
        {"validation": 0},
    ],
)
def test_saying_a_default_changes_nothing(host: Host, given: dict[str, Any]) -> None:
    assert resolved(host, given) == DEFAULTS


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        ({"steps": 50}, "steps", 50),
        ({"steps": 50}, "epochs", None),
        (
            {"optimizer": "adamw"},
            "optimizer",
            {"adamw": {"lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}},
        ),
        (
            {"optimizer": {"sgd": {"momentum": 0.9, "nesterov": True}}},
            "optimizer",
            {"sgd": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.0}},
        ),
        ({"optimizer": {"torch.RMSprop": {"lr": 1}}}, "optimizer", {"torch.RMSprop": {"lr": 1}}),
        (
            {"schedule": "milestones"},
            "schedule",
            {"milestones": {"at": [0.5, 0.75], "factor": 0.1}},
        ),
        (
            {"schedule": {"milestones": {"at": [0.9]}}},
            "schedule",
            {"milestones": {"at": [0.9], "factor": 0.1}},
        ),
        ({"clip": 1}, "clip", 1.0),
        ({"stop_at": {"train": 0.98}}, "stop_at", {"train": 0.98}),
        ({"stop_at": 0.9, "validation": 0.1}, "stop_at", 0.9),
        ({"evaluate": {"last": 3}}, "evaluate", {"tasks": "last", "last": 3, "every": None}),
        ({"evaluate": {"every": 9}}, "evaluate", {"tasks": "all", "last": None, "every": 9}),
        (
            {"evaluate": {"tasks": "seen", "every": 9}},
            "evaluate",
            {"tasks": "seen", "last": None, "every": 9},
        ),
        ({"logits": "seen"}, "logits", {"train": "seen", "evaluate": "seen"}),
        ({"logits": {"evaluate": "seen"}}, "logits", {"train": "all", "evaluate": "seen"}),
    ],
)
def test_forms_resolve_and_stay_resolved(
    host: Host, given: dict[str, Any], key: str, value: Any
) -> None:
    plain = resolved(host, given)
    assert plain[key] == value
    assert resolved(host, plain) == plain
    assert Protocol(**plain).model_dump(mode="json") == plain


@pytest.mark.parametrize(
    ("given", "path", "sentence"),
    [
        ({"epoch": 2}, "epoch", "unknown key; did you mean 'epochs'?"),
        (
            {"epochs": 2, "steps": 3},
            "steps",
            "a task has 2 epochs or 3 steps, not both; remove one of the two",
        ),
        ({"epochs": 0}, "epochs", "should be greater than or equal to 1, not 0"),
        ({"batch_size": 1.5}, "batch_size", "should be a valid integer, not 1.5"),
        ({"batch_size": True}, "batch_size", "should be a valid integer, not True"),
        ({"model": "mpl"}, "model", "unknown model 'mpl'; did you mean 'mlp'?"),
        (
            {"model": {"mlp": {"hiden": 1}}},
            "model.mlp.hiden",
            "unknown option of 'mlp'; did you mean 'hidden'?",
        ),
        ({"model": {"mlp": 3}}, "model", "must be one name, or one name with its options such as"),
        (
            {"optimizer": "sdg"},
            "optimizer",
            "unknown optimizer 'sdg'; did you mean 'sgd'? (any other of torch is written "
            "torch.<Name>)",
        ),
        (
            {"optimizer": {"sgd": {"lr": "fast"}}},
            "optimizer.sgd.lr",
            "should be a valid number, not 'fast'",
        ),
        (
            {"optimizer": {"adam": {"betas": [0.9, 1.0]}}},
            "optimizer.adam.betas.1",
            "should be less than 1, not 1.0",
        ),
        (
            {"optimizer": {"sgd": {"nesterov": True}}},
            "optimizer.sgd.nesterov",
            "look-ahead needs a momentum above 0",
        ),
        ({"optimizer": {"adam": {"eps": 0}}}, "optimizer.adam.eps", "greater than 0"),
        ({"optimizer": {"sgd": {}, "adam": {}}}, "optimizer", "must be one name"),
        (
            {"optimizer": "torch.RMSprop", "schedule": "cosine"},
            "optimizer.torch.RMSprop",
            "give `lr`",
        ),
        ({"schedule": "cosin"}, "schedule", "must be none, cosine or {milestones:"),
        (
            {"schedule": {"milestones": {"at": [0.7, 0.2]}}},
            "schedule.milestones.at",
            "must rise, as [0.5, 0.75] does, unlike [0.7, 0.2]",
        ),
        (
            {"schedule": {"milestones": {"at": [2]}}},
            "schedule.milestones.at.0",
            "should be less than 1, not 2",
        ),
        ({"clip": -1}, "clip", "should be greater than 0, not -1"),
        ({"clip": float("nan")}, "clip", "should be a finite number"),
        ({"augment": "flop"}, "augment", "'crop_flip_reflect' or 'crop_flip_rotate', not 'flop'"),
        ({"validation": 1}, "validation", "should be less than 1, not 1"),
        (
            {"stop_at": 0.9},
            "stop_at",
            "needs validation data; give `validation: 0.1`, or stop at {train: 0.98}",
        ),
        ({"stop_at": 98}, "stop_at", "an accuracy is a number above 0 and at most 1, not 98"),
        (
            {"stop_at": {"test": 0.9}},
            "stop_at",
            "must be none, a validation accuracy such as 0.95, or {train: 0.98}",
        ),
        (
            {"evaluate": "some"},
            "evaluate",
            "must be all, seen, current, {last: n} or {every: n} with n in steps, not 'some'",
        ),
        (
            {"evaluate": {"last": 0}},
            "evaluate",
            "last: must be a whole number of at least 1, not 0",
        ),
        ({"evaluate": {"tasks": "seen", "last": 2}}, "evaluate", "must be all, seen, current"),
        ({"evaluate": {"tasks": [1]}}, "evaluate", "must be all, seen, current"),
        ({"logits": {"train": "every"}}, "logits", "must be all, seen or current"),
        ({"logits": {"train": [1]}}, "logits", "must be all, seen or current"),
        ({"optimizer": {"sgd": {"lr": float("inf")}}}, "optimizer.sgd.lr", "not inf"),
        (
            {"head": "multi", "head_reset": "zero"},
            "head_reset",
            "those of earlier tasks must last; leave head_reset out",
        ),
        ({"head": None}, "head", "should be 'single' or 'multi', not None"),
        (
            {"keep": ["gradients"]},
            "keep",
            "must be a list of weights and predictions, or of one of them, not ['gradients']",
        ),
    ],
)
def test_what_is_refused_is_said(
    host: Host, given: dict[str, Any], path: str, sentence: str
) -> None:
    ((found, text),) = resolve_protocol(given, host)[1]
    assert ".".join(found) == path
    assert sentence in text


def test_everything_wrong_is_found_at_once(host: Host) -> None:
    given = {"epoch": 1, "batch_size": 0, "model": "mpl", "stop_at": 0.5, "keep": ["gradients"]}
    assert {path[0] for path, _ in resolve_protocol(given, host)[1]} == set(given)


@pytest.mark.parametrize(
    ("base", "override", "merged"),
    [
        ({"batch_size": 32, "clip": 1.0}, {"batch_size": 10}, {"batch_size": 10, "clip": 1.0}),
        (
            {"optimizer": {"sgd": {"lr": 0.1, "momentum": 0.9}}},
            {"optimizer": {"sgd": {"lr": 0.2}}},
            {"optimizer": {"sgd": {"lr": 0.2, "momentum": 0.9}}},
        ),
        (
            {"optimizer": {"sgd": {"lr": 0.1}}},
            {"optimizer": {"adam": {"lr": 0.2}}},
            {"optimizer": {"adam": {"lr": 0.2}}},
        ),
        ({"optimizer": {"sgd": {"lr": 0.1}}}, {"optimizer": "adam"}, {"optimizer": {"adam": {}}}),
        (
            {"optimizer": {"sgd": {"lr": 0.1}}},
            {"optimizer": "sgd"},
            {"optimizer": {"sgd": {"lr": 0.1}}},
        ),
        (
            {"model": "mlp"},
            {"model": {"mlp": {"dropout": 0.5}}},
            {"model": {"mlp": {"dropout": 0.5}}},
        ),
        (
            {"schedule": "cosine"},
            {"schedule": {"milestones": {"factor": 0.5}}},
            {"schedule": {"milestones": {"factor": 0.5}}},
        ),
        ({"schedule": {"milestones": {"at": [0.5]}}}, {"schedule": "none"}, {"schedule": "none"}),
        ({"schedule": "cosine"}, {"schedule": "cosine"}, {"schedule": "cosine"}),
        ({"epochs": 2}, {"steps": 50}, {"steps": 50}),
        ({"steps": 50}, {"epochs": 2}, {"epochs": 2}),
        (
            {"logits": "seen"},
            {"logits": {"train": "all"}},
            {"logits": {"train": "all", "evaluate": "seen"}},
        ),
        ({"evaluate": {"last": 3}}, {"evaluate": "all"}, {"evaluate": "all"}),
    ],
)
def test_an_override_is_laid_over_deeply(
    base: dict[str, Any], override: dict[str, Any], merged: dict[str, Any]
) -> None:
    def told(data: dict[str, Any]) -> dict[str, Any]:
        return {
            key: {value: {}} if key == "optimizer" and isinstance(value, str) else value
            for key, value in data.items()
        }

    before = repr(base), repr(override)
    assert told(merge(base, override)) == told(merged)
    assert (repr(base), repr(override)) == before


def test_a_protocol_is_an_object_with_types_and_reads_as_a_mapping(host: Host) -> None:
    protocol, _ = resolve_protocol({"batch_size": 8}, host)
    assert protocol.batch_size == protocol["batch_size"] == 8
    assert (protocol.get("speed", "unknown"), "pad" in protocol) == ("unknown", True)
    assert protocol == {**DEFAULTS, "batch_size": 8}
    assert protocol.with_changes(pad=2).pad == 2
    assert protocol.pad == 0


def test_a_protocol_of_an_older_record_has_the_defaults_of_newer_keys(host: Host) -> None:
    plain = resolved(host, {"epochs": 3})
    older = {key: value for key, value in plain.items() if key not in ("pad", "restore")}
    assert Protocol.of(older) == plain


def test_a_protocol_stays_as_it_was_given(host: Host) -> None:
    protocol, _ = resolve_protocol({}, host)
    with pytest.raises(StrategyError, match=r"sets protocol\.batch_size while it runs"):
        protocol.batch_size = 1  # type: ignore[misc]


def test_every_key_is_documented_with_its_default() -> None:
    described = describe_protocol()
    assert [option.name for option in described] == list(DEFAULTS)
    for option in described:
        assert option.doc.endswith("."), option.name
        assert option.type, option.name


def test_the_documented_defaults_are_the_defaults(host: Host) -> None:
    shown = {option.name: option.default for option in describe_protocol()}
    assert resolved(host, shown) == DEFAULTS
