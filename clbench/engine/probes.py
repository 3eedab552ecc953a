"""Probe metrics: what they see of the live stack, and when they are asked."""

from __future__ import annotations

import time
import traceback
import zlib
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor

from clbench.engine.draws import HOW_TO_PROBE, no_global_draws, packages_of
from clbench.engine.evaluate import evaluating
from clbench.engine.learner import Learner
from clbench.engine.probe import Probe
from clbench.engine.task import Batch, Task
from clbench.errors import GlobalDraw, StrategyError
from clbench.metrics import Undefined
from clbench.options import name_of
from clbench.stack import Stack, Stateful
from clbench.stack.tree import every_tensor

PROBE_SAMPLES = 100


class Meddled(StrategyError):
    """A probe metric wrote to what it was to look at: from here on the run is another one."""


class Probes(Stateful):
    """The cell's probe metrics.

    One that raises, returns a wrong shape or is undefined is named and left out; training goes on.

    Its state is what the metrics keep for themselves, `memory`. This and all else is by the
    metrics' labels.
    """

    wiring: ClassVar[frozenset[str]] = frozenset(
        {"metrics", "learner", "shown", "measurements", "in_steps"}
        | {"_fixed", "_watched", "_last_versions", "_found"}
    )

    def __init__(self, metrics: dict[str, Any], learner: Learner, shown: Any = None) -> None:
        self.metrics, self.learner = metrics, learner
        self.shown = learner.shown if shown is None else shown  # to the metrics
        self.measurements = learner.session.measurements
        self._fixed: dict[int, Batch] = {}
        self._watched: dict[str, int] = {}  # in which task each metric was last watched closely
        self._last_versions: dict[int, int] = {}  # of every tensor, since the metric before
        self._found: dict[Hashable, Any] = {}  # what metrics share that are asked at the same time
        self.memory: dict[str, dict[str, Any]] = {}
        self.in_steps = any(metric.when == "step" for metric in metrics.values())

    def due(self, when: str) -> dict[str, Any]:
        """The metrics that measure now."""
        return {
            label: metric
            for label, metric in self.metrics.items()
            # What failed once is not asked again.
            if metric.when == when and label not in self.measurements.faults
        }

    def ask(self, when: str, task: Task) -> Iterator[tuple[str, Tensor]]:
        """The values `[R, ...]` of the metrics that measure now."""
        due = self.due(when)
        if not due:
            return
        # One evaluation mode for all that measure now.
        with evaluating(self.learner):
            batch, net = self._batch(task), self._network()
            # Before the first metric: each is compared with what the one before left.
            self._last_versions = self._versions(net)
            self._found = {}
            for label, metric in due.items():
                try:
                    with self._timed(label):
                        value = self._undisturbed(label, metric, net, task, batch)
                    if isinstance(value, Undefined):
                        raise value
                    yield label, self._checked(label, value)
                # Not caught: from here on the numbers would be those of another run.
                except Meddled:
                    raise
                except (Exception, SystemExit) as error:
                    self.measurements.faults[label] = (_reason(error), isinstance(error, Undefined))
                    if (
                        label not in self.measurements.probes
                    ):  # measured all the same, so that nobody tries again
                        yield label, torch.full((self.learner.members,), torch.nan)

    @contextmanager
    def _timed(self, label: str) -> Iterator[None]:
        """Count how long this metric takes, our watch over it included, whatever comes of it."""
        # Kernels run behind the host's back: without waiting this would be the launching's time.
        self._wait()
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._wait()
            self.measurements.count_seconds(label, time.perf_counter() - begun)

    def _wait(self) -> None:
        """Until the device has done what it was asked for so far."""
        if self.learner.device.type == "cuda":
            torch.cuda.synchronize(self.learner.device)

    def _network(self) -> Stack | StrategyError:
        """The network to look at, or why there is none.

        Of a solo strategy these are copies, made once for all metrics.
        """
        try:
            # Weights that were kept are in the network itself, whatever the method made them from.
            kept = self.shown is not self.learner.shown
            return self.learner.net if kept else self.learner.shown_net()
        except StrategyError as lacking:
            return lacking

    def _undisturbed(
        self, label: str, metric: Any, net: Stack | StrategyError, task: Task, batch: Batch
    ) -> Any:
        """What the metric says.

        An error where it drew from a global generator, or wrote past torch's counts.

        To look for that takes longer than many a metric: it is done once a task.
        """
        if self._watched.get(label) == task.index:
            return self._measured(label, metric, net, task, batch)
        self._watched[label] = task.index
        packages, device = packages_of([type(metric)]), self.learner.device
        # Checksums read every tensor on the host: once a task, not in each measurement.
        before = self._contents(net)
        try:
            with no_global_draws(f"metric {label!r}", "measure", HOW_TO_PROBE, packages, device):
                return self._measured(label, metric, net, task, batch)
        finally:
            self._check_unchanged(metric, before, self._contents(net))

    def _measured(
        self, label: str, metric: Any, net: Stack | StrategyError, task: Task, batch: Batch
    ) -> Any:
        """What the metric says.

        What a strategy or its model lacks to be measured makes it undefined: it will be lacking
        next time, too.
        """
        if isinstance(net, StrategyError):
            return Undefined(str(net))
        try:
            seen = self._probe_of(label, metric, net, task, batch)
            # Metrics may read test data, which methods may not.
            with self.learner.probing(), task.streams.opened_test():
                return metric.measure(seen)
        except StrategyError as lacking:
            return Undefined(str(lacking))
        finally:
            self._check_versions(metric, net)

    def _probe_of(self, label: str, metric: Any, net: Stack, task: Task, batch: Batch) -> Probe:
        memory = self.memory.setdefault(label, {})
        sight = (net, self.shown, task, batch.x, batch.y)
        # By its name, so that what it draws does not depend on what it is called.
        name = name_of(type(metric))
        return Probe(*sight, name, memory, trained=self.learner, found=self._found)

    def _check_versions(self, metric: Any, net: Stack | StrategyError) -> None:
        """Raise where the metric wrote to what it looked at."""
        before, after = self._last_versions, self._versions(net)
        self._last_versions = after
        self._check_unchanged(metric, before, after)

    def _check_unchanged(
        self, metric: Any, before: Mapping[int, int], after: Mapping[int, int]
    ) -> None:
        """Raise where a tensor that was there before is another one now."""
        # Tensors that are new may be the metric's own.
        if any(before.get(which, now) != now for which, now in after.items()):
            ways = "a probe metric changes nothing; look ahead with probe.net.call(parameters, x)"
            raise Meddled(
                f"metric {name_of(type(metric))!r} wrote to the tensors of the strategy"
                f" while it measured: {ways}"
            )

    def _versions(self, net: Stack | StrategyError) -> dict[int, int]:
        """How often each tensor was written to, as torch
        counts: `p.data` and NumPy views are not counted.
        """
        return {id(tensor): tensor._version for tensor in self._held(net)}

    def _contents(self, net: Stack | StrategyError) -> dict[int, int]:
        """A checksum of each tensor: what it holds, however that came about."""
        return {id(tensor): _checksum(tensor) for tensor in self._held(net)}

    def _held(self, net: Stack | StrategyError) -> list[Tensor]:
        """The tensors of the strategy, and of the network that is shown."""
        held = list(every_tensor(self.learner.state()))
        if isinstance(net, Stack):
            held += every_tensor(net)
        return held

    def _checked(self, label: str, value: Any) -> Tensor:
        if (
            not isinstance(value, Tensor)
            or value.dim() < 1
            or value.shape[0] != self.learner.members
        ):
            got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(
                f"measure returned {got}; a tensor [members, ...] with {self.learner.members}"
                " members is wanted"
            )
        self.measurements.check(self.measurements.probes, label, value)
        return value

    def _batch(self, task: Task) -> Batch:
        if task.index not in self._fixed:
            with torch.no_grad():
                self._fixed = {
                    task.index: next(iter(task.batches("train", PROBE_SAMPLES, PROBE_SAMPLES)))
                }
        return self._fixed[task.index]


def _checksum(tensor: Tensor) -> int:
    flat = tensor.detach().reshape(-1)
    # As bytes, so -0.0 differs from 0.0, and NaN equals itself.
    return zlib.crc32(flat.view(torch.uint8).cpu().numpy().data) if flat.numel() else 0


def _reason(error: BaseException) -> str:
    """In a line; behind it the traceback, where it is no answer."""
    if isinstance(error, Undefined):
        return error.reason
    if isinstance(error, GlobalDraw):
        return str(error)
    return f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
