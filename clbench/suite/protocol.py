"""How every strategy of a suite is trained and evaluated. The defaults decide results.

`Protocol` is the grammar and the documentation of the keys, and what cells, jobs and strategies
hold. `clbench.suite.resolving` fills it in, and lays a strategy's own over the suite's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pydantic
from pydantic import BeforeValidator, Field

from clbench.errors import StrategyError
from clbench.optimizers import defaults_in_words
from clbench.options import Option
from clbench.schedules import schedule_form
from clbench.suite import protocol_values as values
from clbench.suite.protocol_values import Options


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
        dict[str, Options], BeforeValidator(values.one_choice("{mlp: {hidden: [400, 400]}}"))
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
    optimizer: Annotated[
        dict[str, Options], BeforeValidator(values.one_choice("{sgd: {lr: 0.03}}"))
    ] = _key(
        {"sgd": {}},
        "sgd | adam | adamw | torch.<Name> | {name: options}",
        f"{defaults_in_words()}, or any other of torch, as in {{torch.RMSprop: {{lr: 0.01}}}}.",
    )
    schedule: Annotated[str | dict[str, Options], BeforeValidator(schedule_form)] = _key(
        "none",
        "none | cosine | {milestones: {at: [0.5, 0.75], factor: 0.1}}",
        """The learning rate within a task; it starts anew with each task. cosine falls to zero;
        milestones multiply it by `factor` at the fractions `at` of the task.""",
    )
    clip: Annotated[
        Annotated[float, Field(gt=0)] | None, BeforeValidator(values.none_or_number)
    ] = _key(
        None,
        "none | float, > 0",
        "The largest norm a member's gradient may have; a larger one is scaled down.",
    )
    augment: Literal["none", "flip", "crop_flip", "crop_flip_reflect", "crop_flip_rotate"] = _key(
        "none",
        "none | flip | crop_flip | crop_flip_reflect | crop_flip_rotate",
        """Training images: flip mirrors half of them; crop_flip also shifts them, by up to 4
        pixels, the border filled with zeros; crop_flip_reflect does so with the border filled
        by the image's reflection; crop_flip_rotate then turns them by 0 to 15 degrees
        counter-clockwise (nearest pixels, a tenth of a degree apart, corners filled with
        zeros).""",
    )
    pad: Annotated[int, Field(ge=0)] = _key(
        0,
        "int, >= 0",
        """Pixels of zeros put around every image, on each side, before anything else is done to it:
        `normalise: standard` takes the mean and deviation of padded images, `permuted` permutes
        them whole, `rotated` turns them. 2 makes MNIST's images 32x32.""",
    )
    normalise: Literal["unit", "standard", "none"] = _key(
        "unit",
        "unit | standard | none",
        """Pixels: unit is [0, 1]; standard then subtracts the mean of the training set and divides
        by its deviation, channel by channel; none leaves the stored values.""",
    )
    validation: Annotated[float, Field(ge=0, lt=1)] = _key(
        0.0, "float, >= 0, < 1", "The part of each task's training data that is held out."
    )
    stop_at: Annotated[float | dict[str, float] | None, BeforeValidator(values.stop_at)] = _key(
        None,
        "none | float | {train: float}",
        """Ends a task early, after an epoch that reached this accuracy: on the validation part
        (needs `validation`), or with {train: x} the running training accuracy of the epoch.""",
    )
    restore: Literal["never", "best"] = _key(
        "never",
        "never | best",
        """best (needs `validation`, and `epochs`): at a task's end, before it is tested, each
        network gets the weights and buffers back with which it was best on the validation part
        after an epoch of the task, the earlier of equal ones.""",
    )
    evaluate: Annotated[dict[str, Any], BeforeValidator(values.evaluate)] = _key(
        {"tasks": "all"},
        "all | seen | current | {last: n} | {every: n}",
        """The tasks tested after each task: all, seen, current or the last n. {every: n} is all,
        and a fixed part of the test data every n steps as well. {last: 2, every: n} is both, for
        streams too long to test every task.""",
    )
    logits: Annotated[dict[str, str], BeforeValidator(values.logits)] = _key(
        {},
        "all | seen | current | {train, evaluate}",
        """The outputs that compete in the class setting: all, those of the tasks seen, or the
        current task's (in training: each sample's own task's, for replay shows older ones); one
        word for both, or one each.""",
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
    keep: Annotated[list[str], BeforeValidator(values.keep)] = _key(
        [],
        "[] | [weights] | [predictions] | [weights, predictions]",
        """What is stored beside the measurements: the networks before training and after each task,
        from which probe metrics can be measured later; the class that each test sample was given.
        It changes no number, and takes room.""",
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
