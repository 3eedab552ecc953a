"""SoftHebb against a plain loop: what is trained when, and what other parts see."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch, Stack, Strategy
from clbench_plugins.softhebb import SoftHebb
from clbench_plugins.softhebb.blocks import HebbianNet

from .softhebb_kit import CONVOLUTIONS, begun

DENSE: dict[str, Any] = {
    "units": [11, 9],
    "kernel": [0],
    "pool": ["none"],
    "norm": [False],
    "activation": ["softmax"],
    "power": [5.0],
    "temperature": [3.0],
    "rate": [0.045],
    "exponent": [0.2],
    "competition": ["soft"],
    "radius": [5.0],
}


# ------------------------------------------------------------------ against a plain loop


def plain_step(net: HebbianNet, name: str, x: Tensor) -> Tensor:
    """A block's step as the published code takes it, on one network; what the block gives out."""
    block = net.blocks()[name]
    spec, product = block.spec, block.get_submodule(block.product)
    weight = product.weight
    parts = dict(block.named_children())
    x = parts["norm"](x) if "norm" in parts else x
    x = parts["flatten"](x) if "flatten" in parts else x
    x = parts["pad"](x) if "pad" in parts else x
    u = product(x)
    y = (spec.temperature * u).softmax(1)
    if spec.competition == "soft_krotov":
        winner = F.one_hot(u.argmax(1), spec.units).movedim(-1, 1)
        y = torch.where(winner.bool(), y, -y)
    if spec.kernel:
        yx = F.conv2d(x.transpose(0, 1), y.transpose(0, 1)).transpose(0, 1)
        used = (y * u).sum((0, 2, 3))
    else:
        yx, used = y.t() @ x, (y * u).sum(0)
    delta = yx - used.view(-1, *(1,) * (weight.dim() - 1)) * weight
    delta /= delta.abs().max() + 1e-30
    rate = spec.rate * ((weight.flatten(1).norm(dim=1) - 1).abs() + 1e-10) ** spec.exponent
    weight += rate.view(-1, *(1,) * (weight.dim() - 1)) * delta
    u = parts["act"](u)
    return parts["pool"](u) if "pool" in parts else u


@torch.no_grad()
def plain(strategy: Any, member: int) -> HebbianNet:
    """A network of its own with the weights of a member."""
    net = strategy.session.model.build(strategy.scenario.input_shape, strategy.scenario.classes)
    stacked = {**strategy.net.named_parameters(), **strategy.net.named_buffers()}
    state = {name: stacked[name][member].clone() for name in net.state_dict() if name in stacked}
    net.load_state_dict(state, strict=False)
    return net.requires_grad_(False).eval()


