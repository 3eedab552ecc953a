"""Supervised-contrastive training: the loss against a double loop, and what each mode trains."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch, Phase
from clbench_plugins.modular import Modular, Monolithic
from clbench_plugins.modular.contrast import supervised_contrast
from clbench_plugins.modular.lifelong import INITIAL
from clbench_plugins.modular.views import BLUR, _blurred, affine_blur, crop_flip

MODEL = {"soft_ordering_mlp": {"components": 3, "depth": 2, "width": 8}}
FIRST = 2  # tasks that are trained together
BOTH = pytest.mark.parametrize("method", [Monolithic, Modular])
VIEWS = ["affine_blur", "crop_flip", "flip_blur_noise"]


def bench_of(on_digits: Any, method: Any, **options: Any) -> Any:
    given = {"validation": 0.2, "epochs": 2, "optimizer": {"adam": {"lr": 0.01}}}
    strategy = method(initial_tasks=FIRST, replay=4, **options)
    return on_digits(strategy, setting="task", model=MODEL, **given)


def begun(on_digits: Any, method: Any, *seeds: int, **options: Any) -> tuple[Any, Batch]:
    """A method in its first phase, and a batch of the second task."""
    strategy, _ = bench_of(on_digits, method, **options).start(*seeds)
    task = strategy.session.streams.tasks[FIRST - 1]
    strategy.session.task, strategy.session.phase = task, Phase(INITIAL, data="seen")
    strategy.begin_task(task)
    return strategy, next(task.batches("train", 21))


# ------------------------------------------------------------------ the loss


def by_double_loop(
    features: Tensor,
    labels: list[int],
    tasks: list[int],
    counts: list[bool],
    anchors: int,
    temperature: float,
) -> Tensor:
    """The formula, term by term."""
    unit = [row / row.norm() for row in features]
    losses = []
    for i in range(anchors):
        others = [
            a
            for a in range(len(unit))
            if a != i and counts[a] and counts[i] and tasks[a] == tasks[i]
        ]
        positives = [p for p in others if labels[p] == labels[i]]
        if not positives:
            continue
        total = sum(torch.exp(unit[i] @ unit[a] / temperature) for a in others)
        shares = [torch.exp(unit[i] @ unit[p] / temperature) / total for p in positives]
        losses.append(-sum(torch.log(share) for share in shares) / len(positives))
    return sum(losses) / len(losses) if losses else features.sum() * 0.0


@pytest.mark.parametrize("anchors", [6, 12])
def test_the_loss_is_that_of_a_double_loop(anchors: int) -> None:
    """Also where an anchor has no positive, or nobody of its task beside it."""
    features = torch.randn(2, 12, 5, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[0, 0, 1, 2, 1, 0, 0, 0, 1, 3, 1, 0], [0, 1] * 6])
    tasks = torch.tensor([[0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 2, 0], [0, 0, 1] * 4])
    counts = torch.ones(2, 12, dtype=torch.bool)
    counts[0, 8], counts[1, :5] = False, False
    found = supervised_contrast(features, labels, tasks, counts, anchors, 0.5)
    for row in range(2):
        lists = (table[row].tolist() for table in (labels, tasks, counts))
        wanted = by_double_loop(features[row], *lists, anchors, 0.5)
        torch.testing.assert_close(found[row], wanted)
        gradient = torch.autograd.grad(wanted, features)[0]
        of_stack = torch.autograd.grad(found[row], features, retain_graph=True)[0]
        torch.testing.assert_close(of_stack, gradient)


def test_the_loss_is_finite_where_exponentials_are_not() -> None:
    """exp(1 / 0.001) is beyond float32; a batch without any positives has a loss of 0."""
    rows = [[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]
    features = torch.tensor([rows], requires_grad=True)
    tasks = torch.zeros(1, 4, dtype=torch.int64)
    counts = torch.ones(1, 4, dtype=torch.bool)
    near = supervised_contrast(features, torch.tensor([[0, 1, 0, 1]]), tasks, counts, 4, 1e-3)
    near.backward()
    wanted = (2000 + 1000 + 1000 + math.log(3)) / 4
    assert near.item() == pytest.approx(wanted, rel=1e-5)
    assert features.grad is not None
    assert features.grad.isfinite().all()
    features.grad = None
    each = torch.arange(4)[None]
    alone = supervised_contrast(features, each, each, counts, 4, 0.06)
    alone.backward()
    assert alone.item() == 0
    assert not features.grad.any()


def test_rows_that_do_not_count_change_nothing(on_digits: Any) -> None:
    """Neither their images nor their labels, to the bit; and they get no gradient."""
    losses, gradients = [], []
    for strange in (False, True):
        strategy, batch = begun(on_digits, Modular, 0, 1, loss="both", anchors="all")
        counts = torch.ones_like(batch.y, dtype=torch.bool)
        counts[0, 15:], counts[1, 3] = False, False
        if strange:
            image = counts[..., None, None, None]
            batch = Batch(
                torch.where(image, batch.x, 7.25),
                torch.where(counts, batch.y, batch.y.flip(1)),
                batch.index,
                torch.where(counts, batch.tasks, 0),
                batch.task,
                counts,
            )
        batch = Batch(batch.x, batch.y, batch.index, batch.tasks, batch.task, counts)
        loss = strategy.task_loss(batch)
        loss.sum().backward()
        losses.append(loss.detach())
        gradients.append([p.grad for p in strategy.net.parameters() if p.grad is not None])
    assert torch.equal(*losses)
    assert len(gradients[0]) > 3
    assert all(map(torch.equal, *gradients))


# ------------------------------------------------------------------ views


@pytest.mark.parametrize("views", VIEWS)
def test_views_are_the_same_bits_alone_and_in_a_stack(on_digits: Any, views: str) -> None:
    alone, batch = begun(on_digits, Monolithic, 2, views=views, loss="cl")
    among, batches = begun(on_digits, Monolithic, 0, 1, 2, views=views, loss="cl")
    assert torch.equal(batch.x[0], batches.x[2])
    first = alone.second_view(batch).x[0]
    several = among.second_view(batches).x
    assert torch.equal(first, several[2])
    assert not torch.equal(alone.second_view(batch).x[0], first)
    assert several.shape == batches.x.shape
    assert ((several - batches.x).flatten(2).abs().amax(2) > 0).all()


@pytest.mark.parametrize("augment", [affine_blur, crop_flip])
def test_views_of_all_members_at_once_are_those_of_each(augment: Any) -> None:
    """As a GPU computes them; a function that vmap cannot batch warns."""
    images, drawn = torch.rand(3, 4, 2, 8, 7), torch.rand(3, 4, 5)
    at_once = torch.func.vmap(augment)(images, drawn)
    torch.testing.assert_close(at_once, torch.stack(list(map(augment, images, drawn))))


def test_a_crop_of_all_is_the_image_and_may_be_mirrored() -> None:
    """Of a square image; drawn are area, ratio, down, right, mirrored."""
    images = torch.rand(2, 3, 6, 6)
    whole, square = 1 - 1e-7, 0.5
    drawn = torch.tensor([[whole, square, 0.3, 0.6, 0.9], [whole, square, 0.0, 0.0, 0.1]])
    seen = crop_flip(images, drawn)
    torch.testing.assert_close(seen[0], images[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[1], images[1].flip(-1), atol=1e-5, rtol=0)


def test_a_turn_is_in_pixels() -> None:
    """A plane that rises along the columns, turned by 10 degrees about the middle of an oblong
    image.
    """
    middle_row, middle_column = 9.5, 14.5
    across = torch.arange(30.0) - middle_column
    down = torch.arange(20.0)[:, None] - middle_row
    unmoved = 0.5
    drawn = torch.tensor([[1.0, unmoved, unmoved, unmoved, 0.0]])
    seen = affine_blur(across.expand(1, 1, 20, 30).contiguous(), drawn)[0, 0]
    angle = math.radians(10)
    wanted = math.cos(angle) * across - math.sin(angle) * down
    inside = slice(3, -3)
    torch.testing.assert_close(seen[inside, inside], wanted[inside, inside], atol=1e-3, rtol=0)


def test_a_crop_shows_a_part_of_the_image() -> None:
    """Of an image that counts its columns: the least and the most, and how many there are
    between.
    """
    columns = torch.arange(40.0).expand(1, 1, 40, 40)
    drawn = torch.tensor([[0.0, 0.5, 0.5, 0.0, 0.9]])
    seen = crop_flip(columns, drawn)[0, 0, 0]
    width = 40 * math.sqrt(0.2)
    wanted = width * (torch.arange(40) + 0.5) / 40 - 0.5
    torch.testing.assert_close(seen, wanted.clamp(min=0), atol=1e-4, rtol=0)


def test_blurring_is_a_product_with_the_gaussian() -> None:
    images, drawn = torch.rand(2, 3, 6, 5), torch.tensor([0.25, 0.9])
    seen = _blurred(images, drawn)
    for image, blurred, number in zip(images, seen, drawn, strict=True):
        deviation = BLUR[0] + (BLUR[1] - BLUR[0]) * number
        weights = torch.exp(-0.5 * (torch.tensor([-1.0, 0.0, 1.0]) / deviation) ** 2)
        weights = weights / weights.sum()
        kernel = (weights[:, None] * weights)[None, None].expand(3, 1, 3, 3)
        wide = F.pad(image[None], (1, 1, 1, 1), mode="reflect")
        torch.testing.assert_close(blurred, F.conv2d(wide, kernel, groups=3)[0])


# ------------------------------------------------------------------ what is trained


def gradients(on_digits: Any, method: Any, loss: str) -> dict[str, Tensor]:
    strategy, batch = begun(on_digits, method, 0, 1, loss=loss)
    strategy.task_loss(batch).sum().backward()
    named = strategy.net.named_parameters().items()
    return {name: value.grad for name, value in named if value.grad is not None}


@BOTH
def test_detached_trains_the_head_by_cross_entropy_and_the_body_by_contrast(
    on_digits: Any, method: Any
) -> None:
    """Each as if the other were not there; and `both` is their sum."""
    entropy, contrast = (gradients(on_digits, method, loss) for loss in ("ce", "cl"))
    head = {"head.weight", "head.bias"}
    assert set(contrast) == set(entropy) - head
    detached = gradients(on_digits, method, "detached")
    assert set(detached) == set(entropy)
    for name, value in detached.items():
        assert torch.equal(value, (entropy if name in head else contrast)[name])
    for name, value in gradients(on_digits, method, "both").items():
        torch.testing.assert_close(value, entropy[name] + contrast.get(name, 0.0))


@BOTH
@pytest.mark.parametrize("loss", ["cl", "finetune_ce"])
def test_what_a_mode_does_not_train_stays_as_it_began(
    on_digits: Any, method: Any, loss: str
) -> None:
    """`cl` the head, `finetune_ce` all but the head, structures included; with Adam, over three
    tasks.
    """
    strategy, loop = bench_of(on_digits, method, loss=loss).start(0)
    before = {name: value.clone() for name, value in strategy.net.named_parameters().items()}
    for task in strategy.session.streams.tasks[: FIRST + 1]:
        loop.task(task)
    after = strategy.net.named_parameters()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    trained = {name for name, value in after.items() if value.requires_grad}
    head = {name for name in trained if name.startswith("head.")}
    if loss == "finetune_ce":
        assert moved == head
        if method is Modular:
            assert strategy.structure.eq(1).all()
    else:
        assert moved
        assert moved <= trained - head
        assert method is Monolithic or not strategy.structure.eq(1).all()
