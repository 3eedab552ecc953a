r"""A comparison as LaTeX tables for `booktabs`: first that of a paper, then all that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

from clbench.report.compare_tables import TableOf, tables, unit_of
from clbench.report.compared import Comparison, SummaryRow
from clbench.report.contest import differs
from clbench.report.marks import marked_names
from clbench.report.numbers import MISSING, Scale, scale_of

_LETTERS = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    **{
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    },
    **{"±": r"$\pm$", "|": r"\textbar{}"},
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
    scale = scale_of((row.mean for row in comparison.summary), comparison.unit)
    strategies = dict.fromkeys(cell.label for cell in comparison.results.cells)
    known = {(row.scenario, row.strategy): row for row in comparison.summary}
    marked = marked_names(comparison.results.cells)
    best = {scenario: _best(comparison, scenario) for scenario in comparison.scenarios}
    rows = [("strategy", *map(latex_text, comparison.scenarios))]
    for strategy in strategies:
        found = (known.get((scenario, strategy)) for scenario in comparison.scenarios)
        shown = (_mean(row, best, comparison, scale) for row in found)
        bound = " (bound)" if strategy in _bounds(comparison) else ""
        rows.append((latex_text(marked[strategy] + bound), *shown))
    more = "more" if comparison.higher_is_better else "less"
    caption = (
        f"{latex_text(comparison.metric + unit_of(scale))} ({more} is better), means with their "
        f"95\\,\\% intervals. The best is bold; {TIED}: not told apart from it "
        f"($\\alpha = {comparison.alpha:g}$)."
    )
    return _table(caption, "l" + "r" * len(comparison.scenarios), rows)


def _best(comparison: Comparison, scenario: str) -> str:
    """The strategy with the best mean, bounds left aside.

    Empty where no run of another finished.
    """
    sign = 1 if comparison.higher_is_better else -1
    bounds = _bounds(comparison)
    rows = [
        row
        for row in comparison.summary
        if row.scenario == scenario and row.strategy not in bounds and not math.isnan(row.mean)
    ]
    return max(rows, key=lambda row: sign * row.mean).strategy if rows else ""


def _bounds(comparison: Comparison) -> set[str]:
    return {cell.label for cell in comparison.results.cells if cell.is_bound}


def _mean(
    row: SummaryRow | None, best: dict[str, str], comparison: Comparison, scale: Scale
) -> str:
    if row is None or math.isnan(row.mean):
        return MISSING
    mean, _, interval = scale.interval(row.mean, row.ci_low, row.ci_high).partition(" ")
    first = best[row.scenario]
    if row.strategy == first:
        mean = f"\\textbf{{{mean}}}"
    elif first and row.strategy not in _bounds(comparison) and _is_tied(row, first, comparison):
        mean += TIED
    return f"{mean} {{\\scriptsize {interval}}}" if interval else mean


def _is_tied(row: SummaryRow, best: str, comparison: Comparison) -> bool:
    """Whether no test shows a difference from the best."""
    pairs = [
        pair
        for pair in comparison.pairs
        if pair.scenario == row.scenario and {pair.a, pair.b} == {row.strategy, best}
    ]
    return not any(differs(pair, comparison.alpha) for pair in pairs)


# ---------------------------------------------------------------------- any table


def _plain_table(table: TableOf) -> list[str]:
    columns = "".join("l" if column.is_words else "r" for column in table.columns)
    rows = [tuple(map(latex_text, row)) for row in (table.headers, *table.rows)]
    return _table(latex_text(table.title), columns, rows)


def _table(caption: str, columns: str, rows: Sequence[Sequence[str]]) -> list[str]:
    head, *body = (f"{' & '.join(row)} \\\\" for row in rows)
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
