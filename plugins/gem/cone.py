"""The nearest gradient that points against none of several others: a small quadratic programme.

Solved by the active-set method of Lawson & Hanson (1974) for non-negative least squares, in its
dual form: the gradients whose inequality binds are found one at a time, and one is let go again
where its multiplier would be negative. It ends at the exact solution after a finite number of
exchanges, each of which is one sweep (Beaton 1964) of a small table. Their number is fixed here,
and members that are done stand still, so the host reads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE = 1e-12  # of inequalities between vectors of length 1
DEPENDENT = 1e-10  # squared distance from the span of others, of a vector of length 1


def exchanges(count: int) -> int:
    """How many exchanges are allowed: a gradient each where none is let go, and as many more."""
    return 2 * count + 4


def nearest(gram: Tensor, along: Tensor, square: Tensor, margin: float) -> Tensor:
    """`[R, k]`: the v of g + sum_j v_j r_j; 0 for a member whose g points against no r_j.

    `gram [R, k, k]` holds <r_i, r_j>, `along [R, k]` <g, r_j>, and `square [R]` <g, g>. Minimises
    1/2 v' gram v + along' v over v_j >= margin.
    """
    # In units of the lengths of all vectors, so that tolerances mean the same whatever the
    # gradients' size.
    lengths = gram.diagonal(dim1=1, dim2=2).sqrt()
    unit, own = _inverse(lengths), _inverse(square.sqrt())[:, None]
    # Cosines between the r_j, in place of their products.
    scaled = gram * unit[:, :, None] * unit[:, None, :]
    # margin, in units of |r_j| / |g|.
    least = margin * lengths * own
    # v = margin + z with z >= 0: shifting the bound to 0 adds G margin to the linear term.
    linear = along * unit * own + (scaled * least[:, None, :]).sum(2)
    above = non_negative_minimum(scaled, linear)
    # Back to units of the gradients.
    weights = margin + above * unit / torch.where(own > 0.0, own, 1.0)
    # GEM leaves a gradient alone that violates no constraint, whatever the margin.
    against = (along < 0.0).any(1, keepdim=True)
    return torch.where(against, weights, 0.0)


def _inverse(lengths: Tensor) -> Tensor:
    """0 of a length of 0: a vector without a direction."""
    return torch.where(lengths > 0.0, 1.0 / lengths, 0.0)


def non_negative_minimum(quadratic: Tensor, linear: Tensor) -> Tensor:
    """`[R, k]`: the z >= 0 that minimises 1/2 z' P z + q' z, P positive semi-definite with a
    diagonal of 1 (or 0).
    """
    search = Search.begin(quadratic, linear)
    for _ in range(exchanges(linear.shape[1])):
        search.exchange()
    return search.point()


@dataclass
class Search:
    """Where the search stands.

    With S the variables in use, `table` is [[P, q], [q', 0]] swept at S: in its last column stand
    minus the minimum over S with no sign asked for, at S, and the slope of the objective there,
    elsewhere. `z` is the best point so far, never negative.
    """

    table: Tensor  # [R, k+1, k+1]
    z: Tensor  # [R, k]
    used: Tensor  # [R, k]

    @classmethod
    def begin(cls, quadratic: Tensor, linear: Tensor) -> Search:
        """At 0, with no variable in use."""
        column = linear[:, :, None]
        corner = torch.zeros_like(column[:, :1])
        top = torch.cat([quadratic, column], dim=2)
        bottom = torch.cat([column.mT, corner], dim=2)
        used = torch.zeros_like(linear, dtype=torch.bool)
        return cls(torch.cat([top, bottom], dim=1), torch.zeros_like(linear), used)

    def exchange(self) -> None:
        """Go towards the minimum over S while nothing gets negative; drop what stops it, or add."""
        wanted = self._minimum()
        stops = self.used & (wanted < 0.0)
        dropped = self._go_towards(wanted, stops)
        # The steepest descent comes in next, as in Lawson & Hanson's step 4.
        slope, taken = torch.where(self._free(), self.table[:, :-1, -1], torch.inf).min(1)
        drops = stops.any(1)
        pick = torch.where(drops, dropped, taken)
        # No slope below 0 left, and nothing to drop: done, so nothing moves.
        self._sweep(pick, drops, drops | (slope < -TOLERANCE))

    def _minimum(self) -> Tensor:
        """`[R, k]`: over the variables in use, whatever its signs."""
        return torch.where(self.used, -self.table[:, :-1, -1], 0.0)

    def _go_towards(self, wanted: Tensor, stops: Tensor) -> Tensor:
        """`[R]`: the variable that is 0 first on the way."""
        # How far towards it each variable gets before it is 0: z + t (wanted - z) = 0.
        reach = torch.where(stops, self.z / (self.z - wanted), torch.inf)
        part, first = reach.min(1)
        # As far as the first of them, at most all the way.
        self.z = torch.lerp(self.z, wanted, part.clamp(max=1.0)[:, None]).clamp_(min=0.0)
        return first

    def _free(self) -> Tensor:
        """`[R, k]`: not in use, and not (nearly) a combination of those that are."""
        diagonal = self.table.diagonal(dim1=1, dim2=2)[:, :-1]
        return ~self.used & (diagonal > DEPENDENT)

    def point(self) -> Tensor:
        """The minimum over S where it is allowed, as for whoever is done; else the best so far."""
        wanted = self._minimum()
        allowed = (wanted >= 0.0).all(1, keepdim=True)
        return torch.where(allowed, wanted, self.z)

    def _sweep(self, pick: Tensor, drops: Tensor, moves: Tensor) -> None:
        """Take the variable `pick [R]` into use, or out of it where `drops`, of moving members."""
        size = self.table.shape[1]
        where = torch.arange(size, device=pick.device) == pick[:, None]  # [R, k+1]
        swept = self._swept(pick, where, drops, moves)
        self.table = torch.where(moves[:, None, None], swept, self.table)
        # In use becomes not in use, and the other way round.
        self.used = self.used ^ (where[:, :-1] & moves[:, None])

    def _swept(self, pick: Tensor, where: Tensor, drops: Tensor, moves: Tensor) -> Tensor:
        """The table after it; the inverse (taking a variable out) differs in signs only."""
        size = self.table.shape[1]
        row = self.table.gather(1, pick[:, None, None].expand(-1, 1, size))[:, 0]
        pivot = row.gather(1, pick[:, None])
        # 1 for members that stand still, so that nothing is divided by 0.
        pivot = torch.where(moves[:, None], pivot, 1.0)
        signed = torch.where(drops[:, None], -pivot, pivot)
        edge = torch.where(where, -1.0 / pivot, row / signed)
        # t_ij - t_ik t_kj / t_kk.
        swept = self.table - row[:, :, None] * (row / pivot)[:, None, :]
        swept = torch.where(where[:, :, None], edge[:, None, :], swept)
        return torch.where(where[:, None, :], edge[:, :, None], swept)
