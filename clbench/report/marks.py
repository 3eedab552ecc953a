"""How tables mark the strategies whose classes declare what the others have not."""

from __future__ import annotations

from collections.abc import Iterable

from clbench.records import CellRecord
from clbench.records.fields import DECLARATIONS


def marked_label(cell: CellRecord) -> str:
    """The cell's label with what its classes declare, for tables: `er (oracle)`."""
    return _marked(cell.label, cell.declared)


def marked_names(cells: Iterable[CellRecord]) -> dict[str, str]:
    """Every label with its marks, for tables that show bounds in a way of their own."""
    found: dict[str, set[str]] = {}
    for cell in cells:
        found.setdefault(cell.label, set()).update(cell.declared)
    return {label: _marked(label, sorted(found[label] - {"bound"})) for label in found}


def bound_labels(cells: Iterable[CellRecord]) -> set[str]:
    """The strategies that are bounds, and no rivals."""
    return {cell.label for cell in cells if cell.is_bound}


def declared_lines(cells: Iterable[CellRecord]) -> list[str]:
    """What the marks in a table mean, a line each."""
    return [
        f"({_in_words(name)}) {', '.join(labels)}: {DECLARATIONS[name]}"
        for name, labels in _labels_by_declaration(cells).items()
        if labels
    ]


def _labels_by_declaration(cells: Iterable[CellRecord]) -> dict[str, dict[str, None]]:
    """In the order of the declarations, whoever makes them."""
    found: dict[str, dict[str, None]] = {name: {} for name in DECLARATIONS}
    for cell in cells:
        for name in cell.declared:
            found[name][cell.label] = None
    return found


def _marked(label: str, declared: Iterable[str]) -> str:
    marks = ", ".join(map(_in_words, declared))
    return f"{label} ({marks})" if marks else label


def _in_words(declaration: str) -> str:
    return declaration.replace("_", " ")
