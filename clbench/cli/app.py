"""The application: its commands, and what becomes of errors."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from clbench.cli import (
    compare,
    data,
    describe,
    doctor,
    drop,
    export,
    how_to_go_on,
    import_results,
    leaderboard,
    listing,
    merge,
    metrics,
    plugins,
    run,
    schema,
    show,
    validate,
)
from clbench.cli.output import first_sentence, tell, tell_each
from clbench.errors import ClbenchError, Interrupted, SuiteError, UserError
from clbench.words import counted


class Commands(TyperGroup):
    """Errors are one sentence and an exit code.

    `--debug` is understood wherever it stands, and shows tracebacks.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Bring `--debug` to the front, where this group looks for it.

        Commands find the line as it was typed in `ctx.obj`.
        """
        # As typed: what Ctrl-C tells to type again.
        ctx.obj = tuple(args)
        try:
            return super().parse_args(ctx, _debug_first(args))
        except KeyboardInterrupt:  # which typer would call an error
            tell(how_to_go_on(ctx.obj))
            raise SystemExit(Interrupted.exit_code) from None

    def invoke(self, ctx: Any) -> Any:
        """Run the command. What it raises ends here, but for what typer itself shows."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            code = _report(Interrupted(how_to_go_on(ctx.obj)), ctx)
        except Exception as error:
            if type(error) is typer.BadParameter:
                error = _in_plain_words(error)
            if _is_typers_own(error):
                raise
            code = _report(error, ctx)
        ctx.exit(code)


def _debug_first(args: Sequence[str]) -> list[str]:
    """Click takes options of the group before the command only."""
    rest = [arg for arg in args if arg != "--debug"]
    return ["--debug", *rest] if len(rest) < len(args) else rest


def _report(error: Exception, ctx: Any) -> int:
    """Say what happened, to stderr; the exit code."""
    if ctx.params.get("debug"):
        tell("".join(traceback.format_exception(error)).rstrip())
    tell_each(_said(error))
    return error.exit_code if isinstance(error, ClbenchError) else 1


def _said(error: Exception) -> list[str]:
    """What a person is told of an error."""
    if isinstance(error, SuiteError):
        problems = counted(len(error.problems), "problem")
        return [str(error), f"{problems} in {error.file}; nothing was run"]
    if isinstance(error, Interrupted):
        return [str(error)]
    if isinstance(error, ClbenchError):
        return [f"error: {error}"]
    found = f"{type(error).__name__}: {error}"
    return [f"internal error: {found}; run again with --debug to see where"]


def _in_plain_words(error: typer.BadParameter) -> UserError:
    """A value that an option or argument cannot have, as one sentence like all others."""
    place = error.format_message().removesuffix(error.message)
    # Newer versions of typer check by pydantic, which says first that there is an error.
    reason = error.message.removeprefix("Value error, ").rstrip(".")
    said = UserError(_lowered(place) + _lowered(reason))
    return said.with_traceback(error.__traceback__)


def _lowered(text: str) -> str:
    """As it stands within a sentence."""
    return text[:1].lower() + text[1:]


def _is_typers_own(error: Exception) -> bool:
    """Whether typer deals with it: its own exits and usage errors, and a closed pipe."""
    if _is_closed_pipe(error):
        return True
    # By package, for newer versions of typer bring a click of their own.
    packages = {base.__module__.partition(".")[0] for base in type(error).__mro__}
    return not packages.isdisjoint(("typer", "click"))


def _is_closed_pipe(error: Exception) -> bool:
    """Whether the reader has seen enough: `clbench list | head`."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE


# Tracebacks are ours to show (`--debug`), and help is plain text.
app = typer.Typer(
    name="clbench",
    cls=Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"clbench {version('clbench')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and leave."
        ),
    ] = False,
) -> None:
    """Benchmarks for continual learning: methods x streams x seeds, recorded raw,
    compared honestly.
    """


# In the order in which `--help` lists them.
COMMANDS: tuple[tuple[str, Callable[..., None] | typer.Typer], ...] = (
    ("run", run.run),
    ("validate", validate.validate),
    ("show", show.show),
    ("compare", compare.compare),
    ("leaderboard", leaderboard.leaderboard),
    ("metrics", metrics.app),
    ("export", export.export),
    ("merge", merge.merge),
    ("import", import_results.import_results),
    ("drop", drop.drop),
    ("list", listing.list_names),
    ("describe", describe.describe),
    ("plugins", plugins.plugins),
    ("data", data.app),
    ("schema", schema.schema),
    ("doctor", doctor.doctor),
)


# What is not given as a command's short help, click cuts off.
for _name, _command in COMMANDS:
    if isinstance(_command, typer.Typer):
        for _part in _command.registered_commands:
            _part.short_help = first_sentence(getattr(_part.callback, "__doc__", None) or "")
        app.add_typer(_command, name=_name, short_help=_command.info.help)
    else:
        app.command(_name, short_help=first_sentence(_command.__doc__ or ""))(_command)
