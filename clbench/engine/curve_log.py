"""A job's curves on disk: a file beside its checkpoint that only ever grows at its end.

A checkpoint that held the curves would become slower with every epoch. So it says how much of this
file is good, and holds only what came since: what lies behind that length, because a job was killed
before its next checkpoint was there, is overwritten by whoever goes on from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clbench.engine.curves import Curve
from clbench.errors import ClbenchError
from clbench.records.atomic import sync_folder
from clbench.typing import Array

Groups = Mapping[str, dict[str, Curve]]  # `curves` and `probes`, by name
MAX_PENDING_BYTES = 1 << 18  # bytes of curves that a checkpoint holds itself
DIGEST_BYTES = 32
_SIZES = struct.Struct("<QQ")  # of a frame's description and of its numbers


class CurveLog:
    """The file, and how much of it is good: its length, and a digest of all frames so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.length, self.digest = 0, bytes(DIGEST_BYTES)

    def commit(self, groups: Groups) -> dict[str, Any]:
        """Bring what is new to disk, where it is much; what a checkpoint has to hold."""
        # Encoded even when it stays pending: its size decides where it goes.
        frame = _encode(groups)
        if len(frame) > MAX_PENDING_BYTES:
            self._append(frame)
            for curve in _all(groups):
                # From here on these are on disk for good.
                curve.logged = curve.lengths.copy()
            frame = b""
        return {
            "length": self.length,
            "digest": self.digest.hex(),
            # As a tensor, which is what a checkpoint reads back without pickle.
            "pending": torch.frombuffer(bytearray(frame), dtype=torch.uint8) if frame else None,
        }

    def restore(self, saved: Mapping[str, Any], groups: Groups, members: int) -> None:
        """Read the curves back, and go on behind them."""
        for frame in self._read(saved):
            # In the order they were written: each frame goes on where the one before ended.
            _decode(frame, groups, members)
        for curve in _all(groups):
            curve.logged = curve.lengths.copy()
        if saved["pending"] is not None:
            # Not logged: what was pending is still to be written.
            _decode(saved["pending"].numpy().tobytes(), groups, members)
        self.length, self.digest = saved["length"], bytes.fromhex(saved["digest"])

    def _append(self, frame: bytes) -> None:
        new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # "x" makes a file and fails where there is one: two jobs never share it.
        with open(self.path, "x+b" if new else "r+b") as file:
            file.seek(self.length)
            file.write(frame)
            # What a killed job wrote behind the last checkpoint goes.
            file.truncate()
            file.flush()
            # Before the checkpoint that counts on it is written.
            os.fsync(file.fileno())
        if new:
            # A new file's name is on disk only with its folder.
            sync_folder(self.path.parent)
        self.length += len(frame)
        self.digest = _chained(self.digest, frame)

    def _read(self, saved: Mapping[str, Any]) -> list[bytes]:
        """The frames that the checkpoint counts on, whole and as they were written."""
        if saved["length"] == 0:
            return []
        if not self.path.exists():
            raise ClbenchError("the curves that were kept beside it are gone")
        with open(self.path, "rb") as file:
            # What lies behind that length is of nobody's checkpoint.
            data = file.read(saved["length"])
        if len(data) < saved["length"]:
            raise ClbenchError("the curves that were kept beside it are cut off")
        frames = list(_frames(data))
        digest = bytes(DIGEST_BYTES)
        for frame in frames:
            digest = _chained(digest, frame)
        if digest.hex() != saved["digest"]:
            raise ClbenchError("the curves that were kept beside it are damaged")
        return frames


def _all(groups: Groups) -> Iterator[Curve]:
    for curves in groups.values():
        yield from curves.values()


def _chained(digest: bytes, frame: bytes) -> bytes:
    # A chain: each digest stands for all frames up to it, and appending costs one frame.
    return hashlib.blake2b(digest + frame, digest_size=DIGEST_BYTES).digest()


# A frame is the sizes of its two parts, a description in JSON, and all numbers one after the other.


def _encode(groups: Groups) -> bytes:
    """What is not on disk yet; nothing where there is nothing."""
    described, blocks = [], []
    for group, curves in groups.items():
        for name, curve in curves.items():
            block, counts = curve.unlogged()
            # A curve is written once even where it has no value: that it was asked for is known by
            # it.
            if counts.any() or not curve.lengths.any():
                described.append([group, name, block.shape[1:], counts.tolist()])
                # float64, little-endian, whatever the machine.
                blocks.append(np.ascontiguousarray(block, dtype="<f8").tobytes())
    if not described:
        return b""
    text, numbers = json.dumps(described).encode(), b"".join(blocks)
    return _SIZES.pack(len(text), len(numbers)) + text + numbers


def _decode(frame: bytes, groups: Groups, members: int) -> None:
    """Append a frame's values to the curves."""
    length, _ = _SIZES.unpack_from(frame)
    start = _SIZES.size + length
    # Name, shape `[K, ...]` of a member's values, and how many each member has.
    for group, name, shape, counts in json.loads(frame[_SIZES.size : start]):
        size = members * int(np.prod(shape, dtype=np.int64))
        numbers: Array = np.frombuffer(frame, "<f8", count=size, offset=start)
        start += numbers.nbytes
        curve = groups[group].setdefault(name, Curve(members, len(shape) - 1))
        curve.extend(numbers.reshape(members, *shape), np.asarray(counts, dtype=np.int64))


def _frames(data: bytes) -> Iterator[bytes]:
    """Cut a file into its frames; what does not look like one fails the digest."""
    start = 0
    while start < len(data):
        end = len(data)
        if start + _SIZES.size <= end:
            # Both sizes come first; the minimum keeps a broken size within the file.
            end = min(end, start + _SIZES.size + sum(_SIZES.unpack_from(data, start)))
        yield data[start:end]
        start = end
