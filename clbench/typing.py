"""Types that every package of clbench uses, each defined once."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Member: TypeAlias = tuple[int, int]  # seed, agent: one network of a stack
