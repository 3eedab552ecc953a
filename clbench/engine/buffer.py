"""What all buffers of samples share: where samples
are kept, how they are drawn, and what they take.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clbench.engine.session import ScenarioView
from clbench.engine.task import Batch, Samples
from clbench.errors import StrategyError
from clbench.memory import budget_of
from clbench.stack import Noise, Stateful
from clbench.stack.members import beside

if TYPE_CHECKING:
    from clbench.engine.strategy import Strategy

EXTRA_BYTES = 4  # of each number that is kept beside a sample, float32


class Buffer(Stateful):
    """Samples that each member keeps, `size` places a member.

    A subclass says which samples go where.

    Samples are kept as indices into the training set, un-augmented. `extra` names what is kept
    beside each of them, with its shape: `{"logits": (classes,)}`. `memory` is a number of samples,
    or a budget in bytes (`"200kB"`) for all that the method carries, of which `beside` bytes go
    elsewhere.

    What a method has to keep is not an index but the image, so this is what a buffer counts
    (`sample_bytes` for each place), whatever its tables take.
    """

    def __init__(
        self,
        owner: Strategy,
        memory: int | str,
        extra: Mapping[str, Sequence[int]] | None = None,
        *,
        beside: float = 0,
        name: str = "buffer",
    ) -> None:
        shapes = extra or {}
        self.owner = owner
        self.sample_bytes = sample_bytes(owner.scenario, shapes)
        self.size = places_within(memory, self.sample_bytes, beside, owner.part_name)
        self.noise: Noise = owner.rng(name)
        # One place more than there is room for: what is not kept goes there.
        places = (owner.members, self.size + 1)
        # Samples by their number in the training set, and the task each came with, `[R, size + 1]`.
        self.index = torch.zeros(places, dtype=torch.int64, device=owner.device)
        self.tasks = torch.zeros_like(self.index)
        # `[R, size + 1, *shape]` by name.
        self.extra: dict[str, Tensor] = {
            key: torch.zeros(*places, *shape, device=owner.device) for key, shape in shapes.items()
        }

    # ------------------------------------------------------------------ what a subclass says

    @property
    def filled(self) -> Tensor:
        """`[R]`: how many samples each member has."""
        raise NotImplementedError

    @property
    def occupied(self) -> Tensor:
        """`[R, size]`: the places that hold a sample; by default the first ones."""
        return torch.arange(self.size, device=self.index.device) < self.filled[:, None]

    def place_of(self, number: Tensor) -> Tensor:
        """The places of each member's samples by their number, `[R, n]`, counted from 0."""
        return number

    def add(self, batch: Batch, **extra: Tensor) -> None:
        """Show the buffer a batch, in order; rows that do not count are not shown."""
        raise NotImplementedError

    # ------------------------------------------------------------------ writing

    def put(self, places: Tensor, batch: Batch, **extra: Tensor) -> None:
        """Keep the samples of a batch at these places `[R, B]`.

        What goes to place `size` is not kept.

        Of two samples for one place it is not defined which one is kept.
        """
        if set(extra) != set(self.extra):
            given, wanted = sorted(extra), sorted(self.extra)
            raise StrategyError(
                f"{self.owner.part_name}: a buffer that keeps {wanted} beside its samples is given"
                f" {given}; say what is kept when it is made: extra={{'logits': (classes,)}}"
            )
        for name, value in extra.items():
            table = self.extra[name]
            # scatter needs indices of the values' own shape: `[R, B]` to `[R, B, *shape]`.
            spread = beside(places, value).expand_as(value)
            table.scatter_(1, spread, value.detach().to(table.dtype))
        # With the index goes everything that is needed to fetch the image again.
        self.index.scatter_(1, places, batch.index)
        self.tasks.scatter_(1, places, batch.tasks)

    def last_of_each(self, places: Tensor) -> Tensor:
        """Places of which each is named once: its last
        sample has it, as if they had come one by one.
        """
        # The later of two rows has the larger number, `[R, B]`.
        order = torch.arange(places.shape[1], device=places.device).expand_as(places)
        last = torch.full_like(self.index, -1).scatter_reduce(1, places, order, "amax")
        # Whoever is not the last of its place goes to the place that keeps nothing.
        return torch.where(last.gather(1, places) == order, places, self.size)

    # ------------------------------------------------------------------ reading

    def sample(self, size: int) -> Batch:
        """`size` samples with replacement.

        Rows of a member that has none are marked as not valid.
        """
        batch, _ = self.sample_with(size)
        return batch

    def sample_with(self, size: int) -> tuple[Batch, dict[str, Tensor]]:
        """As `sample`, and what is kept beside the same samples."""
        filled = self.filled
        # Where nothing is held the range is 1, and place 0, a sample that is not valid, is drawn.
        drawn = self.place_of(self.noise.integers(filled.clamp(min=1)[:, None], size))
        valid = (filled > 0)[:, None].expand(-1, size)
        batch = self.owner.fetch(
            self.index.gather(1, drawn), self.tasks.gather(1, drawn), augment=True, valid=valid
        )
        # `[R, 1]` beside `[R, B]`: each member's own rows of the tables.
        rows = torch.arange(len(drawn), device=drawn.device)[:, None]
        return batch, {name: value[rows, drawn] for name, value in self.extra.items()}

    def samples(self) -> Samples:
        """All that it holds, for a phase that trains on it."""
        # Without the place behind the last.
        return Samples(self.index[:, : self.size], self.tasks[:, : self.size], self.occupied)

    # ------------------------------------------------------------------ what it takes

    def stands_for(self) -> float:
        """The bytes of the samples that there is room for."""
        return float(self.size * self.sample_bytes)


def sample_bytes(scenario: ScenarioView, extra: Mapping[str, Sequence[int]] | None = None) -> int:
    """What a method has to keep of a sample: the image,
    a byte a pixel and channel; its label; `extra`.

    And its task where that decides which outputs count. Labels and tasks take one byte up to 256 of
    them.
    """
    labels = _bytes_to_tell(scenario.classes)
    tasks = _bytes_to_tell(scenario.tasks) if scenario.setting == "task" else 0
    numbers = sum(math.prod(shape) for shape in (extra or {}).values())
    return math.prod(scenario.input_shape) + labels + tasks + EXTRA_BYTES * numbers


def places_within(memory: int | str, each: int, beside: float, who: str) -> int:
    """How many samples of `each` bytes there is room
    for, where `beside` bytes are taken already.
    """
    budget = budget_of(memory)
    if budget is None:
        assert isinstance(memory, int)
        return memory
    room = int((budget - beside) // each)
    if room >= 1:
        return room
    taken = f" beside the {int(beside):,} that it carries anyway" if beside else ""
    raise StrategyError(
        f"{who}: memory: {memory} has no room for a single sample, which takes {each:,}"
        f" bytes{taken}; give it more, or a number of samples"
    )


def _bytes_to_tell(count: int) -> int:
    """The bytes of a number below `count`."""
    # Up to 256 classes are the numbers 0 to 255: 8 bits, one byte.
    return max(1, math.ceil((count - 1).bit_length() / 8))
