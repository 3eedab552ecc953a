"""The process's global generators: torch's, NumPy's and Python's.

No seed of a member governs them, so stacked code may not draw from them; `Snapshot` tells whether
somebody did. Where authors may use them all the same (a model's initial weights, every hook of a
solo strategy), they are lent out: set to a member's own state, and put back afterwards.

NumPy is not copied but switched: its global functions draw from whatever bit generator is set, and
setting one takes a quarter of a microsecond where copying the state takes seventy. Switching drops
the second half of a pair of normal numbers, in the process's own stream too.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.random.mtrand import get_bit_generator, set_bit_generator
from torch import Tensor

from clbench.randomness import key
from clbench.stack.state import Stateful
from clbench.typing import Member

Result = TypeVar("Result")

# torch's seeds may not be negative: keys are cut to 63 bits.
_POSITIVE = 0x7FFFFFFFFFFFFFFF


class MemberState(Stateful):
    """What one member has drawn from the global generators so far."""

    wiring = frozenset({"numpy", "python", "cuda_device"})

    def __init__(self, words: tuple[int, int], device: torch.device) -> None:
        seed = words[0] & _POSITIVE
        # A generator made for its state alone; what draws is the global one.
        self.torch = torch.Generator().manual_seed(seed).get_state()
        self.numpy = np.random.MT19937([word & _POSITIVE for word in words])
        self.python = random.Random(seed).getstate()
        self.cuda_device = device if device.type == "cuda" else None
        self.cuda: Tensor | None = None
        if self.cuda_device is not None:
            self.cuda = torch.Generator(device).manual_seed(seed).get_state()

    def lend(self) -> None:
        """Let the global generators go on from here."""
        torch.default_generator.set_state(self.torch)
        set_bit_generator(self.numpy)
        random.setstate(self.python)
        if self.cuda_device is not None:
            assert self.cuda is not None
            torch.cuda.set_rng_state(self.cuda, self.cuda_device)

    def take_back(self) -> None:
        """Note where the global generators are now; NumPy's bit generator has moved by itself."""
        self.torch = torch.default_generator.get_state()
        self.python = random.getstate()
        if self.cuda_device is not None:
            self.cuda = torch.cuda.get_rng_state(self.cuda_device)

    def held(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **super().held(),
            "numpy_state": self.numpy_state,
            "python_state": self.python_state,
        }

    @property
    def numpy_state(self) -> dict[str, Any]:
        """The state of NumPy's bit generator."""
        state: Any = self.numpy.state["state"]
        # uint32 words, widened because records know int64; 624 of them.
        return {"key": state["key"].astype(np.int64), "pos": int(state["pos"])}

    @numpy_state.setter
    def numpy_state(self, saved: dict[str, Any]) -> None:
        state: Any = {"key": saved["key"].astype(np.uint32), "pos": saved["pos"]}
        self.numpy.state = {"bit_generator": "MT19937", "state": state}

    @property
    def python_state(self) -> dict[str, Any]:
        """The state of Python's generator; its 625 words as an array, for they are saved often."""
        # `random.getstate()`: the version of the algorithm, 624 words and a position, and the
        # second number of a pair of Gauss if there is one.
        version, words, pending = self.python
        return {"version": version, "words": np.array(words, dtype=np.int64), "pending": pending}

    @python_state.setter
    def python_state(self, saved: dict[str, Any]) -> None:
        self.python = saved["version"], tuple(saved["words"].tolist()), saved["pending"]


class MemberStates(Stateful):
    """The global generators of every member, each under its own seed."""

    wiring = frozenset({"device"})
    one_a_member = frozenset({"states"})

    def __init__(self, members: Sequence[Member], stream: str, device: torch.device) -> None:
        self.device = device
        self.states = [MemberState(key(*member, stream), device) for member in members]

    def for_each(self, rows: Sequence[int], call: Callable[[int], Result]) -> list[Result]:
        """Call for one member after the other, its own state in the global generators."""
        results = []
        with own_state_kept(self.device):
            for row in rows:
                state = self.states[row]
                state.lend()
                results.append(call(row))
                # After every call: the next member's state goes into the same generators.
                state.take_back()
        return results


_loans = 0  # how many blocks of `own_state_kept` are open, one within the other


def are_lent() -> bool:
    """Whether the global generators are some member's at the moment, and may be drawn from."""
    return _loans > 0


@contextmanager
def own_state_kept(device: torch.device) -> Iterator[None]:
    """Put the process's own state back at the end, whatever was lent in between."""
    global _loans
    # A copy of torch's state (5 kB), a reference of NumPy's generator (see above).
    own_torch = torch.default_generator.get_state()
    own_numpy = get_bit_generator()
    own_python = random.getstate()
    own_cuda = _cuda_state(device)
    _loans += 1
    try:
        yield
    finally:
        _loans -= 1
        torch.default_generator.set_state(own_torch)
        set_bit_generator(own_numpy)
        random.setstate(own_python)
        if own_cuda is not None:
            torch.cuda.set_rng_state(own_cuda, device)


@contextmanager
def seeded(words: tuple[int, int]) -> Iterator[None]:
    """Everything that is drawn within is drawn under this seed.

    On the host, where models are built.
    """
    cpu = torch.device("cpu")
    with own_state_kept(cpu):
        MemberState(words, cpu).lend()
        yield


class Snapshot:
    """Where the global generators stand, to be compared with later."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.torch = torch.default_generator.get_state()
        self.numpy = get_bit_generator().state
        self.python = random.getstate()
        self.cuda = _cuda_state(device)
        # More modules at the end means that something was imported in between.
        self.modules = len(sys.modules)

    def moved(self) -> list[str]:
        """The generators that were drawn from since then, in words.

        Some modules draw from Python's while they are imported (rich does), and nobody is to blame
        for that.
        """
        now = Snapshot(self.device)
        imported = now.modules != self.modules
        same = {
            "torch's": torch.equal(self.torch, now.torch),
            "NumPy's": _words(self.numpy) == _words(now.numpy),
            "Python's": self.python == now.python or imported,
        }
        if self.cuda is not None and now.cuda is not None:
            same["the GPU's"] = torch.equal(self.cuda, now.cuda)
        return [name for name, unmoved in same.items() if not unmoved]

    def put_back(self) -> None:
        """Undo what was drawn since then."""
        torch.default_generator.set_state(self.torch)
        get_bit_generator().state = self.numpy
        random.setstate(self.python)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda, self.device)


def _cuda_state(device: torch.device) -> torch.Tensor | None:
    """Of a GPU's generator; None where there is none."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _words(numpy_state: Any) -> tuple[Any, ...]:
    """The numbers in the state of a bit generator of whatever kind."""
    words = numpy_state["state"].values()
    return tuple(word.tobytes() if isinstance(word, np.ndarray) else word for word in words)
