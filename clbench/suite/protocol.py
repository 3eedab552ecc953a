"""The protocol: how every strategy of a suite is trained and evaluated.

Its defaults decide results.

`Protocol` is the grammar and the documentation of the keys, and what cells, jobs and strategies
hold. `resolve_protocol` fills everything in, `merge` lays a strategy's own `protocol` over the
suite's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
from pydantic import BeforeValidator, Field

from clbench.errors import OptionError, StrategyError, UnknownName, UserError, shown, suggest
from clbench.optimizers import OPTIMIZERS, defaults_in_words
from clbench.options import Option, issues_of, plain_options
from clbench.schedules import NO_SCHEDULE, SCHEDULES, schedule_form
from clbench.suite.checks import UNCHECKED, Checks
from clbench.suite.choice import Choice, is_choice

if TYPE_CHECKING:
    from clbench.host import Host

Issue = tuple[tuple[str, ...], str]
Options = dict[str, Any]

_SCOPES = ("all", "seen", "current")
KEPT = ("weights", "predictions")


def _one_choice(example: str) -> Callable[[Any], Any]:
    """A reader of `name` or `{name: options}`, as `{name: options}`."""

    def read(value: Any) -> Any:
        if not is_choice(value):
            raise ValueError(
                f"must be one name, or one name with its options such as {example},"
                f" not {shown(value)}"
            )
        choice = Choice.of(value)
        return {choice.name: choice.options}

    return read


def _none_or_number(value: Any) -> Any:
    return None if value == "none" else value


def _stop_at(value: Any) -> Any:
    value = _none_or_number(value)
    if isinstance(value, Mapping):
        if set(value) != {"train"}:
            raise ValueError(
                f"must be none, a validation accuracy such as 0.95, or {{train: 0.98}}, not {shown(value)}"
            )
        return {"train": _fraction(value["train"])}
    return None if value is None else _fraction(value)


def _fraction(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise ValueError(f"an accuracy is a number above 0 and at most 1, not {shown(value)}")
    return float(value)


def _evaluate(value: Any) -> Any:
    """`{tasks, last, every}` of `all`, `seen`, `current`, `{last: n}` and `{every: n}`."""
    given = {"tasks": value} if isinstance(value, str) else value
    wrong = ValueError(
        f"must be all, seen, current, {{last: n}} or {{every: n}} with n in steps, not {shown(value)}"
    )
    if not isinstance(given, Mapping) or not given or not set(given) <= {"tasks", "last", "every"}:
        raise wrong
    last, every = given.get("last"), given.get("every")
    for key, number in (("last", last), ("every", every)):
        if number is not None and (
            isinstance(number, bool) or not isinstance(number, int) or number < 1
        ):
            raise ValueError(f"{key}: must be a whole number of at least 1, not {shown(number)}")
    tasks = given.get("tasks") or ("last" if last else "all")
    if tasks not in (*_SCOPES, "last") or (tasks == "last") != (last is not None):
        raise wrong
    return {"tasks": tasks, "last": last, "every": every}


def _logits(value: Any) -> Any:
    given = value if isinstance(value, Mapping) else {"train": value, "evaluate": value}
    if not set(given) <= {"train", "evaluate"} or any(
        scope not in _SCOPES for scope in given.values()
    ):
        raise ValueError(
            f"must be all, seen or current, or {{train: ..., evaluate: ...}} with one of them each, not {shown(value)}"
        )
    return {"train": "all", "evaluate": "all"} | dict(given)


def _keep(value: Any) -> Any:
    given = [] if value is None else value
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or any(kind not in KEPT for kind in given):
        raise ValueError(
            f"must be a list of {' and '.join(KEPT)}, or of one of them, not {shown(value)}"
        )
    return [kind for kind in KEPT if kind in given]


def _key(default: Any, values: str, doc: str) -> Any:
    """A protocol key: its default, what may be written, and what it does."""
    return Field(default, title=values, description=" ".join(doc.split()))


class Protocol(pydantic.BaseModel, Mapping[str, Any]):
    """Every key of `protocol:`. A run's resolved protocol is in its record."""

    # Its keys are attributes, whose types are known to type checkers. It reads as a mapping too,
    # for `refusal(setting, protocol)` of strategies was always given one.
    model_config = pydantic.ConfigDict(
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        validate_default=True,
        allow_inf_nan=False,
        ser_json_inf_nan="constants",
    )

    model: Annotated[
        dict[str, Options], BeforeValidator(_one_choice("{mlp: {hidden: [400, 400]}}"))
    ] = _key(
        {"mlp": {}},
        "name | {name: options}",
        "The network: a model's name, or the name with its options.",
    )
    epochs: Annotated[int, Field(ge=1)] | None = _key(
        None,
        "int, >= 1",
        "Passes over a task's training data; 1 where `steps` is not given either.",
    )
    steps: Annotated[int, Field(ge=1)] | None = _key(
        None, "int, >= 1", "Updates a task, in place of `epochs`."
    )
    batch_size: Annotated[int, Field(ge=1)] = _key(
        32, "int, >= 1", "Training samples an update; the last batch of an epoch may be smaller."
    )
    optimizer: Annotated[dict[str, Options], BeforeValidator(_one_choice("{sgd: {lr: 0.03}}"))] = (
        _key(
            {"sgd": {}},
            "sgd | adam | adamw | torch.<Name> | {name: options}",
            f"{defaults_in_words()}, or any other of torch, as in {{torch.RMSprop: {{lr: 0.01}}}}.",
        )
    )
    schedule: Annotated[str | dict[str, Options], BeforeValidator(schedule_form)] = _key(
        "none",
        "none | cosine | {milestones: {at: [0.5, 0.75], factor: 0.1}}",
        """The learning rate within a task; it starts anew with each task. cosine falls to zero; milestones multiply it by
        `factor` at the fractions `at` of the task.""",
    )
    clip: Annotated[Annotated[float, Field(gt=0)] | None, BeforeValidator(_none_or_number)] = _key(
        None,
        "none | float, > 0",
        "The largest norm a member's gradient may have; a larger one is scaled down.",
    )
    augment: Literal["none", "flip", "crop_flip", "crop_flip_reflect", "crop_flip_rotate"] = _key(
        "none",
        "none | flip | crop_flip | crop_flip_reflect | crop_flip_rotate",
        """Training images: flip mirrors half of them; crop_flip also shifts them, by up to 4 pixels, the border filled with zeros;
        crop_flip_reflect does so with the border filled by the image's reflection; crop_flip_rotate then turns them by 0 to 15
        degrees counter-clockwise (nearest pixels, a tenth of a degree apart, corners filled with zeros).""",
    )
    pad: Annotated[int, Field(ge=0)] = _key(
        0,
        "int, >= 0",
        """Pixels of zeros put around every image, on each side, before anything else is done to it: `normalise: standard` takes the
        mean and deviation of padded images, `permuted` permutes them whole, `rotated` turns them. 2 makes MNIST's images 32x32.""",
    )
    normalise: Literal["unit", "standard", "none"] = _key(
        "unit",
        "unit | standard | none",
        """Pixels: unit is [0, 1]; standard then subtracts the mean of the training set and divides by its deviation, channel by
        channel; none leaves the stored values.""",
    )
    validation: Annotated[float, Field(ge=0, lt=1)] = _key(
        0.0, "float, >= 0, < 1", "The part of each task's training data that is held out."
    )
    stop_at: Annotated[float | dict[str, float] | None, BeforeValidator(_stop_at)] = _key(
        None,
        "none | float | {train: float}",
        """Ends a task early, after an epoch that reached this accuracy: on the validation part (needs `validation`), or with
        {train: x} the running training accuracy of the epoch.""",
    )
    restore: Literal["never", "best"] = _key(
        "never",
        "never | best",
        """best (needs `validation`, and `epochs`): at a task's end, before it is tested, each network gets the weights and buffers
        back with which it was best on the validation part after an epoch of the task, the earlier of equal ones.""",
    )
    evaluate: Annotated[dict[str, Any], BeforeValidator(_evaluate)] = _key(
        {"tasks": "all"},
        "all | seen | current | {last: n} | {every: n}",
        """The tasks tested after each task: all, seen, current or the last n. {every: n} is all, and a fixed part of the test
        data every n steps as well. {last: 2, every: n} is both, for streams too long to test every task.""",
    )
    logits: Annotated[dict[str, str], BeforeValidator(_logits)] = _key(
        {},
        "all | seen | current | {train, evaluate}",
        """The outputs that compete in the class setting: all, those of the tasks seen, or the current task's (in training: each
        sample's own task's, for replay shows older ones); one word for both, or one each.""",
    )
    head: Literal["single", "multi"] = _key(
        "single",
        "single | multi",
        "One last layer for all tasks, or one a task (task setting only).",
    )
    head_reset: Literal["never", "zero", "init"] = _key(
        "never",
        "never | zero | init",
        "A single last layer at the start of each later task: kept, zeroed or initialised again.",
    )
    optimizer_reset: Literal["never", "task"] = _key(
        "never", "never | task", "The optimiser's moments: kept from task to task, or forgotten."
    )
    precision: Literal["fp32", "tf32", "bf16"] = _key(
        "fp32", "fp32 | tf32 | bf16", "The arithmetic of training and evaluation."
    )
    keep: Annotated[list[str], BeforeValidator(_keep)] = _key(
        [],
        "[] | [weights] | [predictions] | [weights, predictions]",
        """What is stored beside the measurements: the networks before training and after each task, from which probe metrics can be
        measured later; the class that each test sample was given. It changes no number, and takes room.""",
    )

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Protocol:
        """A resolved protocol as a record or a job's file has it;
        newer keys have their defaults.
        """
        if isinstance(plain, Protocol):
            return plain
        return cls().model_copy(update=plain)

    def with_changes(self, **changes: Any) -> Protocol:
        """The protocol with other values of these keys; they are taken as they are."""
        return self.model_copy(update=changes)

    def __getitem__(self, key: str) -> Any:
        if key not in type(self).model_fields:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # keys, as a mapping has them
        return iter(type(self).model_fields)

    def __len__(self) -> int:
        return len(type(self).model_fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self) == dict(other)

    def __setattr__(self, name: str, value: Any) -> None:
        raise StrategyError(
            f"a strategy sets protocol.{name} while it runs; the protocol stays as it was given:"
            " a Phase has epochs, steps, batch_size, lr, schedule and augment of its own,"
            " and make_optimizer(params, lr=...) a rate"
        )


