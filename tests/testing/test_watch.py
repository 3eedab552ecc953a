"""Watching a step: what keeps it out of a device graph, and draws from global generators."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from clbench.testing.watch import (
    AWAY,
    HOST,
    SHAPE,
    VALUE,
    _has_mask,
    _same_state,
    global_draws,
    uncapturable,
)

X = torch.arange(6.0).reshape(2, 3)
LABELS = torch.tensor([0, 2])
MASK = torch.tensor([True, False])


def found_in(step: Callable[[], Any]) -> list[str]:
    """What a graph could not hold of this."""
    with uncapturable() as found:
        step()
    return found


# ------------------------------------------------------------------ what a graph cannot hold


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (lambda: X.sum().item(), VALUE),
        (lambda: float(X.sum()), VALUE),
        (lambda: bool((X > 0).any()), VALUE),
        (lambda: X.tolist(), VALUE),
        (lambda: X.numpy(), VALUE),
        (lambda: np.asarray(X), VALUE),
        (lambda: torch.equal(X, X), VALUE),
        (lambda: X.nonzero(), SHAPE),
        (lambda: X[MASK], SHAPE),
        (lambda: torch.masked_select(X, X > 1), SHAPE),
        (lambda: functional.one_hot(LABELS, 3), SHAPE),
        (lambda: torch.unique(LABELS), SHAPE),
        (lambda: torch.repeat_interleave(X, LABELS, dim=0), SHAPE),
        (lambda: torch.tensor([1.0]), HOST),
        (lambda: torch.from_numpy(np.ones(2)), HOST),
        (lambda: X.cpu(), AWAY),
        (lambda: X.to("cpu"), AWAY),
        (lambda: torch.zeros(3), "makes a tensor on the host"),
        (lambda: torch.randperm(3), "makes a tensor on the host"),
    ],
)
def test_what_no_graph_holds_is_named_with_the_reason(step: Callable[[], Any], why: str) -> None:
    found = found_in(step)
    assert found
    assert any(why in sentence for sentence in found)
    # The line that asked for it: of this file.
    assert all("test_watch.py:" in sentence for sentence in found)


@pytest.mark.parametrize(
    "step",
    [
        lambda: (X @ X.T).relu().sum(),
        lambda: torch.where(MASK[:, None], X, 0.0),
        lambda: X.masked_fill(X > 1, 0.0),
        lambda: X[LABELS.clamp(max=1)],
        lambda: X.gather(1, LABELS[:, None]),
        lambda: torch.zeros(3, device=X.device),
        lambda: torch.zeros_like(X),
        lambda: X.to(torch.float64),
        lambda: X.new_zeros(2),
    ],
)
def test_what_stays_on_the_device_is_not_found(step: Callable[[], Any]) -> None:
    assert found_in(step) == []


def test_a_line_of_one_s_own_is_named_wherever_it_lies() -> None:
    """A folder called `torch`, and a file called as the kit's own, were taken for theirs."""
    for file in ("/home/me/torch/mine.py", "/home/me/stopwatch.py"):
        names = {"X": X}
        exec(compile("def step():\n    X.sum().item()\n", file, "exec"), names)
        (sentence,) = found_in(names["step"])  # type: ignore[arg-type]
        assert f"({file}:2: " in sentence


def test_a_line_that_is_run_twice_is_named_once() -> None:
    def step() -> None:
        for _ in range(3):
            X.sum().item()

    assert len(found_in(step)) == 1


def test_what_is_watched_does_what_it_did() -> None:
    with uncapturable():
        value = X.sum().item()
        chosen = X[MASK]
    assert value == 15.0
    assert torch.equal(chosen, X[:1])


def test_nothing_is_watched_outside() -> None:
    with uncapturable() as found:
        pass
    X.sum().item()
    assert found == []


@pytest.mark.parametrize(
    ("indices", "has_mask"),
    [([MASK], True), ([None, MASK], True), ([LABELS], False), ([None], False), ([], False)],
)
def test_a_mask_is_an_index_of_truths(indices: list[Any], has_mask: bool) -> None:
    assert _has_mask(indices) == has_mask


# ------------------------------------------------------------------ global generators


@pytest.mark.parametrize(
    ("draw", "whose"),
    [
        (lambda: torch.rand(1), ["torch's"]),
        (lambda: np.random.random(), ["NumPy's"]),
        (lambda: random.random(), ["Python's"]),
        (lambda: (random.random(), torch.rand(1)), ["torch's", "Python's"]),
        (lambda: torch.rand(1, generator=torch.Generator().manual_seed(0)), []),
        (lambda: np.random.default_rng(0).random(), []),
        (lambda: random.Random(0).random(), []),
        (lambda: None, []),
    ],
)
def test_draws_are_told_by_whose_generator_they_are(
    draw: Callable[[], Any], whose: list[str]
) -> None:
    with global_draws() as drawn:
        draw()
    assert drawn == whose


def test_only_draws_within_count() -> None:
    torch.rand(1)
    with global_draws() as drawn:
        pass
    torch.rand(1)
    assert drawn == []


def test_who_seeds_a_generator_has_moved_it() -> None:
    with global_draws() as drawn:
        np.random.seed(12345)
    assert drawn == ["NumPy's"]


def test_states_of_numpy_are_compared_by_content() -> None:
    state = np.random.RandomState(0).get_state()
    again = np.random.RandomState(0).get_state()
    other = np.random.RandomState(1).get_state()
    assert _same_state(state, again)
    assert not _same_state(state, other)
