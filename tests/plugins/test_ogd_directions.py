"""Bases of directions, and the directions that a task is remembered by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from clbench.testing.bench import Bench
from clbench_plugins.ogd import OGD
from clbench_plugins.ogd.basis import Basis, DenseBasis, FactoredBasis
from clbench_plugins.ogd.parts import DenseRows, LinearFactors

from .ogd_kit import MLP, flat, trained

SAMPLES = ["gtl", "ave", "all"]


def random_gradients(strategy: Any, names: list[str], seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    params = strategy.net.named_parameters()
    return {name: torch.randn(params[name].shape, generator=generator) for name in names}


def projected(strategy: Any, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
    copies = {name: value.clone() for name, value in gradients.items()}
    strategy.basis.project(copies)
    return copies


def by_hand(strategy: Any, variant: str, task: Any, row: int, memory: int) -> Tensor:
    """One member's directions of a task, one backward pass each, in double precision."""
    names = strategy.projected
    net = strategy.net.spawn(torch.float64).eval()
    params = net.named_parameters()
    found = []
    own = strategy.scenario.setting == "task"
    outputs = task.classes[row].tolist() if own else list(range(strategy.scenario.classes))
    samples = memory // len(outputs) if variant == "all" else memory
    for batch in task.batches("train", 8, samples):
        logits = net(batch.x.double())[row]
        for b in range(8):
            if not batch.valid[row, b]:
                continue
            chosen = {
                "gtl": [logits[b, int(batch.y[row, b])]],
                "ave": [logits[b, outputs].mean()],
                "all": [logits[b, output] for output in outputs],
            }
            for value in chosen[variant]:
                wanted = [params[name] for name in names]
                gradients = torch.autograd.grad(value, wanted, retain_graph=True)
                found.append(torch.cat([gradient[row].flatten() for gradient in gradients]))
    return torch.stack(found)


def residual_of(directions: Tensor, vector: Tensor, tolerance: float = 1e-3) -> Tensor:
    """`vector` without its components in the space of unit directions, by a singular value
    decomposition.
    """
    unit = directions / directions.norm(dim=1, keepdim=True)
    _, sizes, rows = torch.linalg.svd(unit, full_matrices=False)
    rows = rows[sizes > tolerance]
    return vector - (vector @ rows.T) @ rows


# ------------------------------------------------------------------ bases


def basis_of(kind: str, rows: Tensor) -> Basis:
    basis = DenseBasis(["w"], 1e-3) if kind == "dense" else FactoredBasis(1e-3)
    basis.add([DenseRows(["w"], rows[:, :, None])])
    return basis


@pytest.mark.parametrize("kind", ["dense", "factors"])
def test_a_projection_by_hand(kind: str) -> None:
    gradient = torch.tensor([[1.0, 2.0, 2.0]])
    basis_of(kind, torch.tensor([[[1.0, 0.0, 0.0]]])).project({"w": gradient})
    torch.testing.assert_close(gradient, torch.tensor([[0.0, 2.0, 2.0]]))


