"""Arguments and options that several commands take, declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

SuiteArgument = Annotated[
    str,
    typer.Argument(
        metavar="SUITE",
        help="A suite file, or the name of a suite that comes with clbench.",
        show_default=False,
    ),
]
RecordArgument = Annotated[
    Path,
    typer.Argument(
        metavar="RECORD", help="A record, such as results/NAME/NAME.h5.", show_default=False
    ),
]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="A file with plugins; may be given several times.",
        show_default=False,
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="A folder with data, looked in first.", show_default=False
    ),
]
FigureOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--figure",
        metavar="FILE",
        help="Also draw: cd, boxes, before_after, accuracy, learnt, online, matrix, forgetting,"
        " cost, kernels, activation_maps, agents or agent_matrix,"
        " as the file's name begins (cd.svg,"
        " boxes-1.pdf, cost.png).",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
# For commands that read records alone.
UnusedDataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Taken so that one set of options serves every command; this one looks at no data.",
        show_default=False,
    ),
]
SeedsOption = Annotated[
    str | None,
    typer.Option(
        metavar="0-9|0,3,5|N",
        help="Seeds instead of the suite's; N is a count, 3-3 is seed 3 alone.",
        show_default=False,
    ),
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


# ---------------------------------------------------------------------- how records are compared


class Tests(StrEnum):
    """Which tests."""

    by_design = "by_design"
    ranks = "ranks"


class Family(StrEnum):
    """Which comparisons are tested together."""

    pairs = "pairs"
    baseline = "baseline"


class Correction(StrEnum):
    """For testing several pairs."""

    holm = "holm"
    bonferroni = "bonferroni"
    fdr_bh = "fdr_bh"
    none = "none"


RecordsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="RECORD...", help="Records, such as results/NAME/NAME.h5.", show_default=False
    ),
]
MetricOption = Annotated[
    str | None,
    typer.Option(
        metavar="M",
        help="What is compared; average_accuracy unless the suite says otherwise.",
        show_default=False,
    ),
]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        metavar="B",
        help="The strategy, by label or name, that the others are set against; named here, the"
        " comparisons with it are all that is tested (--family pairs: every pair).",
        show_default=False,
    ),
]
AlphaOption = Annotated[
    float | None,
    typer.Option(
        metavar="A",
        help="The level of the tests; 0.05 unless the suite says otherwise.",
        show_default=False,
    ),
]
TestsOption = Annotated[
    Tests | None,
    typer.Option(
        help="Those that the design of the experiment asks for (the default), or tests on ranks"
        " (Wilcoxon, Friedman, Nemenyi).",
        show_default=False,
    ),
]
FamilyOption = Annotated[
    Family | None,
    typer.Option(
        help="What is tested together: every pair, or the comparisons with the baseline.",
        show_default=False,
    ),
]
CorrectionOption = Annotated[
    Correction | None,
    typer.Option(
        help="Of tests on ranks (it means --tests ranks), for testing several pairs: holm.",
        show_default=False,
    ),
]
UnpairedOption = Annotated[bool, typer.Option("--unpaired", help="Do not pair the runs by seed.")]
RopeOption = Annotated[
    float | None,
    typer.Option(
        metavar="R",
        help="Differences up to this size, in the metric's unit, count as none.",
        show_default=False,
    ),
]
ChooseOnOption = Annotated[
    str | None,
    typer.Option(
        "--choose-on",
        metavar="0-9|0,3,5|N",
        help="Choose the best configuration of each grid on these seeds, and report all on the"
        " others.",
        show_default=False,
    ),
]
MixedOption = Annotated[
    bool,
    typer.Option(
        "--force-mixed", help="Rank records together that are not comparable; the output says so."
    ),
]
