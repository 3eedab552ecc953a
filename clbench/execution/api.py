"""`clbench.run`: what the command does, from Python."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from clbench.errors import Interrupted, RunFailed
from clbench.execution.display import Display, Quiet, display_for
from clbench.execution.in_process import is_in_process
from clbench.execution.jobs import CHECKPOINT_EVERY
from clbench.execution.outcome import Outcome
from clbench.execution.running import Options, run_suite
from clbench.host.import_watch import refuse_while_loading
from clbench.suite import split_names

if TYPE_CHECKING:
    from clbench.host import Host, Plugin
    from clbench.records import Results
    from clbench.suite import Suite

Source = Path | str | Mapping[str, Any]


def open_suite(
    source: Source,
    plugins: Sequence[Plugin] = (),
    *,
    data: Path | None = None,
    overrides: Sequence[str] = (),
    seeds: str | None = None,
    smoke: bool = False,
) -> tuple[Suite, Host]:
    """A suite, and the host with the plugins it names."""
    from clbench.data import imported_names
    from clbench.engine.compose import check_composition, check_fit
    from clbench.host import Host
    from clbench.stack.foreign import check_optimizer
    from clbench.suite import Checks, check_suite, read_suite

    parsed = read_suite(source, overrides)
    # Of those that are missing `check_suite` says so.
    named = [path for path in parsed.plugin_files() if path.is_file()]
    host = Host.load([*plugins, *named])
    checks = Checks(check_composition, check_optimizer, check_fit)
    imported = imported_names(data)
    suite = check_suite(parsed, host, smoke=smoke, seeds=seeds, imported=imported, checks=checks)
    return suite, host


def run(  # noqa: PLR0913 (each is an option)
    suite: Source,
    *,
    out: Path | str | None = None,
    seeds: int | str | Iterable[int] | None = None,
    only: str | Sequence[str] = (),
    device: str = "auto",
    launcher: str = "local",
    launcher_options: Mapping[str, Any] | None = None,
    workers: int | None = None,
    form: str = "auto",
    timeout: float | None = None,
    checkpoint_every: float = CHECKPOINT_EVERY,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    force: str | Sequence[str] = (),
    smoke: bool = False,
    plugins: Plugin | Sequence[Plugin] = (),
    data: Path | str | None = None,
    quiet: bool = False,
) -> Results:
    """Run a suite (a file, a shipped suite's name,
    or the same as a dictionary) and load its record.

    Finished cells are not run again. A job that takes long is saved every `checkpoint_every`
    seconds. `plugins` are files, modules, and classes or model factories themselves. With one that
    no other process could import (it is defined in a notebook or script), or with `workers=0`, the
    run goes in this process. Raises what `clbench.errors` lists: `RunFailed` where something asked
    for is missing at the end, `Interrupted` after Ctrl-C; what finished is in the record either
    way.
    """
    from clbench.host import as_plugins
    from clbench.records import load

    refuse_while_loading("clbench.run()")
    root = None if data is None else Path(data)
    opened, host = open_suite(
        suite,
        as_plugins(plugins),
        data=root,
        overrides=_overrides(overrides),
        seeds=_seeds(seeds),
        smoke=smoke,
    )
    options = Options(
        out=None if out is None else Path(out),
        only=_names(only),
        force=_names(force),
        device=device,
        launcher=launcher,
        launcher_options=launcher_options or {},
        workers=workers,
        form=form,
        timeout=timeout,
        checkpoint_every=checkpoint_every,
        data=root,
    )
    display = _display(quiet, is_in_process(host, workers))
    for warning in (*host.warnings, *opened.warnings):
        display.say(f"warning: {warning}")
    if host.session_plugins:
        display.say(f"{host.session_sentence()}: the run goes in this process")
    outcome = run_suite(opened, host, options, display)
    _raise_what_is_missing(outcome)
    return load(outcome.record, host)


def _raise_what_is_missing(outcome: Outcome) -> None:
    """What the command says by its exit code."""
    if outcome.interrupted:
        raise Interrupted(
            f"interrupted with {outcome.finished} of {outcome.requested} runs in"
            f" {outcome.record}; call it again to go on"
        )
    if outcome.exit_code:
        lines = [f"{outcome.record} lacks something asked for:", *map(str, outcome.failures)]
        lines += [f"{name}: every run diverged" for name in outcome.diverged]
        if outcome.stop is not None and outcome.stop.failed:
            lines.append(str(outcome.stop))
        raise RunFailed("\n".join(lines))


def _overrides(given: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """Changes to the suite as `--set` takes them."""
    if isinstance(given, Mapping):
        return [f"{path}={_plain(value)}" for path, value in given.items()]
    return list(given)


def _display(quiet: bool, in_process: bool) -> Display:
    if quiet:
        return Quiet()
    from rich.console import Console

    return display_for(Console(stderr=True), quiet=False, in_process=in_process)


def _names(names: str | Sequence[str]) -> list[str]:
    """Names of strategies; an empty one names nobody."""
    given = [names] if isinstance(names, str) else names
    return [name for name in given if split_names(name)]


def _seeds(seeds: int | str | Iterable[int] | None) -> str | None:
    if seeds is None or isinstance(seeds, str):
        return seeds
    if isinstance(seeds, numbers.Integral):  # NumPy's are no `int`
        return str(seeds)
    # A single number would be a count.
    return ",".join(f"{seed}-{seed}" for seed in cast(Iterable[int], seeds))


def _plain(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value)
