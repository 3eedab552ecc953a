"""`clbench metrics`: metrics of a record that is there already."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clbench.cli.options import DataOption, PluginOption, RecordArgument
from clbench.cli.output import console, tell, warn

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Add metrics to a record.")


@app.callback()
def metrics() -> None:
    """Add metrics to a record."""


@app.command("add")
def add(
    record: RecordArgument,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A metric; see `clbench list metrics`.", show_default=False
        ),
    ],
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="OPTION=VALUE",
            help="One of its options; may be given several times.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="What it is called in the record, where that has the metric already with other"
            " options.",
            show_default=False,
        ),
    ] = None,
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """Store a metric in a record. A probe metric is measured where weights were kept; without
    them its cells must run again.
    """
    from clbench.execution.adding import add_metric
    from clbench.host import Host
    from clbench.report.terminal import summary_table

    host = Host.load(plugin or [])
    warn(host.warnings)
    added = add_metric(record, name, options_given(options or []), host, data, label=label)
    # Cells that were left out are no failure: they run again with the suite.
    warn([*added.warnings, *added.left_out])
    console().print(summary_table(added.results, [label or name]))
    tell(f"stored in {record}")


def options_given(given: list[str]) -> dict[str, Any]:
    """Values as a suite would write them."""
    return dict(map(_option_given, given))


def _option_given(text: str) -> tuple[str, Any]:
    """`OPTION=VALUE`."""
    from clbench.errors import UserError

    # At the first sign: values may hold others.
    option, equals, value = text.partition("=")
    if not (option.strip() and equals):
        raise UserError(f"--set {text}: write it as OPTION=VALUE, for example rule=tau")
    try:
        return option.strip(), _value(value)
    except ValueError as error:
        raise UserError(f"--set {text}: the value {error}") from error


def _value(text: str) -> Any:
    """As YAML, so that numbers and lists are what a suite would make of them."""
    from clbench.suite.yaml import parse

    document = parse(text)
    if document.problems:
        raise ValueError(document.problems[0].message)
    return document.data
