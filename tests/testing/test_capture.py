"""A step that a device graph cannot hold fails its check, with the operation and the line."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from clbench import Phase
from clbench.testing import capture

from .planted import fails, kit, naive


def cannot_be_captured(match, **members):
    checks, bench = kit(naive(**members))
    with fails(f"cannot be captured in a device graph: .*{match}"):
        checks.test_step_can_be_captured(bench)


def first_weight(strategy):
    return strategy.net.parameters()[0].detach()


def read(self, batch):
    self.norms = torch.full((self.members,), float(first_weight(self).norm()), device=self.device)


def to_a_list(self, batch):
    first_weight(self).flatten(1).norm(dim=1).tolist()


def to_the_host(self, batch):
    first_weight(self).cpu()


def by_a_mask(self, batch):
    weight = first_weight(self)
    self.large = weight[weight > 1].sum()


def a_shape_by_values(self, batch):
    (first_weight(self) > 1).nonzero()


def one_hot(self, batch):
    functional.one_hot(batch.y, 10)


def from_a_list(self, batch):
    first_weight(self).mul_(torch.tensor([1.0] * self.members, device=self.device).view(-1, 1, 1))


def list_as_an_index(self, batch):
    first_weight(self)[list(range(self.members))]


def made_on_the_host(self, batch):
    first_weight(self).add_(torch.zeros(self.members, 1, 1))


@pytest.mark.parametrize(
    ("after_step", "match"),
    [
        (
            read,
            "_local_scalar_dense reads a tensor's value on the host .*test_capture.py:.*norm",
        ),
        (to_a_list, "tolist reads a tensor's value"),
        (to_the_host, "cpu leaves the device"),
        (
            by_a_mask,
            "by a mask makes a shape that depends on values .torch.where and masked_fill do not",
        ),
        (a_shape_by_values, "nonzero makes a shape"),
        (one_hot, "one_hot makes a shape"),
        (from_a_list, "lift_fresh brings numbers from the host"),
        (list_as_an_index, "lift_fresh brings numbers from the host"),
        (made_on_the_host, "zeros without device=self.device makes a tensor on the host"),
    ],
)
def test_step_that_leaves_the_device(after_step, match):
    cannot_be_captured(match, after_step=after_step)


def test_step_counted_in_python():
    def setup(self):
        super(type(self), self).setup()
        self.count = 0

    def after_step(self, batch):
        self.count += 1

    cannot_be_captured(
        r"changes the Python value planted.count \(\d+, then \d+\)",
        setup=setup,
        after_step=after_step,
    )


def test_step_that_replaces_a_tensor():
    def setup(self):
        super(type(self), self).setup()
        self.mean = torch.zeros(self.members, device=self.device)

    def after_step(self, batch):
        self.mean = 0.9 * self.mean + first_weight(self).flatten(1).mean(1)

    cannot_be_captured(
        "replaces the tensor planted.mean; write into it instead",
        setup=setup,
        after_step=after_step,
    )


def test_step_that_adds_to_the_state():
    def setup(self):
        super(type(self), self).setup()
        self.losses = []

    def after_step(self, batch):
        self.losses.append(first_weight(self).flatten(1).mean(1))

    cannot_be_captured(
        r"adds planted.losses\[\d+\] to the state", setup=setup, after_step=after_step
    )


def test_capturing_is_not_asked_of_who_declines():
    checks, bench = kit(naive(after_step=to_a_list, capturable=False))
    with pytest.raises(pytest.skip.Exception, match="planted declares capturable = False"):
        checks.test_step_can_be_captured(bench)


def test_capturing_is_asked_in_every_phase():
    def phases(self, task):
        return [Phase("first", epochs=1), Phase("second", epochs=1)]

    def after_step(self, batch):
        if self.phase.name == "first":
            to_a_list(self, batch)

    cannot_be_captured("tolist", phases=phases, after_step=after_step)


def test_a_step_that_stays_on_the_device_passes():
    checks, bench = kit(naive(after_step=lambda self, batch: first_weight(self).mul_(0.999)))
    checks.test_step_can_be_captured(bench)


def test_a_step_is_looked_for_that_a_graph_would_hold():
    strategy, _ = kit(naive(eager_step=lambda self: self.steps_taken.min() % 3 != 2))[1].start(0, 1)
    steps = strategy.session.measurements.steps
    before = steps.copy() if hasattr(steps, "copy") else steps.clone()
    assert capture._step_to_capture(strategy)
    # Of three steps the third is no eager one.
    assert (steps - before).tolist() == [2, 2]


def test_a_method_whose_steps_all_run_eagerly_has_none_to_capture(monkeypatch):
    monkeypatch.setattr(capture, "STEPS_TRIED", 5)
    strategy, _ = kit(naive(eager_step=lambda self: True))[1].start(0)
    assert not capture._step_to_capture(strategy)
