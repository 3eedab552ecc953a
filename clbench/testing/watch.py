"""Watching a step: draws from global generators, and what keeps a step out of a device graph."""

from __future__ import annotations

import os
import random
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

VALUE = "reads a tensor's value on the host"
SHAPE = "makes a shape that depends on values"
HOST = "brings numbers from the host to the device"
AWAY = "leaves the device"

# As operations are dispatched: what `item`, `float`, `if` and Python lists come down to, in
# whoever's code.
OPERATIONS = {
    "_local_scalar_dense": VALUE,
    "is_nonzero": VALUE,
    "equal": VALUE,
    "allclose": VALUE,
    "nonzero": SHAPE,
    "masked_select": SHAPE,
    "repeat_interleave": SHAPE,
    "bincount": SHAPE,
    "unique_dim": SHAPE,
    "unique_consecutive": SHAPE,
    "_unique2": SHAPE,
    "lift_fresh": HOST,  # torch.tensor, torch.as_tensor, and a Python list as an index
}
# As the author calls them: what dispatches nothing, or something that does not tell its name.
FUNCTIONS = {
    "one_hot": SHAPE,
    "tolist": VALUE,
    "numpy": VALUE,
    "__array__": VALUE,
    "cpu": AWAY,
    "from_numpy": HOST,
}
MAKERS = {
    "zeros",
    "ones",
    "empty",
    "full",
    "arange",
    "linspace",
    "eye",
    "rand",
    "randn",
    "randint",
    "randperm",
}
# Optimisers call fused kernels on a CPU, which want their rates as numbers; random numbers for a
# few units are
# drawn for these alone; work for no sample is left out; images are warped a task at a time. On a
# device each
# of them takes another path.
FILES = (
    "stack/optim.py",
    "stack/stacked.py",
    "stack/noise.py",
    "stack/host_reads.py",
    "engine/warps.py",
)
# Where torch itself lies; an author's own folder may be called so, too.
TORCH = os.path.join(os.path.dirname(torch.__file__), "")
CPU_ONLY = tuple(os.path.join("clbench", *name.split("/")) for name in FILES)


class Operations(TorchDispatchMode):
    """Notes operations that a device graph cannot hold."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found = found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        if name in OPERATIONS:
            _note(self.found, name, OPERATIONS[name])
        if name in ("index", "index_put", "index_put_") and _has_mask(args[1]):
            _note(self.found, f"{name} by a mask", f"{SHAPE} (torch.where and masked_fill do not)")
        return func(*args, **(kwargs or {}))


class Functions(TorchFunctionMode):
    """Notes calls of torch by which an author leaves the device, or never gets there."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in FUNCTIONS:
            _note(self.found, name, FUNCTIONS[name])
        elif name == "to" and any(_is_host(value) for value in (*args[1:], *kwargs.values())):
            _note(self.found, "to('cpu')", AWAY)
        elif name in MAKERS and kwargs.get("device") is None:
            _note(self.found, f"{name} without device=self.device", "makes a tensor on the host")
        return func(*args, **kwargs)


def _has_mask(indices: Sequence[Any]) -> bool:
    """An index by a mask is `nonzero` underneath: its shape depends on values."""
    return any(isinstance(index, Tensor) and index.dtype == torch.bool for index in indices)


def _is_host(value: Any) -> bool:
    return isinstance(value, str) and value == "cpu"


def _note(found: list[str], what: str, why: str) -> None:
    """Remember an operation, what is wrong with it, and the line that asked for it; once."""
    frame = _asking_frame()
    if frame is not None and frame.filename.endswith(CPU_ONLY):
        return
    sentence = f"{what} {why}{_place(frame)}"
    if sentence not in found:
        found.append(sentence)


def _place(frame: traceback.FrameSummary | None) -> str:
    return "" if frame is None else f" ({frame.filename}:{frame.lineno}: {frame.line})"


def _asking_frame() -> traceback.FrameSummary | None:
    """The innermost line outside of torch, and of this module."""
    for frame in reversed(traceback.extract_stack()):
        if frame.filename != __file__ and not frame.filename.startswith(TORCH):
            return frame
    return None


@contextmanager
def uncapturable() -> Iterator[list[str]]:
    """Collect, in words, what a device graph could not hold of whatever runs inside."""
    found: list[str] = []
    # Functions outside, for one call of the author's dispatches many operations.
    with Functions(found), Operations(found):
        yield found


@contextmanager
def global_draws() -> Iterator[list[str]]:
    """Which global generators were drawn from inside."""
    before = _states()
    drawn: list[str] = []
    yield drawn
    # After the block only: within it the check itself draws nothing.
    after = _states()
    drawn += [whose for whose in before if not _same_state(before[whose], after[whose])]


def _states() -> dict[str, Any]:
    """Of the global generators, by whose they are."""
    return {
        "torch's": [torch.get_rng_state().numpy()],
        "NumPy's": np.random.get_state(),
        "Python's": random.getstate(),
    }


def _same_state(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Tables and numbers, and what kind of generator it is."""
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
