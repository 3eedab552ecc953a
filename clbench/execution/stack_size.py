"""How many members train together on a CPU: as many as its caches serve.

Members that train together share what a step costs in Python and in calls of kernels. But where
what a step walks through no longer fits into the cache it comes from memory, for each member at
every step. Neither changes a bit of anybody's numbers, so the choice is one of speed alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clbench.suite.choice import Choice, Written
from clbench.suite.protocol import Protocol

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
UNKNOWN_CACHE = 8 * 2**20  # bytes a worker, where the system does not tell
FLOAT = 4  # bytes
MAX_STACK = 10  # beyond about ten members a stack gains nothing on a CPU

# Measured with benchmarks/online.py on networks of 784 inputs and two layers of 100 to 2,000 units.
STEP_OVERHEAD = 400e-6  # seconds of a step, whatever its size, that members share
MOMENT_OVERHEAD = 100e-6  # the same for each moment that an optimiser keeps
# Seconds that a byte of weights and gradients takes longer from memory than from a cache.
MISS = 50e-12
# Seconds that a weight takes in the three products of one sample's step.
PRODUCT = 60e-12


@dataclass(frozen=True)
class NetworkSize:
    """How many numbers a network has as parameters,
    and gives out for one sample in all its modules.
    """

    parameters: int
    activations: int


@dataclass(frozen=True)
class StepSize:
    """What one member's step walks through, in bytes, how long it multiplies,
    and how many moments its optimiser keeps.
    """

    weights: int  # parameters and gradients
    moments: int
    activations: int
    seconds: float
    moments_kept: int

    @classmethod
    def of(cls, network: NetworkSize, protocol: Protocol) -> StepSize:
        """Of a network that trains under this protocol."""
        kept, batch = moments_of(protocol.optimizer), protocol.batch_size
        parameters = FLOAT * network.parameters
        activations = 2 * FLOAT * network.activations * batch
        seconds = PRODUCT * network.parameters * batch
        return cls(2 * parameters, kept * parameters, activations, seconds, kept)

    @property
    def touched(self) -> int:
        """All of it."""
        return self.weights + self.moments + self.activations


def moments_of(optimizer: Written) -> int:
    """How many tensors of a parameter's size an optimiser keeps; one of torch's two, as most do."""
    choice = Choice.of(optimizer)
    if choice.name == "sgd":
        return 1 if choice.options.get("momentum") else 0
    return 2


def members_in_cache(step: StepSize, cache: int) -> int:
    """How many members train together with this much cache:
    those that fit, or else as many as share a step's overhead.

    Leaving the cache is worth while where what it costs a member is less than what sharing the
    overhead with more members saves. It costs nothing where a step's products take longer than its
    weights take to arrive.
    """
    # One member at least, however large its step is.
    fit = min(MAX_STACK, max(1, cache // max(1, step.touched)))
    kept = min(
        1.0, cache / max(1, step.touched)
    )  # the part of a single member that stays in the cache
    overhead = STEP_OVERHEAD + MOMENT_OVERHEAD * step.moments_kept
    saved = overhead / fit - overhead / MAX_STACK
    lost = MISS * step.weights * kept - step.seconds
    return fit if saved < lost else MAX_STACK


def cache_of_a_worker(workers: int, caches: Path = CACHES) -> int:
    """Bytes of the largest cache that a worker has,
    where the workers that share it share it equally.
    """
    found = [_share(index, workers) for index in caches.glob("index*")]
    return max(found, default=UNKNOWN_CACHE) or UNKNOWN_CACHE


def _share(index: Path, workers: int) -> int:
    """A worker's bytes of one cache; 0 of one for instructions, or that cannot be read."""
    try:
        if (index / "type").read_text().strip() == "Instruction":
            return 0
        size = _bytes((index / "size").read_text().strip())
        sharing = _count((index / "shared_cpu_list").read_text().strip())
    except (OSError, ValueError):
        return 0
    return size // max(1, min(workers, sharing))


def _bytes(text: str) -> int:
    """`1024K`, `32M`."""
    factors = {"K": 2**10, "M": 2**20, "G": 2**30}
    return int(text[:-1]) * factors[text[-1]] if text[-1] in factors else int(text)


def _count(text: str) -> int:
    """How many CPUs a list such as `0-3,8-11` names."""
    total = 0
    for part in text.split(","):
        first, _, last = part.partition("-")
        total += int(last or first) - int(first) + 1
    return total
