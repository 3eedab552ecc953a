"""Two agents that average their weights, and the scenario they live in."""

import torch

from clbench import Layout, Scenario, Strategy, Stream, TaskSpec, hookimpl, randomness


class Pairs(Scenario):
    """Each agent has a half of every task's samples."""

    name = "shared_pairs"

    def layout(self, arrays):
        return Layout(arrays.classes, arrays.classes // 2, "class", arrays.input_shape, agents=2)

    def stream(self, arrays, seed, agent, validation):
        order = randomness.generator(seed, 0, "class_order").permutation(arrays.classes)
        tasks = []
        for classes in order.reshape(-1, 2):
            labels = torch.full((arrays.classes,), -1).numpy()
            labels[classes] = classes
            train, test = ((labels[y] >= 0).nonzero()[0] for y in (arrays.y_train, arrays.y_test))
            tasks.append(TaskSpec(classes, labels, train[agent::2], test, train[:0]))
        return Stream(tuple(tasks))


class Averaging(Strategy):
    """After every epoch both agents go on from the mean of their weights."""

    @torch.no_grad()
    def end_epoch(self, phase, epoch):
        super().end_epoch(phase, epoch)
        for p in self.net.parameters():
            agents = self.by_agent(p)
            agents.copy_(agents.mean(1, keepdim=True).expand_as(agents))


@hookimpl
def clbench_strategies():
    return [Averaging]


@hookimpl
def clbench_scenarios():
    return [Pairs]