@pytest.mark.parametrize("model", [CONVOLUTIONS, DENSE], ids=["convolutions", "dense"])
@pytest.mark.parametrize("order", ["successive", "consecutive"])
def test_steps_are_those_of_a_plain_loop(on_digits: Any, order: Any, model: Any) -> None:
    bench = on_digits(SoftHebb(order=order), tasks=1, model={"hebbian": model})
    phase = 1 if order == "successive" else 0
    strategy, batch = begun(bench, phase, 3, 1)
    trained = ["block2"] if order == "successive" else ["block1", "block2"]
    nets = [plain(strategy, member) for member in (0, 1)]
    for net in nets:
        for name in trained:
            net.blocks()[name].train()
    for _ in range(3):
        strategy.observe(batch)
        for member, net in enumerate(nets):
            x = batch.x[member]
            for name in net.blocks():
                x = plain_step(net, name, x) if name in trained else net.blocks()[name](x)
    stacked = {**strategy.net.named_parameters(), **strategy.net.named_buffers()}
    for member, net in enumerate(nets):
        for name, value in net.state_dict().items():
            torch.testing.assert_close(stacked[name][member], value, rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------ what is trained when


def moving(before: dict[str, Tensor], net: Stack) -> set[str]:
    """The blocks (and the head) of which a tensor is another one."""
    held = {**net.named_parameters(), **net.named_buffers()}
    moved = {name for name, value in before.items() if not torch.equal(value, held[name])}
    return {name.removeprefix("body.").split(".")[0] for name in moved}


WANTED = {
    "successive": {"block1": {"block1"}, "block2": {"block2"}, "head": {"head"}},
    "consecutive": {"body": {"block1", "block2"}, "head": {"head"}},
    "simultaneous": {"all": {"block1", "block2", "head"}},
}


@pytest.mark.parametrize("order", WANTED)
def test_only_what_a_phase_trains_moves(on_digits: Any, order: Any) -> None:
    """Weights and the statistics of batch-norm: only the blocks in training are in training
    mode.
    """
    bench = on_digits(SoftHebb(order=order), tasks=1, model={"hebbian": CONVOLUTIONS})
    strategy, loop = bench.start(0, 1)
    found: dict[str, set[str]] = {}
    last = [{}]

    def note() -> None:
        name = strategy.phase.name
        if last[0]:
            found.setdefault(name, set()).update(moving(last[0], strategy.net))
        held = {**strategy.net.named_parameters(), **strategy.net.named_buffers()}
        counts = {name for name in held if name.startswith("drop")}
        last[0] = {name: held[name].clone() for name in held if name not in counts}

    begin_phase = strategy.begin_phase

    def begin(phase: Any) -> None:
        last[0] = {}
        begin_phase(phase)

    strategy.begin_phase = begin
    loop.on_step = note
    loop.task(strategy.session.streams.tasks[0])
    assert found == WANTED[order]


def test_no_graph_is_built_in_the_body(on_digits: Any) -> None:
    """Neither where blocks learn, nor where the head does."""
    bench = on_digits(SoftHebb(), tasks=1, model={"hebbian": CONVOLUTIONS})
    graphs: list[bool] = []
    for phase in (0, 1, 2):
        strategy, batch = begun(bench, phase, 0, 1)
        body = strategy.net.module.get_submodule("body")
        for module in body.modules():
            module.register_forward_hook(
                lambda module, given, out: graphs.append(out.grad_fn is not None)
            )
        strategy.observe(batch)
    assert graphs
    assert not any(graphs)


@pytest.mark.parametrize(
    ("epochs", "at"), [(50, [20, 35, 50, 60, 70, 80, 90]), (20, [50, 75]), (19, [])]
)
def test_the_heads_rate_is_halved_more_often_in_more_epochs(
    on_digits: Any, epochs: int, at: list[int]
) -> None:
    bench = on_digits(SoftHebb(), tasks=1, model={"hebbian": DENSE}, epochs=epochs)
    strategy, _ = bench.start(0)
    head = strategy.phases(strategy.session.streams.tasks[0])[-1]
    wanted = {"milestones": {"at": [share / 100 for share in at], "factor": 0.5}} if at else "none"
    assert (head.name, head.epochs, head.schedule) == ("head", None, wanted)


def test_the_protocols_schedule_may_be_the_heads(on_digits: Any) -> None:
    bench = on_digits(SoftHebb(head_schedule="protocol"), tasks=1, model={"hebbian": DENSE})
    strategy, _ = bench.start(0)
    phases = strategy.phases(strategy.session.streams.tasks[0])
    assert [phase.schedule for phase in phases] == ["none", "none", None]


def test_rates_fall_to_0_over_a_phase(on_digits: Any) -> None:
    """Of three updates a third of the rate is gone at the second, two thirds at the third."""
    rates: list[Tensor] = []

    class Watching(Strategy):
        """Notes the rates."""

        def adjust_gradients(self, batch: Batch) -> None:
            super().adjust_gradients(batch)
            if self.phase.name == "block1":
                rates.append(self.part("softhebb").steps["block1"].rate.clone())

    hebb = SoftHebb(adapt="linear", rate=0.3, hebbian_batch_size=100)
    bench = on_digits([hebb, Watching], tasks=1, model={"hebbian": DENSE})
    strategy, loop = bench.start(0)
    samples = len(strategy.session.streams.spec(0, 0).train)
    updates = -(-samples // 100)
    loop.task(strategy.session.streams.tasks[0])
    assert len(rates) == updates > 2
    for number, rate in enumerate(rates):
        wanted = torch.full((1, 11), 0.3 * (1 - number / updates))
        torch.testing.assert_close(rate, wanted)


def test_a_rate_of_0_leaves_random_weights(on_digits: Any) -> None:
    bench = on_digits(SoftHebb(rate=0.0), tasks=1, model={"hebbian": CONVOLUTIONS})
    strategy, loop = bench.start(0)
    named = strategy.net.named_parameters()
    before = {name: value.detach().clone() for name, value in named.items()}
    loop.task(strategy.session.streams.tasks[0])
    for name, value in before.items():
        assert torch.equal(named[name], value) is name.startswith("body.")
    assert strategy.net.named_buffers()["body.block2.norm.num_batches_tracked"].min() > 0


# ------------------------------------------------------------------ what other parts see


class Halving(Strategy):
    """Halves the changes of even units by the steps that softhebb shows; notes what it sees."""

    def setup(self) -> None:
        super().setup()
        self.part("softhebb").keep_u = True
        self.after = 0

    def adjust_gradients(self, batch: Batch) -> None:
        super().adjust_gradients(batch)
        for step in self.part("softhebb").steps.values():
            self.saw = step.delta.abs().flatten(1).amax(1), tuple(step.u.shape), step.weight
            multiplier = torch.ones_like(step.rate)
            multiplier[:, ::2] = 0.5
            step.modulate(multiplier)

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        self.after += 1


@pytest.mark.parametrize(
    "parts", [[SoftHebb, Halving], [Halving, SoftHebb]], ids=["after", "before"]
)
def test_another_part_changes_the_rates(on_digits: Any, parts: Any) -> None:
    moved = []
    for strategies in ([SoftHebb], parts):
        bench = on_digits(strategies, tasks=1, model={"hebbian": CONVOLUTIONS})
        strategy, batch = begun(bench, 0, 0, 1)
        weight = strategy.net.named_parameters()["body.block1.conv.weight"]
        before = weight.clone()
        strategy.observe(batch)
        moved.append(weight - before)
    wanted = moved[0].clone()
    wanted[:, ::2] *= 0.5
    torch.testing.assert_close(moved[1], wanted)
    other = strategy.part("halving")
    largest, shape, name = other.saw
    assert largest.tolist() == [1.0, 1.0]
    assert shape == (2, 12, 5, 8, 8)
    assert (name, other.after) == ("body.block1.conv.weight", 1)
    assert strategy.part("softhebb").steps == {}
    assert all(parameter.grad is None for parameter in strategy.net.parameters())


def test_a_simultaneous_step_is_one_step(on_digits: Any) -> None:
    parts = [SoftHebb(order="simultaneous"), Halving]
    bench = on_digits(parts, tasks=1, model={"hebbian": CONVOLUTIONS})
    strategy, batch = begun(bench, 0, 0)
    loss = strategy.observe(batch)
    assert loss.shape == (1,)
    assert strategy.part("halving").after == 1
