"""Loop and vmap: the same numbers, and on a CPU the same bits for every R and place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clbench import CReLU, Layer
from clbench.stack import Stack, rules
from clbench.stack.modules import Dropout

Factory = Callable[[], nn.Module]


class Branched(nn.Module):
    """A model with a forward of its own, two hidden layers and a shared weight."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.again, self.act, self.head = (
            nn.Linear(6, 6),
            nn.Linear(6, 6),
            nn.Tanh(),
            nn.Linear(6, 3),
        )
        self.again.weight = self.body.weight

    def forward(self, x: Tensor) -> Tensor:
        h = self.act(self.body(x))
        out: Tensor = self.head(h + self.again(h))
        return out

    def layers(self) -> list[Layer]:
        return [Layer("one", "act", "body.weight", "body.bias", "head.weight", "head.bias")]


class LongMemory(nn.Module):
    """An LSTM, which vmap cannot run."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.lstm(x)[0][:, -1])
        return out


def convolutional() -> nn.Module:
    layers = [
        nn.Conv2d(2, 3, 3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.BatchNorm2d(3),
        nn.Flatten(),
        nn.Linear(12, 4),
    ]
    return nn.Sequential(*layers)


def halved() -> nn.Module:
    layers = [
        nn.Conv2d(2, 3, 3, padding=1),
        CReLU(),
        nn.MaxPool3d((1, 2, 2)),
        nn.Flatten(1, 2),
        nn.Flatten(),
        nn.Linear(24, 4),
    ]
    return nn.Sequential(*layers)


def normed() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)
    )


AGREEING: dict[str, tuple[Factory, tuple[int, ...]]] = {
    "layer norm": (
        lambda: nn.Sequential(
            nn.Linear(6, 5), nn.LayerNorm(5), nn.Tanh(), nn.Dropout(0.4), nn.Linear(5, 3)
        ),
        (6,),
    ),
    "batch norm": (normed, (6,)),
    "both halves": (halved, (2, 4, 4)),
    "convolutions": (convolutional, (2, 4, 4)),
    "shared weights": (Branched, (6,)),
    "grouped convolution": (
        lambda: nn.Sequential(
            nn.Conv2d(4, 4, 3, groups=2, stride=2), nn.Flatten(), nn.Linear(4, 2)
        ),
        (4, 4, 4),
    ),
}


def samples(
    members: int, size: int, shape: Sequence[int], dtype: torch.dtype = torch.float32
) -> Tensor:
    """Rows that depend on the member's number alone."""
    rows = [
        torch.randn(size, *shape, generator=torch.Generator().manual_seed(member), dtype=dtype)
        for member in range(members)
    ]
    return torch.stack(rows)


def results(net: Stack, x: Tensor) -> list[Tensor]:
    """Outputs, gradients with respect to the input and every parameter, and buffers, after three
    training forwards.
    """
    x = x.clone().requires_grad_()
    for _ in range(3):
        out = net(x)
    weights = torch.arange(1, out[0].numel() + 1, dtype=out.dtype).remainder(7).view(out.shape[1:])
    (out * weights).sum().backward()
    assert x.grad is not None
    return [
        out.detach(),
        x.grad,
        *(p.grad for p in net.parameters() if p.grad is not None),
        *net.buffers.values(),
    ]


