"""Logistic regression by Newton's method, beside scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from clbench_plugins.linear_probe_metrics.logistic import (
    Regression,
    inner,
    length,
    newton_direction,
    ratio,
    solve,
)


def problem(classes: int = 3, members: int = 2, rows: int = 40) -> tuple[Tensor, Tensor]:
    """Features `[R, N, 5]`, and one-hot targets of classes that overlap."""
    generator = torch.Generator().manual_seed(classes)
    y = torch.arange(rows).remainder(classes).expand(members, rows)
    centres = torch.randn(members, classes, 5, generator=generator).double()
    noise = torch.randn(members, rows, 5, generator=generator).double()
    x = centres.gather(1, y[..., None].expand(-1, -1, 5)) + noise
    return x, torch.nn.functional.one_hot(y, classes).double()


def gradient_at(regression: Regression, parameters: Tensor) -> Tensor:
    return regression.gradient(regression.logits(parameters).softmax(2), parameters)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_solution_is_scikit_learns(classes: int) -> None:
    x, targets = problem(classes)
    found = solve(Regression(x, targets))
    for member in range(2):
        theirs = LogisticRegression(tol=1e-10, max_iter=5000)
        theirs.fit(x[member].numpy(), targets[member].argmax(1).numpy())
        scores = x[member] @ found[member, :-1] + found[member, -1]
        np.testing.assert_allclose(
            scores.softmax(1).numpy(), theirs.predict_proba(x[member].numpy()), atol=1e-4
        )


def test_at_the_solution_the_slope_is_nothing() -> None:
    x, targets = problem()
    regression = Regression(x, targets)
    slope = gradient_at(regression, solve(regression))
    start = gradient_at(regression, regression.zeros())
    assert (length(slope) < 1e-3 * length(start)).all()


def test_gradient_product_and_diagonal_are_derivatives_of_the_value() -> None:
    x, targets = problem(members=1)
    regression = Regression(x, targets)
    generator = torch.Generator().manual_seed(7)
    at = torch.randn(regression.zeros().shape, generator=generator).double()
    direction = torch.randn(at.shape, generator=generator).double()

    def value(parameters: Tensor) -> Tensor:
        return regression.value(regression.logits(parameters), parameters).sum()

    chances = regression.logits(at).softmax(2)
    slope, image = torch.autograd.functional.hvp(value, at, direction)
    expected = torch.autograd.functional.jacobian(value, at)
    torch.testing.assert_close(regression.gradient(chances, at), expected)
    torch.testing.assert_close(regression.product(chances, direction), image)
    hessian = torch.autograd.functional.hessian(value, at).view(at.numel(), at.numel())
    torch.testing.assert_close(regression.diagonal(chances).flatten(), hessian.diagonal())
    torch.testing.assert_close(slope, value(at))


def test_rows_that_are_not_fitted_take_no_part() -> None:
    x, targets = problem()
    targets[:, ::2] = 0.0
    fewer = solve(Regression(x[:, 1::2], targets[:, 1::2]))
    torch.testing.assert_close(solve(Regression(x, targets)), fewer)


def test_a_class_without_a_row_is_never_chosen_and_moves_nothing() -> None:
    x, targets = problem(classes=2)
    wider = torch.nn.functional.pad(targets, (0, 1))
    regression = Regression(x, wider)
    found = solve(regression)
    assert regression.logits(found)[..., 2].isneginf().all()
    torch.testing.assert_close(found[..., :2], solve(Regression(x, targets)))


def test_biases_are_not_penalised() -> None:
    x, targets = problem()
    penalty = Regression(x, targets).penalty
    assert penalty[:, :-1].unique().tolist() == [1.0]
    assert not penalty[:, -1].any()
    # Two classes: of one row w, halves of which the two are.
    assert Regression(*problem(classes=2)).penalty[:, 0].unique().tolist() == [2.0]


def test_newtons_direction_solves_its_equation() -> None:
    x, targets = problem()
    regression = Regression(x, targets)
    chances = regression.logits(regression.zeros()).softmax(2)
    slope = regression.gradient(chances, regression.zeros())
    exactness = 1e-9 * length(slope)
    wanted = torch.tensor([True, False])
    direction = newton_direction(regression, chances, slope, exactness, wanted)
    rest = regression.product(chances, direction) + slope
    assert length(rest)[0] <= exactness[0]
    # Who is done has no direction.
    assert not direction[1].any()


def test_a_member_that_is_easy_does_not_wait_for_one_that_is_not() -> None:
    x, targets = problem()
    x[1] *= 100.0
    together = solve(Regression(x, targets))
    alone = solve(Regression(x[:1], targets[:1]))
    assert torch.equal(together[:1], alone)


def test_products_and_ratios_are_member_by_member() -> None:
    one = torch.tensor([[[3.0, 4.0]], [[1.0, 0.0]]])
    assert length(one).tolist() == [5.0, 1.0]
    assert inner(one, 2.0 * one).tolist() == [50.0, 2.0]
    above, below = torch.tensor([6.0, 1.0]), torch.tensor([3.0, 0.0])
    assert ratio(above, below, torch.tensor([True, False])).tolist() == [2.0, 0.0]
