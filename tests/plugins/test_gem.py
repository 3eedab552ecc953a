from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import nnls
from torch import Tensor

from clbench import Batch
from clbench_plugins.gem import AGEM, GEM
from clbench_plugins.gem.agem import correction
from clbench_plugins.gem.cone import nearest
from clbench_plugins.gem.gem import products
from clbench_plugins.naive import Naive

RATE = 0.1


class Noting:
    """Keeps the batch, the weights, and the samples of the memory of each step."""

    steps: ClassVar[list[dict[str, Any]]] = []

    def setup(self) -> None:
        super().setup()  # type: ignore[misc]
        Noting.steps = []

    def observe(self, batch: Batch) -> Tensor | None:
        weights = [p.detach().clone() for p in self.net.parameters()]  # type: ignore[attr-defined]
        active = list(self.session.active)  # type: ignore[attr-defined]
        Noting.steps.append(
            {"batch": batch, "weights": weights, "memory": [], "active": active},
        )
        found: Tensor | None = super().observe(batch)  # type: ignore[misc]
        return found

    def memory_gradient(self, batch: Batch) -> Tensor:
        Noting.steps[-1]["memory"].append(batch)
        found: Tensor = super().memory_gradient(batch)  # type: ignore[misc]
        return found


class NotedAGEM(Noting, AGEM):
    """Averaged."""


class NotedGEM(Noting, GEM):
    """Of each task."""


def run(on_digits: Any, strategy: Any, tasks: int = 3, **given: Any) -> Any:
    options = {"optimizer": {"sgd": {"lr": RATE}}, **given}
    started, loop = on_digits(strategy, tasks=tasks, **options).start(0, 1)
    for task in started.session.streams.tasks[:tasks]:
        loop.task(task)
    return started


def gradient(weights: list[Tensor], batch: Batch, row: int) -> Tensor:
    """Of one plain network in double precision, side by side."""
    leaves = [value[row].double().requires_grad_() for value in weights]
    x, y = batch.x[row], batch.y[row]
    if batch.valid is not None:
        x, y = x[batch.valid[row]], y[batch.valid[row]]
    hidden = torch.relu(x.double().flatten(1) @ leaves[0].T + leaves[1])
    loss = F.cross_entropy(hidden @ leaves[2].T + leaves[3], y)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, leaves)])


def steps_by_hand(strategy: Any, project: Any) -> int:
    """Compare each step with plain SGD on a projected gradient; how many were projected."""
    final = [p.detach() for p in strategy.net.parameters()]
    afters = [step["weights"] for step in Noting.steps[1:]] + [final]
    projected = 0
    for step, after in zip(Noting.steps, afters, strict=True):
        for row in step["active"]:
            g = gradient(step["weights"], step["batch"], row)
            memory = [gradient(step["weights"], batch, row) for batch in step["memory"]]
            wanted = project(g, torch.stack(memory)) if memory else g
            projected += int(not torch.equal(wanted, g))
            pairs = zip(after, step["weights"], strict=True)
            moved = torch.cat([(new[row] - old[row]).double().flatten() for new, old in pairs])
            torch.testing.assert_close(moved, -RATE * wanted, rtol=1e-3, atol=2e-6)
    return projected


def averaged(g: Tensor, memory: Tensor) -> Tensor:
    """The formula of A-GEM."""
    (r,) = memory
    return g - (g @ r) / (r @ r) * r if g @ r < 0 else g


def in_the_cone(g: Tensor, memory: Tensor, margin: float) -> Tensor:
    """GEM's g~, where scipy solves the programme as non-negative least squares."""
    if bool((memory @ g >= 0).all()):
        return g
    lifted = g + margin * memory.sum(0)
    z, _ = nnls(memory.T.numpy(), -lifted.numpy(), maxiter=10_000)
    return lifted + torch.from_numpy(z) @ memory


# ------------------------------------------------------------------ the averaged one


def test_agem_against_a_plain_reference(on_digits: Any) -> None:
    strategy = run(on_digits, NotedAGEM(memory=60))
    assert steps_by_hand(strategy, averaged) > 10


def test_a_gradient_against_the_reference_becomes_orthogonal_and_others_stay() -> None:
    generator = torch.Generator().manual_seed(0)
    g, r = torch.randn(2, 200, 37, generator=generator)
    r[0] = 0.0  # a member without samples
    against = (g * r).sum(1) < 0
    change = correction(g, r)
    assert 50 < int(against.sum()) < 150
    assert not change[~against].any()
    inner = ((g + change) * r).sum(1)
    torch.testing.assert_close(inner[against], torch.zeros_like(inner[against]), atol=1e-5, rtol=0)


