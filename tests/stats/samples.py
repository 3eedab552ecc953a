"""Runs that the tests of this folder share: published ones, and made-up ones."""

from __future__ import annotations

import numpy as np

# Student (1908): additional hours of sleep under two drugs, the example of R's t.test.
FIRST = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SECOND = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])

NONE = np.nan  # no run of this seed
FAILED = -np.inf


def suites(seed: int, effects: list[float], seeds: int, scenarios: int) -> list[np.ndarray]:
    """Runs that share their seed's stream; differences have a standard deviation of 1."""
    rng = np.random.default_rng(seed)
    return [_suite(rng, effects, seeds) for _ in range(scenarios)]


def suite(seed: int, effects: list[float], seeds: int) -> np.ndarray:
    """The same on one scenario."""
    return suites(seed, effects, seeds, scenarios=1)[0]


def _suite(rng: np.random.Generator, effects: list[float], seeds: int) -> np.ndarray:
    streams = rng.normal(size=(seeds, 1))
    return streams + rng.normal(effects, np.sqrt(0.5), (seeds, len(effects)))
