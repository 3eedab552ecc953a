r"""A comparison as LaTeX tables for `booktabs`: first that of a paper, then all that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

from clbench.report.compare_tables import TableOf, tables, unit_of
from clbench.report.compared import Comparison, SummaryRow
from clbench.report.contest import differs
from clbench.report.marks import bound_labels, marked_names
from clbench.report.numbers import MISSING, Scale, scale_of, show_level
from clbench.report.paper_table import PaperCell, PaperRow, PaperTable, paper_table

_LETTERS = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    **{
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    },
    **{"±": r"$\pm$", "|": r"\textbar{}", "†": r"\dag{}"},
}
TIED = r"$^{=}$"  # behind a mean that cannot be told apart from the best


def latex(comparison: Comparison) -> str:
    """Tables for `booktabs`; the sentences are comments."""
    sentences = (*comparison.text, *comparison.left_out)
    lines = [f"% {' '.join(sentence.split())}" for sentence in sentences]
    if comparison.summary:
        lines += _paper_table(comparison)
    for table in tables(comparison):
        lines += _plain_table(table)
    return "\n".join(lines)


def latex_text(text: str) -> str:
    """Text that stays text."""
    return "".join(_LETTERS.get(letter, letter) for letter in " ".join(text.split()))


# ---------------------------------------------------------------------- strategies x scenarios


def _paper_table(comparison: Comparison) -> list[str]:
    """A row a strategy, a column a scenario.

    The best mean of each column in bold, those tied with it marked.
    """
    table = _PaperTable(comparison)
    rows = [("strategy", *map(latex_text, comparison.scenarios))]
    rows += map(table.row, table.names)
    return _table(_caption(comparison, table.scale), rows)


def _caption(comparison: Comparison, scale: Scale) -> str:
    more = "more" if comparison.higher_is_better else "less"
    metric = latex_text(comparison.metric + unit_of(scale))
    level = latex_text(show_level(comparison.level)).replace(" ", "\\,")
    return (
        f"{metric} ({more} is better), means with their {level} intervals."
        f" The best is bold; {TIED}: not told apart from it ($\\alpha = {comparison.alpha:g}$)."
    )


class _PaperTable:
    """What the cells of the table share."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        cells = comparison.results.cells
        self.scale = scale_of((row.mean for row in comparison.summary), comparison.unit)
        self.names = marked_names(cells)
        self.bounds = bound_labels(cells)
        self.known = {(row.scenario, row.strategy): row for row in comparison.summary}
        self.best = {scenario: self._best(scenario) for scenario in comparison.scenarios}

    def row(self, strategy: str) -> tuple[str, ...]:
        """A strategy's name, and its mean on each scenario."""
        bound = " (bound)" if strategy in self.bounds else ""
        cells = [latex_text(self.names[strategy] + bound)]
        for scenario in self.comparison.scenarios:
            cells.append(self._mean(self.known.get((scenario, strategy))))
        return tuple(cells)

    def _best(self, scenario: str) -> str | None:
        """The strategy with the best mean, bounds left aside; None where no other finished."""
        sign = 1 if self.comparison.higher_is_better else -1
        means = {}
        for row in self.comparison.summary:
            is_rival = row.scenario == scenario and row.strategy not in self.bounds
            if is_rival and not math.isnan(row.mean):
                means[row.strategy] = sign * row.mean
        return max(means, key=lambda name: means[name], default=None)

    def _mean(self, row: SummaryRow | None) -> str:
        if row is None or math.isnan(row.mean):
            return MISSING
        mean = self.scale.number(row.mean)
        best = self.best[row.scenario]
        if row.strategy == best:
            mean = f"\\textbf{{{mean}}}"
        elif best is not None and self._is_tied(row, best):
            mean += TIED
        return mean + self._interval(row)

    def _interval(self, row: SummaryRow) -> str:
        """In small letters behind the mean; nothing where it is not known."""
        if not (math.isfinite(row.ci_low) and math.isfinite(row.ci_high)):
            return ""
        low, high = self.scale.number(row.ci_low), self.scale.number(row.ci_high)
        return f" {{\\scriptsize [{low}, {high}]}}"

    def _is_tied(self, row: SummaryRow, best: str) -> bool:
        """Whether no test shows a difference from the best; bounds do not compete."""
        if row.strategy in self.bounds:
            return False
        for pair in self.comparison.pairs:
            if pair.scenario == row.scenario and {pair.a, pair.b} == {row.strategy, best}:
                return not differs(pair, self.comparison.alpha)
        return True  # they have no test


# ---------------------------------------------------------------------- the layout of a paper


def latex_for_paper(comparison: Comparison) -> str:
    """One table, bounds below a line; what is left out of the comparison is comments."""
    table = paper_table(comparison)
    lines = [f"% Left out: {' '.join(line.split())}" for line in comparison.left_out]
    head = ("strategy", *map(latex_text, table.scenarios))
    rows = _paper_rows(table.rivals, table)
    bounds = _paper_rows(table.bounds, table)
    lines += _table(latex_text(table.caption), [head, *rows], below=bounds)
    return "\n".join(lines)


def _paper_rows(rows: Sequence[PaperRow], table: PaperTable) -> list[tuple[str, ...]]:
    return [_paper_row(row, table) for row in rows]


def _paper_row(row: PaperRow, table: PaperTable) -> tuple[str, ...]:
    cells = [_paper_cell(cell, table) for cell in row.cells]
    return (latex_text(row.name), *cells)


def _paper_cell(cell: PaperCell | None, table: PaperTable) -> str:
    if cell is None:
        return MISSING
    shown = latex_text(table.scale.estimate(cell.estimate))
    if cell.is_best:
        shown = f"\\textbf{{{shown}}}"
    return shown + (r"\textsuperscript{\dag}" if cell.lost else "")


# ---------------------------------------------------------------------- any table


def _plain_table(table: TableOf) -> list[str]:
    rows = [tuple(map(latex_text, row)) for row in (table.headers, *table.rows)]
    return _table(latex_text(table.title), rows, _sides(table))


def _sides(table: TableOf) -> str:
    """Words stand on the left, numbers on the right."""
    return "".join("l" if column.is_words else "r" for column in table.columns)


def _table(
    caption: str,
    rows: Sequence[Sequence[str]],
    columns: str | None = None,
    below: Sequence[Sequence[str]] = (),
) -> list[str]:
    """The first of the rows is the head; `below` stand under a line of their own.

    Without `columns` names stand on the left, and numbers beside them.
    """
    head, *body = map(_table_row, rows)
    if columns is None:
        columns = "l" + "r" * (len(rows[0]) - 1)
    if body and below:
        body.append("\\midrule")
    body += map(_table_row, below)
    return [
        "",
        "\\begin{table}",
        f"\\caption{{{caption}}}",
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        head,
        "\\midrule",
        *body,
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]


def _table_row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"
