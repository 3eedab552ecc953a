"""Untrained weights again: of single parameters, of the whole network, of some members."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from clbench.errors import StrategyError
from clbench.stack import Noise, Stack
from tests.stack.networks import Net


def normed() -> nn.Module:
    """With running statistics."""
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def values(net: Stack) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.named_parameters().items()}


def differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> set[str]:
    """Names of parameters in which every member differs."""
    return {name for name, value in one.items() if (value != other[name]).flatten(1).any(1).all()}


def test_only_what_is_named_is_drawn_again() -> None:
    net = Stack(Net, 3)
    before = values(net)
    net.redraw(["a.weight", "head.bias"], "again")
    assert differing(before, values(net)) == {"a.weight", "head.bias"}


def test_names_may_come_one_by_one() -> None:
    """Each member's parameters are drawn, not those of the first member alone."""
    net, other = Stack(Net, 3), Stack(Net, 3)
    net.redraw(iter(["a.weight"]), "again")
    other.redraw(["a.weight"], "again")
    assert torch.equal(net.params["a.weight"], other.params["a.weight"])
    assert set(net.initial_distributions(iter(["a.weight", "b.bias"]))) == {"a.weight", "b.bias"}


def test_the_stream_and_the_step_say_which_numbers() -> None:
    found = []
    for given in (("one",), ("other",), ("one", 1), ("one", 2)):
        net = Stack(Net, 1)
        net.redraw(["a.weight"], *given)
        found.append(tuple(net.params["a.weight"].flatten().tolist()))
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("members", [[(7, 0)], [(3, 0), (7, 0)], [(7, 0), (3, 0), (5, 0)]])
def test_a_members_numbers_do_not_depend_on_the_company(members: list[tuple[int, int]]) -> None:
    alone, together = Stack(Net, [(7, 0)]), Stack(Net, members)
    row = members.index((7, 0))
    for net in (alone, together):
        net.redraw(net.named_parameters(), "again")
    for name, value in values(alone).items():
        assert torch.equal(value[0], together.params[name][row])


def test_agents_that_start_alike_are_drawn_alike() -> None:
    net = Stack(Net, [(0, 0), (0, 1), (1, 0)], starts=[(0, 0), (0, 0), (1, 0)])
    net.redraw(net.named_parameters(), "again")
    weight = net.params["a.weight"]
    assert torch.equal(weight[0], weight[1])
    assert not torch.equal(weight[0], weight[2])


def test_a_restart_is_a_network_of_its_own_with_fresh_statistics() -> None:
    net = Stack(normed, 2)
    net.train()
    before = values(net)
    net(torch.ones(2, 5, 4))
    net.restart("task/3")
    after = values(net)
    assert differing(before, after) >= {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert not net.named_buffers()["1.running_mean"].any()
    assert net.named_buffers()["1.num_batches_tracked"].tolist() == [0, 0]
    # The same name is the same network.
    net.restart("task/3")
    assert all(torch.equal(value, after[name]) for name, value in values(net).items())
    net.restart("task/4")
    assert not torch.equal(net.params["0.weight"], after["0.weight"])


def test_tensors_stay_where_they_are() -> None:
    net = Stack(Net, 2)
    before = {name: value.data_ptr() for name, value in net.named_parameters().items()}
    net.redraw(net.named_parameters(), "again")
    net.restart("once")
    assert {name: value.data_ptr() for name, value in net.named_parameters().items()} == before
    assert all(value.requires_grad for value in net.parameters())


def test_fresh_weights_are_new_numbers_and_change_nothing() -> None:
    net = Stack(Net, 2)
    before = values(net)
    noise = Noise([(1, 2), (3, 4)])
    first, second = (net.fresh(["a.weight"], noise) for _ in range(2))
    assert set(first) == {"a.weight"}
    assert first["a.weight"].shape == net.params["a.weight"].shape
    assert not torch.equal(first["a.weight"], second["a.weight"])
    # torch's own bound of a linear layer with four inputs.
    assert first["a.weight"].abs().max() <= 0.5
    assert differing(before, values(net)) == set()


# ---------------------------------------------------------------------- from another stack


def test_members_are_taken_whole() -> None:
    net, other = Stack(normed, 3), Stack(normed, 3)
    other.restart("another")
    other.buffers["1.running_mean"].fill_(5.0)
    before = values(net)
    net.take(other, torch.tensor([True, False, True]))
    for name, value in net.named_parameters().items():
        assert torch.equal(value[0], other.params[name][0])
        assert torch.equal(value[1], before[name][1])
        assert torch.equal(value[2], other.params[name][2])
    assert net.buffers["1.running_mean"][:, 0].tolist() == [5.0, 0.0, 5.0]


@pytest.mark.parametrize(
    ("members", "where"), [(2, [True, False, True]), (3, [True, False]), (3, [[True]] * 3)]
)
def test_stacks_of_other_sizes_are_refused(members: int, where: list) -> None:
    with pytest.raises(StrategyError, match=r"take\(\) wants a stack of 3 members"):
        Stack(Net, 3).take(Stack(Net, members), torch.tensor(where))
