"""`clbench run`: a suite to its record."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.cli.options import DataOption, PluginOption, SeedsOption, SetOption, SuiteArgument
from clbench.cli.output import console, say, tell, warn
from clbench.errors import UserError

if TYPE_CHECKING:
    from clbench.execution import Outcome, Run
    from clbench.host import Host
    from clbench.records import Results

UNITS = {"s": 1, "m": 60, "h": 3600}


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


def run(
    context: typer.Context,
    suite: SuiteArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder of the record; results/NAME unless given.",
            show_default=False,
        ),
    ] = None,
    seeds: SeedsOption = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Only these strategies, by label or bare name, with commas.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda|cuda:1", help="Where to train.")
    ] = "auto",
    launcher: Annotated[
        str, typer.Option(metavar="NAME", help="What runs the jobs; see `clbench list launchers`.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            metavar="A",
            help="The cluster's address, for launchers that have one.",
            show_default=False,
            hidden=True,  # no launcher that comes with clbench has it
        ),
    ] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="A scheduler option, for launchers that have them.",
            show_default=False,
            hidden=True,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Worker processes; one a GPU or a core unless given; 0 runs in this process, for debuggers.",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(help="Instead of the suite's `protocol.precision`.", show_default=False),
    ] = None,
    form: Annotated[
        Form, typer.Option(help="How stacks are computed; auto decides by device and model.")
    ] = Form.auto,
    timeout: Annotated[
        str | None,
        typer.Option(
            metavar="T", help="The longest a job may take: 90, 90s, 30m or 2h.", show_default=False
        ),
    ] = None,
    checkpoint_every: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="How often a job is saved within a task; 3m unless given.",
            show_default=False,
        ),
    ] = None,
    change: SetOption = None,
    force: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Run these strategies again although they are in the record.",
            show_default=False,
        ),
    ] = None,
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke",
            help="Run all of it on tiny made-up data, in seconds, into a folder of its own.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the cells, the jobs and an estimate, and run nothing."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """Run a suite; what is in its record already is not run again."""
    from clbench.execution import Options, Run, open_suite
    from clbench.execution.display import display_for

    overrides = [*(change or []), *([f"protocol.precision={precision.value}"] if precision else [])]
    opened, host = open_suite(
        suite, plugin or [], data=data, overrides=overrides, seeds=seeds, smoke=smoke
    )
    warn([*host.warnings, *opened.warnings])
    told = len(host.warnings)
    options = Options(
        out=out,
        only=_names("--only", only),
        force=_names("--force", force),
        device=device,
        launcher=launcher,
        launcher_options=_launcher_options(host.get("launcher", launcher), address, slurm),
        workers=workers,
        form=form.value,
        timeout=None if timeout is None else _seconds("--timeout", timeout),
        **(
            {}
            if checkpoint_every is None
            else {"checkpoint_every": _seconds("--checkpoint-every", checkpoint_every)}
        ),
        data=data,
    )
    display = display_for(console(stderr=True), quiet, in_process=workers == 0)
    prepared = Run(opened, host, options, display)
    if dry_run:
        from clbench.cli.dry_run import show_plan

        show_plan(prepared)
        return
    outcome = prepared.go()
    warn(host.warnings[told:])
    _finish(outcome, prepared, host, again=shlex.join(["clbench", *context.obj]))
    raise typer.Exit(outcome.exit_code)


def _finish(outcome: Outcome, prepared: Run, host: Host, again: str) -> None:
    """The table, what is missing from it, and what to type next."""
    from clbench.execution.display import duration
    from clbench.records import load
    from clbench.records.apart import apart_line
    from clbench.report.terminal import summary_table

    results = load(outcome.record, host)
    if results.cells:
        target = console()
        asked = [metric.label for metric in prepared.suite.metrics]
        target.print(summary_table(results, list(filter(results.is_number, asked)) or None))
        if line := apart_line(results.record):
            say(line)
        _say_how_they_compare(results, outcome.record)
    warn(outcome.faults)
    for label, why in {
        cell.label: cell.graphs for cell in results.cells if cell.graphs.startswith("eager")
    }.items():
        say(f"{label} ran without device graphs: {why.removeprefix('eager: ')}")
    ran = (
        f"{outcome.ran} job{'s' * (outcome.ran != 1)} in {duration(outcome.seconds)}"
        if outcome.ran
        else "nothing was left to run"
    )
    runs = "run is" if outcome.requested == 1 else "runs are"
    say(f"\n{outcome.finished} of {outcome.requested} {runs} in {outcome.record} ({ran})")
    _say_what_is_missing(outcome, again)
    if outcome.interrupted:
        tell(f"interrupted; go on with: {again}")
    elif finished := [cell.label for cell in results.cells if cell.status in ("done", "partial")]:
        say(
            f"next: clbench show {shlex.quote(str(outcome.record))} {shlex.quote(finished[-1])}    (its accuracy matrix and curves)"
        )


def _say_how_they_compare(results: Results, record: Path) -> None:
    """Who is shown to be better than whom, where there is anybody to compare."""
    from clbench.report.comparison import compare
    from clbench.report.short import short

    try:
        lines = short(compare(results))
    except UserError as error:  # what was run is more than how it compares
        tell(f"warning: no comparison: {error}")
        return
    if lines:
        say(
            "\n"
            + "\n".join(lines)
            + f"\n  every pair, intervals and effect sizes: clbench compare {shlex.quote(str(record))}"
        )


def _say_what_is_missing(outcome: Outcome, again: str) -> None:
    for failure in outcome.failures:
        tell(f"failed: {failure}")
    for name in outcome.diverged:
        tell(
            f"diverged: {name}: every run's loss became infinite or NaN; a smaller learning rate may help"
        )
    if outcome.failures:
        name = shlex.quote(outcome.failures[0].label)
        tell(
            f"tracebacks: clbench show {shlex.quote(str(outcome.record))} {name}; what failed is tried again by: {again}"
        )


def _names(option: str, given: list[str] | None) -> list[str]:
    """Names as they were given; an empty variable of a script is not everything."""
    from clbench.suite import split_names

    if given and not any(split_names(names) for names in given):
        raise UserError(f"{option} names no strategy; write one, or leave {option} out")
    return given or []


def _launcher_options(
    launcher: Any, address: str | None, slurm: list[str] | None
) -> dict[str, Any]:
    from clbench.options import describe_options, name_of

    options: dict[str, Any] = {} if address is None else {"address": address}
    if slurm:
        pairs = [text.partition("=") for text in slurm]
        for key, sign, _ in pairs:
            if not (key and sign):
                raise UserError(f"--slurm {key}: write KEY=VALUE, as in --slurm partition=gpu")
        options["slurm"] = {key: value for key, _, value in pairs}
    known = {option.name for option in describe_options(launcher)}
    for key in options:
        if key not in known:
            raise UserError(
                f"--{key} is for launchers that reach other machines; {name_of(launcher)!r} does not, leave --{key} out"
            )
    return options


def _seconds(option: str, text: str) -> float:
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    try:
        seconds = float(number) * UNITS[unit]
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UserError(f"{option} {text}: write seconds, or a number with s, m or h, as in 30m")
    return seconds
