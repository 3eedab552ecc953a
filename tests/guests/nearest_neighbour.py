"""A solo learner without a network: nearest neighbours among what it has seen."""

import torch

from clbench import SoloStrategy, hookimpl


class NearestNeighbour(SoloStrategy):
    """Remember every n-th sample; answer with the class of the nearest one."""

    every: int = 2  # remember one sample in so many

    def setup(self):
        size = torch.Size(self.scenario.input_shape).numel()
        self.x, self.y = (
            torch.zeros(1, size, device=self.device),
            torch.zeros(1, dtype=torch.int64, device=self.device),
        )

    def observe(self, batch):
        self.x = torch.cat([self.x, batch.x[:: self.every].flatten(1)])
        self.y = torch.cat([self.y, batch.y[:: self.every]])

    def predict(self, x, task=None):
        nearest = torch.cdist(x.flatten(1), self.x).argmin(1)
        return torch.nn.functional.one_hot(self.y[nearest], self.scenario.classes).float()


@hookimpl
def clbench_strategies():
    return [NearestNeighbour]
