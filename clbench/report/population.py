"""What the size of the test set means for differences that are proven.

All runs share one test set, so intervals over seeds do not hold its error: a difference may be
certain on these images, and absent on others.
"""

from __future__ import annotations

from collections.abc import Iterable

from clbench.records import CellRecord
from clbench.report.contest import Pair, differs
from clbench.report.findings import SharedTestSet
from clbench.report.numbers import show_number
from clbench.report.tested import Tested
from clbench.stats.proportions import sampling_error

ACCURACIES = ("average_accuracy",)  # means over the whole test set


def shared_test_sets(tested: Tested) -> Iterable[SharedTestSet]:
    """Once a scenario, and only where a proven difference is smaller than the sampling error."""
    rules = tested.rules
    if rules.metric not in ACCURACIES:
        return
    means = {(one.scenario, one.strategy): one.mean for one in tested.runs}
    for scenario, images in _images_by_scenario(tested.pooled.results.cells).items():
        pairs = [pair for pair in tested.pairs_on(scenario) if _is_proven(pair, rules.alpha)]
        if not pairs or not images:
            continue
        closest = min(pairs, key=lambda pair: abs(pair.difference))
        accuracy = (means[scenario, closest.a] + means[scenario, closest.b]) / 2
        error = sampling_error(accuracy, images, 1 - rules.alpha)
        if abs(closest.difference) < error:
            yield SharedTestSet(scenario, images, error, accuracy, abs(closest.difference))


def _is_proven(pair: Pair, alpha: float) -> bool:
    """Shown, and with a size: where all runs of one failed there is none."""
    return differs(pair, alpha) and abs(pair.difference) > 0


def _images_by_scenario(cells: Iterable[CellRecord]) -> dict[str, int]:
    """Where every strategy says so, and they agree: of others nobody knows the images."""
    said: dict[str, set[int]] = {}
    for cell in cells:
        said.setdefault(cell.scenario, set()).add(cell.test_images)
    return {scenario: sizes.pop() for scenario, sizes in said.items() if len(sizes) == 1}


def words_on_test_set(found: SharedTestSet) -> str:
    """What a difference is in images."""
    apart = max(1, round(found.images_apart))
    noun = "image" if apart == 1 else "images"
    about = "about " if found.images_apart >= 1 else "less than "
    error, difference = (show_number(one, "fraction") for one in (found.error, found.difference))
    return (
        f"{found.scenario}: the test set has {found.images} images, the same in all runs; at"
        f" {show_number(found.accuracy, 'fraction')} % its sampling error is ±{error} points, and"
        f" the smallest difference that is shown, {difference} points, is {about}{apart} {noun}:"
        " shown for these images, and perhaps for no others."
    )
