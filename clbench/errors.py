"""Every exception clbench raises on purpose.

ClbenchError
├── UserError               the user's input; exit code 2, one clear sentence, no traceback
│   ├── SuiteError          a suite with problems, all of them at once
│   ├── OptionError         an unknown, missing or ill-typed option
│   ├── UnknownName         no plugin offers that name
│   ├── PluginError         a plugin the user asked for cannot be used
│   ├── DataMissing         a data set is not here and cannot be fetched
│   ├── RecordError         a file that is not a readable record
│   └── OutputError         the output folder cannot be used
├── StrategyError           a strategy broke the contract while it ran; recorded, exit code 1
│   ├── NotSetUp            it asked for a network or an optimiser that its setup() did not make
│   └── GlobalDraw          it, its model or a metric drew from a generator that no seed governs
├── RunFailed               the run ended, but something asked for is missing; exit code 1
└── Interrupted             Ctrl-C, after the state was saved; exit code 130

StopRequested               no error: a job was asked to leave, and its state is saved
"""

from __future__ import annotations

import difflib
import functools
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Returned = TypeVar("Returned")


class ClbenchError(Exception):
    """Base of all; `exit_code` is what the command line ends with.

    `details` is the traceback within clbench, where a call from Python left it out.
    """

    exit_code = 1
    details = ""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it: the sentence."""
        return [f"{type(self).__name__}: {self}"]


class UserError(ClbenchError):
    """Something the user can mend: wrong input, missing data, an unusable folder."""

    exit_code = 2


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a suite, with its place."""

    line: int
    path: str
    message: str

    def render(self, file: str) -> str:
        return f"{file}:{self.line}: {self.path}: {self.message}"


class SuiteError(UserError):
    """All problems of one suite."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(problem.render(file) for problem in self.problems))


class OptionError(UserError):
    """Options that do not fit; `issues` holds (path, sentence) pairs,
    path relative to the options.
    """

    def __init__(self, issues: Sequence[tuple[tuple[str, ...], str]]) -> None:
        self.issues = tuple(issues)
        super().__init__(
            "; ".join(": ".join(filter(None, (".".join(path), text))) for path, text in issues)
        )


class UnknownName(UserError):
    """A name that no plugin offers, with the nearest known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        self.kind, self.name, self.known, self.hint = kind, name, sorted(known), hint
        super().__init__(f"unknown {kind} {name!r}{suggest(name, self.known)}{hint}")


class PluginError(UserError):
    """A plugin that was asked for and cannot be used."""


class DataMissing(UserError):
    """Which file is missing, where it was looked for, and how to get it."""


class RecordError(UserError):
    """A truncated, foreign or damaged record."""


class OutputError(UserError):
    """An output folder that is read-only, full or held by another run."""


class StrategyError(ClbenchError):
    """A strategy or metric that broke its contract: a wrong shape, state that cannot be saved."""


class GlobalDraw(StrategyError):
    """A strategy, a model or a metric drew from torch's, NumPy's or Python's global generator."""


class NotSetUp(StrategyError, AttributeError):
    """A strategy has no `net` or no `optimizer`.

    An AttributeError too, so that `hasattr` answers.
    """

    def __init__(self, strategy: str, attribute: str) -> None:
        super().__init__(
            f"{strategy} has no self.{attribute}: it is made by setup();"
            " where setup() is overridden,"
            f" call super().setup() in it, or set self.{attribute} there"
        )


class RunFailed(ClbenchError):
    """The run came to its end with failures; everything that finished is kept."""


class Interrupted(ClbenchError):
    """Stopped by the user; what was finished is kept."""

    exit_code = 130


class StopRequested(BaseException):
    """A job was asked to leave, and is saved as far as it can be.

    No strategy's `except Exception` may catch it.
    """


def without_traceback(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """The function, with errors raised on purpose as if it had raised them itself."""

    @functools.wraps(function)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Returned:
        try:
            return function(*args, **kwargs)
        except ClbenchError as error:
            # The first traceback: a call within a call would add only itself.
            error.details = error.details or "".join(traceback.format_exception(error))
            raise error.with_traceback(None) from None

    return call


def shown(value: Any) -> str:
    """A value as a sentence can hold it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'ewc'?`, or `; known: ...` when nothing is near."""
    names = sorted(known)
    # Two at most, and none that is only somewhat alike.
    near = difflib.get_close_matches(word, names, n=2, cutoff=0.6)
    if near:
        return "; did you mean " + " or ".join(repr(name) for name in near) + "?"
    if not names:
        return ""
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"; known: {shown}"
