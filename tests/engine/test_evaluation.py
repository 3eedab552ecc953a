"""What a method sees of a test set before it is predicted."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import SoloStrategy, Strategy, Task
from clbench_plugins.accuracy_metrics import OnlineAccuracy
from clbench_plugins.naive import Naive

from .looking import Looking, by_hand


class LookingAlone(SoloStrategy):
    """The same for one member."""

    def begin_evaluation(self, look: Any) -> None:
        assert not self.net.training
        assert not torch.is_grad_enabled()
        batches = list(look.batches())
        assert all(images.valid.all() for images in batches)
        counts = sum(len(images.x) for images in batches)
        self.note("images", counts)
        self.note("light", sum(images.x.sum() for images in batches) / counts)


@pytest.fixture(autouse=True)
def _forget() -> None:
    Looking.seen.clear()


@pytest.mark.parametrize("strategy", [Looking, LookingAlone])
def test_a_whole_test_set_is_seen_before_it_is_predicted(make_bench: Any, strategy: Any) -> None:
    bench = make_bench(strategy)
    record = bench.run(0, 2)
    for row, seed in enumerate((0, 2)):
        counts, light = by_hand(bench, seed)
        np.testing.assert_array_equal(record.notes["images"][row], np.tile(counts, (4, 1)))
        np.testing.assert_allclose(record.notes["light"][row], np.tile(light, (4, 1)), rtol=1e-5)
    assert record.notes["light"].shape == record.accuracy.shape
    alone = bench.run(2)
    assert np.array_equal(alone.notes["light"][0], record.notes["light"][1])


def test_it_is_seen_once_in_evaluation_mode_and_without_gradients(make_bench: Any) -> None:
    make_bench(Looking, tasks=2).run(0)
    looks = [place for place, entry in enumerate(Looking.seen) if entry != "predict"]
    # Two tasks after 0, 1 and 2 tasks, and each before it is trained.
    assert len(looks) == 8
    assert all(Looking.seen[place][:3] == ("test", False, False) for place in looks)
    assert all(Looking.seen[place + 1] == "predict" for place in looks)


def test_validation_and_continual_evaluation_are_looked_at_too(make_bench: Any) -> None:
    record = make_bench(
        Looking, tasks=2, validation=0.3, stop_at=0.99, epochs=2, evaluate={"every": 3}
    ).run(0)
    splits = [entry[0] for entry in Looking.seen if entry != "predict"]
    assert {"test", "validation"} == set(splits)
    assert record.curves["continual_images"].shape == record.curves["continual_accuracy"].shape
    assert (
        record.curves["continual_images"][0, 0, 0] == by_hand(make_bench(Naive, tasks=2), 0)[0][0]
    )


def test_every_part_of_a_composition_looks(make_bench: Any) -> None:
    record = make_bench([Naive, Looking], tasks=2).run(0)
    assert record.notes["images"].shape == (1, 3, 2)


def test_nobody_is_asked_where_no_part_looks(make_bench: Any) -> None:
    strategy, _ = make_bench([Naive, Looking]).start(0)
    assert "begin_evaluation" in strategy.session.overridden
    strategy, _ = make_bench(Naive).start(0)
    assert "begin_evaluation" not in strategy.session.overridden


class Placed(Strategy):
    """Finds what it is asked to predict in what it looked at before."""

    wiring = Strategy.wiring | {"looked"}
    found: ClassVar[list[bool]] = []

    def begin_evaluation(self, look: Any) -> None:
        super().begin_evaluation(look)
        batches = list(look.batches())
        self.looked = torch.cat([images.x for images in batches], dim=1)
        starts = [images.start for images in batches]
        assert starts == [16 * number for number in range(len(batches))]

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        asked = self.asked
        if asked is not None and asked.start is not None:
            here = self.looked[:, asked.start : asked.start + x.shape[1]]
            self.found.append(torch.equal(here, x) and torch.equal(asked.x, x))
        return super().predict(x, task)


def test_who_predicts_knows_where_the_images_stand(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clbench.engine.streams.Streams.chunk", lambda self, split: 16)
    Placed.found.clear()
    make_bench(Placed, tasks=2, metrics=[OnlineAccuracy]).run(0, 2)
    assert len(Placed.found) == 2 * 8  # two batches of each of eight test sets
    assert all(Placed.found)


def test_images_asked_about_outside_of_a_test_set_stand_nowhere(make_bench: Any) -> None:
    class Asked(Strategy):
        """Keeps what it knows of what it is asked."""

        seen: ClassVar[list[Any]] = []

        def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
            self.seen.append(self.asked)
            return super().predict(x, task)

        def end_task(self, task: Task) -> None:
            super().end_task(task)
            self.predict(next(iter(task.batches())).x)

    make_bench(Asked, tasks=1, metrics=[OnlineAccuracy]).run(0)
    test_set, in_training, mine = Asked.seen[0], Asked.seen[1], Asked.seen[-2]
    assert test_set.start == 0
    assert test_set.valid.sum() == 60
    assert in_training.start is None
    assert in_training.valid.all()
    assert mine is None
