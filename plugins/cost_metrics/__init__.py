"""What a run costs, as the engine measured it."""

from __future__ import annotations

from typing import Any

from clbench import RecordMetric, RunView, Undefined, hookimpl


class CostMetric(RecordMetric):
    """A cost that the record holds under the metric's own name."""

    higher_is_better = False

    def value(self, run: RunView) -> Any:
        cost = run.cost.get(self.name)
        return Undefined(f"the record holds no {self.name}") if cost is None else cost


class TrainSeconds(CostMetric):
    """Seconds of training by task, a stack's time divided by its members; tables show the sum.
    Evaluation is left out.
    """

    name = "train_seconds"
    unit = "seconds"
    summary = "sum"


class PeakMemory(CostMetric):
    """The largest memory in use by the whole stack: the device allocator's peak on a GPU; on a CPU
    what the process grew by.

    Unknown where the system does not tell it (elsewhere than on Linux).
    """

    name = "peak_memory"
    unit = "bytes"
    summary = "max"


class Parameters(CostMetric):
    """Numbers in the network, biases included."""

    name = "parameters"
    unit = "count"


class StateBytes(CostMetric):
    """What the method keeps beside its network at the end: buffers, old models, importances, bases.

    A sample in a buffer counts as its image, a byte a pixel and channel, its label and what is kept
    beside it (logits), though here it is kept as an index into the data.
    """

    name = "state_bytes"
    unit = "bytes"


class DeviceBytes(CostMetric):
    """What the method's tensors beside its network took where they lay: `state_bytes` with indices
    for images.
    """

    name = "device_bytes"
    unit = "bytes"


class BytesSent(CostMetric):
    """What an agent sent to the others in the whole run; a seed counts with its agents' mean."""

    name = "bytes_sent"
    unit = "bytes"
    summary = "sum"


@hookimpl
def clbench_metrics() -> list[type]:
    return [TrainSeconds, PeakMemory, Parameters, StateBytes, BytesSent]
