"""The options of `clbench run`, as typer reads them, and what their values mean."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from clbench.errors import UserError

UNITS = {"s": 1, "m": 60, "h": 3600}  # seconds


class Precision(StrEnum):
    """The arithmetic of training."""

    fp32 = "fp32"
    tf32 = "tf32"
    bf16 = "bf16"


class Form(StrEnum):
    """How a stack is computed."""

    auto = "auto"
    loop = "loop"
    vmap = "vmap"


OutOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="The folder of the record; results/NAME unless given.",
        show_default=False,
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAMES",
        help="Only these strategies, by label or bare name, with commas.",
        show_default=False,
    ),
]
DeviceOption = Annotated[str, typer.Option(metavar="auto|cpu|cuda|cuda:1", help="Where to train.")]
LauncherOption = Annotated[
    str, typer.Option(metavar="NAME", help="What runs the jobs; see `clbench list launchers`.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        metavar="A",
        help="The cluster's address, for launchers that have one.",
        show_default=False,
        hidden=True,  # no launcher that comes with clbench has it
    ),
]
SlurmOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="A scheduler option, for launchers that have them.",
        show_default=False,
        hidden=True,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Worker processes; one a GPU or a core unless given; 0 runs in this process,"
        " for debuggers.",
        show_default=False,
    ),
]
PrecisionOption = Annotated[
    Precision | None,
    typer.Option(help="Instead of the suite's `protocol.precision`.", show_default=False),
]
FormOption = Annotated[
    Form, typer.Option(help="How stacks are computed; auto decides by device and model.")
]
TimeoutOption = Annotated[
    str | None,
    typer.Option(
        metavar="T", help="The longest a job may take: 90, 90s, 30m or 2h.", show_default=False
    ),
]
CheckpointOption = Annotated[
    str | None,
    typer.Option(
        metavar="T",
        help="How often a job is saved within a task; 3m unless given.",
        show_default=False,
    ),
]
ForceOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Run these strategies again although they are in the record.",
        show_default=False,
    ),
]
SmokeOption = Annotated[
    bool,
    typer.Option(
        "--smoke",
        help="Run all of it on tiny made-up data, in seconds, into a folder of its own.",
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Print the cells, the jobs and an estimate, and run nothing."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


# ------------------------------------------------------------------ what their values mean


def named(option: str, given: Sequence[str] | None) -> Sequence[str]:
    """Names as they were given; an empty variable of a script is not everything."""
    from clbench.suite import split_names

    if given and not any(map(split_names, given)):
        raise UserError(f"{option} names no strategy; write one, or leave {option} out")
    return given or ()


def seconds(option: str, text: str | None) -> float | None:
    """`90`, `90s`, `30m` or `2h`; None where nothing is given."""
    if text is None:
        return None
    found = _duration(text)
    # NaN fails both comparisons, so it is refused, too.
    if not 0 < found < math.inf:
        raise UserError(f"{option} {text}: write seconds, or a number with s, m or h, as in 30m")
    return found


def _duration(text: str) -> float:
    """Seconds; NaN where it is no number with a unit."""
    # Without a unit seconds are meant.
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    try:
        return float(number) * UNITS[unit]
    except ValueError:
        return math.nan


def launcher_options(
    launcher: Any, address: str | None, slurm: Sequence[str] | None
) -> dict[str, Any]:
    """The options for a launcher; one that it does not have is refused."""
    options: dict[str, Any] = {}
    if address is not None:
        options["address"] = address
    if slurm:
        options["slurm"] = dict(map(_scheduler_option, slurm))
    _check_options(launcher, options)
    return options


def _check_options(launcher: Any, given: Iterable[str]) -> None:
    from clbench.options import name_of

    known = _options_of(launcher)
    for key in given:
        if key not in known:
            raise UserError(
                f"--{key} is for launchers that reach other machines; {name_of(launcher)!r} does"
                f" not, leave --{key} out"
            )


def _options_of(launcher: Any) -> set[str]:
    from clbench.options import describe_options

    return {option.name for option in describe_options(launcher)}


def _scheduler_option(text: str) -> tuple[str, str]:
    """`KEY=VALUE`."""
    key, sign, value = text.partition("=")
    if not (key and sign):
        raise UserError(f"--slurm {key}: write KEY=VALUE, as in --slurm partition=gpu")
    return key, value