def resolve_protocol(
    given: Mapping[str, Any], host: Host, checks: Checks = UNCHECKED
) -> tuple[Protocol, list[Issue]]:
    """The protocol with every default filled in, and everything that is wrong with it."""
    known = list(Protocol.model_fields)
    issues: list[Issue] = [
        ((key,), f"unknown key{suggest(key, known)}") for key in given if key not in known
    ]
    values = {key: value for key, value in given.items() if key in known}
    try:
        protocol = Protocol.model_validate(values, strict=True)
    except pydantic.ValidationError as error:
        wrong = issues_of(error, values)
        bad = {path[0] for path, _ in wrong}
        issues += wrong
        protocol = Protocol.model_validate(
            {key: value for key, value in values.items() if key not in bad}, strict=True
        )
    plain = protocol.model_dump(mode="json")
    issues += _length(plain) + _choices(plain, host, checks) + _early_stop(plain) + _heads(plain)
    issues += _restored(plain)
    return Protocol.of(plain), issues


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """The suite's protocol with a strategy's own laid over it, deeply.

    Another model, optimiser or schedule takes the place of the suite's with all its options; the
    same one keeps them.
    """
    merged = dict(base)
    for one, other in (("epochs", "steps"), ("steps", "epochs")):
        if override.get(one) is not None:
            merged.pop(other, None)
    for key, value in override.items():
        merged[key] = _laid_over(key, merged[key], value) if key in merged else value
    return merged


