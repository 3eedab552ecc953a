"""Gradients of single examples, without a loop over examples."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench.stack import gemm
from clbench.stack.stack import Stack


def squared_gradients(
    net: Stack, x: Tensor, functions: Callable[[Tensor], Tensor], weights: Tensor
) -> list[Tensor]:
    """`sum_b sum_k weights[r, b, k] * (d f_k(x_b) / d theta)^2` for every parameter, `[R, ...]` each.

    `functions` maps outputs `[R, B, classes]` to K functions a sample, `[R, B, K]`. The gradient of one example in a
    linear layer is the outer product of its delta and its input, so the sum of squares over examples is one
    matrix product, (delta^2)^T (input^2). Samples must not see each other: call it in evaluation mode.
    """
    if not _factors_suffice(net):
        return _by_examples(net, x, functions, weights)
    out, taps = net.tap(x)
    if taps.repeated or not all(
        _plain_input(net.module.get_submodule(site), value) for site, value in taps.inputs.items()
    ):
        return _by_examples(net, x, functions, weights)
    values = functions(out)
    total = {name: torch.zeros_like(value) for name, value in net.params.items()}
    for k in range(values.shape[2]):
        deltas = taps.deltas(values[..., k].sum())
        with torch.no_grad():
            for site, delta in deltas.items():
                _add_squares(
                    total,
                    site,
                    net.module.get_submodule(site),
                    taps.inputs[site],
                    delta,
                    weights[..., k],
                )
    return list(total.values())


def _add_squares(
    total: dict[str, Tensor],
    site: str,
    module: nn.Module,
    inputs: Tensor,
    delta: Tensor,
    weight: Tensor,
) -> None:
    if isinstance(module, nn.Linear):
        squares = delta.square() * weight[..., None]
        total[f"{site}.weight"] += gemm.product(squares.transpose(1, 2), inputs.square())
        if f"{site}.bias" in total:
            total[f"{site}.bias"] += squares.sum(1)
        return
    assert isinstance(module, nn.Conv2d)
    for r in range(len(inputs)):
        window = (module.kernel_size, module.dilation, module.padding, module.stride)
        patches = F.unfold(inputs[r], *window)  # type: ignore[arg-type]
        gradient = delta[r].flatten(2) @ patches.transpose(1, 2)  # [B, filters, fan-in]
        row = torch.einsum("boi,b->oi", gradient.square(), weight[r])
        total[f"{site}.weight"][r] += row.view(total[f"{site}.weight"][r].shape)
        if f"{site}.bias" in total:
            total[f"{site}.bias"][r] += torch.einsum(
                "bo,b->o", delta[r].flatten(2).sum(2).square(), weight[r]
            )


def _factors_suffice(net: Stack) -> bool:
    """Whether every parameter sits in a plain linear or convolutional layer of its own."""
    owned = set()
    for name, module in net.module.named_modules():
        # Exact types: a subclass may use its weight in another way.
        plain_conv = (
            type(module) is nn.Conv2d
            and module.groups == 1
            and module.padding_mode == "zeros"
            and not isinstance(module.padding, str)
        )
        if type(module) is nn.Linear or plain_conv:
            owned |= {f"{name}.{key}" for key, _ in module.named_parameters(recurse=False)}
    return owned == set(net.params)


def _plain_input(module: nn.Module, inputs: Tensor) -> bool:
    """Whether a sample is one row of a linear layer, or one image: `[R, B, in]`, `[R, B, C, H, W]`."""
    return inputs.dim() == (3 if isinstance(module, nn.Linear) else 5)


def _by_examples(
    net: Stack, x: Tensor, functions: Callable[[Tensor], Tensor], weights: Tensor
) -> list[Tensor]:
    """The same for any model: every example's own gradient, a few at a time, as d f_k / d output times the model's Jacobian."""
    total = {name: torch.zeros_like(value) for name, value in net.params.items()}
    with torch.no_grad():
        out = net(x)
    out.requires_grad_()
    values = functions(out)

    def squares(
        params: dict[str, Tensor], x_r: Tensor, along: Tensor, weight: Tensor
    ) -> dict[str, Tensor]:
        def value(inner: dict[str, Tensor], sample: Tensor, direction: Tensor) -> Tensor:
            return (net.one(inner, sample[None])[0] * direction).sum()

        gradients = torch.func.vmap(torch.func.grad(value), in_dims=(None, 0, 0))(
            params, x_r, along
        )
        return {
            name: torch.einsum("b...,b->...", g.square(), weight) for name, g in gradients.items()
        }

    for k in range(values.shape[2]):
        (along,) = torch.autograd.grad(values[..., k].sum(), out, retain_graph=True)
        for start in range(0, x.shape[1], 16):
            part = slice(start, start + 16)
            for name, value in net.map(
                squares, x[:, part], along[:, part], weights[:, part, k]
            ).items():
                total[name] += value.detach()
    return list(total.values())
