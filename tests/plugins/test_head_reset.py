from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Task
from clbench.errors import UserError
from clbench_plugins.er import ER
from clbench_plugins.head_reset import HeadReset
from clbench_plugins.naive import Naive

ADAM = {"adam": {"lr": 0.01}}


class Noted(HeadReset):
    """Keeps the network and the optimiser's largest moments as each task begins."""

    heads: ClassVar[list[dict[str, Tensor]]] = []
    largest: ClassVar[list[dict[str, float]]] = []

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        named = self.net.named_parameters()
        self.heads.append({name: value.detach().clone() for name, value in named.items()})
        slots = zip(named, self.optimizer.slots.values(), strict=True)
        self.largest.append({name: float(slot.moments[0].abs().max()) for name, slot in slots})


def trained(on_digits: Any, strategy: Any, **protocol: Any) -> Any:
    Noted.heads.clear()
    Noted.largest.clear()
    running, loop = on_digits(strategy, tasks=3, **{"optimizer": ADAM, **protocol}).start(0, 1)
    for task in running.session.streams.tasks:
        loop.task(task)
    return running


def test_zeros_before_every_later_task(on_digits: Any) -> None:
    trained(on_digits, Noted(to="zero"))
    first, *later = Noted.heads
    assert first["head.weight"].any()
    for begun in later:
        assert not begun["head.weight"].any()
        assert not begun["head.bias"].any()
        assert begun["linear1.weight"].any()


def test_fresh_weights_before_every_later_task(on_digits: Any) -> None:
    trained(on_digits, Noted(to="init"))
    weights = [begun["head.weight"] for begun in Noted.heads]
    assert all(0.9 < weight.abs().max() * 32**0.5 <= 1 for weight in weights)
    rows = torch.cat([weight.flatten(1) for weight in weights])
    assert torch.corrcoef(rows).fill_diagonal_(0).abs().max() < 0.3


@pytest.mark.parametrize("moments", [True, False])
def test_moments_of_the_head_are_forgotten_or_kept(on_digits: Any, moments: bool) -> None:
    trained(on_digits, Noted(moments=moments))
    for found in Noted.largest[1:]:
        assert (found["head.weight"] == 0.0) is moments
        assert (found["head.bias"] == 0.0) is moments
        assert found["linear1.weight"] > 0.0


def test_the_head_is_stepped_as_a_new_one(on_digits: Any) -> None:
    """Adam's first step is the rate in every direction, for it corrects for its age."""

    class First(Noted):
        """Keeps the head after the first step of each task."""

        after: ClassVar[dict[int, Tensor]] = {}

        def after_step(self, batch: Any) -> None:
            super().after_step(batch)
            self.after.setdefault(self.task.index, self.net.params["head.bias"].detach().clone())

    First.after.clear()
    trained(on_digits, First())
    for index in (1, 2):
        step = (First.after[index] - Noted.heads[index]["head.bias"]).abs()
        torch.testing.assert_close(step, torch.full_like(step, 0.01), rtol=1e-3, atol=0.0)


@pytest.mark.parametrize("to", ["zero", "init"])
def test_without_moments_it_is_the_protocols_head_reset(on_digits: Any, to: Any) -> None:
    mine = on_digits(HeadReset(to=to, moments=False), tasks=3, optimizer=ADAM).run(0, 1)
    protocols = on_digits(Naive, tasks=3, optimizer=ADAM, head_reset=to).run(0, 1)
    np.testing.assert_array_equal(mine.loss, protocols.loss)
    np.testing.assert_array_equal(mine.accuracy, protocols.accuracy)
    np.testing.assert_array_equal(mine.accuracy_before, protocols.accuracy_before)


def test_replay_goes_on_beside_it(on_digits: Any) -> None:
    both = trained(on_digits, [ER(memory=30), Noted(to="zero")])
    assert not Noted.heads[1]["head.weight"].any()
    assert (both.part("er").buffer.samples().valid.sum(1) == 30).all()


def test_heads_of_their_own_for_tasks_are_refused(on_digits: Any) -> None:
    bench = on_digits(HeadReset(), setting="task", head="multi")
    with pytest.raises(UserError, match="fresh last layer with `head: multi`"):
        bench.start(0)
