"""A network whose front stands still: only what comes from a named module on is trained.

What goes into that module, the features, is then the same in every epoch. Whoever has computed it
before lets a forward over the same images start from there.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clbench.stack.forms import Call, Seen
from clbench.stack.modes import Modes
from clbench.stack.part import Part


@dataclass(frozen=True)
class Shortcut:
    """The features of these very images, and the modules that are still to be applied to them."""

    x: Tensor
    features: Tensor
    behind: tuple[str, ...]


def modules_behind(root: nn.Module, point: str) -> tuple[str, ...]:
    """The names of the modules that are applied from `point` on, in their order.

    Within plain sequences these are the module and what follows it. Of a module of another kind its
    code alone knows what comes next; that nothing does is assumed, and for the caller to check.
    """
    names = [point]
    for owner, _, after in _levels(root, point):
        names += [_joined(owner, name) for name in after]
    return tuple(names)


def modules_in_front(root: nn.Module, point: str) -> tuple[str, ...]:
    """The names of the modules that lie in front of `point`; together they hold all that does."""
    names: list[str] = []
    for owner, before, _ in _levels(root, point):
        names += [_joined(owner, name) for name in before]
    return tuple(names)


def _levels(root: nn.Module, point: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """From the point up to the root: what holds it, and what stands before and after it there."""
    path = point
    while path:
        owner, _, name = path.rpartition(".")
        yield owner, *_siblings(root, owner, name)
        path = owner


def _siblings(root: nn.Module, owner: str, name: str) -> tuple[list[str], list[str]]:
    """The modules beside this one that come before it, and those that come after it."""
    module = root.get_submodule(owner)
    names = list(module._modules)
    place = names.index(name)
    # A subclass with a forward of its own may apply its children in any order.
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        return names[:place], names[place + 1 :]
    # In front: all siblings. Behind: none, to be checked by whoever asks.
    return names[:place] + names[place + 1 :], []


def _joined(owner: str, name: str) -> str:
    return f"{owner}.{name}" if owner else name


def within(names: Iterable[str], modules: Iterable[str]) -> list[str]:
    """The names that belong to any of these modules: `block1.conv.weight` to `block1`."""
    # With the dot: `block1` is not to match `block10.weight`.
    owners = tuple(f"{module}." for module in modules)
    return [name for name in names if name.startswith(owners)]


class FrozenFront(Modes):
    """What a stack offers to a phase that trains the modules from one on."""

    params: dict[str, Tensor]
    buffers: dict[str, Tensor]
    shortcut: Shortcut | None

    @abstractmethod
    def _run(self, params: Mapping[str, Tensor], x: Tensor, call: Call) -> tuple[Tensor, Seen]:
        """A forward of the whole network."""

    def front(self, point: str) -> dict[str, Tensor]:
        """The parameters and buffers in front of a module, by name."""
        own = {**self.params, **self.buffers}
        behind = set(within(own, modules_behind(self.module, point)))
        return {name: value for name, value in own.items() if name not in behind}

    @torch.no_grad()
    def features(self, x: Tensor, point: str) -> tuple[Tensor, Tensor]:
        """What goes into a module in evaluation mode, and what the whole network gives out."""
        # Training mode would move running statistics, and drop units at random.
        with self.evaluation():
            out, found = self._run(self.params, x, Call((point,)))
        return found[point][0], out

    @torch.no_grad()
    def from_features(self, features: Tensor, point: str) -> Tensor:
        """What the network gives out in evaluation mode where these go into a module."""
        with self.evaluation():
            return self._behind(features, modules_behind(self.module, point), self.params, ())[0]

    @contextlib.contextmanager
    def frozen_before(
        self, point: str, x: Tensor | None = None, features: Tensor | None = None
    ) -> Iterator[None]:
        """All in front of a module stands still within the
        block, without gradients and in evaluation mode.

        With `features` of the images `x` a forward over these starts from there.
        """
        # Only these are set back: a parameter that was frozen before stays so.
        thawed = [value for value in self.front(point).values() if value.requires_grad]
        modes = dict(self.part_modes)
        for value in thawed:
            value.requires_grad_(False)
        for name in modules_in_front(self.module, point):
            self.set_part_mode(name, False)
        if x is not None and features is not None:
            # Recognised by the identity of `x`; equal images in another tensor take the whole way.
            self.shortcut = Shortcut(x, features, modules_behind(self.module, point))
        try:
            yield
        finally:
            # Even after an error, since features of yesterday's weights are silently wrong.
            self.shortcut = None
            self.part_modes = modes
            for value in thawed:
                value.requires_grad_(True)

    def _is_short(self, params: Mapping[str, Tensor], x: Tensor) -> bool:
        """Whether a forward may start from the features at
        hand: they are of these images and this front.
        """
        short = self.shortcut
        if short is None or short.x is not x:
            return False
        behind = set(within(params, short.behind))
        # The very tensors: a forward with other values of the front (a mean of weights, say) cannot
        # start from features of these.
        return all(params[name] is own for name, own in self.params.items() if name not in behind)

    def _run_short(
        self, params: Mapping[str, Tensor], sites: tuple[str, ...]
    ) -> tuple[Tensor, Seen]:
        """A forward that starts from the features.

        What the sites in front saw takes a forward of its own.
        """
        assert self.shortcut is not None
        short = self.shortcut
        out, found = self._behind(short.features, short.behind, params, sites)
        missing = tuple(site for site in sites if site not in found)
        if missing:
            # The front stands still, so nothing behind could need these gradients.
            with torch.no_grad(), self.evaluation():
                _, in_front = self._run(self.params, short.x, Call(missing))
            found |= in_front
        return out, found

    def _behind(
        self,
        features: Tensor,
        behind: tuple[str, ...],
        params: Mapping[str, Tensor],
        sites: tuple[str, ...],
    ) -> tuple[Tensor, Seen]:
        """Apply these modules one after the other."""
        found: Seen = {}
        value = features
        for name in behind:
            part = Part(self, name)  # type: ignore[arg-type]  # a stack is all of this
            # Names within the part, as its own hooks know them: `block2.conv` is `conv` in
            # `block2`.
            local = {
                site.removeprefix(name).removeprefix("."): site
                for site in sites
                if _is_in(site, name)
            }
            own = {full.removeprefix(f"{name}."): params[full] for full in part.names}
            value, seen = part.run(value, own, tuple(local))
            found |= {local[site]: pair for site, pair in seen.items()}
        return value, found


def _is_in(site: str, module: str) -> bool:
    return site == module or site.startswith(f"{module}.")
