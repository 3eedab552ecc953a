"""The kit's convolutional network: small, with filters that feed several inputs of a layer."""

from __future__ import annotations

import pytest
import torch

from clbench.stack import Stack
from clbench.testing import ModelConformance
from clbench.testing.network import FILTERS, UNITS, kit_convnet


class TestTheKitsNetwork(ModelConformance):
    """It passes the checks that it is used in."""

    @pytest.fixture
    def model(self):
        return kit_convnet


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 6, 10), (1, 9, 7)])
def test_a_filter_owns_its_pooled_positions(shape: tuple[int, int, int]) -> None:
    net = kit_convnet(shape, classes=4)
    # Pooling by two leaves out what is odd.
    positions = (shape[1] // 2) * (shape[2] // 2)
    first, second = net.layers()
    assert (first.block, second.block) == (positions, 1)
    weight = dict(net.named_parameters())[first.out_weight]
    assert tuple(weight.shape) == (UNITS, FILTERS * positions)
    assert net(torch.zeros(5, *shape)).shape == (5, 4)


def test_it_is_stacked_like_any_other() -> None:
    net = Stack(lambda: kit_convnet((1, 8, 8), 4), 2)
    assert net(torch.zeros(2, 3, 1, 8, 8)).shape == (2, 3, 4)
    assert [layer.kind for layer in net.layers()] == ["conv", "linear"]
