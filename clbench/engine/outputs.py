"""Which outputs take part in a training step.

The others stand still, as the separate heads of other libraries do.

In the task setting the network has one head tensor, in which each task owns some rows; in the class
setting the protocol's `logits` may leave outputs out of training. Such outputs get a gradient of 0,
and yet momentum would move them on, and weight decay would shrink them. So optimisers are told
which rows are idle.

Idle are the rows that no sample of the step is trained on. Those of the task at hand are known
before it; a loss over other samples (replay) says so when it masks its logits. What gets a gradient
in any other way (a loss over all logits, a penalty) is not held back.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from clbench.engine.plain_head import PlainHead, output_parameters
from clbench.engine.streams import Streams
from clbench.stack import Optimizer, Stack


class Outputs:
    """The outputs that take part in the step under way, `[R, C]`."""

    def __init__(self, streams: Streams, logits: str) -> None:
        layout = streams.layout
        self.streams, self.logits, self.setting = streams, logits, layout.setting
        # In the domain setting all outputs are everybody's; in the class setting it is the
        # protocol's choice.
        self.some_left_out = self.setting == "task" or (self.setting == "class" and logits != "all")
        shape = (len(streams.members), layout.classes)
        # Always the same tensor: optimisers and device graphs hold it.
        self.idle = torch.zeros(shape, dtype=torch.bool, device=streams.device)
        self.idle_at_first = torch.zeros_like(self.idle)
        self.begun: Any = None  # the task and samples that `idle_at_first` is for
        self.known: Tensor | None = None  # tasks of samples whose outputs take part anyway
        self.within_step = False
        self.plain: WeakKeyDictionary[torch.optim.Optimizer, PlainHead] = WeakKeyDictionary()

    def begin_step(self, tasks: Tensor, index: int, own: bool) -> None:
        """A step over samples of these tasks begins, in task `index`.

        `own`: they are samples of that task alone.
        """
        if not self.some_left_out:
            return
        # The same for all steps of a task, so it is worked out once.
        if self.begun != (index, own):
            self.begun = index, own
            self.idle_at_first.copy_(self._idle(index, own))
        self.idle.copy_(self.idle_at_first)
        # Told apart by identity: a mask for these very tasks is no news.
        self.known = tasks if own or self._one_for_all else None
        self.within_step = True

    def end_step(self) -> None:
        """What is masked from here on is no training."""
        self.within_step, self.known = False, None

    @property
    def _one_for_all(self) -> bool:
        """Whether the same outputs take part whichever tasks the samples are from."""
        return self.setting == "class" and self.logits == "seen"

    def _idle(self, index: int, own: bool) -> Tensor:
        owned = self.streams.owned
        if self._one_for_all:
            # `[R, T, C]`: the outputs that each task owns; here of all tasks so far.
            return ~owned[:, : index + 1].any(1)
        # Samples of several tasks: everything is idle until a loss says otherwise.
        return ~owned[:, index] if own else torch.ones_like(self.idle)

    def note(self, mask: Tensor | None, tasks: Tensor, valid: Tensor | None = None) -> None:
        """A loss is taken over the outputs of `mask [R, B, C]`
        (None: all) of samples of these tasks.
        """
        if not self._is_news(tasks):
            return
        if mask is None:
            # A loss over all outputs lets all of them take part.
            self.idle.fill_(False)
            return
        if valid is not None:
            mask = mask & valid[..., None]
        # `[R, B, C]` to `[R, C]`: an output takes part if it does for any sample of the step.
        self.idle.logical_and_(mask.any(1).logical_not_())

    def note_row(self, row: int, mask: Tensor | None, tasks: Tensor) -> None:
        """The same for one member alone: `mask [B, C]`."""
        if not self._is_news(tasks):
            return
        if mask is None:
            self.idle[row] = False
        else:
            self.idle[row] &= ~mask.any(0)

    def _is_news(self, tasks: Tensor) -> bool:
        # Without gradients nothing is trained: a prediction, or a teacher's logits.
        if not self.within_step or tasks is self.known or not torch.is_grad_enabled():
            return False
        # Inside of a transform of torch.func a tensor may stand for many; nothing is written for
        # it.
        return not torch._C._functorch.is_functorch_wrapped_tensor(tasks)

    def hold(self, optimizer: Optimizer, net: Stack) -> None:
        """Let the head's rows stand still in this optimiser while they are idle."""
        if not self.some_left_out:
            return
        held = {id(param) for param in optimizer.params}
        shapes = {name: param.shape[1:] for name, param in net.params.items()}
        names = output_parameters(net.module, shapes, self.idle.shape[1])
        own = [net.params[name] for name in names]
        # Only what this optimiser holds: a method may train the head by another one.
        optimizer.rest_idle([param for param in own if id(param) in held], self.idle)

    def hold_plain(self, optimizer: torch.optim.Optimizer, row: int, owner: Any) -> None:
        """The same for an optimiser of torch's own, of the member in this row.

        `owner.net` is its network.
        """
        if self.some_left_out and optimizer not in self.plain:
            self.plain[optimizer] = PlainHead(self.idle[row], owner)
            optimizer.register_step_pre_hook(self.plain[optimizer].before_step)
            optimizer.register_step_post_hook(self.plain[optimizer].after_step)
