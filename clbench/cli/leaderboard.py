"""`clbench leaderboard`: records to a page that ranks them, with its tables beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clbench.cli.options import (
    AlphaOption,
    BaselineOption,
    CorrectionOption,
    FamilyOption,
    MetricOption,
    MixedOption,
    PluginOption,
    RecordsArgument,
    RopeOption,
    TestsOption,
    UnpairedOption,
    UnusedDataOption,
)
from clbench.cli.output import say, tell, tell_each, warn

if TYPE_CHECKING:
    from clbench.report.sections import Section


def leaderboard(
    records: RecordsArgument,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="The folder to write the leaderboard into.",
            show_default=False,
        ),
    ],
    metric: MetricOption = None,
    baseline: BaselineOption = None,
    alpha: AlphaOption = None,
    tests: TestsOption = None,
    family: FamilyOption = None,
    correction: CorrectionOption = None,
    unpaired: UnpairedOption = False,
    rope: RopeOption = None,
    force_mixed: MixedOption = False,
    plugin: PluginOption = None,
    data: UnusedDataOption = None,
) -> None:
    """Write a leaderboard: index.html (one file, no network), leaderboard.csv and
    leaderboard.md, with the records to download.

    Records whose streams or budget differ are ranked apart, each in a section of its own.
    """
    from clbench.host import Host
    from clbench.report.leaderboard import leaderboard as made
    from clbench.report.publishing import write

    host = Host.load(plugin or [], only="metric")
    warn(host.warnings)
    # What is not given here each record's own suite says.
    rules = {
        "metric": metric,
        "alpha": alpha,
        "tests": tests,
        "family": family,
        "correction": correction,
        "unpaired": unpaired or None,
        "rope": rope,
    }
    sections = made(
        records, out, host, force_mixed=force_mixed, baseline=baseline, tell=tell, **rules
    )
    for path in write(sections, out):
        say(str(path))
    for section in sections:
        _note(section, out)


def _note(section: Section, out: Path) -> None:
    """Remember that it was looked at."""
    from clbench.report.looking import note

    # A copy that is published says of itself what the record it was made of says.
    looked_at = {source.path: source.record for source in section.sources}
    copies = {out / source.place: source.record for source in section.sources}
    tell_each(note(section.comparisons.values(), looked_at | copies))
