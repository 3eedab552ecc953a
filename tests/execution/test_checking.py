"""What `validate` and `run` refuse before anything trains, because of the data or of a budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SUITE = """
    name: refused
    scenarios: [{scenario}]
    protocol: {{model: {{mlp: {{hidden: [8]}}}}, epochs: 1{protocol}}}
    seeds: 2
    strategies: [naive, {strategy}]
"""
SPLIT = "split: {dataset: digits, tasks: 5}"


def suite(strategy: str, scenario: str = SPLIT, protocol: str = "") -> str:
    return SUITE.format(strategy=strategy, scenario=scenario, protocol=protocol)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            suite("joint", "random_labels: {dataset: digits, samples: 5000, tasks: 2}"),
            "scenario random_labels: samples: 5000 images, and the data set has 1442",
        ),
        (
            suite("er: {memory: 20B}"),
            "split, er: er: memory: 20B has no room for a single sample, which takes 65 bytes",
        ),
        # An image and its label would fit, but not the ten logits beside them.
        (
            suite("derpp+ewc: {derpp: {memory: 100B}}"),
            "derpp: memory: 100B has no room for a single sample, which takes 105 bytes",
        ),
        # Nor does the network that it keeps.
        (suite("icarl: {memory: 2kB}"), "split, icarl: icarl: "),
        (
            suite("head_reset", "split: {dataset: digits, setting: task}", ", head: multi"),
            "in 'split': head_reset: each task has a fresh last layer with `head: multi`",
        ),
        (
            suite("ewc+hypernetwork"),
            "hypernetwork generates the weights that are trained and tested, and ewc would look",
        ),
    ],
)
def test_what_cannot_train_is_exit_2_before_anything_does(
    project: Any, text: str, said: str
) -> None:
    project.write("refused.yaml", text)
    for command in (("validate",), ("run", "--workers", "0", "--quiet")):
        answer = project.clbench(*command, "refused.yaml")
        assert answer.code == 2
        assert said in answer.stderr
        assert "Traceback" not in answer.stderr
    assert not (project.folder / "results").exists()


def test_every_budget_that_is_too_small_is_named_at_once(project: Any) -> None:
    project.write("refused.yaml", suite("er: {memory: {grid: [20B, 30B, 2kB]}}"))
    said = project.clbench("validate", "refused.yaml").stderr
    assert "er(memory=20B): er: memory: 20B has no room" in said
    assert "er(memory=30B): er: memory: 30B has no room" in said
    assert "2kB" not in said


def test_without_the_data_the_rest_is_checked(project: Any, data_root: Path) -> None:
    mnist = "split: {dataset: mnist, tasks: 5}"
    project.write("refused.yaml", suite("er: {memory: 20B}", mnist))
    answer = project.clbench("validate", "refused.yaml")
    assert (answer.code, "is sound" in answer.stdout) == (0, True)
    assert "split: its data is not here, and was not looked at" in answer.stderr
    project.write("refused.yaml", suite("er: {memory: 20B}", f"{mnist}, {SPLIT[:-1]}, label: d}}"))
    answer = project.clbench("validate", "refused.yaml")
    assert answer.code == 2
    assert "d, er: er: memory: 20B has no room" in answer.stderr
