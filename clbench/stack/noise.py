"""Random numbers as a function of (seed, agent, name, draws so far), and of nothing else.

torch's generators hold one sequence for a whole tensor, so what a member draws would depend on who
else is in the stack. Here each number is a hash (splitmix64) of the member's key, the count of its
draws and the place of the number in the draw: integer arithmetic, equal bits on every device, for
every R, inside `vmap` and inside a device graph.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from clbench.stack.members import beside
from clbench.stack.state import Stateful

# The constants of splitmix64 (Steele, Lea & Flood 2014), as the signed numbers torch knows.
GOLDEN = 0x9E3779B97F4A7C15 - 2**64
FIRST_FACTOR = 0xBF58476D1CE4E5B9 - 2**64
SECOND_FACTOR = 0x94D049BB133111EB - 2**64
POSITIVE = 2**63 - 1

# Vectorised kernels and their scalar tails may round a logarithm differently. Rows of a multiple of
# this many elements have no tail, and each begins at the same place of a vector.
LANES = 64


def _mix(z: Tensor) -> Tensor:
    """The finaliser of splitmix64, written over `z`.

    The masks make arithmetic shifts logical ones.
    """
    # (1 << 34) - 1 keeps the 34 bits that a logical shift by 30 leaves of 64.
    z ^= (z >> 30).bitwise_and_((1 << 34) - 1)
    z *= FIRST_FACTOR
    z ^= (z >> 27).bitwise_and_((1 << 37) - 1)
    z *= SECOND_FACTOR
    z ^= (z >> 31).bitwise_and_((1 << 33) - 1)
    return z


def uniform_bits(key: Tensor, counter: Tensor, n: int) -> Tensor:
    """`n` random 64-bit words for each key: `[..., 2]` and `[...]` give `[..., n]`."""
    start = _mix(key[..., 0] + counter * GOLDEN) ^ key[..., 1]
    return _mix(start.unsqueeze(-1) + torch.arange(n, device=key.device) * GOLDEN)


def _halves(words: Tensor) -> Tensor:
    """Each 64-bit word as two signed 32-bit numbers, the lower one first."""
    try:
        return words.view(torch.int32)
    except RuntimeError:  # torch before 2.15 does not look at batched tensors so
        return _halves_by_shifts(words)


def _halves_by_shifts(words: Tensor) -> Tensor:
    return torch.stack(((words << 32) >> 32, words >> 32), -1).flatten(-2)


def member_uniform(key: Tensor, counter: Tensor, shape: Sequence[int]) -> Tensor:
    """Float32 numbers in [0, 1) of `shape` for each key.

    With a key `[2]` it is written for one member, for `vmap`.
    """
    n = math.prod(shape)
    halves = _halves(uniform_bits(key, counter, (n + 1) // 2))[..., :n]
    return _fractions(halves).reshape(*key.shape[:-1], *shape)


def _fractions(halves: Tensor) -> Tensor:
    """24 bits of each half, signed: every step is exact, so rounding cannot differ anywhere."""
    # An arithmetic shift leaves -2^23 .. 2^23 - 1; times 2^-24, plus 1/2: [0, 1) in steps of
    # 2^-24, the spacing of float32 just below 1.
    return (halves >> 8).to(torch.float32).mul_(2.0**-24).add_(0.5)


@functools.cache
def normal_values(device: torch.device) -> Tensor:
    """What `fast_normal` chooses from: quantiles of the
    normal distribution, scaled to a variance of 1.
    """
    middles = (torch.arange(2**16, dtype=torch.float64) + 0.5) / 2**16
    values = torch.special.ndtri(middles)
    # The mean of 65,536 squares is a little below 1, for the tails are cut off.
    values /= values.square().mean().sqrt()
    found: Tensor = values.to(device, torch.float32)
    return found


class Noise(Stateful):
    """One named stream of every member: each call is
    one draw, `[R, ...]`, and moves the stream on.
    """

    def __init__(self, keys: Sequence[tuple[int, int]], device: torch.device | str = "cpu") -> None:
        # `[R, 2]`, and a count of draws a member `[R]`.
        self.key = torch.tensor(keys, dtype=torch.int64, device=device).reshape(-1, 2)
        self.counter = torch.zeros(len(keys), dtype=torch.int64, device=device)

    def begin_member(self, member: int) -> None:
        """As if nothing had been drawn for this member."""
        self.counter[member] = 0

    def skip(self) -> None:
        """Move on as a draw does, where nobody looks at what would be drawn."""
        self.counter += 1

    def uniform(self, *shape: int, where: Tensor | None = None) -> Tensor:
        """Float32 in [0, 1).

        With `where`, `[R]` or `[R, ...]` over the first of these dimensions, only the numbers for
        which it is true, and zeros elsewhere: the same numbers as without, and on a CPU at the cost
        of those alone.
        """
        drawn = self._uniform(shape) if where is None else self._uniform_where(shape, where)
        self.counter += 1
        return drawn

    def _uniform(self, shape: Sequence[int]) -> Tensor:
        return member_uniform(self.key, self.counter, shape)

    def _uniform_where(self, shape: Sequence[int], where: Tensor) -> Tensor:
        if where.device.type != "cpu":  # a device graph has room for all or for none
            chosen = where.reshape(*where.shape, *(1,) * (1 + len(shape) - where.dim()))
            return torch.where(chosen, self._uniform(shape), 0.0)
        drawn = torch.zeros(len(self.key), math.prod(shape), dtype=torch.float32)
        # Numbers for each element of `where`: `where` covers the first dimensions, a block the
        # rest.
        block = math.prod(shape[where.dim() - 1 :])
        # Read as numpy does, for the kit takes a value that torch reads for a wait for the device.
        members, blocks = where.reshape(len(self.key), -1).numpy().nonzero()
        if len(members):
            # `[chosen, 1]` beside places `[chosen, block]`.
            rows = torch.from_numpy(members)[:, None]
            places = torch.from_numpy(blocks)[:, None] * block + torch.arange(block)
            start = _mix(self.key[:, 0] + self.counter * GOLDEN) ^ self.key[:, 1]
            # The word that place p lies in is p // 2; even places are its lower half, as in
            # `_halves`.
            words = _mix(start[rows] + (places // 2) * GOLDEN)
            halves = torch.where(places % 2 == 0, (words << 32) >> 32, words >> 32)
            drawn[rows, places] = _fractions(halves)
        return drawn.view(-1, *shape)

    def normal(self, *shape: int) -> Tensor:
        """Float32 with mean 0 and variance 1, by Box and Muller, in rows without a tail."""
        n = math.prod(shape)
        # Each pair of uniform numbers gives two normal ones, so half as many pairs are drawn: the
        # least multiple of LANES that is at least n / 2.
        half = max(LANES, math.ceil(n / (2 * LANES)) * LANES)
        radius, angle = self.uniform(2, half).unbind(1)
        # 1 - u is in (0, 1]: the logarithm of 0 cannot occur.
        radius = (1.0 - radius).log_().mul_(-2.0).sqrt_()
        angle = angle * (2.0 * math.pi)
        return torch.cat((radius * angle.cos(), radius * angle.sin()), dim=1)[:, :n].reshape(
            -1, *shape
        )

    def fast_normal(self, *shape: int) -> Tensor:
        """Float32 with mean 0 and variance 1, from 16
        bits each, at a third of the cost of `normal`.

        For noise on every weight at every step: one of 65,536 equally likely values, the middles of
        as many parts of the normal distribution, none of them beyond 4.4.
        """
        n = math.prod(shape)
        # Four 16-bit numbers a word, signed, shifted to 0 .. 65535.
        places = self._words((n + 3) // 4).view(torch.int16).to(torch.int32).add_(2**15)
        drawn = normal_values(self.key.device).index_select(0, places.view(-1))
        return drawn.view(len(self.key), -1)[:, :n].reshape(-1, *shape)

    def integers(self, high: int | Tensor, *shape: int) -> Tensor:
        """Int64 in [0, high).

        `high` may be `[R]` or `[R, ...]` where ranges differ, and an empty range gives 0.

        The remainder of 63 bits favours no number by more than high / 2^63.
        """
        drawn = self._words(math.prod(shape)).bitwise_and_(POSITIVE).reshape(-1, *shape)
        # `[R]` becomes `[R, 1, ...]`; clamped, since a remainder by 0 is an error.
        if isinstance(high, Tensor):
            high = beside(high, drawn).clamp(min=1)
        return drawn % high

    def permutation(self, n: int) -> Tensor:
        """An order of 0..n-1 for each member."""
        # Sorting random 64-bit words; stable, so that ties break alike on every device.
        return self._words(n).argsort(dim=1, stable=True)

    def bernoulli(self, p: float | Tensor, *shape: int) -> Tensor:
        """True with probability `p`; `p` may be `[R]` or `[R, ...]`."""
        drawn = self.uniform(*shape)
        if isinstance(p, Tensor):
            p = beside(p, drawn)
        return drawn < p

    def _words(self, n: int) -> Tensor:
        # The counter moves with each draw, however many numbers it has.
        words = uniform_bits(self.key, self.counter, n)
        self.counter += 1
        return words
