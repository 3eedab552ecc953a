"""Two agents that average their weights, and the scenario they live in."""

import numpy as np
import torch

from clbench import Layout, Scenario, Strategy, Stream, TaskSpec, hookimpl, randomness


class SharedPairs(Scenario):
    """Two classes a task, in an order of the seed's; each agent has a half of every task's samples."""

    def layout(self, arrays):
        return Layout(arrays.classes, arrays.classes // 2, "class", arrays.input_shape, agents=2)

    def stream(self, arrays, seed, agent, validation):
        tasks = []
        for classes in (
            randomness.generator(seed, 0, "class_order").permutation(arrays.classes).reshape(-1, 2)
        ):
            labels = np.where(
                np.isin(np.arange(arrays.classes), classes), np.arange(arrays.classes), -1
            )
            train, test = (
                np.flatnonzero(np.isin(y, classes)) for y in (arrays.y_train, arrays.y_test)
            )
            held = int(len(train) * validation)
            tasks.append(
                TaskSpec(classes, labels, train[held:][agent::2], test, train[:held][agent::2])
            )
        return Stream(tuple(tasks))


class Averaging(Strategy):
    """After every epoch both agents go on from the mean of their weights."""

    @torch.no_grad()
    def end_epoch(self, phase, epoch):
        super().end_epoch(phase, epoch)
        for p in self.net.parameters():
            agents = self.by_agent(p)
            agents.copy_(agents.mean(1, keepdim=True).expand_as(agents))


clbench_strategies = hookimpl(lambda: [Averaging], specname="clbench_strategies")
clbench_scenarios = hookimpl(lambda: [SharedPairs], specname="clbench_scenarios")
