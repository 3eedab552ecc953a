"""The JSON schema says what the checks say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from clbench.host import Host
from clbench.suite import Suite, json_schema


@pytest.fixture(scope="module")
def schema(host: Host) -> dict[str, Any]:
    return json_schema(host)


def fits(data: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """A validator for as much of JSON Schema as ours uses."""
    if "$ref" in schema:
        target = root
        for word in schema["$ref"].removeprefix("#/").split("/"):
            target = target[word]
        return fits(data, target, root)
    checks = [
        "anyOf" not in schema
        or any(fits(data, option, root) for option in schema.get("anyOf", ())),
        "enum" not in schema or data in schema.get("enum", ()),
        "const" not in schema or data == schema["const"],
        "type" not in schema or _is(data, schema["type"]),
    ]
    if isinstance(data, dict):
        checks += [_fits_mapping(data, schema, root)]
    if isinstance(data, list):
        checks += [
            len(data) >= schema.get("minItems", 0),
            all(fits(item, schema.get("items", {}), root) for item in data),
        ]
    if isinstance(data, str):
        checks += [re.search(schema.get("pattern", ""), data) is not None]
    if isinstance(data, (int, float)):
        checks += [
            data >= schema.get("minimum", data),
            data > schema.get("exclusiveMinimum", data - 1),
        ]
    return all(checks)


def _is(data: Any, name: str) -> bool:
    types: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "null": type(None),
        "boolean": bool,
        "integer": int,
        "number": (int, float),
    }
    return isinstance(data, types[name]) and (not isinstance(data, bool) or name == "boolean")


def _fits_mapping(data: dict[str, Any], schema: dict[str, Any], root: dict[str, Any]) -> bool:
    if not set(schema.get("required", ())) <= set(data) or not schema.get(
        "minProperties", 0
    ) <= len(data) <= schema.get("maxProperties", 1 << 30):
        return False
    for key, value in data.items():
        inner = schema.get("properties", {}).get(key) or next(
            (s for p, s in schema.get("patternProperties", {}).items() if re.search(p, key)), None
        )
        if inner is None and schema.get("additionalProperties") is False:
            return False
        if inner is not None and not fits(value, inner, root):
            return False
    return True


SOUND: list[dict[str, Any]] = [
    {},
    {"strategies": [{"er": {"replay_batch": "none"}}]},
    {"strategies": [{"er": {"replay_batch": None}}]},
    {"seeds": [0, 3]},
    {"strategies": ["er+ewc", {"er+ewc": {"er": {"memory": 3}, "ewc": None, "label": "x"}}]},
    {
        "strategies": [
            {"er": {"memory": {"grid": [1, 2]}, "protocol": {"optimizer": {"sgd": {"lr": 1}}}}}
        ]
    },
    {
        "protocol": {
            "model": {"mlp": {"hidden": [3]}},
            "schedule": {"milestones": {"at": [0.5]}},
            "evaluate": {"last": 3},
            "clip": "none",
        }
    },
    {
        "protocol": {
            "optimizer": {"torch.RMSprop": {"lr": 1}},
            "stop_at": {"train": 0.9},
            "logits": {"train": "seen"},
            "epochs": {"grid": [1, 2]},
        }
    },
    {
        "scenarios": [
            {"split": {"dataset": {"synthetic": {"classes": 4}}, "tasks": 2, "label": "x"}}
        ]
    },
    {
        "metrics": ["average_accuracy", {"dormant_units": {"rule": "dead", "label": "dead"}}],
        "compare": {"alpha": 0.1},
        "plugins": [],
    },
]

WRONG: list[dict[str, Any]] = [
    {"nam": "x"},
    {"seeds": 0},
    {"strategies": []},
    {"strategies": ["nave"]},
    {"strategies": [{"er": {"memori": 3}}]},
    {"strategies": [{"er": {"memory": "x"}}]},
    {"strategies": [{"ewc": {"strength": "none"}}]},
    {"strategies": [{"er": {}, "naive": {}}]},
    {"strategies": [{"er+ewc": {"memory": 3}}]},
    {"protocol": {"epoch": 3}},
    {"protocol": {"model": "mpl"}},
    {"protocol": {"optimizer": {"sgd": {"lr": 0}}}},
    {"protocol": {"keep": "gradients"}},
    {"scenarios": [{"split": {"dataset": "digit"}}]},
    {"metrics": ["accuracy"]},
]


@pytest.mark.parametrize("keys", SOUND)
def test_what_is_sound_fits(
    schema: dict[str, Any], made: Callable[..., Suite], keys: dict[str, Any]
) -> None:
    made(**keys)
    base = {
        "name": "digits",
        "scenarios": [{"split": {"dataset": "digits"}}],
        "seeds": 3,
        "strategies": ["naive"],
    }
    assert fits({**base, **keys}, schema, schema)


@pytest.mark.parametrize("keys", WRONG)
def test_what_is_wrong_does_not(
    schema: dict[str, Any], made: Callable[..., Suite], keys: dict[str, Any]
) -> None:
    with pytest.raises(Exception, match="<dict>"):
        made(**keys)
    base = {
        "name": "digits",
        "scenarios": [{"split": {"dataset": "digits"}}],
        "seeds": 3,
        "strategies": ["naive"],
    }
    assert not fits({**base, **keys}, schema, schema)


def test_it_is_json_with_words_for_editors(schema: dict[str, Any]) -> None:
    assert json.loads(json.dumps(schema)) == schema
    assert schema["properties"]["protocol"]["properties"]["epochs"]["description"].startswith(
        "Passes over"
    )
    er = schema["properties"]["strategies"]["items"]["anyOf"][1]["properties"]["er"]["anyOf"][1]
    assert er["properties"]["memory"]["description"] == "samples in all"
