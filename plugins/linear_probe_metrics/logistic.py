"""Multinomial logistic regression of all members at once: Newton's method, conjugate gradients.

Every step solves H d = -g as far as it is worth while, from products H v alone (Nocedal & Wright
2006, section 7.1). Members take steps of their own lengths, and stand still once they are done:
none waits for, or sees, another.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clbench import per_member

MOST_STEPS = 100
MOST_DIRECTIONS = 300  # of conjugate gradients, within a step
MOST_HALVINGS = 30
DONE = 1e-8  # what a step still promises to gain, as a part of the objective
LEAST_GAIN = 1e-4  # of what the slope promises (Armijo's rule)


class Regression:
    """The sum of cross-entropies + 1/2 ||W||^2 over parameters `[R, D + 1, classes]`, the biases
    last and not penalised.

    `targets [R, N, classes]` are 1 where a row is fitted and of the class; the other rows, and
    classes without a row, take no part. Two classes are penalised as scikit-learn does, for the
    single row w of which theirs are w/2 and -w/2: 1/2 ||w||^2 is twice the penalty of both.
    """

    def __init__(self, x: Tensor, targets: Tensor) -> None:
        # A column of ones takes the biases in as the last row of the parameters.
        self.x = torch.cat([x, torch.ones_like(x[..., :1])], dim=2)
        self.targets, self.used = targets, targets.sum(2)
        # `[R, classes]`: the classes that have a row to be fitted.
        self.known = targets.any(1)
        # Without any row every class may take part: there is nothing that could move it.
        self.open = self.known | ~self.known.any(1, keepdim=True)
        # Two classes: 2 * 1/2 (||w/2||^2 + ||w/2||^2) is the 1/2 ||w||^2 of the single row.
        two = self.known.sum(1) == 2
        strength = torch.where(two, 2.0, 1.0).double()[:, None, None]
        self.penalty = strength.expand(-1, self.x.shape[2], 1).clone()
        # The biases.
        self.penalty[:, -1] = 0.0

    def zeros(self) -> Tensor:
        """Parameters to start from."""
        return self.x.new_zeros(len(self.x), self.x.shape[2], self.targets.shape[2])

    def logits(self, parameters: Tensor) -> Tensor:
        """`[R, N, classes]`, -inf of classes that take no part."""
        return self.closed(per_member(torch.matmul, self.x, parameters))

    def closed(self, logits: Tensor) -> Tensor:
        """With -inf of classes that take no part."""
        return logits.masked_fill(~self.open[:, None], -torch.inf)

    def value(self, logits: Tensor, parameters: Tensor) -> Tensor:
        """`[R]`: the objective."""
        # `where` and not a product: 0 times the -inf of a closed class would be NaN.
        own = logits.where(self.targets > 0, 0.0).sum(2)
        losses = (logits.logsumexp(2) - own) * self.used
        return losses.sum(1) + 0.5 * (self.penalty * parameters.square()).sum((1, 2))

    def gradient(self, chances: Tensor, parameters: Tensor) -> Tensor:
        """Its gradient, of the classes' probabilities `chances [R, N, classes]`."""
        # By the logits: p - y, of the rows that are fitted.
        away = chances * self.used[..., None] - self.targets
        return self._backward(away) + self.penalty * parameters

    def product(self, chances: Tensor, direction: Tensor) -> Tensor:
        """The Hessian's product with a direction."""
        # The softmax's derivative along X v: p (Xv) - p (p . Xv), row by row.
        moved = chances * per_member(torch.matmul, self.x, direction)
        moved = moved - chances * moved.sum(2, keepdim=True)
        return self._backward(moved * self.used[..., None]) + self.penalty * direction

    def diagonal(self, chances: Tensor) -> Tensor:
        """The Hessian's diagonal; 1 where it is 0."""
        # d p_c / d logit_c; the x_d^2 below comes from the chain rule, once from each side.
        spread = chances * (1.0 - chances) * self.used[..., None]
        squares = per_member(torch.matmul, self.x.square().transpose(1, 2), spread)
        found = squares + self.penalty
        return torch.where(found > 0, found, 1.0)

    def _backward(self, outputs: Tensor) -> Tensor:
        found: Tensor = per_member(torch.matmul, self.x.transpose(1, 2), outputs)
        return found


@dataclass
class Place:
    """Where the members are: parameters, their logits, and the objective `[R]`."""

    parameters: Tensor
    logits: Tensor
    value: Tensor


