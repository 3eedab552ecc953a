"""Continual back-propagation on small networks."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from torch import nn

from clbench import Layer
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench

DENSE = {"mlp": {"hidden": [12, 9]}}


class Convolutions(nn.Sequential):
    """Two convolutions, pooled before their ReLU, a dense layer and the head."""

    def __init__(self, channels: int, classes: int) -> None:
        modules = OrderedDict[str, nn.Module](
            conv1=nn.Conv2d(channels, 5, 3),
            pool1=nn.MaxPool2d(2),
            act1=nn.ReLU(),
            conv2=nn.Conv2d(5, 6, 2),
            act2=nn.ReLU(),
            flatten=nn.Flatten(),
            linear=nn.Linear(24, 7),
            act3=nn.ReLU(),
            head=nn.Linear(7, classes),
        )
        super().__init__(modules)

    def layers(self) -> list[Layer]:
        names = ["conv1", "conv2", "linear", "head"]
        found = []
        for k in range(3):
            name, after = names[k : k + 2]
            parameters = [f"{name}.weight", f"{name}.bias", f"{after}.weight", f"{after}.bias"]
            found.append(Layer(name, f"act{k + 1}", *parameters, block=4 if k == 1 else 1))
        return found


def convolutions(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """The above, for images of 8x8."""
    return Convolutions(input_shape[0], classes)


def started(strategy: Any, *seeds: int, **protocol: Any) -> tuple[Any, Any]:
    """The strategy at the first step of its first task of digits, and its loop."""
    standard = {"model": DENSE, "batch_size": 16, "optimizer": {"sgd": {"lr": 0.1}}}
    options = {"dataset": "digits", "tasks": 2, "classes_per_task": 5, "setting": "class"}
    bench = Bench(
        strategy,
        Host.load(),
        Choice("split", options),
        {**standard, **protocol},
        own={("model", "convolutions"): convolutions},
    )
    strategy, loop = bench.start(*seeds)
    task = strategy.session.streams.tasks[0]
    strategy.session.task = task
    strategy.begin_task(task)
    strategy.session.phase = strategy.phases(task)[0]
    return strategy, loop


def take_step(strategy: Any, loop: Any, step: int, size: int = 16) -> Any:
    """One step of all members, as the engine takes it; the batch."""
    streams = strategy.session.streams
    rows = []
    for row in range(strategy.members):
        own = streams.spec(row, 0).train
        rows.append(torch.from_numpy(own[np.arange(step * size, (step + 1) * size) % len(own)]))
    index = torch.stack(rows)
    tasks = torch.zeros_like(index)
    y = streams.labels_of(index, tasks)
    loop.training.steps(torch.stack([index, tasks, y]))
    strategy.session.measurements.steps += 1
    return strategy.session.fetch(index, tasks, y=y)
