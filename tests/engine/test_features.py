"""Phases that train a network from one module on: what stands still, and the features that are kept
of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clbench import Batch, Phase, SoloStrategy, Strategy, Task
from clbench.engine import features as kept
from clbench.engine.room import VARIABLE
from clbench.errors import StopRequested, StrategyError
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench, first_difference, rows
from clbench.testing.watch import uncapturable

CPU = torch.device("cpu")


def convolutional(input_shape: Any, classes: int, norm: Any = nn.BatchNorm2d) -> nn.Module:
    """A body with running statistics, dropout, and the head."""
    modules = OrderedDict[str, nn.Module](
        conv=nn.Conv2d(1, 5, 3, padding=1),
        norm=norm(5),
        act=nn.ReLU(),
        flatten=nn.Flatten(),
        drop=nn.Dropout(0.3),
        head=nn.Linear(5 * 16, classes),
    )
    return nn.Sequential(modules)


def dense(input_shape: Any, classes: int) -> nn.Module:
    """One hidden layer in a body, dropout, and the head: all members in every kernel."""
    body = nn.Sequential(OrderedDict(flatten=nn.Flatten(), hidden=nn.Linear(16, 13), act=nn.ReLU()))
    return nn.Sequential(OrderedDict(body=body, drop=nn.Dropout(0.3), head=nn.Linear(13, classes)))


class ByHand(nn.Module):
    """Its forward does more than its modules: a head behind a scale that no module applies."""

    def __init__(self, scale: float, classes: int) -> None:
        super().__init__()
        self.scale = scale
        self.flatten, self.hidden = nn.Flatten(), nn.Linear(16, 13)
        self.drop, self.head = nn.Dropout(0.0), nn.Linear(13, classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.drop(self.hidden(self.flatten(x)).tanh())) * self.scale
        return out


class Probe(Strategy):
    """The body as it is at first; then the head, from `drop` on."""

    asked: ClassVar[tuple[Phase, ...]] = (
        Phase("all", epochs=1),
        Phase("head", epochs=3, frozen_before="drop"),
    )

    def phases(self, task: Task) -> Sequence[Phase]:
        return self.asked


@pytest.fixture
def make(host: Any, tiny: Any) -> Callable[..., Bench]:
    """A strategy on two tasks of three classes, on a model that is given as a factory."""

    def bench(strategy: Any, model: Any = convolutional, **protocol: Any) -> Bench:
        standard = {"model": "tried", "batch_size": 8, "optimizer": {"adam": {"lr": 0.01}}}
        split = Choice(
            "split", {"dataset": "digits", "tasks": 2, "setting": "class", "class_order": "random"}
        )
        own = {("model", "tried"): model}
        made = Bench(strategy, host, split, {**standard, **protocol}, own=own)
        made.arrays = tiny
        return made

    return bench


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many samples of the first member each pass through the body was for."""
    counted: list[int] = []
    computing = kept.FrozenBody._computing

    def spying(self: Any, pools: Any) -> Any:
        compute = computing(self, pools)

        def counting(places: Any) -> Tensor:
            counted.append(len(places[0]))
            return compute(places)

        return counting

    monkeypatch.setattr(kept.FrozenBody, "_computing", spying)
    return counted


def train_sizes(bench: Bench) -> list[int]:
    strategy, _ = bench.start(0)
    return [task.size()[0] for task in strategy.session.streams.tasks]


# ---------------------------------------------------------------------- the same bits


@pytest.mark.parametrize("model", [convolutional, dense])
@pytest.mark.parametrize("form", ["auto", "loop"])
def test_kept_in_part_or_not_at_all_are_the_same_bits(
    make: Any, monkeypatch: pytest.MonkeyPatch, model: Any, form: str
) -> None:
    monkeypatch.setattr(kept, "CHUNK", 16)
    monkeypatch.setattr(kept, "SAMPLES_AHEAD", 24)
    bench = make(Probe, model)
    found = {}
    for said in ("auto", "10kB", "none"):
        monkeypatch.setenv(VARIABLE, said)
        found[said] = rows(bench.run(0, 1, form=form), 1)
    assert first_difference(found["auto"], found["10kB"]) is None
    assert first_difference(found["auto"], found["none"]) is None


