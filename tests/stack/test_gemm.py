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


def test_the_switch_of_torch_stands_still_whatever_the_path() -> None:
    with gemm.using(gemm.probe()):
        assert torch.get_float32_matmul_precision() == "highest"
        product = gemm.product(torch.ones(2, 64, 300), torch.ones(2, 300, 70), torch.ones(2, 1, 70))
        assert product.eq(301).all()
        assert torch.get_float32_matmul_precision() == "highest"
    assert gemm.current() == gemm.STANDARD


@pytest.mark.parametrize("rows", [1, 3, 15, 64])
@pytest.mark.parametrize(("inputs", "outputs"), [(33, 23), (23, 17), (100, 161), (1031, 1019)])
def test_on_every_path_a_product_has_the_bits_of_each_member_alone(
    rows: int, inputs: int, outputs: int
) -> None:
    """Torch takes the other kernel where the product of the whole stack is large, however small a
    member's is.
    """
    generator = torch.Generator().manual_seed(0)
    left = torch.randn(5, rows, inputs, generator=generator)
    right = torch.randn(5, inputs, outputs, generator=generator)
    for path in (gemm.STANDARD, gemm.probe()):
        with gemm.using(path):
            together = gemm.product(left, right)
            for r in range(5):
                alone = gemm.product(left[r : r + 1].clone(), right[r : r + 1].clone())
                assert torch.equal(alone[0], together[r])


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
