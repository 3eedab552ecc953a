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
from clbench.words import counted

ACCURACIES = ("average_accuracy",)  # means over the whole test set


def shared_test_sets(tested: Tested) -> Iterable[SharedTestSet]:
    """Once a scenario, and only where a proven difference is smaller than the sampling error."""
    rules = tested.rules
    if rules.metric not in ACCURACIES:
        return
    for scenario, images in _images_by_scenario(tested.pooled.results.cells).items():
        pairs = [pair for pair in tested.pairs_on(scenario) if _is_proven(pair, rules.alpha)]
        if pairs and images:
            closest = min(pairs, key=lambda pair: abs(pair.difference))
            found = _on_test_set(tested, scenario, images, closest)
            if found.difference < found.error:
                yield found


def _on_test_set(tested: Tested, scenario: str, images: int, pair: Pair) -> SharedTestSet:
    """The sampling error is that of an accuracy halfway between the two."""
    means = {one.strategy: one.mean for one in tested.by_scenario[scenario]}
    accuracy = (means[pair.a] + means[pair.b]) / 2
    error = sampling_error(accuracy, images, tested.rules.level)
    return SharedTestSet(scenario, images, error, accuracy, abs(pair.difference))


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
    about = "about" if found.images_apart >= 1 else "less than"
    images = counted(max(1, round(found.images_apart)), "image")
    accuracy, error, difference = map(_percent, (found.accuracy, found.error, found.difference))
    return (
        f"{found.scenario}: the test set has {found.images} images, the same in all runs; at"
        f" {accuracy} % its sampling error is ±{error} points, and the smallest difference that is"
        f" shown, {difference} points, is {about} {images}: shown for these images, and perhaps"
        " for no others."
    )


def _percent(fraction: float) -> str:
    return show_number(fraction, "fraction")
