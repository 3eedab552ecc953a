"""Records of a few numbers, and plugins with metrics to add to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clbench.records import CellRecord, RecordFile, write_file, write_record

LATER = '''
    from clbench import ProbeMetric, RecordMetric, Undefined, hookimpl


    class Spread(RecordMetric):
        """Best minus worst task at the end."""

        factor: float = 1.0

        def value(self, run):
            if run.seed == 1:
                return Undefined("one is unlucky")
            return self.factor * (run.accuracy[-1].max() - run.accuracy[-1].min())


    class Norm(ProbeMetric):
        """The length of all weights, and how much of the probe batch is not black."""

        def measure(self, probe):
            size = sum(p.detach().flatten(1).square().sum(1) for p in probe.net.parameters())
            seen = sum((b.x.flatten(1) > 0).sum(1) for b in probe.data("test", "seen", 20))
            return size + (probe.x.flatten(1) > 0).sum(1) + seen


    class AtTheEnd(Norm):
        """The same, once."""

        when = "run_end"


    class Epochs(Norm):
        """Too often."""

        when = "epoch_end"


    class Nosy(ProbeMetric):
        """Looks at the method."""

        def measure(self, probe):
            return probe.strategy.memory


    @hookimpl
    def clbench_metrics():
        return [Spread, Norm, AtTheEnd, Epochs, Nosy]
'''


def cell(
    seeds: list[int], key: str = "k1", label: str = "er", value: float = 0.5, **changes: Any
) -> CellRecord:
    accuracy = np.full((len(seeds), 3, 2), value)
    accuracy[:, 2, 1] = 0.75
    known = {
        "content": {"scenario": ["split", {}], "data": "d"},
        "options": {"memory": 5},
    } | changes
    return CellRecord(key, "split", "er", label, np.array(seeds), accuracy, **known)


def record(
    path: Path,
    *cells: CellRecord,
    suite: str = "tiny",
    text: str = "name: tiny",
    **environment: Any,
) -> Path:
    write_record(
        path, cells, suite=suite, suite_text=text, environment=environment or {"python": "3"}
    )
    return path


def edited(path: Path) -> Path:
    """A record whose suite asks for `er` alone: `ewc` has left it, and so have two seeds."""
    apart = [
        cell([0, 1], "k2", "ewc", apart="the suite no longer asks for it"),
        cell([7, 8], apart="the suite no longer asks for these seeds"),
    ]
    write_file(path, RecordFile(1, "tiny", "name: tiny", {}, [cell([0, 1])], (), apart))
    return path
