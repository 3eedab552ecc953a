"""The forward of common modules for all members at once.

What `torch.func.vmap` would work out anew at every call is written down here for the modules that
most networks are made of: ordinary operations on `[R, B, ...]`, with ordinary autograd. The stacked
parameters hang in the skeleton, where a member's own would. A linear layer's three products are
chosen so that all of them, and the update after them, read weights and gradients as they lie in
memory, `[R, out, in]`; autograd's own gradient of a stacked product would come out transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench.models.crelu import CReLU
from clbench.models.wired import Wired
from clbench.stack import gemm
from clbench.stack.modules import Dropout

Note = Callable[[nn.Module, Tensor, Tensor], Tensor]


class Product(torch.autograd.Function):
    """`x [R, B, in]`, `weight [R, out, in]`, `bias [R, out]` -> `[R, B, out]`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        # `[R, 1, out]`, one row for the whole batch.
        beside = None if bias is None else bias.unsqueeze(1)
        # A view: the kernel reads `[R, out, in]` as it lies.
        return gemm.product(x, weight.transpose(1, 2), beside)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        to_x, to_weight, to_bias = ctx.needs_input_grad
        return (
            # dx = dy W, `[R, B, out] @ [R, out, in]`.
            gemm.product(grad, weight) if to_x else None,
            # dW = dy^T x, `[R, out, B] @ [R, B, in]`: comes out as `[R, out, in]`, unlike
            # autograd's own.
            gemm.product(grad.transpose(1, 2), x) if to_weight else None,
            grad.sum(1) if to_bias else None,
        )


class TransformedProduct(Product):
    """The same within a transform of `torch.func`, which wants it written so.

    It takes 50 microseconds more to call.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # type: ignore[override]
        beside = None if bias is None else bias.unsqueeze(1)
        return gemm.product(x, weight.transpose(1, 2), beside)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor
    ) -> None:
        ctx.save_for_backward(*inputs[:2])


def linear(module: nn.Linear, x: Tensor) -> Tensor:
    """As `F.linear`, which knows no stacked weight."""
    # Dimensions between the members and the features are one long batch to a product.
    rows = x if x.dim() == 3 else x.reshape(len(x), -1, x.shape[-1])
    # There is no public way to ask; nested in vmap or grad the plain one would fail.
    kind = TransformedProduct if torch._C._are_functorch_transforms_active() else Product
    out: Tensor = kind.apply(rows, module.weight, module.bias)
    return out if x.dim() == 3 else out.view(*x.shape[:-1], -1)


def layer_norm(module: nn.LayerNorm, x: Tensor) -> Tensor:
    """Normalised as one, scaled and moved by each member's own."""
    # Without weight and bias: those of torch are one for all.
    x = F.layer_norm(x, module.normalized_shape, None, None, module.eps)
    for value, combine in ((module.weight, torch.mul), (module.bias, torch.add)):
        if value is not None:
            # `[R, *shape]` to `[R, 1, ..., *shape]`.
            x = combine(
                x, value.view(len(value), *(1,) * (x.dim() - value.dim()), *value.shape[1:])
            )
    return x


def flatten(module: nn.Flatten, x: Tensor) -> Tensor:
    """A dimension counted from the front is one further on in a stack."""
    # Negative dimensions are counted from the back, where nothing has changed.
    return x.flatten(_in_stack(module.start_dim), _in_stack(module.end_dim))


def _in_stack(dim: int) -> int:
    """A dimension counted from the front is one further on in a stack."""
    return dim if dim < 0 else dim + 1


def dropout(module: Dropout, x: Tensor) -> Tensor:
    """Each member's own noise."""
    # Without R: the shape of one member's draw.
    return module.drop(x, x.shape[1:])


def crelu(module: CReLU, x: Tensor) -> Tensor:
    """The halves stand one dimension further on in a stack."""
    return module.halves(x, 3)


RULES: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    nn.Linear: linear,
    nn.ReLU: lambda module, x: F.relu(x, module.inplace),
    nn.Tanh: lambda module, x: torch.tanh(x),
    nn.LayerNorm: layer_norm,
    nn.Flatten: flatten,
    nn.Identity: lambda module, x: x,
    CReLU: crelu,
    Dropout: dropout,
}


def known(module: nn.Module) -> bool:
    """Whether all that computes here has a rule."""
    return all_known(list(module.modules()))


def all_known(modules: Sequence[nn.Module]) -> bool:
    """The same of a module and all within it, itself first.

    Lists of modules are held within one, and never called.
    """
    first, *within = modules
    return ruled(first) and all(ruled(module) or _is_list(module) for module in within)


def ruled(module: nn.Module) -> bool:
    """Whether this one has a rule, or is put together by one,
    and nobody changed its forward or listens in by a hook.
    """
    return (
        # Exact types: a subclass may have another forward.
        (type(module) in RULES or _is_chain(module) or _is_wired(module))
        # Assigned on the instance, as some libraries do.
        and "forward" not in vars(module)
        and not _is_watched(module)
    )


def exact(module: nn.Module) -> bool:
    """Whether a member has the same bits on a CPU however many
    there are: shown for every rule (tests/stack/test_forms.py).
    """
    return known(module) and not any(map(_is_column, module.modules()))


def _is_column(module: nn.Module) -> bool:
    # A product with a single column goes to another kernel in a stack than alone.
    return isinstance(module, nn.Linear) and 1 in (module.in_features, module.out_features)


def forward(module: nn.Module, x: Tensor, note: Note | None = None) -> Tensor:
    """`[R, B, ...]` -> `[R, B, ...]` of a known module that holds stacked parameters.

    `note` sees what goes in and out of each.
    """
    rule = RULES.get(type(module))
    if rule is not None:
        out = rule(module, x)
    elif isinstance(module, Wired):
        out = module.wire(x, lambda child, given: forward(child, given, note))
    else:
        out = x
        # A plain chain: the children in their order, each with its own note.
        for child in module._modules.values():
            assert child is not None
            out = forward(child, out, note)
    return out if note is None else note(module, x, out)


def _is_chain(module: nn.Module) -> bool:
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def _is_wired(module: nn.Module) -> bool:
    return isinstance(module, Wired) and type(module).forward is Wired.forward


def _is_list(module: nn.Module) -> bool:
    """Modules that are held together and never called as one."""
    return type(module) in (nn.ModuleList, nn.ModuleDict)


def _is_watched(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )
