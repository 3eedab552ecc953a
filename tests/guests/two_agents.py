"""Two agents that average their weights, and the scenario they live in."""

import numpy as np
import torch

from clbench import Layout, Scenario, Strategy, Stream, TaskSpec, hookimpl, randomness


class SharedPairs(Scenario):
    """Two classes a task, in an order of the seed's; each agent has a half of every task's
    samples.
    """

    def layout(self, arrays):
        return Layout(arrays.classes, arrays.classes // 2, "class", arrays.input_shape, agents=2)

    def stream(self, arrays, seed, agent, validation):
        tasks, names = [], np.arange(arrays.classes)
        order = randomness.generator(seed, 0, "class_order").permutation(arrays.classes)
        for classes in order.reshape(-1, 2):
            labels = np.where(np.isin(names, classes), names, -1)
            train, test = (
                np.flatnonzero(np.isin(y, classes)) for y in (arrays.y_train, arrays.y_test)
            )
            mine = train[agent::2]
            held = int(len(mine) * validation)
            tasks.append(TaskSpec(classes, labels, mine[held:], test, mine[:held]))
        return Stream(tuple(tasks))


class Averaging(Strategy):
    """After every epoch the agents that still train go on from the mean of their weights; one that
    stopped early keeps its own.
    """

    @torch.no_grad()
    def end_epoch(self, phase, epoch):
        super().end_epoch(phase, epoch)
        for p in self.net.parameters():
            self.by_agent(p).copy_(self.agent_mean(p).unsqueeze(1))


clbench_strategies = hookimpl(lambda: [Averaging], specname="clbench_strategies")
clbench_scenarios = hookimpl(lambda: [SharedPairs], specname="clbench_scenarios")
