"""A console that no text from a file can steer."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from clbench.untrusted import printable


class SafeConsole(Console):
    """Rich's console: colours and cursor movements are rich's own, those within a text are not
    let through.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Everything that is printed comes through here, bars of progress too."""
        for text, style, control in super().render(renderable, options):
            # Controls are rich's own: the movements of a live picture.
            yield Segment(text if control else printable(text), style, control)
