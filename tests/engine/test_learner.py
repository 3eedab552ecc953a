"""What the loop drives: a chain of stacked parts, or the members of a solo strategy, asked
alike.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from clbench import ProbeMetric, SoloStrategy, Strategy
from clbench.engine.chain import Chain
from clbench.engine.learner import Learner
from clbench.engine.solo_runner import SoloRunner
from clbench.errors import StrategyError


class Stacked(Strategy):
    """Keeps a table of five numbers a member."""

    def setup(self) -> None:
        super().setup()
        self.table = torch.zeros(self.members, 5)


class Solo(SoloStrategy):
    """The same, a member at a time."""

    def setup(self) -> None:
        super().setup()
        self.table = torch.zeros(5)


BOTH = pytest.mark.parametrize(
    ("kind", "learner", "form"), [(Stacked, Chain, "loop"), (Solo, SoloRunner, "solo")]
)


def started(make_bench: Any, kind: Any, **given: Any) -> Learner:
    _, loop = make_bench(kind, **given).start(0, 1, form="loop")
    learner: Learner = loop.learner
    return learner


@BOTH
def test_both_kinds_answer_the_same_questions(
    make_bench: Any, kind: Any, learner: type, form: str
) -> None:
    one = started(make_bench, kind)
    assert type(one) is learner
    assert (one.form, one.members, one.name) == (form, 2, kind.__name__.lower())
    assert one.session.learner is one
    assert one.carried_bytes() == one.tensor_bytes() == [20.0, 20.0]
    assert one.tests_after(0)
    assert one.cut_off() is None
    assert not one.has_batch_norm()
    assert len(one.owners()) == (2 if form == "solo" else 1)
    assert one.overrides("begin_evaluation") is False


@BOTH
def test_weights_are_a_members_own_to_write_into(
    make_bench: Any, kind: Any, learner: type, form: str
) -> None:
    one = started(make_bench, kind)
    before = one.net.parameters()[0].detach().clone()
    mine = one.weights(1)
    assert mine is not None
    next(iter(mine.values())).zero_()
    after = one.net.parameters()[0].detach()
    assert torch.equal(after[0], before[0])
    assert not after[1].any()


@BOTH
def test_rates_are_set_for_each_member(
    make_bench: Any, kind: Any, learner: type, form: str
) -> None:
    one = started(make_bench, kind, optimizer={"sgd": {"lr": 0.5}})
    for setter in one.rates():
        setter.set_rate(None, [1.0, 0.5])
    if form == "solo":
        assert isinstance(one, SoloRunner)
        rates = [solo.optimizer.param_groups[0]["lr"] for solo in one.solos]
    else:
        assert one.session.optimizer is not None
        rates = one.session.optimizer.lr.tolist()
    assert rates == [0.5, 0.25]


def test_a_chain_is_named_by_all_its_parts(make_bench: Any) -> None:
    class Second(Strategy):
        """Another."""

        evaluates: ClassVar[str] = "end"

    one = started(make_bench, [Stacked, Second])
    assert (one.name, one.part_name) == ("stacked+second", "stacked")
    assert not one.tests_after(0), "one part has not yet trained what it was shown"


def test_a_method_without_a_network_has_no_weights(make_bench: Any) -> None:
    class Bare(SoloStrategy):
        """Counts, and trains nothing."""

        def setup(self) -> None:
            self.counts = torch.zeros(3)

    one = started(make_bench, Bare)
    assert one.weights(0) is None
    assert one.trained_parameters() == [0, 0]
    with pytest.raises(StrategyError, match="has no network to look at"):
        one.shown_net()


# ------------------------------------------------------------------------------- whose a tensor is


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_table_that_is_nobodys_ends_the_run_whatever_their_number(
    make_bench: Any, seeds: Any
) -> None:
    class Codes(Strategy):
        """Forgets to say that its codes are shared."""

        def begin_task(self, task: Any) -> None:
            super().begin_task(task)
            self.codes = torch.eye(7)

    bench = make_bench(Codes, tasks=2, steps=1)
    with pytest.raises(StrategyError, match=r"no row a member: codes\.codes \[7, 7\]"):
        bench.run(*seeds)


def test_a_module_that_a_stacked_strategy_holds_is_counted(make_bench: Any) -> None:
    class Teacher(Strategy):
        """Holds a plain module."""

        def setup(self) -> None:
            super().setup()
            with torch.random.fork_rng():
                self.old = nn.BatchNorm1d(4, track_running_stats=False)

    # One for all: two vectors of four float32.
    assert started(make_bench, Teacher).tensor_bytes() == [32.0, 32.0]


def test_a_probe_that_writes_to_a_module_of_a_stacked_strategy_is_noticed(
    make_bench: Any,
) -> None:
    class Old(Strategy):
        """Holds a plain module."""

        def setup(self) -> None:
            super().setup()
            self.old = nn.BatchNorm1d(4)

    class Meddling(ProbeMetric):
        """Writes to it."""

        when = "task_end"

        def measure(self, probe: Any) -> Tensor:
            with torch.no_grad():
                probe.strategy.old.weight.mul_(0.5)
            return torch.zeros(probe.net.members)

    with pytest.raises(StrategyError, match="metric 'meddling' wrote to the tensors"):
        make_bench(Old, metrics=[Meddling], tasks=2, steps=1).run(0)
