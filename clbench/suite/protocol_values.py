"""What may be written for a protocol's keys, read into one form each.

Each reader takes what stands in a suite, and raises ValueError with a sentence where it means
nothing. What it returns it also reads, so that a resolved protocol resolves to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from clbench.errors import shown
from clbench.suite.choice import Choice, is_choice
from clbench.suite.problems import must_be
from clbench.suite.seeds import is_whole

Options = dict[str, Any]

# Of which tasks the outputs, or the tests, are.
SCOPES = ("all", "seen", "current")
# What may be stored beside the measurements.
KEPT = ("weights", "predictions")


def one_choice(example: str) -> Callable[[object], dict[str, Options]]:
    """A reader of `name` or `{name: options}`, as `{name: options}`."""

    def read(value: object) -> dict[str, Options]:
        if not is_choice(value):
            wanted = f"one name, or one name with its options such as {example}"
            raise ValueError(must_be(wanted, value))
        return Choice.of(value).written()

    return read


def none_or_number(value: object) -> object:
    """The word `none` for None."""
    return None if value == "none" else value


def stop_at(value: object) -> float | dict[str, float] | None:
    """None, an accuracy, or `{train: accuracy}`."""
    value = none_or_number(value)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return _fraction(value)
    if set(value) != {"train"}:
        wanted = "none, a validation accuracy such as 0.95, or {train: 0.98}"
        raise ValueError(must_be(wanted, value))
    return {"train": _fraction(value["train"])}


def _fraction(value: object) -> float:
    if not _is_number(value) or not 0 < value <= 1:
        raise ValueError(f"an accuracy is a number above 0 and at most 1, not {shown(value)}")
    return float(value)


def _is_number(value: object) -> TypeGuard[float]:
    """Whether this is a number; YAML's true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def evaluate(value: object) -> dict[str, object]:
    """`{tasks, last, every}` of `all`, `seen`, `current`, `{last: n}` and `{every: n}`."""
    given = {"tasks": value} if isinstance(value, str) else value
    wanted = "all, seen, current, {last: n} or {every: n} with n in steps"
    wrong = ValueError(must_be(wanted, value))
    if not isinstance(given, Mapping) or not given or not set(given) <= {"tasks", "last", "every"}:
        raise wrong
    last, every = given.get("last"), given.get("every")
    _check_count("last", last)
    _check_count("every", every)
    tasks = given.get("tasks") or ("last" if last else "all")
    # How many are the last ones is said exactly where the last ones are tested.
    if tasks not in (*SCOPES, "last") or (tasks == "last") != (last is not None):
        raise wrong
    return {"tasks": tasks, "last": last, "every": every}


def _check_count(key: str, number: object) -> None:
    """A whole number of at least 1, or nothing."""
    if number is None:
        return
    if not is_whole(number) or number < 1:
        raise ValueError(f"{key}: {must_be('a whole number of at least 1', number)}")


def logits(value: object) -> dict[str, object]:
    """`{train, evaluate}` of one word for both, or of one each."""
    given = value if isinstance(value, Mapping) else {"train": value, "evaluate": value}
    known = all(scope in SCOPES for scope in given.values())
    if not known or not set(given) <= {"train", "evaluate"}:
        wanted = "all, seen or current, or {train: ..., evaluate: ...} with one of them each"
        raise ValueError(must_be(wanted, value))
    return {"train": "all", "evaluate": "all"} | dict(given)


def keep(value: object) -> list[str]:
    """A list of what is kept, in one order."""
    given = [] if value is None else value
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or any(kind not in KEPT for kind in given):
        wanted = f"a list of {' and '.join(KEPT)}, or of one of them"
        raise ValueError(must_be(wanted, value))
    return [kind for kind in KEPT if kind in given]
