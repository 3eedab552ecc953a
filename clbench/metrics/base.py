"""What a metric is: a class with options that turns a run, or a live stack, into numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar

from clbench.options import Configurable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from clbench.metrics.run import RunView

Value: TypeAlias = "float | np.floating[Any] | npt.NDArray[Any] | Undefined"
Summary = Literal["last", "mean", "min", "max", "sum", "none"]
Found = TypeVar("Found")
When = Literal["step", "epoch_end", "task_end", "run_end"]


class Undefined(Exception):
    """Why a metric has no value here: it returns this, or raises it from where it notices."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Metric(Configurable):
    """What both kinds of metrics say of themselves.

    `summary` is the number that tables show where a metric gives several: the last one, or the
    mean, minimum, maximum or sum along the first axis (tasks, epochs or steps). What remains after
    that, such as a number a layer, is shown by its first entry, so the number for the whole network
    comes first. `none`: there is no such number, and no table shows the metric; its values are
    there to be drawn, and `empty` says how.
    """

    summary: ClassVar[Summary] = "last"
    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = ""  # "fraction" is shown in percent, "seconds" and "bytes" in handy units
    limits: ClassVar[tuple[float, float] | None] = (
        None  # what no value lies beyond: (0, 1) for an accuracy, but not for a difference of two
    )
    # Why a run may have no number of it although it was measured, in a sentence.
    empty: ClassVar[str] = ""
    # What the engine measures only where a metric asks for it: the curves "online_accuracy" (a
    # value a task) and "train_accuracy" (a value an epoch), and the note "recency", of each test
    # set the share of predictions that fall on the last task's classes minus the share of its
    # samples.
    needs: ClassVar[tuple[str, ...]] = ()


class RecordMetric(Metric):
    """A pure function of what was stored; it can be added to an old record."""

    def value(self, run: RunView) -> Value:
        """One member's number, its numbers task by task, or `Undefined`."""
        raise NotImplementedError(f"{type(self).__name__} does not define value(run)")


class ProbeMetric(Metric):
    """Looks at the live stack while it runs, and changes nothing: neither weights nor randomness.

    `when` is an option of every probe metric. One that makes sense at some times only says so with
    a type of its own: `when: Literal["task_end", "epoch_end"] = "task_end"`.
    """

    when: When = "task_end"  # task_end, epoch_end, run_end or step

    def measure(self, probe: Probe) -> Tensor | Undefined:
        """A number a member, `[R]`, or more of them, `[R, ...]`."""
        raise NotImplementedError(f"{type(self).__name__} does not define measure(probe)")


def is_probe(metric: Any) -> bool:
    """Whether a metric, or its class, is measured while a run goes on.

    Not whether it has a `measure`: that may be an option of a record metric.
    """
    kind = metric if isinstance(metric, type) else type(metric)
    return issubclass(kind, ProbeMetric)


class Probe(Protocol):
    """What a probe metric sees: the stack in evaluation mode, and data to look at it with."""

    net: Any  # the stack, for a solo strategy too
    strategy: Any
    task: Any  # the task being trained
    x: Tensor  # [R, B, ...], a fixed batch
    y: Tensor  # [R, B]
    memory: dict[str, Any]  # kept for this metric until it measures again, in checkpoints too

    def rng(self, name: str = "") -> Any:
        """The members' own random numbers for this metric, the same all through a task."""
        ...

    def data(self, split: str, tasks: Any, n: int | None = None) -> Any:
        """Up to `n` samples a member of each of these tasks (all of them by default), from `train`,
        `validation` or `test`.
        """
        ...

    def tasks(self, which: Any = "seen") -> Any:
        """Which tasks are `seen`, `unseen`, `all` or `current`, counted from 0."""
        ...

    def classes(self, tasks: Any = "seen") -> Tensor:
        """`[R, classes]`: which outputs belong to any of these tasks."""
        ...

    def losses(self, logits: Tensor, batch: Any) -> Tensor:
        """`[R, B]`: each sample's cross-entropy on the trained logits; 0 in rows left out."""
        ...

    def predict(self, batch: Any) -> Tensor:
        """`[R, B, classes]`: what the strategy predicts, -inf where an output does not count."""
        ...

    def once(self, work: Callable[..., Found], *args: Any) -> Found:
        """`work(probe, *args)`, done once for all metrics that ask at this time, and read-only."""
        ...
