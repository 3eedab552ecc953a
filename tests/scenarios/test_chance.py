from __future__ import annotations

import numpy as np
import pytest

from clbench.data.arrays import Arrays
from clbench.scenarios.chance import chance_levels
from clbench.scenarios.heads import with_head_per_task
from clbench_plugins.builtin_scenarios.split import Split
from clbench_plugins.builtin_scenarios.warped import Permuted

EQUAL = (4, 4, 4, 4, 4, 4)
UNEQUAL = (2, 6, 4, 4, 4, 4)


def arrays(test: tuple[int, ...] = EQUAL) -> Arrays:
    """Six classes, of so many test samples each."""
    y_train, y_test = np.repeat(np.arange(6), 10), np.repeat(np.arange(6), test)
    x = np.zeros((60, 2, 2, 1), np.uint8)
    return Arrays("six", x, y_train, x[: len(y_test)], y_test, 6, "")


def levels(scenario, data: Arrays, *, multi: bool = False) -> dict[str, float]:
    layout, streams = scenario.layout(data), [scenario.stream(data, s, 0, 0.0) for s in (0, 1)]
    if multi:
        layout, streams = with_head_per_task(layout, streams)
    return chance_levels(data, layout, streams)


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_one_of_all_classes_in_the_class_setting(order: str) -> None:
    found = levels(Split(dataset="six", tasks=3, class_order=order), arrays())
    assert found == pytest.approx({"task": 1 / 2, "all": 1 / 6})


def test_classes_that_no_task_has_do_not_count() -> None:
    found = levels(Split(dataset="six", tasks=2, classes_per_task=2), arrays())
    assert found == pytest.approx({"task": 1 / 2, "all": 1 / 4})


@pytest.mark.parametrize("multi", [False, True])
def test_one_of_a_tasks_classes_where_the_task_is_known(multi: bool) -> None:
    found = levels(Split(dataset="six", tasks=2, setting="task"), arrays(), multi=multi)
    assert found == pytest.approx({"task": 1 / 3, "all": 1 / 3})


def test_one_of_the_labels_that_all_tasks_have_in_the_domain_setting() -> None:
    found = levels(Split(dataset="six", tasks=3, setting="domain"), arrays())
    assert found == pytest.approx({"task": 1 / 2, "all": 1 / 2})
    permuted = levels(Permuted(dataset="six", tasks=4, setting="domain"), arrays())
    assert permuted == pytest.approx({"task": 1 / 6, "all": 1 / 6})


def test_the_most_frequent_class_counts_where_they_are_unequal() -> None:
    """Tasks of 2 and 6, 4 and 4, 4 and 4 samples: 3/4, 1/2 and 1/2 by the best guess for each."""
    data = arrays(UNEQUAL)
    found = levels(Split(dataset="six", tasks=3), data)
    assert found == pytest.approx({"task": (3 / 4 + 1 / 2 + 1 / 2) / 3, "all": 3 / 4 / 3})
    domain = levels(Split(dataset="six", tasks=3, setting="domain"), data)
    assert domain == pytest.approx({"task": 1.75 / 3, "all": 1.75 / 3})
