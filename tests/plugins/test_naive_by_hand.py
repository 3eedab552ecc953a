"""A run of `naive` against a loop in plain PyTorch, on the samples that the engine chose.

In the class setting; heads of the task setting are compared in
`tests/engine/test_separate_heads.py`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench import Batch, Strategy

PLAIN: dict[str, Any] = {
    "sgd": ({"lr": 0.1}, torch.optim.SGD),
    "sgd with momentum": ({"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}, torch.optim.SGD),
    "adam": ({"lr": 0.003}, torch.optim.Adam),
    "adamw": ({"lr": 0.003, "weight_decay": 0.1}, torch.optim.AdamW),
    "torch.RMSprop": ({"lr": 0.001}, torch.optim.RMSprop),
}


class Noted(Strategy):
    """Naive training that notes its batches and its first weights."""

    batches: ClassVar[list[tuple[list[int], Batch]]] = []
    start: ClassVar[dict[str, Tensor]] = {}

    def setup(self) -> None:
        super().setup()
        Noted.start = {name: value.detach().clone() for name, value in self.net.params.items()}
        self.batches.clear()

    def observe(self, batch: Batch) -> Tensor | None:
        self.batches.append((list(self.session.active), batch))
        return super().observe(batch)


def network(row: int) -> nn.Module:
    """The member's network as a plain module."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    for parameter, value in zip(net.parameters(), Noted.start.values(), strict=True):
        parameter.data.copy_(value[row])
    return net


@pytest.mark.parametrize("form", ["loop", "vmap"])
@pytest.mark.parametrize("name", PLAIN)
def test_against_plain_pytorch(on_digits: Any, name: str, form: str) -> None:
    options, kind = PLAIN[name]
    bench = on_digits(Noted, tasks=2, optimizer={name.split()[0]: options}, epochs=2)
    strategy, loop = bench.start(0, 1, form=form)
    for task in strategy.session.streams.tasks:
        loop.task(task)
    for row in range(2):
        net = network(row)
        optimizer = kind(net.parameters(), **options)
        stream = bench.host.get("scenario", "split")(**bench.cell.scenario.options).stream(
            bench.arrays, row, 0, 0.0
        )
        seen: list[list[int]] = [[], []]
        for active, batch in Noted.batches:
            if row not in active:
                continue
            index = batch.index[row].numpy()
            seen[batch.task.index] += index.tolist()
            x = torch.from_numpy(bench.arrays.x_train[index].transpose(0, 3, 1, 2)).float() / 16
            y = torch.from_numpy(bench.arrays.y_train[index])
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
        for task, own in zip(stream.tasks, seen, strict=True):
            assert sorted(own) == sorted([*task.train] * 2)
        for parameter, value in zip(net.parameters(), strategy.net.parameters(), strict=True):
            torch.testing.assert_close(
                value[row], parameter, atol=1e-6 if name == "sgd" else 1e-5, rtol=1e-4
            )


def test_weights_begin_as_torch_begins_them_and_differ_between_members(on_digits: Any) -> None:
    on_digits(Noted, tasks=1).start(0, 1)
    weight = Noted.start["linear1.weight"]
    assert weight.abs().max() <= 1 / 8
    assert weight.std() == pytest.approx(2 / 8 / 12**0.5, rel=0.05)
    assert not torch.equal(weight[0], weight[1])
