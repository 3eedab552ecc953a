"""What modules gave out in the first pass of a step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clbench.errors import StrategyError
from clbench.stack import Clock, Stack

from .networks import FORMS, Net, inputs


def watched(form: str = "loop") -> tuple[Stack, Clock]:
    clock = Clock()
    net = Stack(Net, 3, form=form, clock=clock)
    net.watch("act_a", net.module.head)
    return net, clock


@FORMS
def test_the_first_pass_over_the_batch_is_what_is_seen(form: str) -> None:
    net, clock = watched(form)
    x, memory = inputs(), inputs(size=2) + 1
    clock.begin_step(x)
    net(memory)  # before the batch
    out = net(x)
    net(memory)
    net(x * 2)
    net.eval()(x)
    net.train()
    net.call(net.named_parameters(), memory)
    assert list(net.seen) == ["act_a", "head"]
    assert torch.equal(net.seen["head"], out)
    assert net.seen["act_a"].shape == (3, 5, 6)
    assert net.seen["act_a"].requires_grad
    logits = net.first_logits(x)
    assert logits is not None
    assert torch.equal(logits, out)
    assert net.first_logits(memory) is None


def test_without_a_pass_over_the_batch_itself_it_is_the_first_forward() -> None:
    net, clock = watched()
    x = inputs()
    clock.begin_step(x)
    joined = net(torch.cat([x, x + 1], dim=1))
    net(x + 2)
    assert torch.equal(net.seen["head"], joined)
    assert net.first_logits(x) is None


@FORMS
def test_parts_that_are_called_alone_are_seen(form: str) -> None:
    net, clock = watched(form)
    x = inputs()
    clock.begin_step(x)
    h = net.part("act_a")(net.part("a")(x))
    net.part("act_a")(h - 1)
    logits = net.part("head")(torch.ones(3, 5, 5))
    net.part("head")(torch.ones(3, 5, 5), {"weight": torch.ones(3, 3, 5), "bias": torch.ones(3, 3)})
    net(x)
    assert torch.equal(net.seen["act_a"], h)
    assert torch.equal(net.seen["head"], logits)


def test_a_module_within_a_part_is_seen() -> None:
    net = Stack(lambda: torch.nn.Sequential(Net(), torch.nn.Linear(3, 2)), 3)
    net.watch("0.act_b")
    x = inputs()
    net.part("0")(x)
    alone = net.seen["0.act_b"]
    net(x)
    torch.testing.assert_close(net.seen["0.act_b"], alone)


def test_a_tap_is_a_pass_too() -> None:
    net, clock = watched()
    x = inputs()
    clock.begin_step(x)
    out, taps = net.tap(x)
    net(x + 1)
    assert torch.equal(net.seen["head"], out)
    assert sorted(taps.inputs) == ["a", "b", "head"]
    assert sorted(taps.deltas(out.sum())) == ["a", "b", "head"]


def test_a_step_that_begins_forgets_the_one_before() -> None:
    net, clock = watched()
    clock.begin_step(inputs())
    net(inputs())
    clock.begin_step(inputs() + 1)
    assert not net.seen
    with pytest.raises(StrategyError, match=r"net.seen has no activation of 'head'.*net.watch"):
        net.seen["head"]


def test_who_adds_to_a_loss_sees_the_pass_that_it_was_made_from() -> None:
    net, clock = watched()
    x, memory = inputs(), inputs(size=2) + 1
    clock.begin_step(x)
    net(x)
    with net.first_pass(memory) as seen:
        net(x + 1)
        out = net(memory)
    net(memory + 1)
    assert torch.equal(seen["head"], out)
    assert net.seen["head"].shape == (3, 5, 3)


@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_what_goes_into_a_module_is_that_of_the_last_forward_in_any_mode(form: str) -> None:
    net = Stack(Net, 3, form=form)
    net.watch("a")
    head = net.part("head")
    with torch.no_grad(), net.evaluation(), net.inputs_of("head") as inner:
        net(inputs())
        out = net(inputs() + 1)
        assert torch.allclose(head(inner["head"]), out)
        with net.inputs_of("head") as nested:
            tapped, _ = net.tap(inputs() + 2)
        assert torch.allclose(head(nested["head"]), tapped)
    assert not net.seen
    assert torch.equal(inner["head"], nested["head"])
    net(inputs())
    assert torch.equal(inner["head"], nested["head"])
    with net.inputs_of("head") as nothing, pytest.raises(StrategyError, match="was not called"):
        nothing["head"]


def test_in_a_network_that_no_engine_trains_every_training_forward_is_a_step() -> None:
    net = Stack(Net, 3)
    net.watch("head")
    for shift in (0.0, 1.0):
        assert torch.equal(net(inputs() + shift), net.seen["head"])


def test_a_module_that_the_model_lacks_is_named() -> None:
    net = Stack(Net, 2)
    with pytest.raises(StrategyError, match="Net has no part 'tail'"):
        net.watch("tail")
    with pytest.raises(StrategyError, match="Net has no part such a Linear"):
        net.watch(torch.nn.Linear(2, 2))


def test_a_copy_watches_nothing_and_leaves_the_original_alone() -> None:
    net, clock = watched()
    x = inputs()
    clock.begin_step(x)
    twin = net.spawn()
    twin(x)
    assert not net.seen
    assert not twin.seen


@FORMS
def test_watching_changes_no_number(form: str) -> None:
    def gradients(net: Stack) -> list[Tensor | None]:
        net(inputs()).square().sum().backward()
        return [value.grad for value in net.parameters()]

    plain = Stack(Net, 3, form=form)
    for one, other in zip(gradients(plain), gradients(watched(form)[0]), strict=True):
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)
