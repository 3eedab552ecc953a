"""What `crop_flip` and `flip` make of an image, against torchvision, and to whom they happen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torchvision.transforms import functional

from clbench import Arrays
from clbench.engine.evaluate import accuracy
from clbench.engine.views import ANGLES, View, Viewer, draw_view, turned_from
from clbench.host import Host
from clbench.randomness import key
from clbench.stack import Noise
from clbench.testing.bench import first_difference, rows

from .conftest import Make

SIDE = 6
ONE = (
    torch.arange(1, SIDE * SIDE + 1, dtype=torch.float32).view(1, SIDE, SIDE) / 255
)  # no two views of it are equal


@pytest.fixture
def ramps() -> Arrays:
    """Many times the same image, in four classes."""
    x = (ONE * 255).round().to(torch.uint8).view(1, SIDE, SIDE, 1).expand(400, -1, -1, -1).numpy()
    y = np.arange(400) % 4
    return Arrays("ramps", x, y, x[:80], y[:80], 4, "none")


def views(augment: str) -> Tensor:
    """Everything that torchvision's RandomCrop(padding=4) and RandomHorizontalFlip can make of the
    image.
    """
    padded = functional.pad(ONE, [4, 4, 4, 4])
    places = (
        [(4, 4)] if augment == "flip" else [(top, left) for top in range(9) for left in range(9)]
    )
    crops = [functional.crop(padded, top, left, SIDE, SIDE) for top, left in places]
    return torch.stack([view for crop in crops for view in (crop, functional.hflip(crop))])


def which(x: Tensor, known: Tensor) -> Tensor:
    """For every image of `x [B, 1, H, W]` the place of the equal one among the known."""
    same = torch.isclose(x[:, None], known[None], atol=1e-6).flatten(2).all(2)
    assert (same.sum(1) == 1).all()
    return same.int().argmax(1)


def started(
    make_bench: Make, arrays: Arrays, *seeds: int, strategy: Any = None, **protocol: Any
) -> Any:
    strategy, loop = make_bench(
        strategy or Host.load().get("strategy", "naive"), arrays=arrays, tasks=2, **protocol
    ).start(*seeds)
    strategy.session.task = strategy.session.streams.tasks[0]
    return strategy, loop


def drawn(strategy: Any, size: int, steps: int) -> list[Tensor]:
    """The training images of a few steps, `[R, B, C, H, W]` each."""
    index = torch.zeros(strategy.members, size, dtype=torch.int64)
    return [strategy.fetch(index, torch.zeros_like(index), augment=True).x for _ in range(steps)]


@pytest.mark.parametrize("augment", ["flip", "crop_flip"])
def test_every_view_that_torchvision_makes_is_as_likely(
    make_bench: Make, ramps: Arrays, augment: str
) -> None:
    known = views(augment)
    strategy, _ = started(make_bench, ramps, 0, augment=augment)
    found = torch.cat([which(x[0], known) for x in drawn(strategy, 60 * len(known) // 2, 2)])
    assert stats.chisquare(torch.bincount(found, minlength=len(known))).pvalue > 1e-4


def test_the_border_may_be_reflected_as_by_torchvision(make_bench: Make, ramps: Arrays) -> None:
    """RandomCrop(padding=4, padding_mode="reflect") and a flip; some of these views are alike."""
    padded = functional.pad(ONE, [4, 4, 4, 4], padding_mode="reflect")
    places = [(top, left) for top in range(9) for left in range(9)]
    crops = [functional.crop(padded, top, left, SIDE, SIDE) for top, left in places]
    every = torch.stack([view for crop in crops for view in (crop, functional.hflip(crop))])
    known, times = every.unique(dim=0, return_counts=True)
    strategy, _ = started(make_bench, ramps, 0, augment="crop_flip_reflect")
    found = torch.cat([which(x[0], known) for x in drawn(strategy, 3000, 2)])
    expected = times / times.sum() * len(found)
    counts = torch.bincount(found, minlength=len(known))
    assert stats.chisquare(counts.numpy(), expected.double().numpy()).pvalue > 1e-4


@pytest.mark.parametrize("degrees", [0.0, 0.1, 3.7, 10.0, 14.9, 15.0, 47.3, -30.0])
@pytest.mark.parametrize("shape", [(32, 32), (28, 28), (7, 10)])
def test_images_are_turned_as_by_torchvision(degrees: float, shape: tuple[int, int]) -> None:
    """To the nearest pixel; where two are equally near, and on the image's edge, they may
    differ.
    """
    height, width = shape
    image = torch.arange(1, height * width + 1, dtype=torch.float32).view(1, height, width)
    theirs = functional.rotate(image, degrees).flatten()
    source = turned_from(height, width, degrees)
    ours = torch.cat([torch.zeros(1), image.flatten()])[torch.from_numpy(source) + 1]
    assert (ours != theirs).float().mean() < 0.03
    if degrees == 0:
        assert source.tolist() == list(range(height * width))


def test_an_image_is_shifted_mirrored_and_turned_in_this_order() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(1, 255, (9, 9))
    down, right, mirrored, angle = -3, 2, 1, 120
    padded = np.pad(image, 4, mode="reflect")
    cropped = padded[4 + down : 13 + down, 4 + right : 13 + right]
    flipped = cropped[:, ::-1].ravel()
    source = turned_from(9, 9, ANGLES[angle])
    wanted = np.where(source < 0, 0, flipped[source])
    assert (source < 0).any()
    parts = [torch.tensor([[part]]) for part in (down, right, mirrored, angle)]
    place, inside = Viewer(9, 9, torch.device("cpu")).pixels(View(*parts, reflect=True))
    seen = np.where(inside[0, 0].numpy(), image.ravel()[place[0, 0].numpy()], 0)
    assert seen.tolist() == wanted.tolist()


def test_angles_are_drawn_evenly_from_0_to_15_degrees() -> None:
    view = draw_view(Noise([key(0, 0, "augment")]), 15_100, "crop_flip_rotate")
    assert view.angle is not None
    assert (ANGLES[0], ANGLES[-1]) == (0.0, 15.0)
    counts = torch.bincount(view.angle[0], minlength=len(ANGLES))
    assert len(counts) == len(ANGLES)
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("augment", ["crop_flip_reflect", "crop_flip_rotate"])
def test_a_member_sees_the_same_views_alone_and_among_others(
    make_bench: Make, ramps: Arrays, augment: str
) -> None:
    naive = Host.load().get("strategy", "naive")
    bench = make_bench(naive, arrays=ramps, tasks=2, augment=augment, normalise="standard")
    together = bench.run(0, 1, 2)
    for seed in range(3):
        assert first_difference(rows(bench.run(seed), seed), rows(together, seed)) is None


def test_every_member_and_every_step_has_views_of_its_own(make_bench: Make, ramps: Arrays) -> None:
    known = views("crop_flip")
    strategy, _ = started(make_bench, ramps, 3, 5, augment="crop_flip")
    first, second = drawn(strategy, 40, 2)
    (alone, _) = drawn(started(make_bench, ramps, 5, augment="crop_flip")[0], 40, 2)
    assert torch.equal(first[1], alone[0])
    looks = [which(x[member], known) for x in (first, second) for member in (0, 1)]
    assert all(
        (one == other).float().mean() < 0.2
        for place, one in enumerate(looks)
        for other in looks[:place]
    )


def test_a_seed_decides_its_views(make_bench: Make, ramps: Arrays) -> None:
    """Drawn from the member's own stream: mirrored, down, right."""
    (seen,) = drawn(started(make_bench, ramps, 7, augment="crop_flip")[0], 12, 1)
    noise = Noise([key(7, 0, "augment")])
    mirrored, down, right = (
        noise.integers(2, 12)[0],
        noise.integers(9, 12)[0],
        noise.integers(9, 12)[0],
    )
    assert torch.equal(which(seen[0], views("crop_flip")), (down * 9 + right) * 2 + mirrored)


