"""A submodule of every member of a stack, to be called or stepped alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from clbench.stack.forms import Call, Seen
from clbench.stack.taps import widen

if TYPE_CHECKING:
    from clbench.stack.stack import Stack


class Part:
    """A submodule of every member of a stack: its parameters,
    and the submodule applied to `[R, B, ...]`.
    """

    def __init__(self, net: Stack, name: str) -> None:
        self.net, self.name = net, name

    @property
    def names(self) -> list[str]:
        """Full names of the part's parameters."""
        return [name for name in self.net.params if name.startswith(self.prefix)]

    @property
    def prefix(self) -> str:
        """What the full names of all that is in it begin with."""
        return self.name + "."

    def parameters(self) -> list[Tensor]:
        """The part's stacked parameters."""
        return [self.net.params[name] for name in self.names]

    def named_parameters(self) -> dict[str, Tensor]:
        """The part's stacked parameters by the submodule's own names."""
        return {name.removeprefix(self.prefix): self.net.params[name] for name in self.names}

    def named_buffers(self) -> dict[str, Tensor]:
        """The part's stacked buffers by the submodule's own names."""
        buffers = self.net.buffers
        own = [name for name in buffers if name.startswith(self.prefix)]
        return {name.removeprefix(self.prefix): buffers[name] for name in own}

    def train(self, mode: bool = True) -> Part:
        """Training mode of this part from now on, whatever the rest of the network does.

        A part in evaluation mode stays so while the network trains (frozen batch-norm). While the
        engine evaluates, everything is in evaluation mode.
        """
        self.net.set_part_mode(self.name, mode)
        return self

    def eval(self) -> Part:
        """Evaluation mode from now on."""
        return self.train(False)

    def __call__(self, x: Tensor, params: Mapping[str, Tensor] | None = None) -> Tensor:
        """Apply the submodule, with other parameters where given (by the submodule's own names)."""
        own = params is None
        # Only what the training network's own parameters give out is watched.
        watched = self.net.watcher.within(self.name) if own and self.net.training else {}
        out, found = self.run(x, params or self.named_parameters(), tuple(watched))
        if watched:
            self.net.watcher.note_part({watched[site]: pair[1] for site, pair in found.items()})
        return out

    def run(
        self, x: Tensor, params: Mapping[str, Tensor], sites: tuple[str, ...] = ()
    ) -> tuple[Tensor, Seen]:
        """The output, and what went in and out of these
        modules within the submodule ("": itself).
        """
        net = self.net
        net.set_mode()
        module = net.module.get_submodule(self.name)
        # Casts as the whole network's call does, by the parameters' full names.
        values, x = net.narrow(params, x, self.prefix)
        out, found = net.form.run(module, values, self.named_buffers(), x, Call(sites), net.active)
        seen = {site: (widen(given), widen(made)) for site, (given, made) in found.items()}
        return widen(out), seen
