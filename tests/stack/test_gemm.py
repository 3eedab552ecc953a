"""The path of the matrix products: chosen by accuracy and bits, never by time."""

import pytest
import torch
from torch import Tensor

from clbench.errors import UserError
from clbench.stack import gemm


def paths(fast):  # type: ignore[no-untyped-def]
    """A machine whose fast path is this function."""
    return lambda path, left, right: fast(left, right) if path == gemm.FAST else left @ right


def another_kernel(left: Tensor, right: Tensor) -> Tensor:
    """Float32 summed in another order, member after member."""
    rows = [
        torch.mm(a.flip(1), b.flip(0))
        for a, b in zip(
            left.reshape(-1, *left.shape[-2:]), right.reshape(-1, *right.shape[-2:]), strict=True
        )
    ]
    return torch.stack(rows).reshape(*left.shape[:-1], right.shape[-1])


def test_another_kernel_that_is_float32_is_used() -> None:
    assert gemm.probe(paths(another_kernel)) == gemm.FAST


def test_one_that_computes_in_bfloat16_is_not() -> None:
    assert (
        gemm.probe(paths(lambda left, right: (left.bfloat16() @ right.bfloat16()).float()))
        == gemm.STANDARD
    )


def test_one_whose_bits_depend_on_the_stack_is_not() -> None:
    def by_place(left: Tensor, right: Tensor) -> Tensor:
        return another_kernel(left, right) if left.dim() == 3 else left @ right

    assert gemm.probe(paths(by_place)) == gemm.STANDARD


def test_a_switch_without_effect_leaves_the_standard_path() -> None:
    assert gemm.probe(paths(lambda left, right: left @ right)) == gemm.STANDARD


def test_probing_leaves_torch_as_it_was() -> None:
    before = torch.get_float32_matmul_precision(), torch.get_num_threads()
    gemm.probe()
    assert (torch.get_float32_matmul_precision(), torch.get_num_threads()) == before


def test_a_worker_refuses_a_path_that_is_not_float32_on_its_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gemm, "probe", lambda: gemm.STANDARD)
    with pytest.raises(UserError, match="CLBENCH_GEMM=standard"):
        gemm.use(gemm.FAST)


def test_the_environment_decides_where_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gemm.VARIABLE, gemm.STANDARD)
    monkeypatch.setattr(gemm, "probe", lambda: gemm.FAST)
    assert gemm.choose() == gemm.STANDARD
    monkeypatch.setenv(gemm.VARIABLE, "quick")
    with pytest.raises(UserError, match="'quick'"):
        gemm.choose()
