"""A forward that is written once, for one member and for the stack."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from clbench import Wired
from clbench.models.wired import Run
from clbench.stack import Stack


class Twice(Wired):
    """A layer around which its input goes, scaled by a number of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.scale = nn.Parameter(torch.rand(1, 1))

    def wire(self, x: Tensor, run: Run) -> Tensor:
        return run(self.linear, x) + self.scale * x


X = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0))


def test_alone_children_are_called_as_they_are() -> None:
    module = Twice()
    expected = module.linear(X[0]) + module.scale * X[0]
    assert torch.equal(module(X[0]), expected)


@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_a_member_of_a_stack_is_the_module_alone(form: str) -> None:
    stack = Stack(Twice, 4, form=form)
    out = stack(X)
    named = stack.named_parameters()
    for member in range(4):
        alone = Twice()
        alone.load_state_dict({name: value[member] for name, value in named.items()})
        torch.testing.assert_close(out[member], alone(X[member]))


def test_without_a_wiring_there_is_no_forward() -> None:
    with pytest.raises(NotImplementedError):
        Wired()(X)
