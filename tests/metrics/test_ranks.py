from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Undefined
from clbench_plugins.unit_metrics import (
    ApproximateRank,
    EffectiveRank,
    NuclearToFrobenius,
    Rank,
    Srank99,
    StableRank,
    spectrum,
)
from clbench_plugins.unit_metrics.spectrum import Spectrum, spectrum_of

RANKS = (Rank, EffectiveRank, StableRank, Srank99, NuclearToFrobenius, ApproximateRank)


def all_of(of: Spectrum) -> dict[str, Tensor]:
    named = {kind.__name__: kind().rank_of(of) for kind in RANKS}
    return named | {"Squared": NuclearToFrobenius(squared=True).rank_of(of)}


def of_matrix(matrix: Any) -> dict[str, float]:
    found = all_of(spectrum_of(torch.as_tensor(matrix)[None]))
    return {name: float(value) for name, value in found.items()}


def test_the_worked_example() -> None:
    values = torch.tensor([[10.0, 3.0, 1.0, 0.05]], dtype=torch.float64)
    found = {name: float(value) for name, value in all_of(Spectrum(values, 1e-6)).items()}
    wanted = {
        "Rank": 4,
        "EffectiveRank": 2.181153,
        "StableRank": 1.100025,
        "NuclearToFrobenius": 1.339600,
        "Squared": 1.794527,
        "Srank99": 3,
        "ApproximateRank": 2,
    }
    assert found == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("n", [1, 7, 100])
def test_an_identity_has_all_dimensions(n: int) -> None:
    found = of_matrix(torch.eye(n))
    wanted = dict.fromkeys(("Rank", "EffectiveRank", "StableRank", "Squared"), n)
    wanted |= dict.fromkeys(("Srank99", "ApproximateRank"), math.ceil(0.99 * n))
    assert found == pytest.approx({**wanted, "NuclearToFrobenius": math.sqrt(n)}, abs=1e-9)


def test_a_matrix_of_rank_one_has_one() -> None:
    outer = torch.arange(1.0, 9.0)[:, None] * torch.arange(1.0, 6.0)
    assert of_matrix(outer) == pytest.approx(dict.fromkeys(of_matrix(outer), 1.0), abs=1e-6)


def test_a_matrix_of_zeros_has_none() -> None:
    assert set(of_matrix(torch.zeros(8, 5)).values()) == {0.0}


@pytest.mark.parametrize("shape", [(40, 12), (12, 40)])
def test_the_ranks_are_those_of_numpy(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal(shape) @ np.diag(0.7 ** np.arange(shape[1]))
    matrix[:, 5] = 0
    s = np.linalg.svd(matrix, compute_uv=False)
    p = s[s > 0] / s.sum()
    wanted = {
        "Rank": np.linalg.matrix_rank(matrix),
        "EffectiveRank": np.exp(-(p * np.log(p)).sum()),
        "StableRank": np.linalg.norm(matrix) ** 2 / np.linalg.norm(matrix, 2) ** 2,
        "NuclearToFrobenius": np.linalg.norm(matrix, "nuc") / np.linalg.norm(matrix),
        "Squared": (np.linalg.norm(matrix, "nuc") / np.linalg.norm(matrix)) ** 2,
        "Srank99": (np.cumsum(s) / s.sum() < 0.99).sum() + 1,
        "ApproximateRank": (np.cumsum(s**2) / (s**2).sum() < 0.99).sum() + 1,
    }
    assert of_matrix(matrix) == pytest.approx(wanted, rel=1e-10)


def test_rounding_of_float32_is_no_rank() -> None:
    low = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    matrix = low @ torch.randn(3, 20, generator=torch.Generator().manual_seed(1))
    assert of_matrix(matrix)["Rank"] == 3 == np.linalg.matrix_rank(matrix.numpy())


@pytest.mark.parametrize("layer", ["last", "hidden1", "all"])
def test_the_features_are_those_of_the_layer(make_bench: Any, look: Any, layer: str) -> None:
    probe = look(make_bench())
    (batch,) = probe.data("train", "current", 50)
    _, hidden = probe.net(batch.x, trace=True)
    names = {"last": ["hidden2"], "hidden1": ["hidden1"], "all": ["hidden2", "hidden1", "hidden2"]}
    wanted = []
    for r in range(2):
        features = [hidden[name][r].detach().numpy() for name in names[layer]]
        wanted.append([np.linalg.matrix_rank(phi) for phi in features])
    found = Rank(layer=layer, samples=50).measure(probe)
    np.testing.assert_array_equal(found.reshape(2, -1), wanted)


def test_members_with_fewer_samples_have_the_same_ranks(make_bench: Any, look: Any) -> None:
    probe = look(make_bench())
    (batch,) = probe.data("train", "current", 10_000)
    _, hidden = probe.net(batch.x, trace=True)
    counts = batch.weights.sum(1).tolist()
    assert counts[0] != counts[1]
    found = StableRank(samples=10_000).measure(probe)
    for r, count in enumerate(counts):
        matrix = hidden["hidden2"][r, :count].detach().double().numpy()
        wanted = np.linalg.norm(matrix) ** 2 / np.linalg.norm(matrix, 2) ** 2
        assert float(found[r]) == pytest.approx(wanted, rel=1e-6)


def test_the_ranks_of_a_convolution_are_over_filters_and_positions(
    make_bench: Any, look: Any
) -> None:
    images = {"synthetic": {"classes": 6, "size": 24, "train": 300, "test": 60}}
    probe = look(make_bench(dataset=images, model="convnet"), trained=0)
    (batch,) = probe.data("train", "current", 20)
    _, hidden = probe.net(batch.x, trace=True)
    matrix = hidden["conv1"][1].detach().flatten(1).double().numpy()
    wanted = np.linalg.norm(matrix) ** 2 / np.linalg.norm(matrix, 2) ** 2
    found = StableRank(layer="conv1", samples=20).measure(probe)
    assert float(found[1]) == pytest.approx(wanted, rel=1e-6)


def test_an_unknown_layer_is_told(make_bench: Any, look: Any) -> None:
    with pytest.raises(Undefined, match="no hidden layer 'fc9'; it has hidden1, hidden2"):
        Rank(layer="fc9").measure(look(make_bench(), trained=0))


def test_six_ranks_take_one_decomposition(make_bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    decomposed = []

    def counting(matrix: Tensor) -> Spectrum:
        decomposed.append(tuple(matrix.shape))
        return spectrum_of(matrix)

    monkeypatch.setattr(spectrum, "spectrum_of", counting)
    record = make_bench(metrics=RANKS).run(0, 1)
    assert record.errors == ()
    assert decomposed == [(2, 100, 11)] * 3
    assert all(record.metrics[name].shape == (2, 3) for name in ("rank", "effective_rank"))
