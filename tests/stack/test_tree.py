"""The state tree: one walk that says of everything whose it is."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from clbench.errors import StrategyError
from clbench.stack import (
    Noise,
    Reference,
    Stateful,
    make_optimizer,
    member_tables,
    objects,
    tensors,
    walk,
)
from clbench.stack.tree import every_tensor


class Holder(Stateful):
    """Holds what it is given."""

    wiring: ClassVar[frozenset[str]] = frozenset({"wire"})
    shared_state: ClassVar[frozenset[str]] = frozenset({"codes"})
    one_a_member: ClassVar[frozenset[str]] = frozenset({"each"})

    def __init__(self, **held: Any) -> None:
        for key, value in held.items():
            setattr(self, key, value)


class Task(Reference):
    """The engine's own."""

    address = ("task", 3)


def owners(root: Any) -> dict[str, Any]:
    return {node.path: node.owner for node in walk(root)}


def test_the_walk_goes_through_containers_and_holders_and_leaves_wiring_out() -> None:
    root = Holder(
        a=[torch.zeros(2), {"k": (1, "s")}],
        inner=Holder(b=np.zeros(2)),
        wire=torch.zeros(2),
        task=Task(),
    )
    assert list(owners(root)) == [
        "",
        ".a",
        ".a[0]",
        ".a[1]",
        ".a[1]['k']",
        ".a[1]['k'][0]",
        ".a[1]['k'][1]",
        ".inner",
        ".inner.b",
        ".task",
    ]


def test_what_is_declared_says_whose_things_are() -> None:
    root = Holder(
        mine=torch.zeros(2),
        codes=[torch.zeros(2)],
        each=[Holder(t=torch.zeros(2)), Holder(t=torch.zeros(2), codes=torch.zeros(2))],
    )
    found = owners(root)
    assert found[".mine"] == "members"
    assert found[".codes[0]"] == "shared"
    assert found[".each[0].t"] == 0
    # What a member's own object shares among its parts is the member's all the same.
    assert found[".each[1].t"] == found[".each[1].codes"] == 1


def test_a_member_of_its_own_is_a_tree_like_any_other() -> None:
    one = Holder(t=torch.zeros(2), inner=Holder(u=torch.zeros(2)))
    root = Holder(each=[one, Holder()])
    below = [node.path for node in walk(root) if node.path.startswith(".each[0]")]
    assert below == [f".each[0]{node.path}" for node in walk(one)]


def test_a_thing_is_met_again_under_its_other_names() -> None:
    table = torch.zeros(2)
    root = Holder(a=table, b=[table])
    again = {node.path: node.again for node in walk(root)}
    assert again[".a"] is False
    assert again[".b[0]"] is True
    assert [path for path, _ in tensors(root)] == [".a"]


def test_a_circle_is_walked_once() -> None:
    root = Holder()
    root.me = root
    root.list = [root]
    assert [node.path for node in walk(root)] == ["", ".me", ".list", ".list[0]"]


def test_plain_values_are_themselves_wherever_they_stand() -> None:
    assert [node.again for node in walk(Holder(a=1, b=1))] == [False] * 3


def test_a_plain_module_is_shared_and_its_tensors_are_found() -> None:
    root = Holder(teacher=nn.BatchNorm1d(2))
    assert owners(root)[".teacher.weight"] == "shared"
    shown = [path for path, _ in tensors(root, shared=True)]
    assert ".teacher.running_mean" in shown
    assert list(tensors(root)) == []
    assert list(member_tables(root, 2)) == []  # though it has two rows


def test_what_torchs_optimisers_keep_is_found() -> None:
    weight = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    weight.sum().backward()
    optimizer.step()
    (momentum,) = every_tensor(Holder(optimizer=optimizer))
    assert momentum.tolist() == [1, 1, 1]


@pytest.mark.parametrize("members", [3, 10])
def test_a_shared_table_is_never_taken_for_the_members(members: int) -> None:
    root = Holder(codes=torch.eye(10), mine=torch.zeros(members, 2))
    assert [path for path, _ in member_tables(root, members)] == [".mine"]


def test_a_table_without_a_row_a_member_has_to_be_declared() -> None:
    with pytest.raises(StrategyError, match=r"no row a member: table \[5\]\. If members share"):
        list(member_tables(Holder(table=torch.zeros(5)), 3))


def test_numbers_and_empty_tables_have_no_rows() -> None:
    root = Holder(count=torch.tensor(1.0), later=torch.zeros(0, 4))
    assert list(member_tables(root, 3)) == []


def test_objects_of_a_single_member_are_no_objects_of_all() -> None:
    noise = Noise([(0, 1)])
    root = Holder(each=[Holder(noise=noise)], shown=Holder(codes=Holder()))
    assert [path for path, _ in objects(root)] == ["", ".shown", ".shown.codes"]


def test_an_optimiser_of_torchs_has_one_a_member() -> None:
    param = torch.zeros(2, 3, requires_grad=True)
    optimizer = make_optimizer({"torch.Adagrad": {"lr": 0.1}}, [param], 2)
    found = owners(optimizer)
    assert found[".optimizers[0]"] == 0
    assert found[".optimizers[1]"] == 1
