"""From a suite of S000's four variants to the tests over them, of runs taken as independent and
paired by seed.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from scipy import stats

import clbench

SUITE = """
    name: variants
    scenarios: [pairs: {dataset: digits, tasks: 2}]
    protocol:
      model:
        hebbian: {units: [8], kernel: [3], temperature: [1.0], rate: [0.08], power: [0.7]}
      epochs: 2
      optimizer: {adam: {lr: 0.01}}
      evaluate: seen
    seeds: 6
    strategies:
      - softhebb: {label: V}
      - softhebb+kernel_plasticity: {label: KP, kernel_plasticity: {delta_w_interval: 5}}
      - softhebb+multihead_swap: {label: M}
      - softhebb+kernel_plasticity+multihead_swap:
          {label: KPM, kernel_plasticity: {delta_w_interval: 5}}
    metrics: [first_task_accuracy]
    compare: {metric: first_task_accuracy, baseline: V}
"""
RECORD = "results/variants/variants.h5"


@pytest.fixture
def measured(project: Any) -> Any:
    """The project, once the suite has run."""
    project.write("variants.yaml", SUITE)
    answer = project.clbench("run", "variants.yaml", "--workers", "0", "--quiet")
    assert answer.code == 0, answer.stderr
    return project


def compared(project: Any, *options: str) -> dict[str, Any]:
    answer = project.clbench("compare", RECORD, "--format", "json", *options)
    assert answer.code == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_kruskal_wallis_with_post_hoc_tests_and_wilcoxon_on_pairs(measured: Any) -> None:
    independent = compared(measured, "--unpaired")
    frame = clbench.load(measured.folder / RECORD).frame(["first_task_accuracy"])
    runs = {name: part.value for name, part in frame[frame.task.isna()].groupby("strategy")}
    assert {name: len(values) for name, values in runs.items()} == dict.fromkeys(
        ("KP", "KPM", "M", "V"), 6
    )
    kruskal = stats.kruskal(*runs.values())
    assert independent["metric"] == "first_task_accuracy"
    assert independent["omnibus"]["test"] == "Kruskal-Wallis"
    assert independent["omnibus"]["p"] == pytest.approx(kruskal.pvalue)
    assert [pair["test"] for pair in independent["pairs"]] == ["Dunn"] * 6
    assert any(
        "Kruskal-Wallis over 4 strategies and 24 runs" in line for line in independent["text"]
    )
    paired = compared(measured, "--tests", "ranks")
    assert paired["omnibus"]["test"] == "Friedman"
    assert [pair["test"] for pair in paired["pairs"]] == ["Wilcoxon signed-rank, exact"] * 6
