"""How a public name goes: it works for two minor versions, and says what to write instead.

    @deprecated("0.3.0", "0.5.0", "net.fresh")
    def redraw(...): ...

    warn_deprecated("option `strength` of `l2`", "0.3.0", "0.5.0", "`weight_decay`")

A warning is shown once a line of the caller's, and is an error in clbench's own tests, so nothing
of the house uses what it has deprecated.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class ClbenchDeprecationWarning(FutureWarning):
    """Something public goes in a later version. FutureWarning: users see it, not authors alone."""


def warn_deprecated(
    what: str, since: str, gone_in: str, instead: str, *, stacklevel: int = 2
) -> None:
    """Say that `what` is deprecated, and what to use; `stacklevel` as in `warnings.warn`."""
    message = f"{what} is deprecated since clbench {since} and goes in {gone_in}: use {instead}"
    # One frame more than the caller's: this function's own.
    warnings.warn(message, ClbenchDeprecationWarning, stacklevel=stacklevel + 1)


def deprecated(
    since: str, gone_in: str, instead: str
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Mark a public function or method as deprecated: calling it warns at the caller's line."""

    def mark(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @functools.wraps(function)
        def warning(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            warn_deprecated(f"{function.__qualname__}()", since, gone_in, instead)
            return function(*args, **kwargs)

        warning.__doc__ = f"Deprecated since {since}: use {instead}.\n\n{function.__doc__ or ''}"
        return warning

    return mark
