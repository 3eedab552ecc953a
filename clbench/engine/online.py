"""Online accuracy: what is predicted for every batch before the step that learns from it.

A prediction costs a forward. Where the step's own first forward over the batch gives the same
logits, these are taken: it is looked for between the loss and the update (`Session.before_update`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from clbench.engine.cursor import Online
from clbench.engine.evaluate import choice, evaluating, predict
from clbench.engine.learner import Learner
from clbench.engine.task import Batch
from clbench.stack import Stack

OWN_PREDICTION = ("predict", "observe")  # hooks that may make the step's logits others


class OnlinePredictions:
    """Predicts every batch, by the step's own logits where they serve."""

    def __init__(self, learner: Learner, counts: Online) -> None:
        self.learner, self.counts = learner, counts
        self.rows: slice | Tensor = slice(None)  # of the members that take part
        # Whether a loss of the method's own leaves the weights alone; None until a step was
        # watched.
        self.loss_only_looks: bool | None = None

    def begin_step(self, batch: Batch, rows: slice | Tensor) -> None:
        """Predict the batch now, or arrange for it to be done before the update."""
        self.rows = rows
        session = self.learner.session
        net = self.learner.stack
        if net is None or not self.logits_serve(net):
            self._predict(batch)
        # Its loss may write to the weights (an inner step): looked at once, in the first step,
        # whose prediction is made beforehand.
        elif self.loss_only_looks is None and "task_loss" in session.overridden:
            self._predict(batch)
            before = _versions(net)
            # Called between the loss and the update.
            session.before_update = lambda: self._compare(before, _versions(net))
        else:
            net.watcher.keeps_logits = True
            session.before_update = lambda: self._take_logits(net, batch)

    def end_step(self) -> None:
        """Nothing is waited for any more."""
        self.learner.session.before_update = None

    def logits_serve(self, net: Stack) -> bool:
        """Whether a training forward over the batch gives what `predict` would."""
        # `predict` of its own means other logits, `observe` another order of things.
        if self.learner.session.overridden.intersection(OWN_PREDICTION):
            return False
        return self.loss_only_looks is not False and not depends_on_mode(net.module)

    def _compare(self, before: list[int], after: list[int]) -> None:
        self.loss_only_looks = before == after

    @torch.no_grad()
    def _take_logits(self, net: Stack, batch: Batch) -> None:
        """The logits of the step's first forward; where that was over another batch, a second."""
        logits = net.first_logits(batch.x)
        if logits is None:
            self._predict(batch)
        else:
            self._note(logits, batch)

    @torch.no_grad()
    def _predict(self, batch: Batch) -> None:
        with evaluating(self.learner, batch.task):
            self._note(predict(self.learner, batch, batch.task), batch)

    def _note(self, logits: Tensor, batch: Batch) -> None:
        right = choice(self.learner, logits, batch) == batch.y
        self.counts.note(right.sum(1), self.rows)


def _versions(net: Stack) -> list[int]:
    """How often each parameter was written to."""
    # torch counts writes; whether the numbers changed would have to be read.
    return [value._version for value in net.parameters()]


# ------------------------------------------------------------------------------------------ modules


def depends_on_mode(root: nn.Module) -> bool:
    """Whether a network may give other outputs in training than in evaluation.

    What dropout and batch-norm have in common is that their code asks for `training`. Where code
    cannot be read, or somebody hooked into it, the answer is yes.
    """
    kept = vars(root).get("_clbench_depends_on_mode")
    if kept is None:
        kept = any(map(_may_depend, root.modules()))
        vars(root)["_clbench_depends_on_mode"] = kept
    return bool(kept)


def _may_depend(module: nn.Module) -> bool:
    hooked = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    if hooked or isinstance(module, torch.jit.ScriptModule):
        return True
    seen: set[Any] = set()
    # The author's classes, up to nn.Module, whose own code asks for `training`.
    classes = type(module).__mro__[: type(module).__mro__.index(nn.Module)]
    return any(_asks_for_mode(function, seen) for cls in classes for function in _functions(cls))


def _functions(cls: type) -> Iterator[Callable[..., Any]]:
    for value in vars(cls).values():
        # Static and class methods, and properties, hold their function within.
        plain = getattr(value, "__func__", getattr(value, "fget", value))
        if isinstance(plain, FunctionType):
            yield plain


def _asks_for_mode(function: Any, seen: set[Any]) -> bool:
    """Whether a function's code, or that of a function it names, has to do with `training`."""
    if function in seen:
        return False
    seen.add(function)
    names = set(_names(function.__code__))
    if "training" in names:
        return True
    # Functions it names, if they are defined where it is or imported there.
    found = (function.__globals__.get(name) for name in names)
    own = [value for value in found if isinstance(value, FunctionType)]
    return any(_asks_for_mode(value, seen) for value in own)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
