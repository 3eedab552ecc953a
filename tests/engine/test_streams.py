"""Batches as gathers, against NumPy written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from clbench import Warp
from clbench.engine.streams import on_device
from clbench.engine.views import View
from clbench.errors import UserError

from .stream_kit import HEIGHT, INDEX, WIDTH, colourful, images, spec, streams, two_members


def test_pixels_and_labels() -> None:
    arrays = colourful()
    table = two_members(arrays)
    batch = table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0])
    assert batch.x.shape == (2, 4, 2, HEIGHT, WIDTH)
    np.testing.assert_allclose(batch.x, images(arrays, INDEX) / 16.0, rtol=1e-6)
    assert batch.y.tolist() == [[0, 2, 0, 2], [3, 2, 3, 2]]
    assert batch.index is INDEX
    assert batch.valid is None
    test = table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0], "test")
    np.testing.assert_allclose(test.x, images(arrays, INDEX, "test") / 16.0, rtol=1e-6)


def test_labels_are_those_of_each_samples_own_task() -> None:
    """As in a replayed batch, and where labels are mapped to 0..n-1 in every task."""
    arrays = colourful()
    table = streams(
        arrays, [[spec(arrays, [2, 0], mapped=True), spec(arrays, [1, 3], mapped=True)]]
    )
    batch = table.fetch(torch.tensor([[0, 2, 1, 3]]), torch.tensor([[0, 0, 1, 1]]), table.tasks[1])
    assert batch.y.tolist() == [[1, 0, 0, 1]]
    assert table.tasks[0].classes.tolist() == [[0, 1]]


@pytest.mark.parametrize("normalise", ["unit", "standard", "none"])
def test_normalise(normalise: str) -> None:
    arrays = colourful()
    table = two_members(arrays, normalise=normalise)
    got = table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0]).x
    wanted = images(arrays, INDEX)
    if normalise != "none":
        wanted = wanted / 16.0
    if normalise == "standard":
        pixels = arrays.x_train / 16.0
        mean, deviation = (
            value.reshape(1, 1, 2, 1, 1)
            for value in (pixels.mean((0, 1, 2)), pixels.std((0, 1, 2)))
        )
        wanted = (wanted - mean) / deviation
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_a_channel_without_variance_stays_finite() -> None:
    arrays = colourful()
    arrays.x_train[..., 0] = 3
    table = two_members(arrays, normalise="standard")
    assert table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0]).x.isfinite().all()


def test_permuted_pixels_of_every_member_and_task() -> None:
    arrays = colourful()
    orders = {place: permuted(*place) for place in itertools.product(range(2), repeat=2)}
    # One of them is stored as it is.
    orders[0, 0] = np.arange(HEIGHT * WIDTH)
    every = range(arrays.classes)
    as_stored = [spec(arrays, every), spec(arrays, every, warp=Warp(orders[0, 1][:, None]))]
    moved = [spec(arrays, every, warp=Warp(orders[1, t][:, None])) for t in range(2)]
    table = streams(arrays, [as_stored, moved], normalise="standard")
    unmoved = two_members(arrays, normalise="standard")
    plain = unmoved.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0]).x.flatten(3)
    tasks = torch.tensor([[0, 1, 0, 1], [1, 1, 0, 0]])

    got = table.fetch(INDEX, tasks, table.tasks[1]).x.flatten(3)

    for r, b in itertools.product(range(2), range(4)):
        order = orders[r, int(tasks[r, b])]
        assert torch.equal(got[r, b], plain[r, b][:, order])


def permuted(*seed: int) -> np.ndarray:
    """A new place for every pixel."""
    return np.random.default_rng(list(seed)).permutation(HEIGHT * WIDTH)


def test_weighted_warps() -> None:
    """Pixels between pixels, as in a rotation, beside a task without a warp."""
    arrays = colourful()
    rng = np.random.default_rng(3)
    index, weight = rng.integers(0, 15, (15, 4)), rng.random((15, 4)).astype(np.float32)
    every = range(arrays.classes)
    specs = [spec(arrays, every), spec(arrays, every, warp=Warp(index, weight))]
    table = streams(arrays, [specs], normalise="standard")
    tasks = torch.tensor([[0, 1, 1, 0]])

    got = table.fetch(INDEX[:1], tasks, table.tasks[1]).x.flatten(3).numpy()

    stored = images(arrays, INDEX[:1]).reshape(1, 4, 2, -1) / 16.0
    wanted = stored.copy()
    wanted[:, 1:3] = (stored[:, 1:3, :, index] * weight).sum(-1)
    pixels = arrays.x_train / 16.0
    mean = pixels.mean((0, 1, 2)).reshape(1, 1, 2, 1)
    deviation = pixels.std((0, 1, 2)).reshape(1, 1, 2, 1)
    np.testing.assert_allclose(got, (wanted - mean) / deviation, rtol=1e-4, atol=1e-5)


# Of two members' four images each: rows down, columns to the right, whether mirrored.
SHIFTS = torch.tensor(
    [
        [[0, 1, -2, 4], [0, -4, 2, 0]],
        [[0, -1, 3, 0], [-4, 4, 0, 1]],
        [[0, 0, 0, 1], [1, 1, 0, 1]],
    ]
)


def shifted(pixels: np.ndarray, down: int, right: int, mirrored: bool) -> np.ndarray:
    """A crop of the padded image, flipped."""
    padded = np.pad(pixels, ((4, 4), (4, 4), (0, 0)))
    seen = padded[4 + down : 4 + down + HEIGHT, 4 + right : 4 + right + WIDTH]
    return seen[:, ::-1] if mirrored else seen


@pytest.mark.parametrize("normalise", ["unit", "standard"])
@pytest.mark.parametrize("is_permuted", [False, True])
def test_shifted_and_mirrored_images(normalise: str, is_permuted: bool) -> None:
    """Against a crop of the padded image, flipped; the border is black before pixels are scaled."""
    arrays = colourful()
    order = permuted(0) if is_permuted else np.arange(HEIGHT * WIDTH)
    warp = Warp(order[:, None]) if is_permuted else None
    one = [spec(arrays, range(arrays.classes), warp=warp)]
    table = streams(arrays, [one, one], normalise)
    view = View(*SHIFTS)

    got = table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0], view=view).x.numpy()

    pixels = arrays.x_train / 16.0
    mean, deviation = 0.0, 1.0
    if normalise == "standard":
        mean, deviation = pixels.mean((0, 1, 2)), pixels.std((0, 1, 2))
    for r, b in itertools.product(range(2), range(4)):
        seen = shifted(pixels[INDEX[r, b]], *SHIFTS[:, r, b].tolist())
        scaled = (seen - mean) / deviation
        wanted = scaled.reshape(-1, 2)[order].reshape(HEIGHT, WIDTH, 2).transpose(2, 0, 1)
        np.testing.assert_allclose(got[r, b], wanted, rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------------------------- images
# too many for the device


@pytest.mark.parametrize("normalise", ["unit", "standard"])
@pytest.mark.parametrize("warped", ["as stored", "permuted", "rotated"])
@pytest.mark.parametrize("augmented", [False, True])
def test_images_kept_on_the_host_give_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, normalise: str, warped: str, augmented: bool
) -> None:
    arrays, rng = colourful(), np.random.default_rng(3)
    warps = {"as stored": None, "permuted": Warp(rng.permutation(15)[:, None])}
    warps["rotated"] = Warp(rng.integers(0, 15, (15, 4)), rng.random((15, 4)).astype(np.float32))
    one = [spec(arrays, range(4), warp=warps[warped])]
    view = View(*SHIFTS) if augmented else None
    seen = {}
    for place in ("device", "host"):
        monkeypatch.setenv("CLBENCH_IMAGES", place)
        table = streams(arrays, [one, one], normalise)
        are_ready = place == "device" and warped != "rotated"
        assert table.resident is (place == "device")
        assert table.pixels["train"].dtype == (torch.float32 if are_ready else torch.uint8)
        task = table.tasks[0]
        viewed = table.fetch(INDEX, torch.zeros_like(INDEX), task, view=view)
        seen[place] = [viewed, *task.batches("train", 16), *task.batches("test", 16)]
    for batch, other in zip(seen["device"], seen["host"], strict=True):
        assert torch.equal(batch.x, other.x)
        assert torch.equal(batch.y, other.y)
        assert batch.x.stride() == other.x.stride()


def test_images_go_to_a_gpu_where_they_leave_it_half_of_its_free_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CLBENCH_IMAGES", raising=False)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 5000))
    gpu, cpu = torch.device("cuda", 0), torch.device("cpu")
    assert [on_device(size, gpu) for size in (500, 501)] == [True, False]
    assert on_device(10**15, cpu)
    monkeypatch.setenv("CLBENCH_IMAGES", "device")
    assert on_device(501, gpu)
    monkeypatch.setenv("CLBENCH_IMAGES", "host")
    assert not on_device(1, gpu)
    monkeypatch.setenv("CLBENCH_IMAGES", "disk")
    with pytest.raises(UserError, match=r"CLBENCH_IMAGES is 'disk'.*auto, device or host"):
        on_device(1, cpu)
