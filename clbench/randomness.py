"""Randomness as a function of (seed, agent, named stream, step) and of nothing else.

Tables (class order, permutations, the order of samples) are drawn on the CPU from a generator of
their own; noise inside a training step is counter-based from a key (`clbench.stack.noise`).
"""

from __future__ import annotations

import hashlib

import numpy as np


def key(seed: int, agent: int, stream: str, *step: int) -> tuple[int, int]:
    """Two signed 64-bit numbers that name a stream of a member."""
    # A separator that no name of a stream holds.
    text = "\x1f".join([str(seed), str(agent), stream, *map(str, step)])
    # 128 bits: two streams with one key are not to be expected.
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little", signed=True), int.from_bytes(
        digest[8:], "little", signed=True
    )


def generator(seed: int, agent: int, stream: str, *step: int) -> np.random.Generator:
    """A NumPy generator for one named stream of one member."""
    # Philox wants unsigned words; the key is the same 128 bits.
    words = [word & 0xFFFFFFFFFFFFFFFF for word in key(seed, agent, stream, *step)]
    # Counter-based as the noise is: streams of different keys are independent.
    return np.random.Generator(np.random.Philox(key=np.array(words, dtype=np.uint64)))
