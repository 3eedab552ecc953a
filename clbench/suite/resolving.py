"""From what a suite says of its protocol to one that is complete, and everything wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pydantic

from clbench.errors import OptionError, UnknownName, UserError, suggest
from clbench.optimizers import OPTIMIZERS
from clbench.option_issues import issues_of
from clbench.options import plain_options
from clbench.schedules import NO_SCHEDULE, SCHEDULES
from clbench.suite.checks import UNCHECKED, Checks
from clbench.suite.choice import Choice, is_choice
from clbench.suite.protocol import Protocol
from clbench.suite.protocol_values import Options

if TYPE_CHECKING:
    from clbench.host import Host

# Where in the protocol something is wrong, and what.
Issue = tuple[tuple[str, ...], str]


def resolve_protocol(
    given: Mapping[str, Any], host: Host, checks: Checks = UNCHECKED
) -> tuple[Protocol, list[Issue]]:
    """The protocol with every default filled in, and everything that is wrong with it."""
    known = list(Protocol.model_fields)
    issues: list[Issue] = [
        ((key,), f"unknown key{suggest(key, known)}") for key in given if key not in known
    ]
    values = {key: value for key, value in given.items() if key in known}
    protocol, wrong = _validated(values)
    issues += wrong
    # As records have it: tuples are lists there.
    plain = protocol.model_dump(mode="json")
    for fill_in_or_check in (_length, _early_stop, _heads, _restored):
        issues += fill_in_or_check(plain)
    issues += _choices(plain, host, checks)
    return Protocol.of(plain), issues


def _validated(values: Mapping[str, Any]) -> tuple[Protocol, list[Issue]]:
    """The keys in their one form; those that are wrong are named, and at their defaults."""
    try:
        return Protocol.model_validate(values, strict=True), []
    except pydantic.ValidationError as error:
        wrong = issues_of(error, values)
    bad = {path[0] for path, _ in wrong}
    sound = {key: value for key, value in values.items() if key not in bad}
    return Protocol.model_validate(sound, strict=True), wrong


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """The suite's protocol with a strategy's own laid over it, deeply.

    Another model, optimiser or schedule takes the place of the suite's with all its options; the
    same one keeps them.
    """
    merged = dict(base)
    # A task has one length: epochs take the place of the suite's steps, and the other way round.
    for one, other in (("epochs", "steps"), ("steps", "epochs")):
        if override.get(one) is not None:
            merged.pop(other, None)
    for key, value in override.items():
        merged[key] = _laid_over(key, merged[key], value) if key in merged else value
    return merged


def _laid_over(key: str, below: Any, above: Any) -> Any:
    """What a strategy says of a key, over what the suite says of it."""
    if key in ("model", "optimizer", "schedule"):
        return _options_laid_over(below, above)
    if key == "logits" and isinstance(above, Mapping) and isinstance(below, str | Mapping):
        both = {"train": below, "evaluate": below} if isinstance(below, str) else below
        return {**both, **above}
    return above


def _options_laid_over(below: Any, above: Any) -> Any:
    """The same name keeps the options below; another takes its place.

    What is neither is kept as it is.
    """
    if not is_choice(below) or not is_choice(above):
        return above
    under, over = Choice.of(below), Choice.of(above)
    if under.name != over.name or not (under.options or over.options):
        return above
    return under.written(**over.options)


# ------------------------------------------------------------------ keys that belong together


def _length(plain: Options) -> list[Issue]:
    """A task has epochs or steps; one epoch where nothing is said."""
    epochs, steps = plain["epochs"], plain["steps"]
    if epochs is not None and steps is not None:
        both = f"a task has {epochs} epochs or {steps} steps, not both; remove one of the two"
        return [(("steps",), both)]
    if epochs is None and steps is None:
        plain["epochs"] = 1
    return []


def _early_stop(plain: Options) -> list[Issue]:
    if isinstance(plain["stop_at"], float) and plain["validation"] == 0:
        sentence = "needs validation data; give `validation: 0.1`, or stop at {train: 0.98}"
        return [(("stop_at",), sentence)]
    return []


def _restored(plain: Options) -> list[Issue]:
    if plain["restore"] == "never":
        return []
    if plain["validation"] == 0:
        return [(("restore",), "needs validation data; give `validation: 0.1`")]
    if plain["steps"] is not None:
        sentence = "networks are looked at after each epoch, and a task of `steps` has none"
        return [(("restore",), f"{sentence}; give `epochs`")]
    return []


def _heads(plain: Options) -> list[Issue]:
    if plain["head"] == "multi" and plain["head_reset"] != "never":
        sentence = (
            "each task has a fresh last layer with `head: multi`, and those of earlier tasks must"
            " last; leave head_reset out"
        )
        return [(("head_reset",), sentence)]
    return []


# ------------------------------------------------------------------ names with options


def _choices(plain: Options, host: Host, checks: Checks) -> list[Issue]:
    """Fill in the options of model, optimiser and schedule."""

    def options_of_model(name: str, options: Mapping[str, Any]) -> Options:
        return plain_options(host.get("model", name), options)

    def options_of_optimizer(name: str, options: Mapping[str, Any]) -> Options:
        return _optimizer_options(name, options, checks)

    def options_of_schedule(name: str, options: Mapping[str, Any]) -> Options:
        return plain_options(SCHEDULES[name], options)

    issues = _filled_in(plain, "model", options_of_model)
    issues += _filled_in(plain, "optimizer", options_of_optimizer)
    if not isinstance(plain["schedule"], str):
        issues += _filled_in(plain, "schedule", options_of_schedule)
    optimizer = Choice.of(plain["optimizer"])
    knows_its_rate = optimizer.name in OPTIMIZERS or "lr" in optimizer.options
    if plain["schedule"] != NO_SCHEDULE and not knows_its_rate:
        sentence = "a schedule needs to know the rate it starts from; give `lr`"
        issues.append((("optimizer", optimizer.name), sentence))
    return issues


def _filled_in(
    plain: Options, key: str, options_of: Callable[[str, Mapping[str, Any]], Options]
) -> list[Issue]:
    """Put the complete options of a choice in its place."""
    choice = Choice.of(plain[key])
    try:
        plain[key] = {choice.name: options_of(choice.name, choice.options)}
    except OptionError as error:
        return [((key, choice.name, *path), text) for path, text in error.issues]
    except UserError as error:
        return [((key,), str(error))]
    return []


def _optimizer_options(name: str, options: Mapping[str, Any], checks: Checks) -> Options:
    """An optimiser's options, filled in; those of `torch.<Name>` are torch's to check."""
    if re.fullmatch(r"torch\.[A-Z]\w*", name):
        checks.optimizer(name.removeprefix("torch."), options)
        return dict(options)
    if name not in OPTIMIZERS:
        hint = " (any other of torch is written torch.<Name>)"
        raise UnknownName("optimizer", name, OPTIMIZERS, hint)
    declared = OPTIMIZERS[name]
    plain = plain_options(declared, options)
    declared(**plain)  # options that do not go together are refused
    return plain
