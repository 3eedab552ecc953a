"""The figure that a notebook shows by itself."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from clbench.report.figure_class import NotebookFigure


def test_a_notebook_gets_a_png() -> None:
    figure = NotebookFigure(figsize=(0.5, 0.5), dpi=20)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_it_is_a_figure_that_pyplot_does_not_know() -> None:
    before = plt.get_fignums()
    assert isinstance(NotebookFigure(), Figure)
    assert plt.get_fignums() == before
