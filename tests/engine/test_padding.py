"""`pad`: a border of zeros around every image, before anything else is done to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import clbench
from clbench import Arrays, Strategy
from clbench.execution.adding import add_metric
from clbench.host import Host
from clbench.testing.bench import Bench
from clbench_plugins.builtin_scenarios.warped import Permuted

SUITE: dict[str, Any] = {
    "name": "padded",
    "scenarios": [{"permuted": {"dataset": "digits", "tasks": 2}}],
    "protocol": {
        "model": {"mlp": {"hidden": [4]}},
        "steps": 2,
        "pad": 1,
        "keep": ["weights"],
    },
    "seeds": [0],
    "strategies": ["naive"],
    "metrics": ["parameters"],
}
INPUTS = 10 * 10  # of an image of 8x8 pixels with a border of one


class Naive(Strategy):
    """Plain training."""


def test_images_are_padded_on_every_side_with_zeros(tiny: Arrays) -> None:
    padded = tiny.padded(2)
    assert padded.input_shape == (1, 8, 8)
    for before, after in ((tiny.x_train, padded.x_train), (tiny.x_test, padded.x_test)):
        np.testing.assert_array_equal(after[:, 2:-2, 2:-2], before)
        assert after.astype(int).sum() == before.astype(int).sum()
    assert tiny.padded(0) is tiny


def test_mean_and_deviation_are_those_of_the_padded_images(make_bench: Any, tiny: Arrays) -> None:
    bench: Bench = make_bench(Naive, pad=2, normalise="standard", arrays=tiny.padded(2))
    strategy, _ = bench.start(0)
    images = tiny.padded(2).x_train.astype(np.float64)
    expected = torch.from_numpy((images - images.mean()) / images.std()).float()
    seen = strategy.session.streams.pixels["train"].view(*expected.shape)
    torch.testing.assert_close(seen, expected)


def test_a_permutation_is_of_the_padded_image(tiny: Arrays) -> None:
    padded = tiny.padded(1)
    _, task = Permuted(dataset="tiny", tasks=2).stream(padded, 0, 0, 0.0).tasks
    assert task.warp is not None
    assert sorted(task.warp.index[:, 0]) == list(range(6 * 6))


def test_a_bench_pads_as_a_run_does(host: Host) -> None:
    from clbench.suite.choice import Choice

    bench = Bench(Naive, host, Choice("split", {"dataset": "digits"}), {"pad": 3})
    assert bench.arrays.input_shape == (1, 14, 14)


def test_a_run_trains_on_padded_images_and_so_are_its_networks_measured_later(
    tmp_path: Path, host: Host
) -> None:
    results = clbench.run(SUITE, out=tmp_path, workers=0, device="cpu", quiet=True)
    (cell,) = results.cells
    assert cell.cost["parameters"].tolist() == [INPUTS * 4 + 4 + 4 * 10 + 10]
    added = add_metric(tmp_path / "padded.h5", "dormant_units", {}, host)
    assert added.left_out == ()
    (cell,) = added.results.cells
    assert np.isfinite(cell.metrics["dormant_units"]).all()


@pytest.mark.parametrize(("given", "kept"), [({}, None), ({"pad": 0}, None), ({"pad": 2}, 2)])
def test_cells_that_pad_nothing_keep_the_keys_they_had(
    make_bench: Any, given: dict[str, Any], kept: int | None
) -> None:
    """Records from before the key existed are not measured again."""
    content = make_bench(Naive, **given).cell.content("", {})
    assert content["protocol"].get("pad") == kept
