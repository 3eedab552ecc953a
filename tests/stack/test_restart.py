"""Units that start anew: weights, norms, outgoing columns, the next bias, and the optimiser's
entries.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from clbench import Layer, expect_restarts, layers_to_restart, restart_units
from clbench.errors import StrategyError
from clbench.stack import Stack, make_optimizer

from .networks import FORMS, Net, inputs

MEMBERS = [(4, 0), (9, 0), (2, 1)]


class Small(nn.Sequential):
    """A convolution with batch-norm, whose filters feed 4 inputs of a dense layer each, and a
    head.
    """

    def __init__(self) -> None:
        modules: dict[str, nn.Module] = {
            "conv": nn.Conv2d(2, 5, 3),
            "norm": nn.BatchNorm2d(5),
            "act": nn.ReLU(),
            "flat": nn.Flatten(),
            "lin": nn.Linear(20, 6),
            "act2": nn.Tanh(),
            "head": nn.Linear(6, 3),
        }
        super().__init__(OrderedDict(modules))

    def layers(self) -> list[Layer]:
        norm = ("norm.weight", "norm.bias")
        return [
            Layer(
                "conv", "act", "conv.weight", "conv.bias", "lin.weight", "lin.bias", norm, block=4
            ),
            Layer("lin", "act2", "lin.weight", "lin.bias", "head.weight", "head.bias"),
        ]


def due(units: int, *chosen: tuple[int, int]) -> Tensor:
    found = torch.zeros(3, units, dtype=torch.bool)
    for member, unit in chosen:
        found[member, unit] = True
    return found


def images(size: int = 7) -> Tensor:
    return torch.randn(3, size, 2, 4, 4, generator=torch.Generator().manual_seed(1))


def trained(form: str, optimizer: str = "adam"):
    """A network that took three steps, and its optimiser."""
    net = Stack(Small, MEMBERS, form=form)
    made = make_optimizer({optimizer: {"lr": 0.01}}, net.parameters(), 3)
    for _ in range(3):
        made.zero_grad()
        net(images()).square().sum().backward()
        made.step()
    return net, made


@FORMS
def test_what_goes_out_is_zero_in_every_column_and_the_unit_has_no_effect(form: str) -> None:
    net, _ = trained(form)
    where = due(5, (0, 1), (2, 4))
    restart_units(net, "conv", where)
    columns = where.repeat_interleave(4, 1)
    silent = (net.params["lin.weight"] == 0).all(1)
    assert torch.equal(silent, columns)
    before = net(images())
    with torch.no_grad():
        net.params["conv.weight"][0, 1] *= 3
    torch.testing.assert_close(net(images()), before)


@FORMS
def test_running_statistics_and_norms_of_the_unit_are_those_of_an_untrained_network(
    form: str,
) -> None:
    net, _ = trained(form)
    before = {name: value.clone() for name, value in net.buffers.items()}
    where = due(5, (0, 1), (2, 4))
    restart_units(net, "conv", where)
    assert (net.buffers["norm.running_mean"][where] == 0).all()
    assert (net.buffers["norm.running_var"][where] == 1).all()
    assert (net.params["norm.weight"][where] == 1).all()
    assert (net.params["norm.bias"][where] == 0).all()
    for name in ("norm.running_mean", "norm.running_var"):
        assert torch.equal(net.buffers[name][~where], before[name][~where])
    assert torch.equal(net.buffers["norm.num_batches_tracked"], torch.full((3,), 3))


@FORMS
def test_the_next_bias_takes_over_the_mean(form: str) -> None:
    net = Stack(Small, MEMBERS, form=form)
    net.part("norm").train(False)
    _, seen = net(images(), trace=True)
    mean = seen["conv"].mean((1, 3, 4)).detach()
    # Units that give the same everywhere are replaced without a trace in the output.
    with torch.no_grad():
        net.params["conv.weight"][:, 2] = 0
        net.params["norm.bias"][:, 2] = 0.7
    _, seen = net(images(), trace=True)
    mean = seen["conv"].mean((1, 3, 4)).detach()
    before = net(images()).detach()
    restart_units(net, "conv", due(5, (0, 2), (1, 2)), mean=mean)
    after = net(images()).detach()
    torch.testing.assert_close(after, before)
    assert (net.params["lin.weight"][0, :, 8:12] == 0).all()


def test_the_mean_output_of_the_next_layer_is_kept_whatever_the_units_give() -> None:
    net = Stack(Net, MEMBERS)
    x = inputs()

    def next_input() -> Tensor:
        _, seen = net(x, trace=True)
        weight, bias = net.params["b.weight"], net.params["b.bias"]
        return (seen["one"] @ weight.transpose(1, 2) + bias[:, None]).mean(1).detach()

    _, seen = net(x, trace=True)
    before = next_input()
    restart_units(net, "one", due(6, (0, 1), (0, 3), (2, 5)), mean=seen["one"].mean(1).detach())
    torch.testing.assert_close(next_input(), before)


@FORMS
def test_the_optimiser_forgets_the_entries_of_the_unit_and_no_others(form: str) -> None:
    net, optimizer = trained(form)
    before = {}
    for slot in optimizer.slots.values():
        before[id(slot.param)] = [moment.clone() for moment in slot.moments]
    where = due(5, (0, 1), (2, 4))
    restart_units(net, "conv", where, optimizer=optimizer)
    columns = where.repeat_interleave(4, 1)[:, None]
    touched = {
        "conv.weight": where[..., None, None, None],
        "conv.bias": where,
        "norm.weight": where,
        "norm.bias": where,
        "lin.weight": columns,
    }
    for name, param in net.params.items():
        slot = optimizer.slots[optimizer._find(param)]
        mask = touched.get(name, torch.zeros(3, *(1,) * (param.dim() - 1), dtype=torch.bool))
        for moment, old in zip(slot.moments, before[id(param)], strict=True):
            assert torch.equal(moment, old.masked_fill(mask, 0.0)), name
        assert bool(slot.ages) == (name in touched)
        for age in slot.ages:  # beta^steps: 1 before the first step
            assert torch.equal(age == 1, mask.unsqueeze(-1).expand(age.shape))


def test_momentum_of_the_weights_in_may_stay() -> None:
    net, optimizer = trained("loop")
    where = due(5, (0, 1))
    slot = optimizer.slots[optimizer._find(net.params["conv.weight"])]
    first = slot.moments[0].clone()
    restart_units(net, "conv", where, optimizer=optimizer, keep_first_moment=True)
    assert torch.equal(slot.moments[0], first)
    assert (slot.moments[1][0, 1] == 0).all()
    bias = optimizer.slots[optimizer._find(net.params["conv.bias"])]
    assert (bias.moments[0][0, 1] == 0).all()


def test_momentum_may_stay_in_an_optimiser_of_torch_too() -> None:
    net, optimizer = trained("loop", "torch.Adam")
    restart_units(net, "conv", due(5, (0, 1)), optimizer=optimizer, keep_first_moment=True)
    state = optimizer.optimizers[0].state[
        optimizer.rows[0][optimizer._find(net.params["conv.weight"])]
    ]
    assert (state["exp_avg"][1] != 0).any()
    assert (state["exp_avg_sq"][1] == 0).all()


def test_parameters_that_the_optimiser_does_not_hold_are_left_to_others() -> None:
    net = Stack(Net, MEMBERS)
    optimizer = make_optimizer({"adam": {}}, [net.params["head.weight"]], 3)
    restart_units(net, "one", due(6, (0, 0)), optimizer=optimizer)
    assert (net.params["b.weight"][0, :, 0] == 0).all()


@pytest.mark.parametrize(
    ("initial", "bound"),
    [
        ("default", 1 / math.sqrt(18)),
        ("kaiming", math.sqrt(2) * math.sqrt(3 / 18)),
        ("xavier", math.sqrt(6 / (18 + 5 * 9))),
    ],
)
def test_named_distributions_reach_as_far_as_they_say(initial, bound) -> None:
    net = Stack(Small, MEMBERS)
    drawn = []
    for _ in range(20):
        restart_units(net, "conv", torch.ones(3, 5, dtype=torch.bool), initial=initial)
        drawn.append(net.params["conv.weight"].detach().clone())
    values = torch.stack(drawn)
    assert 0.97 * bound < values.abs().max() <= bound
    assert abs(values.mean()) < 0.05 * bound
    assert (net.params["conv.bias"] == 0).all()
    assert len(values.flatten().unique()) > 0.99 * values.numel()


def test_a_normal_distribution_and_the_gain_of_tanh() -> None:
    net = Stack(Small, MEMBERS)
    drawn = []
    for _ in range(30):
        restart_units(net, "lin", torch.ones(3, 6, dtype=torch.bool), initial="kaiming_normal")
        drawn.append(net.params["lin.weight"].detach().clone())
    wanted = 5 / 3 / math.sqrt(20)
    assert torch.stack(drawn).std() == pytest.approx(wanted, rel=0.05)


def test_biases_are_the_models_own_or_zero() -> None:
    net = Stack(Net, MEMBERS)
    where = due(6, (0, 1), (1, 2))
    restart_units(net, "one", where)
    assert (net.params["a.bias"][where] != 0).all()
    restart_units(net, "one", where, zero_bias=True)
    assert (net.params["a.bias"][where] == 0).all()
    assert (net.params["a.bias"][~where] != 0).all()


@pytest.mark.parametrize("initial", ["model", "kaiming", "kaiming_normal"])
def test_new_units_do_not_depend_on_the_stack(initial) -> None:
    def rounds(net: Stack, row: int) -> list[Tensor]:
        found = []
        for turn in range(4):
            where = torch.zeros(net.members, 5, dtype=torch.bool)
            where[row, [turn, (turn + 2) % 5]] = True
            if net.members > 1:
                where[(row + 1) % net.members, turn] = True
            restart_units(net, "conv", where, initial=initial)
            found.append(net.params["conv.weight"][row].detach().clone())
        return found

    alone = rounds(Stack(Small, [MEMBERS[1]]), 0)
    for one, other in zip(alone, rounds(Stack(Small, MEMBERS), 1), strict=True):
        assert torch.equal(one, other)


def test_a_mask_of_another_layer_is_refused() -> None:
    net = Stack(Net, MEMBERS)
    with pytest.raises(
        StrategyError, match=r"units of one that are due as \[3, 6\], and got \[3, 5\]"
    ):
        restart_units(net, "one", due(5))


def after_restarts(rows: list[int], first: int) -> Tensor:
    """The first member's weights where all these members' units may start anew, from a neighbour's
    step on.
    """
    net = Stack(Net, [MEMBERS[row] for row in rows])
    optimizer = make_optimizer({"adam": {"lr": 0.01}}, net.parameters(), len(rows))
    expect_restarts(net, optimizer)
    for step in range(6):
        optimizer.zero_grad()
        net(inputs()[rows]).square().sum().backward()
        optimizer.step()
        where = torch.zeros(len(rows), 6, dtype=torch.bool)
        where[0, 1] = step == 4
        where[1:, 2] = step == first
        if where.any():
            restart_units(net, "one", where, optimizer=optimizer)
    return torch.cat([value[0].detach().flatten() for value in net.parameters()])


def test_a_member_does_not_notice_when_units_of_a_neighbour_start_anew() -> None:
    """Adam steps entries with an age of their own by operations that round otherwise."""
    alone = after_restarts([0], 0)
    assert torch.equal(alone, after_restarts([0, 1], 1))
    assert torch.equal(alone, after_restarts([0, 2, 1], 5))


class Linear(nn.Linear):
    """A network without a hidden layer."""

    def __init__(self) -> None:
        super().__init__(4, 2)

    def layers(self) -> list[Layer]:
        return []


def test_a_network_without_hidden_layers_has_no_units_to_restart() -> None:
    with pytest.raises(StrategyError, match="cbp: the network has no hidden layer"):
        layers_to_restart(Stack(Linear, MEMBERS), "cbp")
    assert layers_to_restart(Stack(Net, MEMBERS), "cbp")
