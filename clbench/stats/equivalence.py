"""Whether a difference is too small to matter.

That is, within a region of practical equivalence: plus or minus `rope`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clbench.stats.intervals import welch_error
from clbench.stats.power import smallest_equivalence, smallest_equivalence_unpaired
from clbench.typing import Array

DRAWS = 2000
PRIOR = 0.5  # the weight of one imagined pair that differs by nothing, beside 1 for every pair seen


# ---------------------------------------------------------------------- two one-sided tests


def two_one_sided(differences: Array, rope: float) -> float:
    """The p-value of "the mean difference lies within the region" (Schuirmann 1987).

    By two one-sided t tests, and never below what the signs of so few differences can show: a t
    test takes the spread that it sees for the truth, and two or three differences that happen to be
    equal have none.
    """
    size = len(differences)
    if size < 2 or rope <= 0:
        return 1.0
    error = float(differences.std(ddof=1) / np.sqrt(size))
    found = equivalence_p(float(differences.mean()), error, size - 1, rope)
    return max(found, smallest_equivalence(size))


def two_one_sided_unpaired(a: Array, b: Array, rope: float) -> float:
    """The same for two independent groups, with Welch's degrees of freedom."""
    if min(len(a), len(b)) < 2 or rope <= 0:
        return 1.0
    error, df = welch_error(a, b)
    found = equivalence_p(float(a.mean() - b.mean()), error, df, rope)
    return max(found, smallest_equivalence_unpaired(len(a), len(b)))


def equivalence_p(mean: float, error: float, df: float, rope: float) -> float:
    """The larger p of the two tests, against "at least rope" and against "at most -rope"."""
    from scipy.special import stdtr

    if error == 0:
        return 0.0 if abs(mean) < rope else 1.0
    # Both have to reject, so the larger p counts and no correction is due.
    below = stdtr(df, (mean - rope) / error)
    above = stdtr(df, -(mean + rope) / error)
    return float(max(below, above))


# ---------------------------------------------------------------------- in probabilities


@dataclass(frozen=True)
class Posterior:
    """How probable each is: the second is better, neither is by more than the region, the first."""

    second: float
    neither: float
    first: float


def bayesian_signed_rank(
    differences: Array, rope: float, rng: np.random.Generator, draws: int = DRAWS
) -> Posterior:
    """The Bayesian signed-rank test (Benavoli et al. 2017).

    A Dirichlet process over the pairs is asked where its pseudo-median lies: every draw weighs the
    pairs anew, and asks where most of the means of two of them are, below the region, in it, above.
    """
    points = np.concatenate([[0.0], differences])  # the imagined pair first
    prior = np.concatenate([[PRIOR], np.ones(len(differences))])
    shares = _shares_of_means(points, rng.dirichlet(prior, draws), rope)
    winner = np.bincount(np.argmax(shares, axis=0), minlength=3) / draws
    return Posterior(*map(float, winner))


def _shares_of_means(points: Array, weights: Array, rope: float) -> Array:
    """`[3, draws]`: what the means of two points weigh below the region, in it, and above."""
    means = (points[:, None] + points) / 2
    below = _weight_of(means < -rope, weights)
    above = _weight_of(means > rope, weights)
    return np.stack([below, 1 - below - above, above])


def _weight_of(means: Array, weights: Array) -> Array:
    """What the chosen means of two pairs weigh in every draw: the product of both weights."""
    total: Array = ((weights @ means.astype(np.float64)) * weights).sum(axis=1)
    return total
