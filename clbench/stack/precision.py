"""The arithmetic of a stack: in which type its modules compute."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Precise:
    """What a stack offers to those who want another arithmetic than that of its parameters."""

    precision: str
    wide: frozenset[str]  # names of parameters that stay in fp32
    params: dict[str, Tensor]
    buffers: dict[str, Tensor]

    def narrow(
        self, params: Mapping[str, Tensor], x: Tensor, prefix: str = ""
    ) -> tuple[Mapping[str, Tensor], Tensor]:
        """What the modules compute with: in bf16 copies of the parameters
        (whose full names begin with `prefix`) and of the input.

        The parameters themselves stay in fp32, and so does what comes out. An explicit cast, for
        `vmap` silently ignores autocast.
        """
        if self.precision != "bf16":
            return params, x
        cast = {
            # Batch-norm's own parameters: its hooks widen the input (`batch_norm_in_float`).
            name: value if prefix + name in self.wide else value.bfloat16()
            for name, value in params.items()
        }
        return cast, x.bfloat16() if x.is_floating_point() else x

    def compute_in(self, dtype: torch.dtype) -> None:
        """Hold and compute all that is no count in this type."""
        self.precision = str(dtype)
        self.params = {
            name: value.detach().to(dtype).requires_grad_(value.requires_grad)
            for name, value in self.params.items()
        }
        self.buffers = {
            # Counts (dropout's, batch-norm's `num_batches_tracked`) stay whole numbers.
            name: value.to(dtype) if value.is_floating_point() else value
            for name, value in self.buffers.items()
        }
