"""What is estimated of a Hessian that is known by its products alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from clbench import per_member

from .loss import Loss

# A direction this much shorter than the Hessian is large is noise: the process has seen all that it
# can reach.
NOTHING = 1e-10


def sizes(loss: Loss, signs: Iterable[Tensor], h: float) -> Tensor:
    """`[R]`: the mean of ||g(x + h z) - g(x)|| / h over these z and the member's functions."""
    before = loss.gradient()
    # ||g(x + h z) - g(x)|| / h, the norm over all D numbers.
    found = [loss.mean((loss.gradient(h * z) - before).norm(dim=2)) / h for z in signs]
    return _over_draws(torch.mean, found)


def slopes(loss: Loss, signs: Iterable[Tensor]) -> Tensor:
    """`[R, 2]`: the mean of z'Hz over these z, but for chance the trace, and its standard error."""
    # z' (H z); E = tr H for entries of variance 1.
    found = [loss.mean((z * loss.product(z)).sum(2)) for z in signs]
    mean = _over_draws(torch.mean, found)
    error = torch.full_like(mean, torch.nan)
    if len(found) > 1:
        # Standard error of the mean over draws.
        error = _over_draws(torch.std, found) / len(found) ** 0.5
    return torch.stack([mean, error], dim=1)


def _over_draws(statistic: Callable[[Tensor], Tensor], found: Sequence[Tensor]) -> Tensor:
    """`[R]`, of one number `[R]` a draw; member by member, for a member's bits are its own."""
    of_members: Tensor = per_member(statistic, torch.stack(list(found), dim=1))
    return of_members


def ends(loss: Loss, start: Tensor, steps: int) -> Tensor:
    """`[R, 2]`: the largest eigenvalue, and the smallest, means over the member's functions.

    Lanczos' process from `start [R, N, D]`, of length 1 each, every vector made orthogonal to all
    before it, twice.
    """
    # A space of D dimensions is spanned by D vectors.
    steps = min(steps, loss.size)
    process = Lanczos(start, steps)
    for step in range(steps):
        process.advance(step, loss.product(process.basis[:, :, step]))
        if not process.going_on.any():
            break
    # The tridiagonal matrix T = V'HV: its ends approximate those of H (Ritz values).
    values = torch.linalg.eigvalsh(process.matrix)
    return torch.stack([loss.mean(values[..., -1]), loss.mean(values[..., 0])], dim=1)


class Lanczos:
    """A Hessian's image in a basis `[R, N, steps, D]` that grows: a matrix with three diagonals.

    Where a basis spans all that its start can reach before the others do, the rest of its diagonal
    repeats the first number, which lies between the ends of the spectrum and so moves neither.
    """

    def __init__(self, start: Tensor, steps: int) -> None:
        members, functions, size = start.shape
        self.basis = start.new_zeros(members, functions, steps, size)
        self.basis[:, :, 0] = start
        self.matrix = start.new_zeros(members, functions, steps, steps)
        self.going_on = torch.ones(members, functions, dtype=torch.bool, device=start.device)
        self.largest = start.new_zeros(members, functions)

    def advance(self, step: int, image: Tensor) -> None:
        """Take in the image of the last vector, and find the next one."""
        # alpha_k = v_k' H v_k.
        diagonal = (image * self.basis[:, :, step]).sum(2)
        self._write_diagonal(step, diagonal)
        if step + 1 == len(self.matrix[0, 0]):
            return
        # Twice is enough (Parlett 1998, section 6.9): once leaves rounding of the size of what was
        # taken away.
        rest = self._orthogonal(self._orthogonal(image, step + 1), step + 1)
        # beta_k = ||rest||, the matrix's entry beside the diagonal.
        length = rest.norm(dim=2)
        # The size of H seen so far, by which NOTHING is measured.
        self.largest = torch.maximum(self.largest, torch.maximum(diagonal.abs(), length))
        self.going_on &= length > NOTHING * self.largest
        self._append(step, rest, length)

    def _write_diagonal(self, step: int, diagonal: Tensor) -> None:
        if step == 0:
            # Filled up for bases that end early (see above).
            torch.diagonal(self.matrix, dim1=2, dim2=3)[:] = diagonal[..., None]
            return
        first = self.matrix[:, :, 0, 0]
        self.matrix[:, :, step, step] = torch.where(self.going_on, diagonal, first)

    def _append(self, step: int, rest: Tensor, length: Tensor) -> None:
        """The next vector, and the entries beside the diagonal; 0 for bases that have ended."""
        beside = torch.where(self.going_on, length, 0.0)
        # Symmetric.
        self.matrix[:, :, step, step + 1] = self.matrix[:, :, step + 1, step] = beside
        following = rest / torch.where(self.going_on, length, 1.0)[..., None]
        self.basis[:, :, step + 1] = torch.where(self.going_on[..., None], following, 0.0)

    def _orthogonal(self, image: Tensor, known: int) -> Tensor:
        """What is left of it without its parts along the first vectors."""

        def rest(vectors: Tensor, of_member: Tensor) -> Tensor:
            # V'w, then w - V (V'w); vectors are rows here.
            along = vectors @ of_member[..., None]
            return of_member - (vectors.transpose(1, 2) @ along)[..., 0]

        left: Tensor = per_member(rest, self.basis[:, :, :known], image)
        return left
