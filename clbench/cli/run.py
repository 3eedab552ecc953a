"""`clbench run`: a suite to its record."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import typer

from clbench.cli.options import DataOption, PluginOption, SeedsOption, SetOption, SuiteArgument
from clbench.cli.output import console, warn
from clbench.cli.run_options import (
    AddressOption,
    CheckpointOption,
    DeviceOption,
    DryRunOption,
    ForceOption,
    Form,
    FormOption,
    LauncherOption,
    OnlyOption,
    OutOption,
    PrecisionOption,
    QuietOption,
    SlurmOption,
    SmokeOption,
    TimeoutOption,
    WorkersOption,
    launcher_options,
    named,
    seconds,
)

if TYPE_CHECKING:
    from clbench.execution import Run
    from clbench.suite import Suite


def run(
    context: typer.Context,
    suite: SuiteArgument,
    out: OutOption = None,
    seeds: SeedsOption = None,
    only: OnlyOption = None,
    device: DeviceOption = "auto",
    launcher: LauncherOption = "local",
    address: AddressOption = None,
    slurm: SlurmOption = None,
    workers: WorkersOption = None,
    precision: PrecisionOption = None,
    form: FormOption = Form.auto,
    timeout: TimeoutOption = None,
    checkpoint_every: CheckpointOption = None,
    change: SetOption = None,
    force: ForceOption = None,
    smoke: SmokeOption = False,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """Run a suite; what is in its record already is not run again."""
    from clbench.execution import Options, Run, open_suite
    from clbench.execution.display import display_for
    from clbench.execution.jobs import CHECKPOINT_EVERY

    # `--precision` is a short way of writing an override of the protocol.
    overrides = list(change or [])
    if precision:
        overrides.append(f"protocol.precision={precision.value}")
    opened, host = open_suite(
        suite, plugin or [], data=data, overrides=overrides, seeds=seeds, smoke=smoke
    )
    warn([*host.warnings, *opened.warnings])
    told = len(host.warnings)
    options = Options(
        out=out,
        only=named("--only", only),
        force=named("--force", force),
        device=device,
        launcher=launcher,
        launcher_options=launcher_options(host.get("launcher", launcher), address, slurm),
        workers=workers,
        form=form.value,
        timeout=seconds("--timeout", timeout),
        checkpoint_every=seconds("--checkpoint-every", checkpoint_every) or CHECKPOINT_EVERY,
        data=data,
    )
    display = display_for(console(stderr=True), quiet, in_process=workers == 0)
    prepared = Run(opened, host, options, display)
    if dry_run:
        from clbench.cli.dry_run import show_plan

        show_plan(prepared)
    else:
        _go(prepared, opened, told, again=shlex.join(["clbench", *context.obj]))


def _go(prepared: Run, suite: Suite, told: int, again: str) -> None:
    """Run it, say what came of it, and end with what that means.

    So many warnings were told before; `again` is the command.
    """
    from clbench.cli.run_report import report

    host = prepared.host
    outcome = prepared.go()
    # Those of observers that failed while it ran; the others were told before.
    warn(host.warnings[told:])
    report(outcome, suite, host, again)
    raise typer.Exit(outcome.exit_code)
