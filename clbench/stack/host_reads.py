"""Looking at values on the host: for nothing on a CPU,
never on a GPU, where a step would wait for it.
"""

from __future__ import annotations

from torch import Tensor


def none_on_host(flags: Tensor) -> bool:
    """Whether it is known, on a CPU, that no flag is true; on a GPU that is never known."""
    # Shares memory with the tensor on a CPU: no copy.
    return flags.device.type == "cpu" and not flags.numpy().any()