@pytest.mark.parametrize("name", AGREEING)
@pytest.mark.parametrize("training", [True, False])
def test_the_forms_agree_in_double_precision(name: str, training: bool) -> None:
    factory, shape = AGREEING[name]
    found = [
        results(
            Stack(lambda: factory().double(), 3, form=form).train(training),
            samples(3, 5, shape, torch.float64),
        )
        for form in ("loop", "vmap")
    ]
    assert len(found[0]) == len(found[1])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_each_member_is_the_module_its_seed_builds(form: str) -> None:
    """Against plain PyTorch, gradients and running statistics included."""
    net = Stack(lambda: normed().double(), [(4, 0), (4, 1), (7, 0)], form=form)
    x = samples(3, 6, (6,), torch.float64)
    plain = []
    for row, member in enumerate(net.seeds):
        module = Stack(lambda: normed().double(), [member], form="loop")
        own = normed().double()
        own.load_state_dict(
            {name: value[0].detach() for name, value in (module.params | module.buffers).items()}
        )
        own(x[row]).square().sum().backward()
        plain.append(own)
    net(x).square().sum().backward()
    for name, value in net.params.items():
        torch.testing.assert_close(
            value.grad,
            torch.stack([m.get_parameter(name).grad for m in plain]),
            rtol=1e-9,
            atol=1e-9,
        )
    for name, buffer in net.buffers.items():
        torch.testing.assert_close(
            buffer, torch.stack([m.get_buffer(name) for m in plain]), rtol=1e-9, atol=1e-9
        )


# ---------------------------------------------------------------------------------------- which
# form


@pytest.mark.parametrize(
    ("factory", "form"),
    [
        (
            lambda: nn.Sequential(
                nn.Flatten(),
                nn.Linear(4, 3),
                nn.LayerNorm(3),
                nn.ReLU(),
                nn.Dropout(0.1),
                nn.Linear(3, 2),
            ),
            "vmap",
        ),
        (
            lambda: nn.Sequential(
                nn.Sequential(nn.Linear(4, 3), nn.Tanh()), nn.Identity(), nn.Linear(3, 2)
            ),
            "vmap",
        ),
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 2)), "loop"),
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)), "loop"),
        (
            lambda: nn.Sequential(nn.Linear(4, 1), nn.ReLU(), nn.Linear(1, 2)),
            "loop",
        ),  # a column: other bits for other R
        (convolutional, "loop"),
        (Branched, "loop"),  # a forward of its own may compute anything
        (LongMemory, "loop"),
    ],
)
def test_the_form_on_a_cpu_follows_from_the_modules(factory: Factory, form: str) -> None:
    assert Stack(factory, 2).form.name == form


def test_the_form_may_be_chosen() -> None:
    for form in ("loop", "vmap"):
        assert Stack(convolutional, 2, form=form).form.name == form


@pytest.mark.parametrize(
    ("factory", "shape"),
    [
        (LongMemory, (5, 3)),
        (
            lambda: nn.Sequential(
                nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=None), nn.Linear(4, 2)
            ),
            (3,),
        ),
        (
            lambda: nn.Sequential(
                nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)), nn.Linear(4, 2)
            ),
            (3,),
        ),
    ],
    ids=["lstm", "batch norm without momentum", "spectral norm"],
)
def test_what_vmap_cannot_run_runs_in_a_loop(factory: Factory, shape: tuple[int, ...]) -> None:
    net, looped = Stack(factory, 3, form="vmap"), Stack(factory, 3, form="loop")
    x = samples(3, 4, shape)
    torch.testing.assert_close(net(x), looped(x))
    assert net.form.name == "loop"
    for value, other in zip(net.buffers.values(), looped.buffers.values(), strict=True):
        torch.testing.assert_close(value, other)


# ---------------------------------------------------------------------------------------- bits

