"""The metrics of a suite, and which of them is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clbench.errors import suggest
from clbench.metrics import is_probe
from clbench.suite.choice import MetricChoice
from clbench.suite.entries import Resolver
from clbench.suite.grids import Variant
from clbench.suite.problems import Problems, must_be

if TYPE_CHECKING:
    from clbench.host import Host

DEFAULT_METRICS = ("average_accuracy", "forgetting")


def asked_metrics(
    data: Mapping[str, Any], host: Host, problems: Problems
) -> tuple[MetricChoice, ...]:
    """What stands under `metrics:`, or the usual ones; no two are called alike."""
    value = data.get("metrics")
    if value is None:
        value = [name for name in DEFAULT_METRICS if name in host.names("metric")]
    if not isinstance(value, list):
        problems.add(("metrics",), must_be("a list of metrics", value))
        return ()
    resolver = Resolver(host, problems)
    found: dict[str, MetricChoice] = {}
    for position, entry in enumerate(value):
        metric = resolver.metric(Variant(entry, ("metrics", position)))
        if metric is None:
            continue
        if metric.label in found:
            problems.add(("metrics", position), _called_alike(metric))
        found.setdefault(metric.label, metric)
    return tuple(found.values())


def _called_alike(metric: MetricChoice) -> str:
    if metric.label != metric.name:
        return f"two metrics are called {metric.label!r}; give each a label of its own"
    return (
        f"{metric.name!r} is asked for twice; give one of the two a label:"
        f" {{{metric.name}: {{label: another_word}}}}"
    )


def check_comparable(
    label: str, host: Host, metrics: Sequence[MetricChoice], problems: Problems
) -> None:
    """What is compared can be computed from any record, or is measured while this suite runs."""
    wrong = _why_not_comparable(label, host, metrics, problems)
    if wrong:
        problems.add(("compare", "metric"), wrong)


def _why_not_comparable(
    label: str, host: Host, metrics: Sequence[MetricChoice], problems: Problems
) -> str:
    """What stands against comparing this; empty where nothing does."""
    names = host.names("metric")
    asked = {metric.label: metric.name for metric in metrics}
    name = asked.get(label, label)
    if name in names and host.get("metric", name).summary == "none":
        return f"{label!r} is there to be drawn, and no number to compare"
    if label in asked:
        return ""
    if label not in names:
        return f"unknown metric {label!r}{suggest(label, {*names, *asked})}"
    # A metric that is asked for wrongly may be this one.
    unsound = any(problem.path.startswith("metrics") for problem in problems.found)
    if unsound or not _only_while_running(host.get("metric", label)):
        return ""
    return _not_measured_here(label, metrics)


def _not_measured_here(label: str, metrics: Sequence[MetricChoice]) -> str:
    """What to write for a metric that only a run can measure, and this suite's does not."""
    labels = [repr(metric.label) for metric in metrics if metric.name == label]
    if labels:
        called = " and ".join(labels)
        return f"{label!r} is measured here as {called}; write which is compared"
    only = f"{label!r} can only be measured while a run goes on"
    return f"{only}; write it under `metrics:` too"


def _only_while_running(kind: Any) -> bool:
    """Whether no record that lacks the metric could give it afterwards."""
    return is_probe(kind) or bool(getattr(kind, "needs", None))
