"""Files as MNIST has them, with few images."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from clbench.data import load_arrays
from clbench.host import Host
from clbench.suite.choice import Choice


def write_idx(folder: Path, *, packed: bool, train: int = 6) -> Path:
    """Four files as MNIST has them, with few images."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("t10k", 3)):
        images = np.arange(count * 28 * 28).astype(np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        contents = {
            f"{part}-images-idx3-ubyte": struct.pack(">IIII", 2051, count, 28, 28)
            + images.tobytes(),
            f"{part}-labels-idx1-ubyte": struct.pack(">II", 2049, count) + labels.tobytes(),
        }
        for name, content in contents.items():
            (folder / (name + ".gz" * packed)).write_bytes(
                gzip.compress(content) if packed else content
            )
    return folder


def mnist(host: Host, root: Path | None):
    return load_arrays(Choice("mnist", {}), host, root)