def solve(regression: Regression) -> Tensor:
    """The parameters with the least objective; `RuntimeError` where they are not found."""
    place = _start(regression)
    going_on = torch.ones_like(place.value, dtype=torch.bool)
    first_slope: Tensor | None = None
    for _ in range(MOST_STEPS):
        chances = place.logits.softmax(2)
        gradient = regression.gradient(chances, place.parameters)
        slope = length(gradient)
        first_slope = slope if first_slope is None else first_slope
        exactness = _exactness(slope, first_slope)
        direction = newton_direction(regression, chances, gradient, exactness, going_on)
        # Newton's decrement: half of it is what the quadratic model still has to gain.
        promise = -inner(gradient, direction)
        going_on = going_on & (promise > 2.0 * DONE * place.value)
        # Of the whole stack: members that are done are carried along and stand still.
        if not going_on.any():
            return place.parameters
        advance(regression, place, direction, promise, going_on)
    raise RuntimeError(f"a linear probe is not found within {MOST_STEPS} Newton steps")


def _start(regression: Regression) -> Place:
    parameters = regression.zeros()
    logits = regression.logits(parameters)
    return Place(parameters, logits, regression.value(logits, parameters))


def _exactness(slope: Tensor, first: Tensor) -> Tensor:
    """`[R]`: how long the rest of a step may be, a part of the slope that falls with it.

    Each step is solved the better the nearer the end, which makes convergence superlinear (Nocedal
    & Wright 2006, section 7.1).
    """
    return (slope / first.clamp(min=1e-300)).sqrt().clamp(max=0.1) * slope


def newton_direction(
    regression: Regression, chances: Tensor, gradient: Tensor, exactness: Tensor, wanted: Tensor
) -> Tensor:
    """About -H^-1 g by conjugate gradients, scaled by H's diagonal, until the rest is no longer
    than `exactness [R]`.
    """
    # Jacobi's preconditioner: features of unlike scale would take many more directions.
    scale = regression.diagonal(chances)
    found, rest = torch.zeros_like(gradient), -gradient
    scaled = rest / scale
    # `along` is the search direction, `size` the rest's squared length in the preconditioned
    # norm.
    along, size = scaled, inner(rest, scaled)
    going_on = wanted & (length(rest) > exactness)
    for _ in range(MOST_DIRECTIONS):
        if not going_on.any():
            break
        image = regression.product(chances, along)
        # The step to the minimum along the direction, r.z / v.Hv; 0 of members that are done.
        far = column(ratio(size, inner(along, image), going_on))
        found, rest = found + far * along, rest - far * image
        going_on = going_on & (length(rest) > exactness)
        scaled = rest / scale
        # The next direction is conjugate to all before (Fletcher & Reeves's coefficient).
        following = inner(rest, scaled)
        along = scaled + column(ratio(following, size, going_on)) * along
        size = following
    return found


def advance(
    regression: Regression, place: Place, direction: Tensor, promise: Tensor, going_on: Tensor
) -> None:
    """Go along the direction, half as far again and again until the objective falls by enough."""
    # A whole Newton step first.
    steps = going_on.double()
    for _ in range(MOST_HALVINGS):
        parameters = place.parameters + column(steps) * direction
        logits = regression.logits(parameters)
        value = regression.value(logits, parameters)
        # Written with `not <=` so that a NaN counts as too far.
        too_far = going_on & ~(value <= place.value - LEAST_GAIN * steps * promise)
        if not too_far.any():
            break
        steps = torch.where(too_far, 0.5 * steps, steps)
    # Who never fell by enough stays: rounding is all that is left to gain there.
    moved = going_on & ~too_far
    place.parameters = torch.where(column(moved), parameters, place.parameters)
    place.logits = torch.where(column(moved), logits, place.logits)
    place.value = torch.where(moved, value, place.value)


def inner(one: Tensor, other: Tensor) -> Tensor:
    """`[R]`: each member's inner product."""
    return (one * other).sum((1, 2))


def length(vector: Tensor) -> Tensor:
    """`[R]`."""
    return inner(vector, vector).sqrt()


def ratio(above: Tensor, below: Tensor, where: Tensor) -> Tensor:
    """`[R]`; 0 elsewhere."""
    return torch.where(where, above / torch.where(where, below, 1.0), 0.0)


def column(values: Tensor) -> Tensor:
    """`[R]` beside `[R, D, classes]`."""
    return values[:, None, None]
