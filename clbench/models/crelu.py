"""An activation that no unit can fall silent behind."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CReLU(nn.Module):
    """Concatenated ReLU: both halves of each unit, relu(z) and relu(-z) (Shang et al. 2016).

    `[B, units, ...]` becomes `[B, units, 2, ...]`: the halves have a dimension of their own behind
    the units. So the activation is read as that of a filter with two positions, and who takes means
    over positions, or looks whether a unit fires at any of them, need not know of it.
    `nn.Flatten(1, 2)` behind it puts the halves side by side: unit k feeds inputs 2k and 2k + 1 of
    the next layer, a block of two.
    """

    def forward(self, x: Tensor) -> Tensor:
        return self.halves(x, 2)

    def halves(self, x: Tensor, dim: int) -> Tensor:
        """Both halves, beside each other in a new dimension."""
        # relu(-z) with the sign it has in the paper: positive and negative part of z.
        return torch.stack((F.relu(x), F.relu(-x)), dim)
