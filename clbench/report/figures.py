"""Figures of a comparison.

What is drawn follows from how the file's name begins (`cd.svg` is a critical-difference diagram,
`boxes-final.pdf` boxes), how it is drawn from how it ends. The kinds of figures come from plugins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.errors import OutputError, UserError, suggest
from clbench.host import Host
from clbench.report.comparison import Comparison, compare
from clbench.report.drawing import styled
from clbench.report.extensions import FigureKind
from clbench.report.pool import Source

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = (".svg", ".pdf", ".png")
ENDINGS_IN_WORDS = ".svg, .pdf or .png"
# Without a date the same figure is the same file.
_UNDATED: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}


def check(path: Path, host: Host | None = None) -> Path:
    """The path, if a figure can be drawn into it; `UserError` says what is possible.

    `host` offers the kinds of figures: those of the installed plugins unless given.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"{path}: a figure's file ends in {ENDINGS_IN_WORDS}")
    kind_of(path, host)
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}")
    return path


def draw(comparison: Comparison, path: Path) -> None:
    """Draw the figure that the file's name asks for."""
    host = comparison.results.host
    kind = kind_of(check(path, host), host)
    with styled():
        figure = kind().draw(comparison)
        try:
            figure.savefig(path, metadata=_UNDATED[path.suffix.lower()])
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def figure(
    results: Source | Comparison | Sequence[Source], kind: str = "accuracy", **rules: Any
) -> Figure:
    """A matplotlib figure of one record or several (`Results`, or paths), or of a comparison.

    `kind` is `accuracy` (on the tasks so far, over the stream), `learnt` (on each task when it was
    learnt), `online` (on each task's training batches before the update), `forgetting`, `matrix`,
    `boxes`, `cd` (a critical-difference diagram), `cost`, `kernels` (what became of each kernel in
    each task), `before_after` (boxes of accuracy on tasks when they were learnt and after all of
    them), `activation_maps` (of chosen images), `agents` (each agent's accuracy over the stream),
    `agent_matrix` (each agent's accuracy on each of its tasks, after all of them), or a kind that a
    plugin offers. `rules` are the arguments of `clbench.compare`, such as `metric`. A notebook
    shows the figure by itself; `figure.savefig("name.pdf")` saves it.
    """
    comparison = _compared(results, rules)
    host = comparison.results.host.offering("figure")
    names = host.names("figure")
    if kind not in names:
        raise UserError(f"there is no figure {kind!r}{suggest(kind, names)}")
    drawn: type[FigureKind] = host.get("figure", kind)
    with styled():
        return drawn().draw(comparison)


def _compared(
    results: Source | Comparison | Sequence[Source], rules: Mapping[str, Any]
) -> Comparison:
    if not isinstance(results, Comparison):
        return compare(results, **rules)
    if rules:
        raise UserError(f"{', '.join(rules)}: the comparison was made already; give the results")
    return results


def kind_of(path: Path, host: Host | None = None) -> type[FigureKind]:
    """What to draw, by how the file's name begins."""
    offering = Host.load(only="figure") if host is None else host.offering("figure")
    names = offering.names("figure")
    stem = path.stem.lower()
    fitting = [name for name in names if _begins_with(name, stem)]
    if not fitting:
        raise UserError(f"{path}: its name must begin with what to draw{suggest(stem, names)}")
    found: type[FigureKind] = offering.get("figure", max(fitting, key=len))
    return found


def _begins_with(kind: str, stem: str) -> bool:
    """`agents2` begins with the figure `agents`, `agentship` does not."""
    return re.match(rf"{re.escape(kind)}(?![a-z])", stem) is not None