@pytest.mark.parametrize("said", ["auto", "10kB"])
def test_a_members_bits_are_those_it_has_alone_and_after_a_resume(
    make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str
) -> None:
    monkeypatch.setattr(kept, "CHUNK", 16)
    monkeypatch.setattr(kept, "SAMPLES_AHEAD", 24)
    monkeypatch.setenv(VARIABLE, said)
    bench = make(Probe)
    alone = rows(bench.run(1), 1)
    assert first_difference(alone, rows(bench.run(2, 1, 0), 1)) is None
    checkpoint = tmp_path / "job.ckpt"
    steps_of_body = -(-train_sizes(bench)[0] // 8)
    for steps in (steps_of_body + 2, 3):  # into the first epoch of the head, and further
        with pytest.raises(StopRequested):
            bench.run(1, checkpoint=checkpoint, leave_after=steps)
    assert first_difference(alone, rows(bench.run(1, checkpoint=checkpoint), 1)) is None


def test_who_watches_the_body_changes_nothing(make: Any) -> None:
    class Watching(Probe):
        """Keeps what the hidden layer and the head gave out."""

        def setup(self) -> None:
            super().setup()
            self.net.watch("act", "head")

        def after_step(self, batch: Batch) -> None:
            super().after_step(batch)
            assert self.net.seen["act"].shape[:3] == (1, batch.size, 5)
            assert self.net.seen["head"].requires_grad

    unwatched, watched = (rows(make(kind).run(0), 0) for kind in (Probe, Watching))
    assert first_difference(unwatched, watched) is None


# ------------------------------------------------------------------------------------------ once


def test_features_are_computed_once_a_phase_where_there_is_room(
    make: Any, monkeypatch: pytest.MonkeyPatch, chunks: list[int]
) -> None:
    bench = make(Probe, batch_size=10)
    sizes = train_sizes(bench)
    monkeypatch.setenv(VARIABLE, "auto")
    bench.run(0)
    assert sum(chunks) == sum(sizes)
    chunks.clear()
    monkeypatch.setenv(VARIABLE, "none")
    bench.run(0)
    assert sum(chunks) == 3 * sum(sizes)  # in each of three epochs
    chunks.clear()
    monkeypatch.setenv(VARIABLE, f"{20 * 5 * 16 * 4}B")
    bench.run(0)
    assert sum(chunks) == sum(20 + 3 * (size - 20) for size in sizes)


def test_of_augmented_images_nothing_is_kept(make: Any, chunks: list[int]) -> None:
    make(Probe, augment="flip").run(0)
    assert not chunks


def test_features_that_depend_on_the_other_samples_are_not_kept(
    make: Any, chunks: list[int]
) -> None:
    def by_batch(shape: Any, classes: int) -> nn.Module:
        return convolutional(shape, classes, lambda n: nn.BatchNorm2d(n, track_running_stats=False))

    assert make(Probe, by_batch).run(0).status == "done"
    assert not chunks


def test_features_of_images_in_colour_are_kept(make: Any, tiny: Any, chunks: list[int]) -> None:
    def colour(shape: Any, classes: int) -> nn.Module:
        features = [nn.Conv2d(3, 6, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(6, 9, 1)]
        body = nn.Sequential(*features, nn.Flatten())
        return nn.Sequential(
            OrderedDict(body=body, drop=nn.Dropout(0.0), head=nn.Linear(36, classes))
        )

    bench = make(Probe, colour)
    three = [np.repeat(x, 3, axis=3) for x in (tiny.x_train, tiny.x_test)]
    bench.arrays = replace(tiny, x_train=three[0], x_test=three[1])
    bench.run(0)
    assert sum(chunks) == sum(train_sizes(bench))


@pytest.mark.parametrize("augment", ["none", "flip"])
def test_more_than_modules_behind_the_point_is_refused(make: Any, augment: str) -> None:
    with pytest.raises(StrategyError, match=r"'drop', and the output of ByHand .* later module"):
        make(Probe, lambda shape, classes: ByHand(2.0, classes), augment=augment).run(0)


def test_a_head_of_its_own_is_kept_apart_from_any_other_code_in_front(
    make: Any, chunks: list[int]
) -> None:
    class HeadAlone(Probe):
        """Trains the last layer of a model whose forward is code."""

        asked = (Phase("head", epochs=2, frozen_before="head"),)

    make(HeadAlone, lambda shape, classes: ByHand(1.0, classes)).run(0)
    assert chunks


# ---------------------------------------------------------------------- what stands still


class Noted(Probe):
    """Notes what the phase leaves of the network, and the weights at its end."""

    weights: ClassVar[dict[str, Tensor]]
    inside: ClassVar[list[tuple[bool, bool, bool]]]

    def begin_phase(self, phase: Phase) -> None:
        super().begin_phase(phase)
        Noted.weights, Noted.inside = {k: v.detach().clone() for k, v in self.own().items()}, []

    def own(self) -> dict[str, Tensor]:
        return {**self.net.named_parameters(), **self.net.named_buffers()}

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        norm, drop = (self.net.module.get_submodule(name).training for name in ("norm", "drop"))
        Noted.inside.append((self.net.params["conv.weight"].requires_grad, norm, drop))

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        assert all(value.requires_grad for value in self.net.parameters())
        assert self.net.part_modes == {}
        Noted.weights = {name: value - self.weights[name] for name, value in self.own().items()}


def test_all_in_front_stands_still_and_all_behind_is_trained(make: Any) -> None:
    penalised = {"adamw": {"lr": 0.01, "weight_decay": 0.1}}
    make(Noted, optimizer=penalised).run(0)
    moved = {name for name, change in Noted.weights.items() if change.any()}
    assert moved == {"head.weight", "head.bias", "drop.count"}
    assert set(Noted.inside) == {(False, False, True)}


def test_it_trains_as_a_frozen_network_trains_that_computes_all_of_it(make: Any) -> None:
    class Plain(Noted):
        """The same by hand: the body frozen, and run in every step."""

        asked = (Phase("all", epochs=1), Phase("head", epochs=3))

        def observe(self, batch: Batch) -> Tensor | None:
            if self.phase.name == "all":
                return super().observe(batch)
            with self.net.frozen_before("drop"):
                return super().observe(batch)

    found = []
    for kind in (Noted, Plain):
        make(kind).run(0)
        found.append(Noted.weights["head.weight"])
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)
    assert found[0].abs().max() > 0.01


def test_another_head_on_the_same_body_starts_from_the_features(make: Any) -> None:
    class TwoHeads(Probe):
        """Compares the network with one called with its own head by name."""

        def after_step(self, batch: Batch) -> None:
            super().after_step(batch)
            if self.phase.name != "head":
                return
            assert self.net.shortcut is not None
            with self.net.evaluation():
                own = self.net(batch.x)
                head = {"head.weight": self.net.params["head.weight"].clone()}
                other = self.net.call({**self.net.params, **head}, batch.x)
                strange = self.net.call({k: v.clone() for k, v in self.net.params.items()}, batch.x)
            assert torch.equal(own, other)
            torch.testing.assert_close(own, strange)

    make(TwoHeads).run(0)


def test_a_step_that_changes_the_body_is_refused(make: Any) -> None:
    class Shrinking(Probe):
        """Shrinks all weights in every step."""

        @torch.no_grad()
        def after_step(self, batch: Batch) -> None:
            super().after_step(batch)
            self.net.params["conv.weight"].data *= 0.999  # which no version of a tensor tells

    with pytest.raises(StrategyError, match=r"phase 'head' .* from 'drop' on .*'conv\.weight'"):
        make(Shrinking).run(0)


def test_what_changes_the_body_between_epochs_makes_new_features(
    make: Any, monkeypatch: pytest.MonkeyPatch, chunks: list[int]
) -> None:
    class Moving(Probe):
        """Moves the body before the last epoch."""

        asked = (Phase("head", epochs=3, frozen_before="drop"),)

        @torch.no_grad()
        def begin_epoch(self, phase: Phase, epoch: int) -> None:
            super().begin_epoch(phase, epoch)
            if epoch == 2:
                self.net.params["conv.weight"] += 0.1

    bench = make(Moving, batch_size=10)
    remembered = rows(bench.run(0), 0)
    assert sum(chunks) == 2 * sum(train_sizes(bench))
    monkeypatch.setenv(VARIABLE, "none")
    assert first_difference(remembered, rows(bench.run(0), 0)) is None


def test_a_step_from_kept_features_can_be_captured(make: Any) -> None:
    strategy, loop = make(Probe, dense).start(0, 1)
    caught: list[str] = []

    def learn_watched(samples: Tensor) -> Tensor | None:
        if len(samples) == 3 or caught:
            return loop.training.training_step(samples)
        with uncapturable() as found:
            loss = loop.training.training_step(samples)
        caught.append("; ".join(found) or "nothing")
        return loss

    loop.training.steps.step = learn_watched
    loop.task(strategy.session.streams.tasks[0])
    assert caught == ["nothing"]


def test_graphs_of_another_table_are_forgotten(make: Any) -> None:
    class Twice(Probe):
        """The same phase twice: each has features of its own."""

        asked = (Phase("head", epochs=1, frozen_before="drop"),) * 2

    strategy, loop = make(Twice).start(0)
    tables: list[Any] = []
    loop.training.steps.forget = lambda: tables.append(loop.training.frozen.table)
    loop.task(strategy.session.streams.tasks[0])
    assert len(tables) == 2
    assert tables[0] is not tables[1]


# ---------------------------------------------------------------------- mistakes


def test_a_module_that_is_not_there_is_named(make: Any) -> None:
    class Misled(Probe):
        """Names no module."""

        asked = (Phase("head", frozen_before="haed"),)

    with pytest.raises(StrategyError, match="has no part 'haed'"):
        make(Misled).run(0)


def test_a_solo_strategy_is_told_to_freeze_its_own_network(make: Any) -> None:
    class Solo(SoloStrategy):
        """A head alone."""

        def phases(self, task: Task) -> Sequence[Phase]:
            return [Phase("head", frozen_before="head")]

    with pytest.raises(StrategyError, match=r"solo\.phases, phase 'head': .* no frozen_before"):
        make(Solo).run(0)