def test_by_hand() -> None:
    """(1, -2) against (0, 1): the second entry goes."""
    g, r = torch.tensor([[1.0, -2.0], [1.0, 2.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert (g + correction(g, r)).tolist() == [[1.0, 0.0], [1.0, 2.0]]


@pytest.mark.parametrize("strategy", [AGEM(memory=60), GEM(memory=60)], ids=["agem", "gem"])
def test_the_first_task_is_that_of_naive(on_digits: Any, strategy: Any) -> None:
    mine, naive = (on_digits(one, tasks=2).run(0, 1) for one in (strategy, Naive))
    np.testing.assert_array_equal(mine.accuracy[:, 1], naive.accuracy[:, 1])
    assert (mine.loss[:, 1] != naive.loss[:, 1]).all()


@pytest.mark.parametrize("kind", [AGEM, GEM])
def test_each_task_has_a_part_of_the_memory(on_digits: Any, kind: Any) -> None:
    strategy = run(on_digits, kind(memory=50), tasks=3)
    held = strategy.buffer.samples()
    streams = strategy.session.streams
    for row in (0, 1):
        for index in range(3):
            mine = held.index[row][held.valid[row] & (held.tasks[row] == index)].tolist()
            assert len(set(mine)) == 16
            assert set(mine) <= set(streams.spec(row, index).train.tolist())


def test_mammoths_memory_is_a_batch_of_each_task(on_digits: Any) -> None:
    strategy = run(on_digits, AGEM(memory=200, kept="batch"), tasks=3)
    held = strategy.buffer.samples()
    for row in (0, 1):
        assert held.tasks[row][held.valid[row]].bincount().tolist() == [16] * 3


def test_the_memory_in_bytes(on_digits: Any) -> None:
    """A picture of 8 x 8 and its label; in the task setting its task, too."""
    for setting, each in (("class", 65), ("task", 66)):
        bench = on_digits(AGEM(memory="1kB"), tasks=3, setting=setting)
        cost = bench.run(0).cost["state_bytes"]
        assert each * (1000 // each) <= cost[0] <= 1000 + 24  # and counts of what was seen


# ------------------------------------------------------------------ the one of each task


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_gem_against_a_plain_reference(on_digits: Any, margin: float) -> None:
    strategy = run(on_digits, NotedGEM(memory=60, margin=margin), tasks=4)
    assert [len(step["memory"]) for step in Noting.steps][-1] == 3

    def project(g: Tensor, memory: Tensor) -> Tensor:
        return in_the_cone(g, memory, margin)

    assert steps_by_hand(strategy, project) > 10


def test_so_many_samples_of_each_task_where_asked_for(on_digits: Any) -> None:
    run(on_digits, NotedGEM(memory=60, replay_batch=5))
    last = Noting.steps[-1]["memory"]
    assert [batch.size for batch in last] == [5, 5]
    assert [batch.tasks.unique().tolist() for batch in last] == [[0], [1]]
    assert len({tuple(step["memory"][0].index[0].tolist()) for step in Noting.steps[-9:]}) > 1


def vectors(count: int, size: int, alike: float) -> tuple[Tensor, Tensor]:
    """References `[R, k, N]` of many lengths, some double, some 0, and gradients; in float64."""
    generator = torch.Generator().manual_seed(count + size)
    kind = {"dtype": torch.float64, "generator": generator}
    shared = torch.randn(60, 1, size, **kind)
    r = alike**0.5 * shared + (1 - alike) ** 0.5 * torch.randn(60, count, size, **kind)
    r *= torch.rand(60, count, 1, **kind) * 3
    if count > 2:
        r[:10, 1] = r[:10, 0]
        r[10:20, 2] = 0.0
    return r, torch.randn(60, size, **kind) - 0.3 * r.mean(1)


@pytest.mark.parametrize("margin", [0.0, 0.01, 0.5])
@pytest.mark.parametrize(
    ("count", "size", "alike"),
    [(1, 9, 0.0), (2, 9, 0.0), (5, 6, 0.0), (9, 50, 0.9), (20, 20, 0.0), (20, 60, 0.5)],
)
def test_the_programme_is_solved_as_scipy_solves_it(
    count: int, size: int, alike: float, margin: float
) -> None:
    """To 1e-6 of the gradient's length; inequalities hold, and what keeps them all stands still."""
    references, gradients = vectors(count, size, alike)
    parts = [products(r, g) for r, g in zip(references, gradients, strict=True)]
    gram, along, square = (torch.stack(part) for part in zip(*parts, strict=True))
    weights = nearest(gram, along, square, margin)
    found = gradients + (weights[:, :, None] * references).sum(1)
    for g, r, mine, weight in zip(gradients, references, found, weights, strict=True):
        length = float(g.norm())
        assert float((mine - in_the_cone(g, r, margin)).norm()) <= 1e-6 * length
        assert float((r @ mine).min()) >= -1e-6 * length * float(r.norm(dim=1).max())
        if bool((r @ g >= 0).all()):
            assert not weight.any()
        else:
            assert float(weight.min()) >= margin


def test_a_members_solution_is_its_own() -> None:
    references, gradients = vectors(5, 9, 0.5)
    parts = [products(r, g) for r, g in zip(references, gradients, strict=True)]
    gram, along, square = (torch.stack(part) for part in zip(*parts, strict=True))
    together = nearest(gram, along, square, 0.5)
    gram[1] = torch.nan
    beside_nan = nearest(gram, along, square, 0.5)
    for row in (0, 2, 59):
        one = slice(row, row + 1)
        alone = nearest(gram[one], along[one], square[one], 0.5)
        assert torch.equal(alone[0], together[row])
        assert torch.equal(beside_nan[row], together[row])


def test_what_was_learnt_is_kept_better_than_by_naive(on_digits: Any) -> None:
    """In the task setting, as published: the accuracy on the first tasks at the end."""
    options = {"setting": "task", "epochs": 5, "model": {"mlp": {"hidden": [16]}}}
    early = {
        name: on_digits(strategy, **options).run(0, 1, 2).accuracy[:, -1, :3].mean()
        for name, strategy in {
            "naive": Naive,
            "agem": AGEM(memory=100),
            "gem": GEM(memory=100),
        }.items()
    }
    assert early["agem"] >= early["naive"]
    assert early["gem"] >= early["naive"]
    assert early["gem"] > 0.95
