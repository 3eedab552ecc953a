"""The directions that a task is remembered by: gradients of outputs, by sample or by task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from clbench import Batch, Stack, beside, side_by_side

from .parts import DenseRows, LinearFactors, Part

SAMPLES = 128  # at a time
DENSE_SAMPLES = 16  # the same, where every gradient is written out


class Sites:
    """Which parameters are kept as factors: those of linear layers that see a sample as one row."""

    def __init__(self, net: Stack, x: Tensor, names: Sequence[str]) -> None:
        """`x` is any input; `names` are the parameters that are projected."""
        params = net.named_parameters()
        self.linear = _linear_sites(net, x, names)
        weights = [params[weight] for _, weight, _ in self.linear]
        # `[R, out, in]` each: numbers of a sample, and of a direction.
        self.inputs = sum(weight.shape[2] for weight in weights)
        self.outputs = sum(weight.shape[1] for weight in weights)
        kept = {name for _, *own in self.linear for name in own}
        self.rest = [name for name in names if name not in kept]
        self.others = sum(params[name][0].numel() for name in self.rest)
        self.all = sum(params[name][0].numel() for name in names)

    def saves_room(self, each: int) -> bool:
        """Whether factors of samples of so many directions take less room than directions."""
        return self.inputs + each * (self.outputs + self.others) < each * self.all


Site = tuple[str, str, str | None]  # a linear layer, its weight, its bias


def _linear_sites(net: Stack, x: Tensor, names: Sequence[str]) -> list[Site]:
    with torch.no_grad():
        _, taps = net.tap(x, (nn.Linear,))
    if has_tied_weights(net):
        return []
    found: list[Site] = []
    for site, given in taps.inputs.items():
        weight, bias = f"{site}.weight", f"{site}.bias"
        module = net.module.get_submodule(site)
        once = type(module) is nn.Linear and site not in taps.repeated and given.dim() == 3
        if once and weight in names:
            found.append((site, weight, bias if bias in names else None))
    return found


def has_tied_weights(net: Stack) -> bool:
    """Whether a parameter belongs to several modules; the stack knows it by one of its names."""
    known = net.named_parameters()
    return any(name not in known for name in _all_names(net.module))


def _all_names(root: nn.Module) -> Iterator[str]:
    """Of parameters, in every module that holds them."""
    for path, module in root.named_modules():
        for key, _ in module.named_parameters(recurse=False):
            yield f"{path}.{key}".removeprefix(".")


def factored(net: Stack, batch: Batch, along: Tensor, sites: Sites) -> list[Part]:
    """The directions of the functions `along [R, B, K, classes]` of each sample's outputs, as
    factors where these are kept.
    """
    out, taps = net.tap(batch.x, (nn.Linear,))
    # `[R, B, K]`: a function is a weighted sum of the sample's outputs.
    values = (out[:, :, None] * along).sum(3)
    found = _deltas_of_each(taps.deltas, values, [site for site, *_ in sites.linear])
    # A sample that does not count is a direction of zeros: it stays in place, and takes nothing
    # off.
    counts = batch.weights[..., None]
    parts: list[Part] = []
    for site, weight, bias in sites.linear:
        inputs = torch.where(counts, taps.inputs[site], 0.0)
        deltas = torch.where(counts[..., None], found[site], 0.0)
        parts.append(LinearFactors(weight, bias, inputs, deltas))
    if sites.rest:
        parts += dense(net, batch, along, sites.rest)
    return parts


def _deltas_of_each(
    deltas_of: Callable[[Tensor], Mapping[str, Tensor]], values: Tensor, sites: Sequence[str]
) -> dict[str, Tensor]:
    """By layer `[R, B, K, out]`: the derivative of each function by what the layer gives out."""
    found: dict[str, list[Tensor]] = {site: [] for site in sites}
    for value in values.unbind(2):
        # One pass backward for the k-th function of all samples and members: none sees another's.
        deltas = deltas_of(value.sum())
        for site, kept in found.items():
            kept.append(deltas[site])
    return {site: torch.stack(kept, dim=2) for site, kept in found.items()}


def dense(net: Stack, batch: Batch, along: Tensor, names: Sequence[str]) -> list[Part]:
    """The same directions in these parameters, written out."""
    # A gradient for each sample and function is as large as the network: a few samples at a time.
    pieces = [whole.split(DENSE_SAMPLES, dim=1) for whole in (batch.x, along)]
    of_member = partial(_gradients_of_member, net, names)
    rows = [net.map(of_member, *piece) for piece in zip(*pieces, strict=True)]
    counted = torch.where(batch.weights[..., None, None], torch.cat(rows, dim=1), 0.0)
    return [DenseRows(names, counted)]


def _gradients_of_member(
    net: Stack, names: Sequence[str], params: dict[str, Tensor], x: Tensor, functions: Tensor
) -> Tensor:
    """`[B, K, numbers]`: of each function of each sample, within `net.map`."""

    def value(moved: dict[str, Tensor], sample: Tensor, function: Tensor) -> Tensor:
        # `moved` alone is what `grad` looks at: the other parameters are held.
        return (net.one({**params, **moved}, sample[None])[0] * function).sum()

    moved = {name: params[name].detach() for name in names}
    # The inner one over the K functions of a sample, the outer one over samples.
    of_sample = torch.func.vmap(torch.func.grad(value), in_dims=(None, None, 0))
    found = torch.func.vmap(of_sample, in_dims=(None, 0, 0))(moved, x, functions)
    return torch.cat([gradient.flatten(2) for gradient in found.values()], dim=2).detach()


def summed(
    net: Stack,
    batches: Iterator[Batch],
    values: Callable[[Tensor, Batch], Tensor],
    names: Sequence[str],
) -> Tensor:
    """`[R, K, numbers]`: gradients of K `values [R, K]` of logits, summed over batches.

    In training mode. Running statistics are left as they are.
    """
    params = net.named_parameters()
    buffers = {name: value.clone() for name, value in net.named_buffers().items()}
    wanted = [params[name] for name in names]
    total: Tensor | None = None
    for batch in map(refilled, batches):
        found = values(net.call(params, batch.x, buffers=buffers), batch)
        # float64: sums over all batches of a task.
        gradient = _gradients_of_each(found, wanted).double()
        total = gradient if total is None else total + gradient
    assert total is not None
    return total


def _gradients_of_each(values: Tensor, wanted: Sequence[Tensor]) -> Tensor:
    """`[R, K]` to `[R, K, numbers]`."""
    rows = []
    # `[R]` each: summed over members, for their parameters are apart.
    for value in values.unbind(1):
        gradients = torch.autograd.grad(
            value.sum(), wanted, retain_graph=True, materialize_grads=True
        )
        rows.append(side_by_side(gradients))
    return torch.stack(rows, dim=1)


def refilled(batch: Batch) -> Batch:
    """Rows that do not count show samples that do, for batch-norm sees all of them; those of a
    member without any are 0.
    """
    counts = batch.weights.sum(1, keepdim=True)
    source = _rows_that_count(batch.weights, counts)
    rows = torch.arange(len(source), device=source.device)[:, None]
    some = beside(counts > 0, batch.x)
    x = torch.where(some, batch.x[rows, source], 0.0)
    return replace(batch, x=x, y=batch.y.gather(1, source))


def _rows_that_count(weights: Tensor, counts: Tensor) -> Tensor:
    """`[R, B]`: rows that count over and over again, until the batch is full."""
    # Rows that count first, in their order.
    order = weights.logical_not().to(torch.int8).argsort(dim=1, stable=True)
    number = torch.arange(weights.shape[1], device=order.device).expand_as(order)
    return order.gather(1, number % counts.clamp(min=1))
