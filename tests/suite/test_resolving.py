"""From what a suite says of its protocol to one that is complete: keys that belong together."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.errors import UserError
from clbench.host import Host
from clbench.suite.checks import Checks
from clbench.suite.resolving import merge, resolve_protocol


def issues(host: Host, given: dict[str, Any], checks: Checks | None = None) -> dict[str, str]:
    """What is wrong, by the path it is wrong at."""
    found = resolve_protocol(given, host, checks or Checks())[1]
    return {".".join(path): message for path, message in found}


# ---------------------------------------------------------------------- keys that go together


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ({"epochs": 2, "steps": 5}, "steps", "a task has 2 epochs or 5 steps, not both"),
        ({"stop_at": 0.9}, "stop_at", "needs validation data; give `validation: 0.1`, or stop at"),
        ({"restore": "best"}, "restore", "needs validation data; give `validation: 0.1`"),
        (
            {"restore": "best", "validation": 0.1, "steps": 5},
            "restore",
            "networks are looked at after each epoch, and a task of `steps` has none",
        ),
        (
            {"head": "multi", "head_reset": "zero"},
            "head_reset",
            "each task has a fresh last layer with `head: multi`",
        ),
        (
            {"optimizer": "torch.Adagrad", "schedule": "cosine"},
            "optimizer.torch.Adagrad",
            "a schedule needs to know the rate it starts from; give `lr`",
        ),
    ],
)
def test_keys_that_do_not_go_together_are_named(
    host: Host, given: dict[str, Any], path: str, said: str
) -> None:
    found = issues(host, given)
    assert list(found) == [path]
    assert found[path].startswith(said)


@pytest.mark.parametrize(
    "given",
    [
        {"stop_at": {"train": 0.9}},  # the training data are there
        {"stop_at": 0.9, "validation": 0.1},
        {"restore": "best", "validation": 0.1},
        {"head": "multi"},
        {"optimizer": {"torch.Adagrad": {"lr": 0.1}}, "schedule": "cosine"},
        {"optimizer": "torch.Adagrad"},
        {"optimizer": "adam", "schedule": "cosine"},  # whose default rate is known
    ],
)
def test_keys_that_go_together_are_no_matter(host: Host, given: dict[str, Any]) -> None:
    assert issues(host, given) == {}


@pytest.mark.parametrize(
    ("given", "length"),
    [({}, (1, None)), ({"steps": 5}, (None, 5)), ({"epochs": 3}, (3, None))],
)
def test_a_task_has_one_epoch_where_nothing_is_said(
    host: Host, given: dict[str, Any], length: tuple[int | None, int | None]
) -> None:
    protocol, _ = resolve_protocol(given, host)
    assert (protocol.epochs, protocol.steps) == length


# ---------------------------------------------------------------------- names with options


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ({"model": "mpl"}, "model", "unknown model 'mpl'; did you mean 'mlp'"),
        ({"model": {"mlp": {"width": 3}}}, "model.mlp.width", "unknown option"),
        ({"optimizer": "sdg"}, "optimizer", "unknown optimizer 'sdg'; did you mean 'sgd'"),
        ({"optimizer": {"sgd": {"lr": "fast"}}}, "optimizer.sgd.lr", ""),
        ({"schedule": {"milestones": {"fator": 2}}}, "schedule.milestones.fator", "unknown option"),
        ({"epoch": 1}, "epoch", "unknown key; did you mean 'epochs'"),
    ],
)
def test_a_wrong_name_or_option_is_named(
    host: Host, given: dict[str, Any], path: str, said: str
) -> None:
    found = issues(host, given)
    assert list(found) == [path]
    assert found[path].startswith(said)


def test_any_other_optimiser_of_torch_is_torchs_to_check(host: Host) -> None:
    asked = []

    def optimizer(name: str, options: Any) -> None:
        asked.append((name, dict(options)))
        if "foo" in options:
            raise UserError(f"{name} takes no foo")

    checks = Checks(optimizer=optimizer)
    assert issues(host, {"optimizer": {"torch.RMSprop": {"lr": 0.1}}}, checks) == {}
    wrong = issues(host, {"optimizer": {"torch.RMSprop": {"foo": 1}}}, checks)
    assert wrong == {"optimizer": "RMSprop takes no foo"}
    assert asked == [("RMSprop", {"lr": 0.1}), ("RMSprop", {"foo": 1})]


def test_what_is_wrong_is_left_at_its_default_and_the_rest_is_looked_at(host: Host) -> None:
    protocol, found = resolve_protocol({"batch_size": 0, "epochs": 3, "model": "mpl"}, host)
    assert {path[0] for path, _ in found} == {"batch_size", "model"}
    assert (protocol.batch_size, protocol.epochs) == (32, 3)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"model": {"convnet": {"width": 8}}, "optimizer": "adam", "schedule": "cosine"},
        {"schedule": {"milestones": {"at": [0.5], "factor": 0.1}}, "keep": "weights"},
        {"optimizer": {"torch.RMSprop": {"lr": 0.1}}, "evaluate": {"last": 2}},
    ],
)
def test_a_resolved_protocol_resolves_to_itself(host: Host, given: dict[str, Any]) -> None:
    protocol, found = resolve_protocol(given, host)
    assert found == []
    assert resolve_protocol(dict(protocol), host) == (protocol, [])


# ---------------------------------------------------------------------- laying one over another


@pytest.mark.parametrize(
    ("below", "above", "merged"),
    [
        # Options may be called whatever their author likes.
        ({"x": {"self": 1}}, {"x": {"self": 2, "name": 3}}, {"x": {"self": 2, "name": 3}}),
        (["wrong"], {"sgd": {}}, {"sgd": {}}),
        ("sgd", ["wrong"], ["wrong"]),
        ({"sgd": None}, {"sgd": None}, {"sgd": None}),
    ],
)
def test_what_is_neither_a_name_nor_options_is_kept_as_it_is(
    below: Any, above: Any, merged: Any
) -> None:
    assert merge({"optimizer": below}, {"optimizer": above}) == {"optimizer": merged}


@pytest.mark.parametrize(
    ("below", "above", "merged"),
    [
        ({"train": "all", "evaluate": "seen"}, {"train": "current"}, ("current", "seen")),
        ("seen", {"evaluate": "all"}, ("seen", "all")),
    ],
)
def test_of_logits_each_side_may_be_laid_over(
    below: Any, above: Any, merged: tuple[str, str]
) -> None:
    found = merge({"logits": below}, {"logits": above})["logits"]
    assert (found["train"], found["evaluate"]) == merged


def test_no_length_leaves_the_suites_own() -> None:
    assert merge({"steps": 5}, {"epochs": None}) == {"steps": 5, "epochs": None}
    assert merge({"epochs": 2}, {"steps": 5, "epochs": 3}) == {"steps": 5, "epochs": 3}
