from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench.engine.probe import Probe
from clbench.stack import Noise
from clbench_plugins.curvature_metrics import Curvature
from clbench_plugins.curvature_metrics.estimates import ends, sizes, slopes
from clbench_plugins.curvature_metrics.loss import InputLoss, Loss, WeightLoss, loss_of
from clbench_plugins.naive import Naive

PLAIN = {"mlp": {"hidden": [7, 5], "activation": "tanh"}}
MODELS: list[Any] = [
    {"mlp": {"hidden": [9, 6]}},
    {"mlp": {"hidden": [9], "norm": "batch", "dropout": 0.3}},
    {"mlp": {"hidden": [9], "norm": "layer", "activation": "tanh"}},
    "kit_convnet",
]


class Quadratic(Loss):
    """1/2 x'Hx at a point, of R members with one function each."""

    functions = 1
    averaged_over = 1.0

    def __init__(self, *hessians: Any) -> None:
        self.hessian = torch.tensor(np.array(hessians), dtype=torch.float64)
        self.members, self.size = self.hessian.shape[:2]
        self.device = torch.device("cpu")
        self.point = torch.full((self.members, 1, self.size), 0.7, dtype=torch.float64)

    def gradient(self, shift: Tensor | None = None) -> Tensor:
        return self.product(self.point if shift is None else self.point + shift)

    def product(self, vectors: Tensor) -> Tensor:
        return (self.hessian[:, None] @ vectors[..., None])[..., 0]

    def mean(self, values: Tensor) -> Tensor:
        return values.squeeze(-1)


def noise(members: int) -> Noise:
    return Noise([(3, member) for member in range(members)])


def probe_of(bench: Any, *seeds: int, task: int = 1, **settings: Any) -> Probe:
    """What a metric sees of untrained networks in a task."""
    strategy, _ = bench.start(*seeds, **settings)
    strategy.session.task = chosen = strategy.session.streams.tasks[task]
    strategy.net.eval()
    batch = next(chosen.batches("train", 100, 100))
    return Probe(strategy.net, strategy, chosen, batch.x, batch.y, "curvature")


def small(bench_maker: Any, **options: Any) -> Any:
    return bench_maker(Naive, **{"model": PLAIN, **options})


# ---------------------------------------------------------------------- estimates


def test_a_diagonal_hessian_by_hand() -> None:
    """1/2 (3 x1^2 + x2^2): every draw finds the trace 4 and the length of H z, sqrt(10)."""
    loss = Quadratic([[3.0, 0.0], [0.0, 1.0]])
    trace = slopes(loss, loss.signs(noise(1), 5))
    assert trace.tolist() == [[4.0, 0.0]]
    difference = sizes(loss, loss.signs(noise(1), 5), 1e-3)
    assert difference.tolist() == [pytest.approx(3.162278, abs=1e-6)]
    found = ends(loss, loss.directions(noise(1)), 20)
    assert found.tolist() == [[pytest.approx(3.0, abs=1e-12), pytest.approx(1.0, abs=1e-12)]]


def test_a_hessian_beside_the_diagonal_by_hand() -> None:
    """[[2, 1], [1, 2]]: a draw finds 2 or 6, on average 4; the standard error is that of the
    draws.
    """
    loss = Quadratic([[2.0, 1.0], [1.0, 2.0]])
    single = [slopes(loss, [signs])[0, 0].item() for signs in loss.signs(noise(1), 400)]
    assert set(single) == {2.0, 6.0}
    mean, error = slopes(loss, loss.signs(noise(1), 400))[0].tolist()
    assert mean == pytest.approx(np.mean(single))
    assert error == pytest.approx(np.std(single, ddof=1) / 20)
    assert abs(mean - 4.0) < 4 * error
    found = ends(loss, loss.directions(noise(1)), 2)
    assert found.tolist() == [[pytest.approx(3.0, abs=1e-12), pytest.approx(1.0, abs=1e-12)]]


def test_one_draw_has_no_standard_error() -> None:
    loss = Quadratic([[2.0, 1.0], [1.0, 2.0]])
    assert slopes(loss, loss.signs(noise(1), 1))[:, 1].isnan().all()


@pytest.mark.parametrize(
    "values", [[5.0, 3.0, -2.0, 0.5], [4.0, 4.0, 1.0, 1.0], [-1.0, -3.0, -3.0, -7.0], [0.0] * 4]
)
def test_lanczos_finds_both_ends_with_their_signs(values: list[float]) -> None:
    """Where eigenvalues are equal, or all are 0, the process ends early and says nothing else."""
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    other = np.diag([9.0, 8.0, -4.0, 2.0])
    loss = Quadratic(rotation @ np.diag(values) @ rotation.T, other)
    found = ends(loss, loss.directions(noise(2)), 20)
    wanted = torch.tensor([[max(values), min(values)], [9.0, -4.0]], dtype=torch.float64)
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=0)


