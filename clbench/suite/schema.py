"""The JSON schema of suites: editors complete and check them by it.

Made of the same declarations as the checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clbench.optimizers import OPTIMIZERS
from clbench.option_types import takes_none
from clbench.options import describe_options, option_model
from clbench.schedules import WITH_OPTIONS, WORDS
from clbench.suite.adaptive import Written
from clbench.suite.protocol import Protocol
from clbench.suite.protocol_values import KEPT
from clbench.suite.suite import NAME, Compare

if TYPE_CHECKING:
    from clbench.host import Host

Schema = dict[str, Any]

# Almost every value may be one.
_GRID: Schema = {
    "type": "object",
    "description": "One cell for each of these values.",
    "properties": {"grid": {"type": "array", "minItems": 1}},
    "required": ["grid"],
    "additionalProperties": False,
}
_SCOPE: Schema = {"enum": ["all", "seen", "current"]}
_COUNT: Schema = {"type": "integer", "minimum": 1}
_LABEL: Schema = {"label": {"type": "string"}}
_SHARE: Schema = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
# A composition, and an optimiser of torch.
_COMPOSED = r"^[^+]+(\+[^+]+)+$"
_OF_TORCH = r"^torch\.[A-Z]"
_SEEDS: Schema = {
    "description": "A count (seeds 0 to n-1), a list, or {until: separated}.",
    "anyOf": [
        _COUNT,
        {
            "type": "array",
            "items": {"type": "integer", "minimum": 0},
            "minItems": 1,
            "uniqueItems": True,
        },
        {key: value for key, value in Written.model_json_schema().items() if key != "title"},
    ],
}


def json_schema(host: Host) -> Schema:
    """The schema of suites for the plugins at hand."""
    builder = _Builder(host)
    protocol = builder.protocol()
    # Editors show the descriptions while a suite is written.
    properties = {
        "name": {
            "type": "string",
            "pattern": f"^{NAME}$",
            "description": "Names the folder and the file of the results.",
        },
        "scenarios": {
            "type": "array",
            "minItems": 1,
            "items": builder.entry("scenario", _LABEL),
        },
        "protocol": protocol,
        "seeds": _SEEDS,
        "strategies": {"type": "array", "minItems": 1, "items": builder.strategies()},
        "metrics": {"type": "array", "items": builder.entry("metric", _LABEL)},
        "compare": _plain(Compare.model_json_schema()),
        "plugins": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Python files, relative to the suite's.",
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A clbench suite",
        **_object(properties, required=["name", "scenarios", "seeds", "strategies"]),
        "$defs": {"grid": _GRID, "protocol": protocol, **builder.definitions},
    }


class _Builder:
    """Collects the definitions that options refer to."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.definitions: Schema = {}

    def strategies(self) -> Schema:
        """One strategy, or a composition `a+b` with options by part."""
        extra: dict[str, Schema] = {
            **_LABEL,
            "protocol": {"$ref": "#/$defs/protocol"},
            "scenarios": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string"},
                "description": "The scenarios that it is run in, by label; all where not given.",
            },
        }
        schema = self.entry("strategy", extra)
        names, with_options = schema["anyOf"]
        composed = {"type": "string", "pattern": _COMPOSED}
        parts = {}
        for name in self.host.names("strategy"):
            kind = self.host.get("strategy", name)
            parts[name] = _or_null(self._options("strategy", name, kind, {}))
        # Options of a composition stand under their parts.
        with_parts = _or_null(_object({**parts, **extra}))
        with_options["patternProperties"] = {_COMPOSED: with_parts}
        return {"anyOf": [{"anyOf": [names, composed]}, with_options]}

    def entry(self, kind: str, extra: Mapping[str, Schema] | None = None) -> Schema:
        """`name` or `{name: options}` of a kind."""
        return self._entry(
            kind, {name: self.host.get(kind, name) for name in self.host.names(kind)}, extra or {}
        )

    def protocol(self) -> Schema:
        """Every protocol key, as a suite may write it."""
        declared = Protocol.model_json_schema()["properties"]
        forms = {**_FORMS, **self._choices()}
        properties = {}
        for key, schema in declared.items():
            form = _gridded(forms.get(key, _plain(schema)))
            properties[key] = {**form, "description": schema["description"]}
        return _object(properties)

    def _choices(self) -> dict[str, Schema]:
        """The keys that name something with options."""
        optimizer = self._entry("optimizer", OPTIMIZERS, {})
        # Any other optimiser of torch, whose options torch checks.
        optimizer["anyOf"].append({"type": "string", "pattern": _OF_TORCH})
        optimizer["anyOf"][1]["patternProperties"] = {_OF_TORCH: _or_null({"type": "object"})}
        schedule = self._entry("schedule", WITH_OPTIONS, {})
        schedule["anyOf"].append({"enum": list(WORDS)})
        return {"model": self.entry("model"), "optimizer": optimizer, "schedule": schedule}

    def _entry(self, kind: str, targets: Mapping[str, Any], extra: Mapping[str, Schema]) -> Schema:
        """`name` or `{name: options}` of these."""
        options = {}
        for name, target in targets.items():
            options[name] = _or_null(self._options(kind, name, target, extra))
        one_of_them = {**_object(options), "minProperties": 1, "maxProperties": 1}
        return {"anyOf": [{"enum": sorted(targets)}, one_of_them]}

    def _options(self, kind: str, name: str, target: Any, extra: Mapping[str, Schema]) -> Schema:
        declared = option_model(target)
        # Definitions of one kind's options must not be taken for another's.
        model = declared.model_json_schema(ref_template=f"#/$defs/{kind}.{name}.{{model}}")
        for key, value in model.get("$defs", {}).items():
            self.definitions[f"{kind}.{name}.{key}"] = value
        docs = {option.name: option.doc for option in describe_options(target)}
        properties = {}
        for key, schema in model.get("properties", {}).items():
            properties[key] = {**_gridded(_plain(schema)), "description": docs[key]}
        for key, field in declared.model_fields.items():
            if takes_none(field.annotation):
                properties[key]["anyOf"].append({"const": "none"})
        if kind == "scenario" and "dataset" in properties:
            dataset = _gridded(self.entry("dataset"))
            properties["dataset"] = {**dataset, "description": docs["dataset"]}
        return _object({**properties, **extra}, required=model.get("required", []))


def _object(properties: Mapping[str, Any], required: list[str] | None = None) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
    }
    return schema | ({"required": required} if required else {})


def _gridded(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"$ref": "#/$defs/grid"}]}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [{"type": "null"}, schema]}


def _plain(schema: Schema) -> Schema:
    """Without pydantic's titles, which say the key again."""
    return {key: value for key, value in schema.items() if key != "title"}


# What may be written for keys of the protocol that are read into another form than their type says.
_FORMS: dict[str, Schema] = {
    "clip": {"anyOf": [{"enum": ["none", None]}, {"type": "number", "exclusiveMinimum": 0}]},
    "stop_at": {
        "anyOf": [
            {"enum": ["none", None]},
            _SHARE,
            _object({"train": _SHARE}, required=["train"]),
        ]
    },
    "evaluate": {"anyOf": [_SCOPE, _object({"tasks": _SCOPE, "last": _COUNT, "every": _COUNT})]},
    "logits": {"anyOf": [_SCOPE, _object({"train": _SCOPE, "evaluate": _SCOPE})]},
    "keep": {"anyOf": [{"enum": list(KEPT)}, {"type": "array", "items": {"enum": list(KEPT)}}]},
}
