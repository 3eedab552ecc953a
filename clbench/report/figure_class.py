"""A matplotlib figure that a notebook shows by itself, without `pyplot` and its global state."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """As `matplotlib.figure.Figure`: `savefig` writes it in the style in which it was drawn."""

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        image = io.BytesIO()
        self.savefig(image, format="png")
        return image.getvalue()
