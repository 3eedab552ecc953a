"""Watching a step: draws from global generators, and host synchronisation."""

from __future__ import annotations

import os
import random
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# Reading a tensor's value stops the host until the device is done, and cannot be captured in a graph.
NAMES = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "unique_dim", "_unique2")
READS = {f"aten::{name}" for name in NAMES}
# The optimisers call fused kernels on a CPU, which want their rates as numbers; on a device they take another path.
CPU_ONLY = os.path.join("clbench", "stack", "optim.py")
METHODS = ("tolist", "numpy", "__array__")


class Reads(TorchDispatchMode):
    """Notes every operation that reads a tensor on the host, with the author's line that asked for it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name
        masked = name in ("aten::index", "aten::index_put", "aten::index_put_") and any(
            isinstance(index, Tensor) and index.dtype == torch.bool for index in args[1] if index is not None
        )
        if name in READS or masked:
            self.note(f"{name.removeprefix('aten::')}{' by a mask' if masked else ''}")
        return func(*args, **(kwargs or {}))

    def note(self, what: str) -> None:
        """Remember one read and where it came from."""
        frames = [f for f in traceback.extract_stack() if "/torch/" not in f.filename and not f.filename.endswith("watch.py")]
        if frames and frames[-1].filename.endswith(CPU_ONLY):
            return
        where = f" ({frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line})" if frames else ""
        self.found.append(what + where)


@contextmanager
def host_reads() -> Iterator[Reads]:
    """Collect the reads of whatever runs inside."""
    reads = Reads()
    originals: dict[str, Callable[..., Any]] = {name: getattr(Tensor, name) for name in METHODS}

    def watched(name: str) -> Callable[..., Any]:
        def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
            reads.note(name)
            return originals[name](self, *args, **kwargs)

        return method

    for name in METHODS:
        setattr(Tensor, name, watched(name))
    try:
        with reads:
            yield reads
    finally:
        for name, original in originals.items():
            setattr(Tensor, name, original)


@contextmanager
def global_draws() -> Iterator[list[str]]:
    """Which global generators were drawn from inside."""
    before = (torch.get_rng_state(), np.random.get_state(), random.getstate())
    drawn: list[str] = []
    yield drawn
    if not torch.equal(before[0], torch.get_rng_state()):
        drawn.append("torch's")
    if not all(np.array_equal(a, b) for a, b in zip(before[1], np.random.get_state(), strict=True)):
        drawn.append("NumPy's")
    if before[2] != random.getstate():
        drawn.append("Python's")