@pytest.mark.parametrize("kind", ["dense", "factors"])
def test_as_many_directions_as_parameters_leave_nothing(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    basis = basis_of(kind, torch.randn(2, 20, 6, generator=generator))
    gradient = torch.randn(2, 6, generator=generator)
    basis.project({"w": gradient})
    assert gradient.abs().max() < 1e-5


@pytest.mark.parametrize("kind", ["dense", "factors"])
def test_bases_stay_orthonormal_where_directions_nearly_depend_on_each_other(kind: str) -> None:
    """Task after task of directions that differ by a few per cent, some of them copies, some 0."""
    generator = torch.Generator().manual_seed(0)
    common = torch.randn(2, 1, 300, generator=generator)
    # With factors, sums of directions are a hundred times as long as what they leave: so are their
    # errors.
    error = 1e-5 if kind == "dense" else 1e-4
    basis: Any = DenseBasis(["w"], 1e-3) if kind == "dense" else FactoredBasis(1e-3)
    given = []
    for _ in range(4):
        rows = common + 0.02 * torch.randn(2, 20, 300, generator=generator)
        rows[:, 3] = rows[:, 2]
        rows[:, 4] = 0.0
        given.append(rows)
        basis.add([DenseRows(["w"], rows[:, :, None].clone())])
    vectors = basis.vectors({"w": common[:, 0]})
    for member, directions in enumerate(torch.cat(given, dim=1)):
        row = vectors[member]
        kept = row[row.norm(dim=1) > 0.5]
        assert len(kept) == 4 * 18
        assert (kept @ kept.T - torch.eye(len(kept))).abs().max() < error
        gradient = torch.randn(2, 300, generator=generator)
        once = gradient.clone()
        basis.project({"w": once})
        twice = once.clone()
        basis.project({"w": twice})
        torch.testing.assert_close(twice, once, atol=error, rtol=0)
        assert (once.norm(dim=1) <= gradient.norm(dim=1)).all()
        units = directions / directions.norm(dim=1, keepdim=True).clamp(min=1e-9)
        assert (units @ once[member]).abs().max() < error * gradient[member].norm()


def test_a_member_that_diverged_does_not_stop_its_neighbours() -> None:
    rows = torch.tensor([[[1.0, 0.0]], [[torch.nan, 1.0]]])
    for kind in ("dense", "factors"):
        gradient = torch.ones(2, 2)
        basis_of(kind, rows).project({"w": gradient})
        torch.testing.assert_close(gradient[0], torch.tensor([0.0, 1.0]))


def test_factors_are_the_outer_products_that_they_stand_for() -> None:
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    inputs, deltas = draw(2, 5, 4), draw(2, 5, 3, 6)
    outer = torch.einsum("rmko,rmi->rmkoi", deltas, inputs).flatten(3)
    dense = DenseRows(["w", "b"], torch.cat([outer, deltas], dim=3))
    factors = LinearFactors("w", "b", inputs, deltas)
    gradients = {"w": draw(2, 6, 4), "b": draw(2, 6)}
    torch.testing.assert_close(factors.dots(gradients), dense.dots(gradients))
    torch.testing.assert_close(factors.gram(), dense.gram(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(factors.squares(), dense.squares())
    coefficients = draw(2, 5, 3)
    others = {name: value.clone() for name, value in gradients.items()}
    factors.subtract(gradients, coefficients)
    dense.subtract(others, coefficients)
    torch.testing.assert_close(gradients, others)


# ------------------------------------------------------------------ what is remembered


@pytest.mark.parametrize("store", ["factors", "dense"])
@pytest.mark.parametrize("variant", SAMPLES)
@pytest.mark.parametrize("setting", ["class", "task"])
def test_directions_are_gradients_of_outputs(
    on_digits: Callable[..., Bench], variant: str, store: str, setting: str
) -> None:
    """The projection of a vector is that by the gradients themselves, sample by sample."""
    ogd = OGD(variant=variant, memory=30, store=store)
    strategy = trained(on_digits(ogd, setting=setting, model=MLP), 1)
    names = strategy.projected
    assert ("head.weight" in names) == (setting == "class")
    gradients = random_gradients(strategy, names)
    found = flat(projected(strategy, gradients)).double()
    task = strategy.session.streams.tasks[0]
    for row in (0, 1):
        directions = by_hand(strategy, variant, task, row, 30)
        wanted = residual_of(directions, flat(gradients)[row].double())
        torch.testing.assert_close(found[row], wanted, atol=2e-4, rtol=0)
        assert (wanted - flat(gradients)[row]).norm() > 0.1
        units = directions / directions.norm(dim=1, keepdim=True)
        assert (units @ found[row]).abs().max() < 1e-3


@pytest.mark.parametrize(("variant", "memory"), [("gtl", 300), ("ave", 40), ("all", 100)])
def test_factors_and_dense_vectors_span_the_same(
    on_digits: Callable[..., Bench], variant: str, memory: int
) -> None:
    """Of 300 places some stay empty, of unequal numbers in the two members."""
    chosen = [
        trained(on_digits(OGD(variant=variant, memory=memory, store=store), model=MLP), 1)
        for store in ("factors", "dense")
    ]
    gradients = random_gradients(chosen[0], chosen[0].projected)
    one, other = (flat(projected(strategy, gradients)) for strategy in chosen)
    assert one.norm(dim=1).min() > 1.0
    torch.testing.assert_close(one, other, atol=2e-3, rtol=0)


def test_convolutions_are_kept_whole_beside_factors(on_digits: Callable[..., Bench]) -> None:
    model = "kit_convnet"
    both = trained(on_digits(OGD(memory=10), model=model), 1)
    dense = trained(on_digits(OGD(memory=10, store="dense"), model=model), 1)
    kinds = [type(part) for part in both.basis.parts]
    assert kinds == [LinearFactors, LinearFactors, DenseRows]
    assert both.basis.parts[2].names == ["conv.weight", "conv.bias"]
    gradients = random_gradients(both, both.projected)
    one, other = (flat(projected(strategy, gradients)) for strategy in (both, dense))
    torch.testing.assert_close(one, other, atol=1e-3, rtol=0)
    assert (one - flat(gradients)).norm() > 1.0


def test_mean_loss_is_the_mean_gradient_of_the_loss(on_digits: Callable[..., Bench]) -> None:
    strategy = trained(on_digits(OGD(variant="mean_loss"), model=MLP), 1)
    task = strategy.session.streams.tasks[0]
    params = strategy.net.named_parameters()
    total, count = torch.zeros(2, strategy.basis.rows.shape[2]), torch.zeros(2)
    for batch in task.batches("train", 1):
        loss = strategy.cross_entropy(strategy.net(batch.x), batch)
        gradients = torch.autograd.grad(loss.sum(), list(params.values()))
        total += flat(dict(zip(params, gradients, strict=True)))
        count += batch.weights.sum(1)
    wanted = total / total.norm(dim=1, keepdim=True)
    torch.testing.assert_close(strategy.basis.rows[:, 0], wanted, atol=1e-4, rtol=0)


def test_mean_loss_has_one_direction_a_task(on_digits: Callable[..., Bench]) -> None:
    strategy = trained(on_digits(OGD(variant="mean_loss"), model=MLP), 3)
    rows = strategy.basis.rows
    assert rows.shape[1] == 3
    identity = torch.eye(3).expand(2, 3, 3)
    torch.testing.assert_close(rows @ rows.transpose(1, 2), identity, atol=1e-5, rtol=0)


def test_mean_loss_per_class_is_the_gradient_of_a_classs_true_outputs(
    on_digits: Callable[..., Bench],
) -> None:
    strategy = trained(on_digits(OGD(variant="mean_loss", per_class=True), model=MLP), 1)
    task = strategy.session.streams.tasks[0]
    params = strategy.net.named_parameters()
    for row in (0, 1):
        directions = []
        for label in task.classes[row].tolist():
            total = torch.zeros(())
            for batch in task.batches("train", 16):
                own = batch.valid[row] & (batch.y[row] == label)
                total = total + strategy.net(batch.x)[row, own, label].sum()
            gradients = torch.autograd.grad(total, list(params.values()))
            directions.append(torch.cat([gradient[row].flatten() for gradient in gradients]))
        gradients = random_gradients(strategy, strategy.projected)
        wanted = residual_of(torch.stack(directions).double(), flat(gradients)[row].double())
        found = flat(projected(strategy, gradients))[row].double()
        torch.testing.assert_close(found, wanted, atol=2e-4, rtol=0)


def test_principal_directions_are_those_of_a_decomposition(
    on_digits: Callable[..., Bench],
) -> None:
    strategy = trained(on_digits(OGD(memory=20, pca=4), model=MLP), 1)
    task = strategy.session.streams.tasks[0]
    assert strategy.basis.rows.shape[1] == 4
    for row in (0, 1):
        directions = by_hand(strategy, "gtl", task, row, 20)
        _, _, vectors = torch.linalg.svd(directions, full_matrices=False)
        basis = strategy.basis.rows[row].double()
        shared = torch.linalg.svdvals(basis @ vectors[:4].T)
        torch.testing.assert_close(shared, torch.ones_like(shared), atol=1e-4, rtol=0)


def test_recomputed_directions_are_those_at_the_weights_of_now(
    on_digits: Callable[..., Bench],
) -> None:
    strategy = trained(on_digits(OGD(memory=10, recompute=True), model=MLP), 3)
    gradients = random_gradients(strategy, strategy.projected)
    found = flat(projected(strategy, gradients)).double()
    for row in (0, 1):
        directions = torch.cat(
            [by_hand(strategy, "gtl", task, row, 10) for task in strategy.session.streams.tasks[:3]]
        )
        wanted = residual_of(directions, flat(gradients)[row].double())
        torch.testing.assert_close(found[row], wanted, atol=2e-4, rtol=0)
