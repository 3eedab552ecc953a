"""Which of torch's matrix products the large ones of a stack use on a CPU.

On some machines the float32 product behind `torch.set_float32_matmul_precision("medium")` is
another kernel, as accurate as the usual one and up to twice as fast; on machines with bfloat16
units the same switch rounds to bfloat16; on most it changes nothing. So it is measured, once, by
the process that starts a run: never the time, which differs from one minute to the next, but the
error, and whether a member's product has the same bits alone and in a stack.

The switch stands on "highest" all the time but for `product`, and there for large products. Behind
the switch torch decides by the size of the whole stack whether the other kernel is worth while, so
a member whose product is small would have other bits alone than in a stack; and the other kernel
takes some 15 microseconds to get going. So what decides here is the size of one member's product.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from clbench.errors import UserError

STANDARD, FAST = "standard", "fast"
SWITCHES = {STANDARD: "highest", FAST: "medium"}
VARIABLE = "CLBENCH_GEMM"

# Multiplications of one member from which on the fast path is taken: the least that is worth its
# start-up.
MIN_MULTIPLICATIONS = 2**20
# A product that is narrower than this in any direction waits for memory; there the usual kernel is
# the faster one.
MIN_WIDTH = 8

# Rows, inputs and outputs of large products; two with sizes that no vector divides.
PROBED_SHAPES = ((64, 784, 256), (61, 257, 131), (10, 784, 256), (8, 1031, 1019))
PROBED_MEMBERS = 3
MAX_ERROR_RATIO = 4.0  # times the standard path's error; bfloat16's is 3000 times as large

# Intel MKL's conditional bitwise reproducibility.
_CBWR_ALL, _CBWR_AUTO = -1, 2  # of mkl_types.h

Multiply = Callable[[str, Tensor, Tensor], Tensor]


def choose() -> str:
    """The path of this machine: what the environment
    variable CLBENCH_GEMM says, else what the probe finds.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted and wanted not in SWITCHES:
        raise UserError(f"{VARIABLE} is {wanted!r}; {STANDARD} or {FAST} is wanted")
    return wanted or probe()


_path = STANDARD


def use(path: str) -> None:
    """Take this path in this process.

    Refuse what is not float32 here, for a run may not mix the two.
    """
    global _path
    if path == FAST and probe() != FAST:
        raise UserError(
            "the run's matrix products are those of a machine whose fast path is float32, and"
            f" here it is not; set {VARIABLE}={STANDARD}"
        )
    # torch's own switch stays on "highest"; only `product` changes it, for one product.
    _path = path
    torch.set_float32_matmul_precision(SWITCHES[STANDARD])


def current() -> str:
    """The path of this process: part of a checkpoint's identity."""
    return _path


@contextmanager
def using(path: str) -> Iterator[None]:
    """This path within the block."""
    before = _path
    use(path)
    try:
        yield
    finally:
        use(before)


@contextmanager
def as_in_a_worker(path: str) -> Iterator[None]:
    """This path and one thread, as every worker of a run has them.

    What the process had before comes back.
    """
    # `use` sets it to "highest", which the process may not have had.
    switch = torch.get_float32_matmul_precision()
    try:
        with using(path), _one_thread():
            yield
    finally:
        torch.set_float32_matmul_precision(switch)


def rounds_as_a_worker() -> bool:
    """Whether this process's MKL rounds as a worker's, whose environment has `MKL_CBWR`.

    MKL reads the variable at its first product and never again, so it was too late where torch
    multiplied before clbench was imported. There is no public way to ask.
    """
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        asked = library.mkl_serv_cbwr_get
    except (OSError, AttributeError):
        return True  # not MKL, which rounds so of itself
    return bool(asked(_CBWR_ALL) == _CBWR_AUTO)


def product(left: Tensor, right: Tensor, plus: Tensor | None = None) -> Tensor:
    """`left [R, m, k] @ right [R, k, n]`, `plus [R, 1, n]`
    added: on the path of this process where it is large.
    """
    if _path == STANDARD or not _is_large(left.shape[1], left.shape[2], right.shape[2]):
        # baddbmm adds the bias within the product, without another pass over memory.
        return torch.bmm(left, right) if plus is None else torch.baddbmm(plus, left, right)
    torch.set_float32_matmul_precision(SWITCHES[FAST])
    try:
        return torch.bmm(left, right) if plus is None else torch.baddbmm(plus, left, right)
    finally:
        torch.set_float32_matmul_precision(SWITCHES[STANDARD])


def _is_large(rows: int, inner: int, columns: int) -> bool:
    # Of one member, never times R: a member's path is not to depend on its company.
    return rows * inner * columns >= MIN_MULTIPLICATIONS and min(rows, inner, columns) >= MIN_WIDTH


def multiply(path: str, left: Tensor, right: Tensor) -> Tensor:
    """The product on this path."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(SWITCHES[path])
    try:
        return left @ right
    finally:
        torch.set_float32_matmul_precision(before)


def probe(product: Multiply = multiply) -> str:
    """`fast` where that path is another one than the standard,
    as accurate, and the same for a member wherever it stands.
    """
    generator = torch.Generator().manual_seed(0)
    different = False
    with _one_thread():
        for rows, inputs, outputs in PROBED_SHAPES:
            left = torch.randn(PROBED_MEMBERS, rows, inputs, generator=generator)
            right = torch.randn(PROBED_MEMBERS, inputs, outputs, generator=generator)
            # In float64 the product's own rounding is below what is compared here.
            exact = left.double() @ right.double()
            found = {path: product(path, left, right) for path in SWITCHES}
            error = {path: float((value - exact).abs().max()) for path, value in found.items()}
            # Each member's product by itself; clones, for a view into the stack has other strides.
            alone = torch.stack(
                [product(FAST, left[r].clone(), right[r].clone()) for r in range(PROBED_MEMBERS)]
            )
            if error[FAST] > MAX_ERROR_RATIO * error[STANDARD] or not torch.equal(
                alone, found[FAST]
            ):
                return STANDARD
            # One shape on which the two differ is enough to call the fast path another one.
            different |= not torch.equal(found[FAST], found[STANDARD])
    return FAST if different else STANDARD


@contextmanager
def _one_thread() -> Iterator[None]:
    """As in a worker."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
