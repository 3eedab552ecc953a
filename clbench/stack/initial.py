"""The distributions that a model's initial parameters
come from, so that they can be drawn at every step.

To build a network anew costs as much as a few steps of a small one, on the host. So one is built
under watch: what torch is asked to draw into each parameter is noted, and whatever else writes to a
parameter makes its distribution unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from clbench.errors import StrategyError
from clbench.randomness import key
from clbench.stack.generators import seeded
from clbench.stack.modules import Factory
from clbench.stack.noise import Noise

Kind = Literal["uniform", "normal", "constant"]


@dataclass(frozen=True)
class Distribution:
    """Even between `first` and `second`, or normal
    of this mean and deviation, or always `first`.
    """

    kind: Kind
    first: float
    second: float = 0.0


# What these calls of torch fill a tensor with where they are given no numbers.
DRAWS: dict[str, Distribution] = {
    "uniform_": Distribution("uniform", 0.0, 1.0),
    "rand": Distribution("uniform", 0.0, 1.0),
    "normal_": Distribution("normal", 0.0, 1.0),
    "randn": Distribution("normal", 0.0, 1.0),
    "zero_": Distribution("constant", 0.0),
    "zeros": Distribution("constant", 0.0),
    "ones": Distribution("constant", 1.0),
}


def distributions_of(factory: Factory) -> dict[str, Distribution]:
    """By name, what a new network draws its parameters from, as far as that is known."""
    # Any seed would do: the calls are watched, not their numbers.
    with seeded(key(0, 0, "initial")), _Watch() as watch:
        module = factory()
    found = {name: watch.drawn.get(_place(value)) for name, value in module.named_parameters()}
    return {name: drawn for name, drawn in found.items() if drawn is not None}


def draw(
    distributions: Mapping[str, Distribution], like: Mapping[str, Tensor], noise: Noise
) -> dict[str, Tensor]:
    """For each of these parameters `[R, ...]` another as a
    new network would have it, by each member's own noise.
    """
    drawn: dict[str, Tensor] = {}
    # In a fixed order: the noise of a member moves with each draw.
    for kind in ("uniform", "normal", "constant"):
        names = [name for name in like if distributions[name].kind == kind]
        sizes = [like[name][0].numel() for name in names]
        # One draw for all of a kind: many small ones cost more.
        parts = _numbers(kind, sum(sizes), noise).split(sizes, dim=1) if names else ()
        for name, part in zip(names, parts, strict=True):
            # A slice of `[R, numbers]`, in the shape of the parameter `[R, ...]`.
            drawn[name] = _scaled(part, distributions[name]).view_as(like[name])
    return drawn


def _numbers(kind: str, size: int, noise: Noise) -> Tensor:
    if kind == "uniform":
        return noise.uniform(size)
    if kind == "normal":
        return noise.fast_normal(size)
    return torch.zeros(len(noise.key), size, device=noise.key.device)


def _scaled(numbers: Tensor, wanted: Distribution) -> Tensor:
    """Numbers of the standard distribution of this kind, as those of this one."""
    if wanted.kind == "constant":
        return numbers.add_(wanted.first)
    if wanted.kind == "normal":
        return numbers.mul_(wanted.second).add_(wanted.first)
    # [0, 1) to [first, second).
    return numbers.mul_(wanted.second - wanted.first).add_(wanted.first)


def known(
    distributions: Mapping[str, Distribution], names: Iterable[str]
) -> dict[str, Distribution]:
    """The distributions of these parameters; `StrategyError` where one is not known."""
    if strange := [name for name in names if name not in distributions]:
        raise StrategyError(
            f"the model draws its initial {strange[0]} by more than one call of uniform_, normal_"
            " or the like, so that its distribution is not known, and it cannot be drawn anew at"
            " every step"
        )
    return {name: distributions[name] for name in names}


class _Watch(TorchDispatchMode):
    """Notes what is drawn into which memory."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.drawn: dict[int, Distribution | None] = {}
        self.kept: list[Tensor] = []  # so that no address is used twice

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        # `torch.rand` and the like give a new tensor; `uniform_` and the like write into one.
        if name in DRAWS and not name.endswith("_"):
            self._note(result, DRAWS[name])
        for place, declared in enumerate(func._schema.arguments[: len(args)]):
            is_written = declared.alias_info is not None and declared.alias_info.is_write
            # The operator's schema tells which arguments it writes to: `Tensor(a!)`.
            if is_written and isinstance(args[place], Tensor):
                self._note(args[place], _filling(name, args[1:], kwargs or {}))
        return result

    def _note(self, target: Tensor, drawn: Distribution | None) -> None:
        self.kept.append(target)
        # What is drawn into a part of a tensor leaves the rest with another distribution.
        is_whole = target.numel() * target.element_size() == target.untyped_storage().nbytes()
        # The last one to write counts: `zeros` and then `uniform_` is uniform.
        self.drawn[_place(target)] = drawn if is_whole else None


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _filling(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Distribution | None:
    """What an operation fills a tensor with, where it does nothing else."""
    numbers = [float(value) for value in args if isinstance(value, int | float)]
    # An argument that is no number (a tensor, a size) makes it unknown; so do options.
    if len(numbers) != len(args) or set(kwargs) - {"generator"}:
        return None
    if name == "fill_":
        return Distribution("constant", numbers[0])
    if name not in DRAWS:
        return None
    standard = DRAWS[name]
    # Numbers that are not given are the standard ones: `normal_(0.5)` has deviation 1.
    given = [*numbers, *(standard.first, standard.second)[len(numbers) :]]
    return Distribution(standard.kind, *given)
