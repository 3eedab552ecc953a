"""Training steps as device graphs: a small network's step is many
small kernels, and launching them takes longer than running them.

A graph repeats what one step did, kernel by kernel, over the same addresses. So a step can be
captured that does its work in tensors of the state, written in place, and in nothing else: no value
is read on the host, and neither a Python number nor the place of a tensor changes from step to
step. Methods declare that (`capturable`); here it is checked before it is relied upon, and what
cannot be captured runs as it always did, with the reason in the record.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench.engine.learner import Learner
from clbench.errors import StrategyError
from clbench.stack import Reference, Stack, Stateful, objects, walk
from clbench.stack.state import PLAIN
from clbench.stack.tree import author_path

MAX_GRAPHS = 8  # graphs kept at once: each holds the memory of a step
CAPTURED = "captured"
NO_MARK = object()


class Steps:
    """Runs a job's steps: as they are, or, on a GPU, captured once and replayed.

    `step` is given samples `[3, R, B]` (index, task and label of each) and returns the losses
    `[R]`, or None. Of every kind of step (who takes part, how many samples) the first runs as it
    is, the second is looked at, the third is captured. `why` is the reason where nothing is
    captured.
    """

    def __init__(
        self, learner: Learner, step: Callable[[Tensor], Tensor | None], graphs: str = "auto"
    ) -> None:
        self.step, self.session, self.state = step, learner.session, learner.state()
        self.learner = learner
        self.must = graphs == "on"
        self.why: str | None = "switched off" if graphs == "off" else None
        self.graphs: dict[Any, Captured] = {}
        self.seen: dict[Any, int] = {}
        self.last: Captured | None = None
        self.known: Outline | None = None
        self.at: Any = None  # the task and phase of the graphs
        self.own: torch.cuda.Stream | None = None
        # Before `declared`, which asks the method: on a CPU nobody is bothered.
        if learner.device.type != "cuda":
            self.why = "not on a GPU"
        elif self.why is None and (reason := declared(learner)):
            self._refuse(reason)

    @property
    def said(self) -> str:
        """For the record: `captured`, or why not.

        Empty on a CPU, where there is nothing to capture.
        """
        if self.session.device.type != "cuda":
            return ""
        return CAPTURED if self.why is None else f"eager: {self.why}"

    def __call__(self, samples: Tensor) -> Tensor | None:
        """One step."""
        if self.why is not None:
            return self.step(samples)
        if self.learner.eager_step():
            return self._eager(samples)
        # What shapes and branches of a step follow from.
        kind = tuple(samples.shape), tuple(self.session.active)
        graph = self.graphs.get(kind)
        if graph is None:
            # The first step may make tensors (optimisers their moments), the second shows whether
            # it changes what a graph could not, the third is recorded.
            times = self.seen[kind] = self.seen.get(kind, 0) + 1
            if times == 2:
                return self._watched(samples)
            if (
                # Between these, and where there are enough graphs, the step runs as it is.
                times != 3
                or len(self.graphs) == MAX_GRAPHS
                or (graph := self._capture(samples)) is None
            ):
                self.last = None
                return self.step(samples)
            self.graphs[kind] = graph
        if graph is not self.last:
            # Another graph, or no graph, wrote the gradients last.
            graph.publish()
            self.last = graph
        # The only input: the graph reads this address.
        graph.samples.copy_(samples)
        graph.graph.replay()
        return graph.loss

    @contextlib.contextmanager
    def stream(self) -> Iterator[None]:
        """A stream of the job's own, for the default one cannot be captured.

        All of a job's training runs on it, as gradients want it.
        """
        if self.why is not None and self.own is None:
            yield
            return
        self.own = self.own or torch.cuda.Stream(self.session.device)
        before = torch.cuda.current_stream(self.session.device)
        # Work that was begun on the stream before has to be done first, and the other way round
        # below.
        self.own.wait_stream(before)
        try:
            with torch.cuda.stream(self.own):
                yield
        finally:
            before.wait_stream(self.own)

    def begin_epoch(self) -> None:
        """Whatever ran between two epochs may have changed
        what a step depends on: forget the graphs if it did.
        """
        if self.why is not None:
            return
        # Tasks and phases change data and hooks, whose Python values are burnt into a graph.
        at = self.session.task, self.session.phase
        if at != self.at:
            self.forget()
        self._forget_if_changed()
        self.at = at

    def _eager(self, samples: Tensor) -> Tensor | None:
        """A step that the method wants to run as it is, while others like it are replayed."""
        loss = self.step(samples)
        self.last = None
        self._forget_if_changed()
        return loss

    def _forget_if_changed(self) -> None:
        """Forget the graphs if what a step depends on is no longer what they were captured with."""
        # Against the state at the capture: a tensor in another place, a plain value that changed.
        if self.known is not None and self.known.difference(Outline.of(self.state)):
            self.forget()

    def forget(self) -> None:
        """Capture anew whatever comes: a step reads other
        tensors than those that graphs were captured with.
        """
        self.graphs, self.seen, self.last, self.known = {}, {}, None, None

    def _watched(self, samples: Tensor) -> Tensor | None:
        before = Outline.of(self.state)
        loss = self.step(samples)
        # Of this one step, so the message can name what it did.
        if changed := before.difference(Outline.of(self.state)):
            self._refuse(changed)
        return loss

    def _capture(self, samples: Tensor) -> Captured | None:
        """The step as a graph; nothing is computed yet.

        None, and never tried again, where it cannot be.
        """
        # The graph's own input, at an address that stays.
        made = Captured(torch.cuda.CUDAGraph(), samples.clone())
        # Nothing of this device may be under way when a capture begins.
        torch.cuda.synchronize(samples.device)
        collecting = gc.isenabled()
        gc.disable()  # to free another graph's memory is not allowed meanwhile
        try:
            # Other threads (fetching of data) may go on calling CUDA meanwhile.
            made.graph.capture_begin(capture_error_mode="thread_local")
            try:
                made.loss = self.step(made.samples)
            finally:
                made.graph.capture_end()
        except Exception as error:
            first = error.__context__ or error  # a capture that failed fails again when it is ended
            self._refuse(
                f"the capture failed: {type(first).__name__}:"
                f" {str(first).splitlines()[0] if str(first) else 'no message'}"
            )
            return None
        finally:
            if collecting:
                gc.enable()
        made.note(self.state)
        # After the capture, which runs the step's Python and so may set values.
        self.known = Outline.of(self.state)
        return made

    def _refuse(self, why: str) -> None:
        if self.must:
            raise StrategyError(f"graphs are on, and the step cannot be captured: {why}")
        self.why = why
        self.forget()


def declared(learner: Learner) -> str | None:
    """Who says that a step cannot be captured: a part of the method,
    an optimiser, or images that are fetched from the host.
    """
    if reason := learner.uncapturable():
        return reason
    if not learner.session.streams.resident:
        return "the images do not fit on the device, and each batch comes from the host"
    return None


@dataclass
class Captured:
    """A graph, where its input goes and its output appears, and
    what else a step leaves behind for others to look at.
    """

    graph: Any
    samples: Tensor
    loss: Tensor | None = None
    grads: list[tuple[Tensor, Tensor | None]] = field(default_factory=list)
    watched: list[tuple[Any, Any]] = field(default_factory=list)

    def note(self, state: Stateful) -> None:
        """The gradients and activations at hand are those that this graph writes."""
        self.grads = [
            # A graph writes gradients into the tensors it was captured with.
            (tensor, tensor.grad)
            for tensor in Outline.of(state).tensors
            if tensor.is_leaf and tensor.requires_grad
        ]
        watchers = [item.watcher for _, item in objects(state) if isinstance(item, Stack)]
        self.watched = [(watcher, watcher.of_step()) for watcher in watchers]

    def publish(self) -> None:
        """Let them be found where they are looked for."""
        for tensor, grad in self.grads:
            tensor.grad = grad
        for watcher, step in self.watched:
            watcher.show(step)


@dataclass(frozen=True)
class Outline:
    """All that a step may depend on but for the numbers in its
    tensors: where each tensor lies, and every plain value.

    The tensors are kept, so that no other can come to lie where one was.
    """

    marks: dict[str, Any]
    tensors: list[Tensor]

    @classmethod
    def of(cls, root: Stateful) -> Outline:
        """Walk through the state."""
        marks: dict[str, Any] = {}
        found: list[Tensor] = []
        for node in walk(root):
            if isinstance(node.value, Tensor):
                found.append(node.value)
            if (mark := _mark(node.value)) is not NO_MARK:
                marks[node.path] = mark
        return cls(marks, found)

    def difference(self, later: Outline) -> str | None:
        """The first thing that is otherwise later, as a
        sentence for the author; None where all is as it was.
        """
        for path, mark in later.marks.items():
            if path not in self.marks:
                return (
                    f"a step adds {author_path(path)} to the state; make it in setup or begin_task"
                )
            before = self.marks[path]
            if isinstance(mark, Where) and isinstance(before, Where) and mark != before:
                return (
                    f"a step replaces the tensor {author_path(path)};"
                    " write into it instead (copy_, add_, lerp_)"
                )
            # NaN is not equal to itself, and yet has not changed.
            if mark != before and not (mark != mark and before != before):
                return (
                    f"a step changes the Python value {author_path(path)}"
                    f" ({before!r}, then {mark!r}); keep it as a tensor [members]"
                )
        gone = [path for path in self.marks if path not in later.marks]
        return f"a step removes {author_path(gone[0])} from the state" if gone else None


@dataclass(frozen=True)
class Where:
    """Where a tensor lies, and how."""

    pointer: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    trained: bool

    @classmethod
    def of(cls, tensor: Tensor) -> Where:
        """As it lies now."""
        shape, stride = tuple(tensor.shape), tensor.stride()
        return cls(tensor.data_ptr(), shape, stride, tensor.dtype, tensor.requires_grad)


def _mark(value: Any) -> Any:
    """What of a value itself a step may depend on; `NO_MARK` of a holder of others."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, Reference):
        return value.address
    if isinstance(value, Tensor):
        return Where.of(value)
    if isinstance(value, (set, np.ndarray, np.generic, torch.dtype, torch.device)):
        return repr(value)
    return NO_MARK
