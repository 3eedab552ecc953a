"""Arguments and options that several commands take, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SuiteArgument = Annotated[
    str, typer.Argument(metavar="SUITE", help="A suite file, or the name of a suite that comes with clbench.", show_default=False)
]
RecordArgument = Annotated[Path, typer.Argument(metavar="RECORD", help="A record, such as results/NAME/NAME.h5.", show_default=False)]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE.py", help="A file with plugins; may be given several times.", show_default=False),
]
DataOption = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="A folder with data, looked in first.", show_default=False)]
SeedsOption = Annotated[
    str | None,
    typer.Option(metavar="0-9|0,3,5|N", help="Seeds instead of the suite's; N is a count, 3-3 is seed 3 alone.", show_default=False),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a value of the suite, as in protocol.epochs=1; may be given several times.",
        show_default=False,
    ),
]
