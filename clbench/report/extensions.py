"""What a plugin may add to the ways in which results are shown: formats and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from clbench.options import Configurable

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import RenderableType

    from clbench.report.compared import Comparison


class ReportFormat(Configurable):
    """What `clbench compare --format NAME` prints; it is made without options, but for `layout`,
    where it has several.
    """

    # What `--layout` may name. A format with more than one of them has the option `layout`.
    layouts: ClassVar[tuple[str, ...]] = ()

    def render(self, comparison: Comparison) -> str | RenderableType:
        """A text, or what `rich` prints as wide as the terminal is."""
        raise NotImplementedError(f"{type(self).__name__} does not define render(comparison)")


class FigureKind(Configurable):
    """What `--figure NAME.svg` and `clbench.figure(results, NAME)` draw.

    It is made without options.
    """

    # What `clbench show --by agent` gives it: a strategy for each agent (`apart`), or the agents of
    # a seed together (`together`), because it draws them side by side itself. `never`: it shows
    # tests, in which agents of one seed, which are not independent, have no part.
    agents: ClassVar[Literal["apart", "together", "never"]] = "apart"

    def draw(self, comparison: Comparison) -> Figure:
        """A figure of matplotlib; `clbench.errors.UserError` says why there is nothing to draw."""
        raise NotImplementedError(f"{type(self).__name__} does not define draw(comparison)")
