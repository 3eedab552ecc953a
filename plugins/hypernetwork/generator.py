"""What generates the weights: a small network, asked once for each chunk of the main network."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clbench import Stack, Stateful

ACTIVATIONS = {"relu": nn.ReLU, "elu": nn.ELU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


class Table(nn.Module):
    """Rows of normally distributed numbers: embeddings, one each."""

    def __init__(self, rows: int, width: int, deviation: float) -> None:
        super().__init__()
        # From torch's global generator, which the stack lends to each member.
        self.weight = nn.Parameter(torch.randn(rows, width) * deviation)


def dense_network(
    inputs: int, hidden: Sequence[int], outputs: int, activation: str, output: str
) -> nn.Sequential:
    """A multi-layer perceptron with a `last` layer; Xavier's uniform weights, biases of 0."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for number, units in enumerate(hidden, start=1):
        modules[f"linear{number}"] = nn.Linear(inputs, units)
        modules[f"act{number}"] = ACTIVATIONS[activation]()
        inputs = units
    modules["last"] = nn.Linear(inputs, outputs)
    if output == "tanh":
        modules["bounded"] = nn.Tanh()
    for module in modules.values():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    return nn.Sequential(modules)


class Generator(Stateful):
    """theta, a network and chunk embeddings, and what it makes of a task embedding.

    The main network's weights are one row of numbers, cut into chunks of one size. Chunk m is
    h([e ; c_m]), e being the task's embedding and c_m the chunk's; what is left over of the last
    chunk is not used.
    """

    def __init__(self, network: Stack, chunks: Tensor, shapes: Sequence[torch.Size]) -> None:
        """`chunks [R, M, C]` are the chunk embeddings, `shapes [R, ...]` those of the weights."""
        self.network, self.chunks = network, chunks
        self.shapes = [tuple(shape) for shape in shapes]
        self.sizes = [math.prod(shape[1:]) for shape in self.shapes]

    def parameters(self) -> list[Tensor]:
        """theta: what is trained, and what the regulariser protects."""
        return [*self.network.parameters(), self.chunks]

    def flat(self, embedding: Tensor, theta: Sequence[Tensor] | None = None) -> Tensor:
        """`[R, E]` -> `[R, N]`: all weights in a row, by another theta where that is given."""
        *values, chunks = self.parameters() if theta is None else theta
        # `[R, M, E]`: the task's embedding beside each chunk's.
        beside = embedding[:, None].expand(-1, chunks.shape[1], -1)
        made: Tensor = self.network.call(values, torch.cat([beside, chunks], dim=2))
        # `[R, M, size]` to `[R, M size]`, and without the last chunk's rest.
        return made.flatten(1)[:, : sum(self.sizes)]

    def weights(self, embedding: Tensor) -> list[Tensor]:
        """`[R, E]` -> the main network's parameters, in its order."""
        parts = self.flat(embedding).split(self.sizes, dim=1)
        pairs = zip(parts, self.shapes, strict=True)
        return [part.reshape(shape) for part, shape in pairs]


def chunk_size_of(weights: int, chunk_size: int | None, num_chunks: int | None) -> int:
    """How many weights a chunk has; ten chunks where neither is given."""
    if chunk_size is not None:
        return min(chunk_size, weights)
    return -(-weights // (num_chunks or 10))