def recorded(strategy: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, Tensor]]:
    """Every batch that is fetched from now on: whether something could learn from it, and its
    images.
    """
    found: list[tuple[bool, Tensor]] = []
    streams = strategy.session.streams
    fetch = streams.fetch

    def note(*given: Any, **named: Any) -> Any:
        batch = fetch(*given, **named)
        found.append((torch.is_grad_enabled(), batch.x))
        return batch

    monkeypatch.setattr(streams, "fetch", note)
    return found


def test_images_are_augmented_in_training_and_replay_and_nowhere_else(
    make_bench: Make, ramps: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy, loop = started(
        make_bench,
        ramps,
        0,
        strategy=Host.load().get("strategy", "er")(memory=20),
        augment="crop_flip",
        validation=0.2,
    )
    tasks = strategy.session.streams.tasks
    loop.task(tasks[0])
    found = recorded(strategy, monkeypatch)
    loop.task(tasks[1])
    for split in ("train", "validation", "test"):
        accuracy(strategy.session.learner, tasks[0], split)
        with torch.no_grad():
            list(strategy.session.streams.batches(tasks[0], split, 16))
    original, known = ONE.expand(1, 1, -1, -1), views("crop_flip")
    seen = [(training, bool(torch.isclose(x, original).all()), x) for training, x in found]
    batches = [(plain, x) for training, plain, x in seen if training and x.shape[1] == 8]
    assert len(batches) >= 2 * 20  # the task's own batches, and as many replayed
    assert not any(plain for plain, _ in batches)
    for _, x in batches:
        which(x[0], known)
    others = [plain for training, plain, x in seen if not training]
    assert others
    assert all(others)
