"""The rules for known modules: what `torch.func.vmap` would give, and whatever an author may do
with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clbench import CReLU, Wired
from clbench.stack import Stack, rules

from .test_forms import samples


def repeated() -> nn.Module:
    act = nn.Tanh()
    return nn.Sequential(nn.Linear(6, 5), act, nn.Linear(5, 5), act, nn.Linear(5, 3))


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "rows of rows": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)),
        (2, 3),
    ),
    "flattened from behind": (
        lambda: nn.Sequential(nn.Flatten(-2), nn.Linear(12, 2), nn.Flatten(0, 1)),
        (2, 3, 4),
    ),
    "norm over two": (
        lambda: nn.Sequential(nn.LayerNorm((2, 3)), nn.Flatten(), nn.Linear(6, 2, bias=False)),
        (2, 3),
    ),
    "norm of nothing own": (
        lambda: nn.Sequential(
            nn.LayerNorm(6, elementwise_affine=False), nn.LayerNorm(6, bias=False), nn.Linear(6, 2)
        ),
        (6,),
    ),
    "written over": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(inplace=True), nn.Linear(5, 3)),
        (6,),
    ),
    "both halves of rows of rows": (
        lambda: nn.Sequential(
            nn.Linear(3, 4), CReLU(), nn.Flatten(1, 2), nn.Flatten(), nn.Linear(16, 2)
        ),
        (2, 3),
    ),
    "one module twice": (repeated, (6,)),
    "nothing in nothing": (
        lambda: nn.Sequential(nn.Sequential(), nn.Linear(6, 2), nn.Identity()),
        (6,),
    ),
}


def pair(case: str) -> tuple[Stack, Stack, Tensor]:
    factory, shape = CASES[case]
    by_rules, looped = (
        Stack(lambda: factory().double(), 3, form=form) for form in ("vmap", "loop")
    )
    assert rules.known(by_rules.module)
    return by_rules, looped, samples(3, 5, shape, torch.float64)


def gradients(net: Stack, x: Tensor) -> list[Tensor]:
    """Of first and of second order."""
    x = x.clone().requires_grad_()
    wanted = [x, *net.parameters()]
    first = torch.autograd.grad(net(x).square().sum(), wanted, create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), wanted)
    return [*first, *second]


@pytest.mark.parametrize("case", CASES)
def test_rules_give_what_a_loop_gives(case: str) -> None:
    by_rules, looped, x = pair(case)
    torch.testing.assert_close(by_rules(x), looped(x))
    for one, other in zip(gradients(by_rules, x), gradients(looped, x), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_taps_see_what_they_see_in_a_loop(case: str) -> None:
    by_rules, looped, x = pair(case)
    (out, taps), (expected, others) = (
        by_rules.tap(x, (nn.Linear, nn.Tanh)),
        looped.tap(x, (nn.Linear, nn.Tanh)),
    )
    assert taps.repeated == others.repeated
    for name in others.inputs:
        torch.testing.assert_close(taps.inputs[name], others.inputs[name])
        torch.testing.assert_close(taps.outputs[name], others.outputs[name])
    for name, delta in taps.deltas(out.square().sum()).items():
        torch.testing.assert_close(delta, others.deltas(expected.square().sum())[name])


def test_only_gradients_that_are_wanted_are_worked_out() -> None:
    net = Stack(lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), 2).requires_grad_(False)
    x = samples(2, 5, (3,)).requires_grad_()
    net(x).sum().backward()
    assert x.grad is not None
    assert all(value.grad is None for value in net.parameters())


def test_transforms_of_torch_func_go_through() -> None:
    net = Stack(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), 2)
    x = samples(2, 5, (3,))
    params = {name: value.detach() for name, value in net.params.items()}

    def loss(params: dict[str, Tensor], x: Tensor) -> Tensor:
        out: Tensor = net.call(params, x)
        return out.square().sum()

    net(x).square().sum().backward()
    for name, gradient in torch.func.grad(loss)(params, x).items():
        torch.testing.assert_close(gradient, net.params[name].grad)
    several = torch.func.vmap(loss, in_dims=(None, 0))(params, torch.stack([x, 2 * x]))
    torch.testing.assert_close(several, torch.stack([loss(params, x), loss(params, 2 * x)]))


class Twice(nn.Linear):
    """A layer with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(super().forward(x))


@pytest.mark.parametrize(
    "module",
    [
        Twice(3, 3),
        nn.Sequential(nn.Linear(3, 3), nn.GELU()),
        nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)),
        nn.ModuleList(),
    ],
    ids=lambda module: type(module).__name__,
)
def test_other_modules_are_not_taken_for_known_ones(module: nn.Module) -> None:
    assert not rules.known(module)


class Branches(Wired):
    """A sum of branches, each behind what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(nn.Linear(3, 3), nn.Tanh()) for _ in range(2))

    def wire(self, x: Tensor, run: Any) -> Tensor:
        for branch in self.branches:
            x = x + run(branch, x)
        return x


def test_a_wired_module_is_run_for_all_members_at_once() -> None:
    assert rules.exact(Branches())
    net = Stack(lambda: nn.Sequential(Branches(), nn.Linear(3, 2)), 3)
    x = torch.randn(3, 5, 3)
    assert net.form.name == "vmap"
    alone = Stack(lambda: nn.Sequential(Branches(), nn.Linear(3, 2)), [(2, 0)], form="loop")
    torch.testing.assert_close(net(x)[2], alone(x[2:])[0])


@pytest.mark.parametrize("listen", ["register_forward_hook", "register_forward_pre_hook"])
def test_who_listens_in_is_still_called(listen: str) -> None:
    """A hook belongs to the module's own forward, so that is what runs."""
    heard: list[Any] = []
    net = Stack(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), 2)
    x = samples(2, 5, (3,))
    expected = net(x)
    getattr(net.module[1], listen)(lambda *_: heard.append(1))
    torch.testing.assert_close(net(x), expected)
    assert heard


def test_a_forward_of_one_modules_own_is_still_run() -> None:
    """It belongs to the instance, so its type does not show it."""

    def changed() -> nn.Module:
        model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
        model[0].forward = lambda x: torch.zeros(*x.shape[:-1], 4)
        return model

    net = Stack(changed, 2, form="vmap")
    assert not rules.known(net.module)
    torch.testing.assert_close(
        net(samples(2, 5, (3,))), net.params["1.bias"][:, None].expand(2, 5, 2)
    )
