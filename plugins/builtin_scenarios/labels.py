"""Labels as the data set has them, or mapped to the same 0..n-1 in every task."""

from __future__ import annotations

from typing import Literal

from clbench import Scenario

Labels = Literal["global", "mapped"]


def check_labels(scenario: Scenario, labels: Labels | None) -> None:
    """Refuse labels that mean another setting than the one asked for."""
    if labels == "mapped" and scenario.setting == "class":
        scenario.refuse(
            "labels",
            "labels mapped to 0..n-1 with nothing known of the task is the domain setting:"
            " write setting: domain",
        )
    if labels == "global" and scenario.setting == "domain":
        scenario.refuse(
            "labels",
            "in the domain setting every task has the labels 0..n-1;"
            " global labels are for class and task",
        )


def are_mapped(scenario: Scenario, labels: Labels | None) -> bool:
    """Whether they are mapped: where that is wanted, and always in the domain setting."""
    return labels == "mapped" or scenario.setting == "domain"
