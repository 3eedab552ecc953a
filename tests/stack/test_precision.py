"""In which type a stack computes."""

from __future__ import annotations

import torch
from torch import nn

from clbench.stack import Stack
from tests.stack.networks import Net, inputs


def normed() -> nn.Module:
    """With running statistics, and a count of batches."""
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def test_in_fp32_nothing_is_cast() -> None:
    net = Stack(Net, 2)
    params, x = net.named_parameters(), inputs(2)
    same, unchanged = net.narrow(params, x)
    assert same is params
    assert unchanged is x


def test_in_bf16_parameters_and_images_are_cast_and_whole_numbers_are_not() -> None:
    net = Stack(Net, 2, precision="bf16")
    cast, x = net.narrow(net.named_parameters(), inputs(2))
    assert {value.dtype for value in cast.values()} == {torch.bfloat16}
    assert x.dtype is torch.bfloat16
    tokens = torch.zeros(2, 5, dtype=torch.int64)
    assert net.narrow({}, tokens)[1] is tokens
    # The parameters themselves stay.
    assert {value.dtype for value in net.parameters()} == {torch.float32}


def test_batch_norms_own_parameters_stay_wide_by_their_full_names() -> None:
    net = Stack(normed, 2, precision="bf16")
    cast, _ = net.narrow(net.named_parameters(), inputs(2))
    wide = {name for name, value in cast.items() if value.dtype is torch.float32}
    assert wide == {"1.weight", "1.bias"}
    # Of a part its own names are given, and what stands before them.
    of_norm = net.part("1").named_parameters()
    cast, _ = net.narrow(of_norm, inputs(2), "1.")
    assert {value.dtype for value in cast.values()} == {torch.float32}


def test_what_comes_out_in_bf16_is_fp32() -> None:
    assert Stack(Net, 2, precision="bf16")(inputs(2)).dtype is torch.float32


def test_another_type_for_all_that_is_no_count() -> None:
    net = Stack(normed, 2)
    net.named_parameters()["0.weight"].requires_grad_(False)
    net.compute_in(torch.float64)
    assert {value.dtype for value in net.parameters()} == {torch.float64}
    buffers = net.named_buffers()
    assert buffers["1.running_mean"].dtype is torch.float64
    assert buffers["1.num_batches_tracked"].dtype is torch.int64
    # Who was frozen stays so, and the others are leaves that can be trained.
    trained = {name: value.requires_grad for name, value in net.named_parameters().items()}
    assert not trained.pop("0.weight")
    assert all(trained.values())
    assert all(value.is_leaf for value in net.parameters())


def test_in_double_precision_a_copy_says_the_same_more_exactly() -> None:
    net = Stack(Net, 2)
    wide = net.spawn(torch.float64)
    out = wide(inputs(2).double())
    assert out.dtype is torch.float64
    torch.testing.assert_close(out.float(), net(inputs(2)))
    # The network that was copied stays as it is.
    assert {value.dtype for value in net.parameters()} == {torch.float32}
