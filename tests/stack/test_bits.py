"""On a CPU a member has the bits that it has alone, at sizes that no vector divides and on every
kind of CPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench import per_member
from clbench.stack import Stack, gemm

from .test_forms import results, samples

# Rows of these sizes end within a vector of 4, 8 and 16 numbers.
SIZES = [(10,), (33,), (100,), (161,), (170,), (15, 23), (15, 17)]
MEMBERS = 7

# Their vectorised kernels and the code for a row's last numbers round differently.
INEXACT: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "pow": lambda x: (x.abs() + 0.1).pow(2.5),
    "power of a number": lambda x: 2.0**x,
    "softplus": F.softplus,
    "elu": F.elu,
    "selu": F.selu,
    "celu": F.celu,
    "silu": F.silu,
    "mish": F.mish,
    "gelu with tanh": lambda x: F.gelu(x, approximate="tanh"),
    "exp2": torch.exp2,
    "binary cross-entropy": lambda x: F.binary_cross_entropy_with_logits(
        x, (x > 0).to(x.dtype), reduction="none"
    ),
}

# These may be written for the whole stack: the engine and the built-in methods rely on them.
EXACT: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "exp": torch.exp,
    "log": lambda x: (x.abs() + 0.1).log(),
    "erf": torch.erf,
    "gelu": F.gelu,
    "sqrt": lambda x: (x.abs() + 0.1).sqrt(),
    "rsqrt": lambda x: (x.abs() + 0.1).rsqrt(),
    "quotient": lambda x: x / (x.abs() + 0.3),
    "square": torch.square,
    "sine": torch.sin,
    "cosine": torch.cos,
    "leaky relu": F.leaky_relu,
    "lerp": lambda x: x.lerp(x.flip(-1), 0.3),
    "softmax": lambda x: x.softmax(-1),
    "log softmax": lambda x: x.log_softmax(-1),
    "layer norm": lambda x: F.layer_norm(x, x.shape[-1:]),
    "sum": lambda x: x.sum(-1),
    "norm": lambda x: x.norm(dim=-1),
}

ACTIVATIONS: list[Callable[[], nn.Module]] = [
    nn.Sigmoid,
    nn.ELU,
    nn.SELU,
    nn.CELU,
    nn.SiLU,
    nn.Mish,
    nn.GELU,
    lambda: nn.GELU("tanh"),
    nn.Softplus,
    nn.LogSigmoid,
    nn.Tanh,
    nn.ReLU,
    nn.LeakyReLU,
    nn.Hardswish,
    lambda: nn.Softmax(-1),
]


def drawn(*shape: int) -> Tensor:
    return 2 * torch.randn(MEMBERS, *shape, generator=torch.Generator().manual_seed(1))


def with_gradient(fn: Callable[[Tensor], Tensor], x: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    out = fn(x)
    (gradient,) = torch.autograd.grad(out.square().sum(), x)
    return [out.detach(), gradient]


def differences(fn: Callable[[Tensor], Tensor], alone: Callable[[Tensor], Tensor]) -> int:
    """Members and sizes for which `fn` of the stack has other bits than `alone` of the member."""
    found = 0
    for shape in SIZES:
        x = drawn(*shape)
        together = with_gradient(fn, x)
        for r in range(MEMBERS):
            single = with_gradient(alone, x[r])
            found += any(not torch.equal(a[r], b) for a, b in zip(together, single, strict=True))
    return found


@pytest.mark.parametrize("name", [*INEXACT, *EXACT])
def test_a_function_of_one_member_after_another_has_the_bits_of_each_alone(name: str) -> None:
    fn = (INEXACT | EXACT)[name]
    assert not differences(lambda x: per_member(fn, x), fn)


@pytest.mark.parametrize("name", EXACT)
def test_what_may_be_written_for_the_stack_has_the_bits_of_each_member_alone(name: str) -> None:
    assert not differences(EXACT[name], EXACT[name])


@pytest.mark.parametrize("name", ["sigmoid", "pow", "softplus", "elu", "silu"])
def test_the_trouble_is_real(name: str) -> None:
    """Where this fails torch has mended it, and the guide may be shorter."""
    if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("without vectors no row ends within one")
    assert differences(INEXACT[name], INEXACT[name])


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize("path", [gemm.STANDARD, gemm.FAST])
def test_models_have_the_bits_of_each_member_alone(
    activation: Callable[[], nn.Module], path: str
) -> None:
    def model() -> nn.Module:
        return nn.Sequential(
            nn.Linear(33, 23), activation(), nn.Linear(23, 17), activation(), nn.Linear(17, 10)
        )

    with gemm.using(path if gemm.probe() == gemm.FAST else gemm.STANDARD):
        _compare(model, samples(MEMBERS, 15, (33,)))


@pytest.mark.parametrize("size", [1, 15, 64])
@pytest.mark.parametrize("width", [10, 33, 100, 161, 170])
@pytest.mark.parametrize("inputs", [50, 700])
def test_products_have_the_bits_of_each_member_alone(size: int, width: int, inputs: int) -> None:
    """Some are small and some are large to the fast path, where there is one."""

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, 10))

    with gemm.using(gemm.probe()):
        _compare(model, samples(MEMBERS, size, (inputs,)))


def _compare(model: Callable[[], nn.Module], x: Tensor) -> None:
    together = results(Stack(model, MEMBERS), x)
    for r in range(MEMBERS):
        for one, other in zip(results(Stack(model, [(r, 0)]), x[r : r + 1]), together, strict=True):
            assert torch.equal(one[0], other[r])


@pytest.mark.parametrize("capability", ["avx2", "default"])
def test_the_same_holds_on_lesser_machines(capability: str) -> None:
    """The same tests in a process whose kernels are those of another machine."""
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": capability}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(
        [*command, "-k", "not lesser_machines"],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


# ----------------------------------------------------------------------------------------
# per_member


def test_per_member_stacks_whatever_a_function_gives() -> None:
    x, y = drawn(3), drawn(3, 2)

    def fn(x_r: Tensor, y_r: Tensor) -> dict[str, Any]:
        assert x_r.shape == (3,)
        return {"sum": x_r.sum(), "both": (x_r[:, None] + y_r, y_r)}

    found = per_member(fn, x, y)
    torch.testing.assert_close(found["sum"], x.sum(1))
    torch.testing.assert_close(found["both"][0], x[:, :, None] + y)
    assert torch.equal(found["both"][1], y)


def test_per_member_of_a_single_member_copies_nothing() -> None:
    x = torch.ones(1, 4)
    assert per_member(lambda row: row, x).data_ptr() == x.data_ptr()
