"""Gradients of single examples, without a loop over examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight

from clbench.errors import StrategyError
from clbench.stack import gemm
from clbench.stack.members import per_member
from clbench.stack.stack import Stack

Measure = Callable[[Tensor], Tensor]


def squared_gradients(
    net: Stack, x: Tensor, functions: Callable[[Tensor], Tensor], weights: Tensor
) -> list[Tensor]:
    """`sum_b sum_k weights[r, b, k] * (d f_k(x_b) / d theta)^2`
    for every parameter, `[R, ...]` each.

    `functions` maps outputs `[R, B, classes]` to K functions a sample, `[R, B, K]`. The gradient of
    one example in a linear layer is the outer product of its delta and its input, so the sum of
    squares over examples is one matrix product, (delta^2)^T (input^2). Samples must not see each
    other: call it in evaluation mode.
    """
    return _sums(net, x, functions, weights, torch.square)


def absolute_gradients(
    net: Stack, x: Tensor, functions: Callable[[Tensor], Tensor], weights: Tensor
) -> list[Tensor]:
    """`sum_b sum_k weights[r, b, k] * |d f_k(x_b) / d theta|`, otherwise as `squared_gradients`.

    With `functions` the squared norm of the outputs this is the importance of memory aware synapses
    (Aljundi et al. 2018).
    """
    return _sums(net, x, functions, weights, torch.abs)


def weight_gradient(net: Stack, name: str, inputs: Tensor, delta: Tensor) -> Tensor:
    """The gradient of a layer's weight, `[R, *weight]`,
    from what went in and the gradient of what came out.

    `name` is that of a plain linear layer or convolution of `net`; `inputs` and `delta`,
    `[R, B, ...]`, are `taps.inputs[name]` and `taps.deltas(loss)[name]`, or any other factors of
    that shape.
    """
    module = net.module.get_submodule(name)
    if isinstance(module, nn.Linear):
        # Rows of all examples, and of all positions where there are more dimensions, below each
        # other: `[R, B * positions, features]`.
        rows, deltas = (t.reshape(len(t), -1, t.shape[-1]) for t in (inputs, delta))
        # `[R, out, N] @ [R, N, in]`: the layout of the weight.
        return gemm.product(deltas.transpose(1, 2), rows)
    if not isinstance(module, nn.Conv2d):
        raise StrategyError(
            f"weight_gradient knows linear layers and convolutions, and {name!r} is a"
            f" {type(module).__name__}"
        )
    shape = net.params[f"{name}.weight"].shape[1:]
    options = (module.stride, module.padding, module.dilation, module.groups)

    def of_member(x: Tensor, grad: Tensor) -> Tensor:
        found: Tensor = conv2d_weight(x, shape, grad, *options)
        return found

    return cast(Tensor, per_member(of_member, inputs, delta))


def _sums(
    net: Stack,
    x: Tensor,
    functions: Callable[[Tensor], Tensor],
    weights: Tensor,
    measure: Measure,
) -> list[Tensor]:
    """Sums over examples of what `measure` makes of each entry of a gradient.

    It has to be multiplicative.
    """
    if not _factors_suffice(net):
        return _by_examples(net, x, functions, weights, measure)
    out, taps = net.tap(x)
    if taps.repeated or not all(
        _plain_input(net.module.get_submodule(site), value) for site, value in taps.inputs.items()
    ):
        return _by_examples(net, x, functions, weights, measure)
    # `[R, B, K]`.
    values = functions(out)
    total = {name: torch.zeros_like(value) for name, value in net.params.items()}
    for k in range(values.shape[2]):
        # The sum over examples and members: no example's f depends on another's inputs, so the
        # gradient of the sum holds each example's own.
        deltas = taps.deltas(values[..., k].sum())
        with torch.no_grad():
            for site, delta in deltas.items():
                module, given = net.module.get_submodule(site), taps.inputs[site]
                # measure(delta x input) = measure(delta) measure(input), for it is multiplicative.
                _add(total, site, module, given, delta, weights[..., k], measure)
    return list(total.values())


def _add(
    total: dict[str, Tensor],
    site: str,
    module: nn.Module,
    inputs: Tensor,
    delta: Tensor,
    weight: Tensor,
    measure: Measure,
) -> None:
    if isinstance(module, nn.Linear):
        # `[R, B, out]`, each example by its weight.
        sizes = measure(delta) * weight[..., None]
        total[f"{site}.weight"] += gemm.product(sizes.transpose(1, 2), measure(inputs))
        if f"{site}.bias" in total:
            total[f"{site}.bias"] += sizes.sum(1)
        return
    assert isinstance(module, nn.Conv2d)
    # Patches of all members at once would be R times as much memory: kernel area x input.
    for r in range(len(inputs)):
        window = (module.kernel_size, module.dilation, module.padding, module.stride)
        patches = F.unfold(inputs[r], *window)  # type: ignore[arg-type]
        # `[B, filters, positions] @ [B, positions, fan-in]`: each example's own gradient. Unlike in
        # a linear layer it is a sum over positions, so it has to be formed before it is measured.
        gradient = delta[r].flatten(2) @ patches.transpose(1, 2)  # [B, filters, fan-in]
        row = torch.einsum("boi,b->oi", measure(gradient), weight[r])
        total[f"{site}.weight"][r] += row.view(total[f"{site}.weight"][r].shape)
        if f"{site}.bias" in total:
            # The bias gets the delta of every position: summed first, then measured.
            total[f"{site}.bias"][r] += torch.einsum(
                "bo,b->o", measure(delta[r].flatten(2).sum(2)), weight[r]
            )


def _factors_suffice(net: Stack) -> bool:
    """Whether every parameter sits in a plain linear or convolutional layer of its own."""
    owned = set()
    for name, module in net.module.named_modules():
        # Exact types: a subclass may use its weight in another way.
        plain_conv = (
            type(module) is nn.Conv2d
            # Groups and other paddings would need patches cut in another way.
            and module.groups == 1
            and module.padding_mode == "zeros"
            and not isinstance(module.padding, str)
        )
        if type(module) is nn.Linear or plain_conv:
            owned |= {f"{name}.{key}" for key, _ in module.named_parameters(recurse=False)}
    # A parameter elsewhere (batch-norm, a bare nn.Parameter) has no such factors.
    return owned == set(net.params)


def _plain_input(module: nn.Module, inputs: Tensor) -> bool:
    """Whether a sample is one row of a linear layer,
    or one image: `[R, B, in]`, `[R, B, C, H, W]`.
    """
    # More dimensions mean several positions an example, whose sum has to come before the square.
    return inputs.dim() == (3 if isinstance(module, nn.Linear) else 5)


def _by_examples(
    net: Stack,
    x: Tensor,
    functions: Callable[[Tensor], Tensor],
    weights: Tensor,
    measure: Measure,
) -> list[Tensor]:
    """The same for any model: every example's own gradient, a few
    at a time, as d f_k / d output times the model's Jacobian.
    """
    total = {name: torch.zeros_like(value) for name, value in net.params.items()}
    with torch.no_grad():
        out = net(x)
    # A leaf: only the gradient at the outputs is asked for here.
    out.requires_grad_()
    values = functions(out)

    def sums(
        params: dict[str, Tensor], x_r: Tensor, along: Tensor, weight: Tensor
    ) -> dict[str, Tensor]:
        def value(inner: dict[str, Tensor], sample: Tensor, direction: Tensor) -> Tensor:
            # d f_k / d theta = J^T (d f_k / d out): the output along that direction, derived. The
            # direction is a constant within.
            return (net.one(inner, sample[None])[0] * direction).sum()

        gradients = torch.func.vmap(torch.func.grad(value), in_dims=(None, 0, 0))(
            params, x_r, along
        )
        return {
            name: torch.einsum("b...,b->...", measure(g), weight) for name, g in gradients.items()
        }

    for k in range(values.shape[2]):
        # `[R, B, classes]`.
        (along,) = torch.autograd.grad(values[..., k].sum(), out, retain_graph=True)
        # 16 examples at a time: each has a gradient of the size of the whole network.
        for start in range(0, x.shape[1], 16):
            part = slice(start, start + 16)
            for name, value in net.map(
                sums, x[:, part], along[:, part], weights[:, part, k]
            ).items():
                total[name] += value.detach()
    return list(total.values())