EXACT: dict[type[nn.Module], tuple[Factory, tuple[int, ...]]] = {
    nn.Linear: (
        lambda: nn.Sequential(
            nn.Linear(17, 33), nn.Linear(33, 10, bias=False), nn.Linear(10, 3), nn.Linear(3, 2)
        ),
        (17,),
    ),
    nn.ReLU: (lambda: nn.Sequential(nn.Linear(13, 31), nn.ReLU(), nn.Linear(31, 5)), (13,)),
    nn.Tanh: (lambda: nn.Sequential(nn.Linear(9, 257), nn.Tanh(), nn.Linear(257, 2)), (9,)),
    nn.LayerNorm: (
        lambda: nn.Sequential(
            nn.LayerNorm(23), nn.Linear(23, 65), nn.LayerNorm(65), nn.Linear(65, 3), nn.LayerNorm(3)
        ),
        (23,),
    ),
    nn.Flatten: (lambda: nn.Sequential(nn.Flatten(), nn.Linear(35, 11)), (5, 7)),
    CReLU: (
        lambda: nn.Sequential(
            nn.Linear(13, 31), CReLU(), nn.Flatten(1, 2), nn.Linear(62, 3), CReLU(), nn.Flatten()
        ),
        (13,),
    ),
    nn.Identity: (lambda: nn.Sequential(nn.Identity(), nn.Linear(7, 6)), (7,)),
    Dropout: (
        lambda: nn.Sequential(
            nn.Linear(13, 37), nn.Dropout(0.3), nn.Linear(37, 21), nn.ReLU(), nn.Dropout(0.5)
        ),
        (13,),
    ),
}


def test_every_exact_module_is_tested() -> None:
    assert set(rules.RULES) == set(EXACT)


@pytest.mark.parametrize("module", EXACT, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_bits_do_not_depend_on_the_number_of_members_or_their_place(
    module: type[nn.Module], size: int
) -> None:
    factory, shape = EXACT[module]
    x = samples(11, size, shape)

    def of(seeds: list[int]) -> list[Tensor]:
        net = Stack(factory, [(seed, 0) for seed in seeds])
        assert net.form.name == "vmap"
        return results(net, x[seeds])

    alone = {seed: of([seed]) for seed in (0, 4, 10)}
    for seeds in ([4, 0], [1, 10, 4], [3, 4, 5, 6, 7, 8, 9, 10], list(range(11))):
        together = of(seeds)
        for seed in set(seeds) & set(alone):
            for one, other in zip(alone[seed], together, strict=True):
                assert torch.equal(one[0], other[seeds.index(seed)]), (
                    f"{module.__name__}, batch {size}, R = {len(seeds)}"
                )


@pytest.mark.parametrize("name", ["batch norm", "both halves", "convolutions", "shared weights"])
def test_bits_of_a_loop_do_not_depend_on_the_members(name: str) -> None:
    factory, shape = AGREEING[name]
    x = samples(5, 7, shape)
    alone = results(Stack(factory, [(3, 0)], form="loop"), x[3:4])
    together = results(Stack(factory, 5, form="loop"), x)
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one[0], other[3])


# ---------------------------------------------------------------------------------------- storage
# and those who sit out


@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_weights_and_their_gradients_lie_in_the_same_order(form: str) -> None:
    """Or every update walks across strides."""
    net = Stack(lambda: nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 2)), 4, form=form)
    net(samples(4, 6, (5,))).square().sum().backward()
    for value in net.parameters():
        assert value.grad is not None
        assert value.is_contiguous()
        assert value.grad.is_contiguous()


def test_a_loop_leaves_out_those_who_sit_out() -> None:
    calls: list[int] = []

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act, self.head = nn.Identity(), nn.Linear(3, 2)
            self.register_buffer("forwards", torch.zeros(()))

        def forward(self, x: Tensor) -> Any:
            calls.append(1)
            self.forwards += 1
            return self.head(self.act(x))

        def layers(self) -> list[Layer]:
            return [Layer("one", "act", "head.weight", "head.bias", "head.weight", "head.bias")]

    net = Stack(Counting, 4, form="loop")
    x = samples(4, 5, (3,))
    everyone = net(x).detach()
    calls.clear()
    net.active = [1, 3]
    out, seen = net(x, trace=True)
    assert len(calls) == 2
    assert torch.equal(out[[1, 3]], everyone[[1, 3]])
    assert not out[[0, 2]].any()
    assert torch.equal(seen["one"][[1, 3]], x[[1, 3]])
    assert net.buffers["forwards"].tolist() == [1, 2, 1, 2]
    out.sum().backward()
    gradient = net.params["head.weight"].grad
    assert gradient is not None
    assert not gradient[[0, 2]].any()
    assert gradient[[1, 3]].all()
