"""A linear probe: a multinomial logistic regression, and what it says of images left out of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clbench import Probe, per_member, randomness

from .logistic import Regression, solve
from .samples import Features, features_of

HELD_OUT = 0.2


@dataclass(frozen=True)
class Fit:
    """`weights [R, D, classes]`; `known [R, classes]` were fitted, `held [R, N]` are held out, and
    `right [R, N]` found.
    """

    weights: Tensor
    known: Tensor
    held: Tensor
    right: Tensor

    def strengths(self) -> Tensor:
        """`[R, classes]`: the length of each class's row; for two classes, of their difference."""
        lengths = self.weights.norm(dim=1)
        # Of two classes the rows are w/2 and -w/2, where w is the single row.
        two = (self.known.sum(1) == 2)[:, None]
        return torch.where(two, 2.0 * lengths, lengths).where(self.known, torch.nan)


def fit_of(probe: Probe, layer: str, classes: str, samples: int) -> Fit:
    """The linear probe of a layer, on these images."""
    features: Features = probe.once(features_of, layer, classes, samples)
    return fit(features)


@torch.no_grad()
def fit(features: Features) -> Fit:
    """Fitted to 80 % of the images."""
    held = held_out(features.valid)
    # `[R, N, classes]`, one-hot; rows that are held out are 0 throughout.
    targets = features.of_classes(features.valid & ~held)
    known = targets.any(1)
    solution = solution_of(features.x, targets, known)
    # The last row of the solution holds the biases, `[R, 1, classes]`.
    logits = per_member(torch.matmul, features.x, solution[:, :-1]) + solution[:, -1:]
    # Never a class that was not fitted.
    chosen = logits.masked_fill(~known[:, None], -torch.inf).argmax(2)
    return Fit(solution[:, :-1], known, held, chosen == features.y)


def solution_of(x: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """`[R, D + 1, classes]`: weights, and the biases behind them; 0 of classes that are not known.

    On a GPU all members at once. On a CPU one by one, without the rows and classes that take no
    part: that is faster, and what others have more of than a member could otherwise reach its last
    bits.
    """
    if x.device.type != "cpu":
        return solve(Regression(x, targets))
    found = x.new_zeros(len(x), x.shape[2] + 1, targets.shape[2])
    for member, (rows, classes) in enumerate(zip(targets.any(2), known, strict=True)):
        if not classes.any():
            continue
        regression = Regression(x[member, rows][None], targets[member, rows][:, classes][None])
        found[member, :, classes] = solve(regression)[0]
    return found


def held_out(valid: Tensor) -> Tensor:
    """`[R, N]`: a fifth of the rows that count, rounded up, always the same ones."""
    rows = valid.shape[1]
    # One order for every member and time: the split is no source of differences.
    order = randomness.generator(0, 0, "linear probe").permutation(rows)
    places = torch.from_numpy(order).to(valid.device)
    # The number of valid rows up to each, in that order.
    rank = valid[:, places].cumsum(1)
    # As scikit-learn's train_test_split rounds.
    number = (valid.sum(1, keepdim=True) * HELD_OUT).ceil()
    first = torch.zeros_like(valid)
    first[:, places] = rank <= number
    return first & valid


def accuracies(features: Features, held: Tensor, right: Tensor) -> Tensor:
    """`[R, 1 + classes]`: the share of held-out images that are right, of all and of each class;
    NaN where there are none.
    """
    found = (right & held).sum(1, keepdim=True).double()
    overall = found / held.sum(1, keepdim=True)
    of_classes = features.of_classes(held)
    hits = (of_classes * right[..., None]).sum(1)
    return torch.cat([overall, hits / of_classes.sum(1)], dim=1)