def test_few_steps_are_within_the_spectrum() -> None:
    values = np.random.default_rng(1).standard_normal(60) ** 3
    loss = Quadratic(np.diag(values))
    high, low = ends(loss, loss.directions(noise(1)), 15)[0].tolist()
    assert values.min() <= low < high <= values.max()
    assert high == pytest.approx(values.max(), rel=0.01)
    assert low == pytest.approx(values.min(), rel=0.01)


# ---------------------------------------------------------------------- losses of networks


def by_hand(flat: Tensor, shapes: list[torch.Size], x: Tensor, y: Tensor) -> Tensor:
    """The plain network's mean cross-entropy from one vector of all its parameters."""
    pieces = flat.split([shape.numel() for shape in shapes])
    w = [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]
    hidden = torch.tanh(torch.tanh(x.flatten(1) @ w[0].T + w[1]) @ w[2].T + w[3])
    return F.cross_entropy(hidden @ w[4].T + w[5], y)


@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_products_are_those_of_the_hessian_in_the_weights(on_digits: Any, form: str) -> None:
    probe = probe_of(small(on_digits), 0, 1, form=form)
    loss = loss_of(probe, "weight", 12)
    batch = next(probe.task.batches("train", 12, 12))
    vectors = loss.directions(noise(2))
    found, gradient = loss.product(vectors), loss.gradient()
    shapes = [p.shape[1:] for p in probe.net.parameters()]
    for r in (0, 1):
        flat = torch.cat([p[r].detach().double().flatten() for p in probe.net.parameters()])
        x, y = batch.x[r].double(), batch.y[r]

        def of_member(point: Tensor, x: Tensor = x, y: Tensor = y) -> Tensor:
            return by_hand(point, shapes, x, y)

        hessian: Any = torch.autograd.functional.hessian(of_member, flat)
        torch.testing.assert_close(found[r, 0], hessian @ vectors[r, 0], atol=1e-12, rtol=1e-9)
        slope = torch.func.grad(of_member)(flat)
        torch.testing.assert_close(gradient[r, 0], slope, atol=1e-12, rtol=1e-9)
        values = torch.linalg.eigvalsh(hessian)
        top = ends(loss, loss.directions(noise(2)), 80)[r]
        torch.testing.assert_close(top, values[[-1, 0]], atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_products_are_those_of_the_hessian_in_an_image(on_digits: Any, form: str) -> None:
    probe = probe_of(small(on_digits), 0, 1, form=form)
    loss = loss_of(probe, "input", 5)
    batch = next(probe.task.batches("train", 5, 5))
    vectors = loss.directions(noise(2))
    found = loss.product(vectors)
    shapes = [p.shape[1:] for p in probe.net.parameters()]
    flat = torch.cat([p[1].detach().double().flatten() for p in probe.net.parameters()])
    for n in range(5):

        def of_image(x: Tensor, n: int = n) -> Tensor:
            return by_hand(flat, shapes, x[None], batch.y[1, n : n + 1])

        pixels = batch.x[1, n].double().flatten()
        hessian: Any = torch.autograd.functional.hessian(of_image, pixels)
        torch.testing.assert_close(found[1, n], hessian @ vectors[1, n], atol=1e-12, rtol=1e-9)
        assert loss.averaged_over.tolist() == [5, 5]  # type: ignore[union-attr]


@pytest.mark.parametrize("form", ["loop", "vmap"])
@pytest.mark.parametrize("space", ["input", "weight"])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_products_are_central_differences_of_gradients(
    on_digits: Any, model: Any, space: str, form: str
) -> None:
    """Where no kink of a ReLU lies between; of most directions none does.

    Black pixels are alike, and a maximum over equal numbers has a kink in every direction: so a
    little is added.
    """
    probe = probe_of(on_digits(Naive, model=model), 0, 1, form=form)
    loss = loss_of(probe, space, 6)
    assert isinstance(loss, InputLoss | WeightLoss)
    (batch,) = loss.batches
    rough = 0.1 * noise(2).uniform(*batch.x.shape[1:])
    loss.batches = [replace(batch, x=batch.x + rough)]
    vectors = loss.directions(noise(2))
    step = 1e-6
    difference = (loss.gradient(step * vectors) - loss.gradient(-step * vectors)) / (2 * step)
    close = (loss.product(vectors) - difference).norm(dim=2) < 1e-5 * difference.norm(dim=2)
    assert close.double().mean() >= 0.8


def test_both_forms_and_every_batch_size_agree(
    on_digits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = on_digits(Naive, model="kit_convnet")
    whole = loss_of(probe_of(bench, 0, 1, form="loop"), "weight", 12)
    vectors = whole.directions(noise(2))
    monkeypatch.setattr("clbench_plugins.curvature_metrics.loss.MOST_ROWS", 5)
    parts = loss_of(probe_of(bench, 0, 1, form="vmap"), "weight", 12)
    assert isinstance(parts, WeightLoss)
    assert [batch.size for batch in parts.batches] == [4, 4, 4]
    torch.testing.assert_close(parts.product(vectors), whole.product(vectors))
    torch.testing.assert_close(parts.gradient(vectors), whole.gradient(vectors))


def test_rows_that_do_not_count_do_not_count(on_digits: Any) -> None:
    """More images are asked for than the task has: the rest of the batch is filled up."""
    probe = probe_of(small(on_digits), 0, 1)
    size = probe.task.size("train")
    metric = Curvature(samples=5000, estimate="trace", draws=2)
    exact = loss_of(probe, "input", 5000)
    assert exact.averaged_over.tolist() == size  # type: ignore[union-attr]
    assert metric.measure(probe).isfinite().all()


# ---------------------------------------------------------------------- the metric


@pytest.mark.parametrize("space", ["input", "weight"])
def test_the_published_number_is_a_part_of_the_normalised_one(on_digits: Any, space: Any) -> None:
    """S004's is not divided by h, and in the images its loss is the mean over the batch."""
    probe = probe_of(small(on_digits), 0, 1)
    normalised = Curvature(space=space, samples=20, draws=3).measure(probe)
    published = Curvature(space=space, samples=20, draws=3, normalised=False).measure(probe)
    ratio = 1e-3 / 20 if space == "input" else 1e-3
    torch.testing.assert_close(published, normalised * ratio)


@pytest.mark.parametrize("model", [PLAIN, "kit_convnet"], ids=str)
@pytest.mark.parametrize("space", ["input", "weight"])
@pytest.mark.parametrize("estimate", ["difference", "trace", "top"])
def test_a_member_has_the_same_curvature_alone_and_in_a_stack(
    on_digits: Any, space: Any, estimate: Any, model: Any
) -> None:
    metric = Curvature(space=space, estimate=estimate, samples=8, draws=2, steps=4)
    bench = on_digits(Naive, tasks=2, model=model, metrics=[metric])
    stacked, alone = bench.run(0, 1, 2), bench.run(1)
    assert not stacked.errors
    values = stacked.metrics["curvature"]
    assert values.shape[:2] == (3, 2)
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values[1], alone.metrics["curvature"][0])


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_precision_of_training_does_not_round_it(on_digits: Any, norm: str) -> None:
    model = {"mlp": {"hidden": [7], "norm": norm}}
    found = [
        Curvature(samples=10).measure(
            probe_of(on_digits(Naive, model=model, precision=precision), 0, 1)
        )
        for precision in ("fp32", "bf16")
    ]
    assert found[0].dtype == torch.float64
    torch.testing.assert_close(found[0], found[1], atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("space", ["input", "weight"])
@pytest.mark.parametrize("estimate", ["difference", "trace", "top"])
def test_float32_leaves_a_few_figures(on_digits: Any, space: Any, estimate: Any) -> None:
    probe = probe_of(small(on_digits), 0, 1)
    exact, coarse = (
        Curvature(space=space, estimate=estimate, samples=10, precision=precision).measure(probe)
        for precision in ("float64", "float32")
    )
    assert coarse.dtype == torch.float64
    torch.testing.assert_close(coarse, exact, rtol=5e-3, atol=1e-5)


@pytest.mark.parametrize("setting", ["task", "domain"])
def test_outputs_that_are_not_trained_leave_no_trace(on_digits: Any, setting: str) -> None:
    """Their logits are -inf, which no derivative stumbles over."""
    for space in ("input", "weight"):
        for estimate in ("difference", "trace", "top"):
            probe = probe_of(small(on_digits, setting=setting), 0, 1)
            metric = Curvature(space=space, estimate=estimate, samples=10, draws=2)  # type: ignore[arg-type]
            assert metric.measure(probe).isfinite().all()


class Single(nn.Sequential):
    """Insists on float32."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = super().forward(x.flatten(1).float())
        return out


def single(input_shape: Any, classes: int) -> nn.Module:
    model = Single()
    model.add_module("head", nn.Linear(64, classes))
    return model


def test_a_network_that_knows_only_float32_is_named(on_digits: Any) -> None:
    bench = on_digits(Naive, metrics=[Curvature])
    bench.host.own["model", "single"] = single
    bench.cell = replace(bench.cell, protocol=bench.cell.protocol.with_changes(model="single"))
    (said,) = bench.run(0).errors
    assert said.startswith(
        "metric curvature: Undefined: the network does not compute in torch.float64"
    )