def describe_protocol() -> list[Option]:
    """The keys as `clbench describe protocol` shows them; defaults as a suite would write them."""
    shown = {
        "model": "mlp",
        "epochs": 1,
        "optimizer": {"sgd": {"lr": 0.1}},
        "clip": "none",
        "stop_at": "none",
    }
    shown |= {"evaluate": "all", "logits": "all"}
    fields = Protocol.model_fields.items()
    return [
        Option(key, field.title or "", shown.get(key, field.default), field.description or "")
        for key, field in fields
    ]


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
    return {over.name: {**under.options, **over.options}}


def _length(plain: dict[str, Any]) -> list[Issue]:
    if plain["epochs"] is not None and plain["steps"] is not None:
        return [
            (
                ("steps",),
                f"a task has {plain['epochs']} epochs or {plain['steps']} steps, not both; remove one of the two",
            )
        ]
    if plain["epochs"] is None and plain["steps"] is None:
        plain["epochs"] = 1
    return []


def _choices(plain: dict[str, Any], host: Host, checks: Checks) -> list[Issue]:
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
    plain: dict[str, Any], key: str, options_of: Callable[[str, Mapping[str, Any]], Options]
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


def _early_stop(plain: dict[str, Any]) -> list[Issue]:
    if isinstance(plain["stop_at"], float) and plain["validation"] == 0:
        return [
            (
                ("stop_at",),
                "needs validation data; give `validation: 0.1`, or stop at {train: 0.98}",
            )
        ]
    return []


def _restored(plain: dict[str, Any]) -> list[Issue]:
    if plain["restore"] == "never":
        return []
    if plain["validation"] == 0:
        return [(("restore",), "needs validation data; give `validation: 0.1`")]
    if plain["steps"] is not None:
        sentence = "networks are looked at after each epoch, and a task of `steps` has none"
        return [(("restore",), f"{sentence}; give `epochs`")]
    return []


def _heads(plain: dict[str, Any]) -> list[Issue]:
    if plain["head"] == "multi" and plain["head_reset"] != "never":
        return [
            (
                ("head_reset",),
                "each task has a fresh last layer with `head: multi`, and those of earlier tasks must last; leave head_reset out",
            )
        ]
    return []
