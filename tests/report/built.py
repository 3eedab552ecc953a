"""Runs, rules and pairs built by hand: for tests of one module, without a record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from clbench.records import CellRecord, RecordFile, Results
from clbench.report.compared import Comparison, Rows, SummaryRow
from clbench.report.contest import BY_DESIGN, EVERY_PAIR, NAN, Omnibus, Pair, Rules, Within
from clbench.report.pool import Pool
from clbench.report.reproduction import DIFFERS, Repeat
from clbench.report.runs import Runs
from clbench.report.tested import Tested

SCENARIO = "split"


def rules_of(**changes: Any) -> Rules:
    """The defaults of a comparison."""
    known: dict[str, Any] = {
        "metric": "average_accuracy",
        "baseline": None,
        "alpha": 0.05,
        "tests": BY_DESIGN,
        "family": EVERY_PAIR,
        "correction": "holm",
        "unpaired": False,
        "rope": None,
    }
    return Rules(**(known | changes))


def runs_of(
    strategy: str,
    values: Sequence[float],
    scenario: str = SCENARIO,
    *,
    seeds: Sequence[int] | None = None,
    failed: Sequence[int] = (),
    **changes: Any,
) -> Runs:
    """One strategy's runs; `failed` are the places of those that did not finish."""
    value = np.array(values, dtype=np.float64)
    has_failed = np.isin(np.arange(len(value)), failed)
    known: dict[str, Any] = {
        "name": strategy,
        "seed": np.arange(len(value)) if seeds is None else np.array(seeds, dtype=np.int64),
        "value": np.where(has_failed, np.nan, value),
        "failed": has_failed,
        "requested": len(value),
        "left_out": (),
        "unit": "fraction",
        "sign": 1,
    }
    return Runs(scenario, strategy, **(known | changes))


def scenarios_of(*every: Runs) -> dict[str, list[Runs]]:
    """Runs by scenario, in the order given."""
    found: dict[str, list[Runs]] = defaultdict(list)
    for one in every:
        found[one.scenario].append(one)
    return dict(found)


def pair_of(a: str = "a", b: str = "b", p: float = 0.01, better: int = 1, **changes: Any) -> Pair:
    """A pair of ten seeds, tested, its p adjusted already."""
    known: dict[str, Any] = {
        "scenario": SCENARIO,
        "n": 10,
        "test": "a test",
        "statistic": 1.0,
        "p_adjusted": p,
        "smallest_p": 0.002,
        "effect": 0.7,
        "difference": 0.1 * better,
        "ci_low": 0.1 * better - 0.05,
        "ci_high": 0.1 * better + 0.05,
        "verdict": "",
    }
    return Pair(a=a, b=b, p=p, better=better, **(known | changes))


def untested_pair(a: str = "a", b: str = "b", n: int = 0, **changes: Any) -> Pair:
    """A pair with so few seeds in common that there is no p."""
    nothing = {"smallest_p": NAN, "difference": NAN, "ci_low": NAN, "ci_high": NAN}
    return pair_of(a, b, NAN, 0, n=n, test="none", **(nothing | changes))


def omnibus_of(p: float = 0.01, scenario: str | None = SCENARIO, **changes: Any) -> Omnibus:
    """A test of three strategies over ten blocks."""
    known = {"test": "Friedman", "statistic": 9.5, "strategies": 3, "blocks": 10}
    return Omnibus(scenario, p=p, **(known | changes))


def comparison_of(
    by_scenario: Mapping[str, Sequence[Runs]],
    pairs: Iterable[Pair] = (),
    *,
    cells: Sequence[CellRecord] = (),
    omnibus: Iterable[Omnibus] = (),
    rules: Rules | None = None,
    over: Sequence[Any] = (),
    corrections: Mapping[str, str] | None = None,
    **pooled: Any,
) -> Tested:
    """A comparison of which all tests are done."""
    results = Results(RecordFile(1, "demo", "", {}, list(cells)))
    runs: list[Runs] = []
    for here in by_scenario.values():
        runs += here
    return Tested(
        Pool(results, pooled.pop("mixed", ()), **pooled),
        rules or rules_of(),
        runs,
        by_scenario,
        Within(tuple(omnibus), tuple(pairs), corrections or {}),
        over,
    )


# ---------------------------------------------------------------------- what is shown of it


def row_of(strategy: str = "a", **changes: Any) -> SummaryRow:
    """A strategy of the summary, with three runs of five."""
    known: dict[str, Any] = {
        "scenario": "split",
        "n": 3,
        "n_requested": 5,
        "mean": 0.5,
        "ci_low": 0.4,
        "ci_high": 0.6,
        "iqm": NAN,
        "rank_best": 2,
        "rank_worst": 3,
        "rank_reason": "",
        "group": "ab",
        "interval": "Student t",
        "iqm_low": NAN,
        "iqm_high": NAN,
    }
    return SummaryRow(strategy=strategy, **(known | changes))


def compared_of(**changes: Any) -> Comparison:
    """What a comparison of two strategies may hold."""
    known: dict[str, Any] = {
        "metric": "average_accuracy",
        "unit": "fraction",
        "higher_is_better": True,
        "alpha": 0.1,
        "tests": "by_design",
        "family": "pairs",
        "correction": None,
        "unpaired": False,
        "rope": None,
        "baseline": None,
        "design": "why",
        "omnibus": (omnibus_of(0.02),),
        "summary": Rows([row_of()]),
        "pairs": Rows([pair_of(), untested_pair("a", "c")]),
        "overall": None,
        "like_these": None,
        "text": ("said",),
        "left_out": (),
        "corrections": {"split": "holm"},
        "findings": (),
        "results": Results(RecordFile(1, "demo", "", {}, [])),
        "runs": (runs_of("a", [0.5]), runs_of("b", [0.5])),
    }
    return Comparison(**(known | changes))


def said(comparison: Comparison) -> str:
    """All its sentences, a line each."""
    return "\n".join(comparison.text)


def row_in(comparison: Comparison, strategy: str, scenario: str = SCENARIO) -> SummaryRow:
    """The row of a strategy in its summary."""
    for row in comparison.summary:
        if (row.scenario, row.strategy) == (scenario, strategy):
            return row
    raise AssertionError(f"there is no {strategy} on {scenario}")


def pair_in(comparison: Comparison, a: str, b: str) -> Pair:
    """The first pair of these two in this order."""
    for pair in comparison.pairs:
        if (pair.a, pair.b) == (a, b):
            return pair
    raise AssertionError(f"there is no pair {a}, {b}")


def repeat_of(**changes: Any) -> Repeat:
    """A cell that was measured again, and came out better in every seed."""
    known: dict[str, Any] = {
        "verdict": DIFFERS,
        "seeds": 10,
        "elsewhere": False,
        "first": 0.8,
        "again": 0.825,
        "difference": 0.025,
        "low": 0.01,
        "high": 0.04,
        "largest": 0.05,
        "unlike": 0,
        "p": 0.0125,
    }
    return Repeat(**(known | changes))
