"""Metrics: the base classes, what they see, and the arithmetic of accuracy matrices."""

from clbench.metrics.base import Metric, Probe, ProbeMetric, RecordMetric, Undefined, is_probe
from clbench.metrics.run import RunView

__all__ = ["Metric", "Probe", "ProbeMetric", "RecordMetric", "RunView", "Undefined", "is_probe"]
