from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from clbench import Strategy
from clbench.engine.chain import Chain
from clbench.engine.compose import check_composition
from clbench.engine.hooks import HOOKS, parts_of, replaced_hooks
from clbench.engine.solo import SoloStrategy
from clbench.errors import StrategyError, UserError

CALLS: list[str] = []


class Traced(Strategy):
    """Notes its name, and hands on."""

    strength: float = 1.0

    def penalty(self) -> Any:
        CALLS.append(self.part_name)
        return self.strength + super().penalty()


class Alpha(Traced):
    """One part."""

    strength = 2.0

    def begin_task(self, task: Any) -> None:
        super().begin_task(task)
        self.memory = f"alpha {task}"
        CALLS.append("alpha begins")


class Beta(Traced):
    """Another, with an attribute and an option of the same names."""

    strength = 3.0

    def begin_task(self, task: Any) -> None:
        self.memory = f"beta {task}"
        CALLS.append("beta begins")
        super().begin_task(task)

    def after_step(self, batch: Any) -> None:
        super().after_step(batch)
        CALLS.append(f"whole penalty {self.penalty()}")


class Replacing(Strategy):
    """Replaces a hook."""

    replaces = frozenset({"observe"})

    def observe(self, batch: Any) -> Any:
        return None


class AlsoReplacing(Strategy):
    """Replaces two."""

    replaces = frozenset({"observe", "predict"})

    def observe(self, batch: Any) -> Any:
        return None

    def predict(self, x: Any, task: Any = None) -> Any:
        return x


class Plain(Strategy):
    """Overrides nothing."""


class Alone(SoloStrategy):
    """A solo strategy."""


def composed(*parts: Strategy) -> Strategy:
    CALLS.clear()
    session: Any = SimpleNamespace(members=((0, 0),), device="cpu")
    return Chain(parts, session).first


class Base(Strategy):
    """Ends the chain with a plain number, so that no session is needed."""

    def penalty(self) -> Any:
        return 0.5


def test_parts_run_in_the_written_order() -> None:
    first = composed(Alpha(), Beta(), Base())
    assert first.penalty() == 2.0 + 3.0 + 0.5
    assert CALLS == ["alpha", "beta"]
    first = composed(Beta(), Alpha(), Base())
    first.penalty()
    assert CALLS == ["beta", "alpha"]


def test_work_before_and_after_super_nests() -> None:
    composed(Alpha(), Beta()).begin_task("one")
    assert CALLS == ["beta begins", "alpha begins"]
    composed(Beta(), Alpha()).begin_task("one")
    assert CALLS == ["beta begins", "alpha begins"]


def test_self_reaches_the_whole_from_any_part() -> None:
    parts = (Alpha(), Beta(), Base())
    composed(*parts).after_step(None)
    assert CALLS == ["alpha", "beta", "whole penalty 5.5"]
    for part in parts:
        assert part.penalty() == 5.5


def test_options_and_attributes_belong_to_the_part() -> None:
    alpha, beta = Alpha(strength=7.0), Beta()
    first = composed(alpha, beta, Base())
    first.begin_task("t")
    assert (alpha.memory, beta.memory) == ("alpha t", "beta t")
    assert first.penalty() == 7.0 + 3.0 + 0.5
    assert alpha.held() == {"memory": "alpha t"}
    assert parts_of(beta) == [alpha, beta, parts_of(first)[2]]


def test_the_same_method_may_take_part_twice() -> None:
    assert composed(Alpha(strength=1.0), Alpha(strength=10.0), Base()).penalty() == 11.5


def test_a_part_alone_is_just_itself() -> None:
    alone = composed(Base())
    assert alone.penalty() == 0.5
    assert parts_of(alone) == [alone]
    assert alone.held() == {}


def test_what_is_overridden_by_some_part() -> None:
    first = composed(Plain(), Beta(), Base())
    learner = first.session.learner
    found = {hook for hook in HOOKS if learner.overrides(hook)}
    assert found == {"penalty", "begin_task", "after_step"}
    assert first.session.overridden == {"penalty", "begin_task", "after_step"}
    assert composed(Plain()).session.overridden == frozenset()


# ---------------------------------------------------------------------------------------- what is
# refused


def test_a_part_that_replaces_a_hook_must_come_last() -> None:
    check_composition([Alpha, Beta, Replacing])
    check_composition([Replacing])
    with pytest.raises(
        UserError,
        match=(
            r"replacing\+alpha: replacing replaces observe without calling super\(\) and must "
            r"come last: alpha\+replacing"
        ),
    ):
        check_composition([Replacing, Alpha])
    with pytest.raises(UserError, match=r"must come last: plain\+alpha\+replacing"):
        check_composition([Plain, Replacing, Alpha])


def test_two_parts_that_replace_hooks_are_refused_by_name() -> None:
    wanted = (
        r"replacing \(observe\) and also_replacing \(observe, predict\)"
        r" replace hooks without calling super\(\)"
    )
    with pytest.raises(UserError, match=wanted):
        check_composition([Replacing, Alpha, AlsoReplacing])


def test_solo_strategies_do_not_compose() -> None:
    with pytest.raises(UserError, match=r"plain\+alone: alone is a solo strategy"):
        check_composition([Plain, Alone])
    check_composition([Alone])


class Generating(Strategy):
    """Trains weights of its own making, and so never means those of the network where it says
    `net`.
    """

    generates_weights = True

    def task_loss(self, batch: Any) -> Any:
        return super().task_loss(batch) + len(self.net.parameters())


class InAProperty(Strategy):
    """Looks at the network's weights without a hook of its own."""

    @property
    def weights(self) -> Any:
        return self.net.parameters()


class InAFunction(Strategy):
    """Looks at them in a function within a function."""

    @torch.no_grad()
    def penalty(self) -> Any:
        def size() -> Any:
            return sum(p.square().sum() for p in self.net.parameters())

        return super().penalty() + size()


class Inherited(InAFunction):
    """Looks at them as its base does."""


@pytest.mark.parametrize("looking", [InAProperty, InAFunction, Inherited])
def test_weights_that_another_part_generates_are_not_to_be_looked_at(
    looking: type[Strategy],
) -> None:
    with pytest.raises(
        UserError, match=r"generating generates the weights .* would look at the net"
    ):
        check_composition([looking, Generating])
    check_composition([looking, Plain])
    check_composition([Generating, Plain])


class Middle(Replacing):
    """Calls super, but what it inherits from does not."""

    def observe(self, batch: Any) -> Any:
        return super().observe(batch)


class Misspelled(Strategy):
    """Declares to replace what is no hook."""

    replaces = frozenset({"observes"})


@pytest.mark.parametrize(
    ("cls", "hooks"),
    [(Plain, []), (Replacing, ["observe"]), (AlsoReplacing, ["observe", "predict"])],
)
def test_which_hooks_a_class_replaces_is_declared(cls: type[Strategy], hooks: list[str]) -> None:
    assert replaced_hooks(cls) == hooks


def test_what_a_base_class_replaces_its_heirs_replace() -> None:
    assert replaced_hooks(Middle) == ["observe"]


def test_a_declaration_of_what_is_no_hook_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"Misspelled.replaces names 'observes', which is no h"):
        check_composition([Misspelled, Plain])


class Cutting(Strategy):
    """Forgets `super()`, and says nothing of it."""

    def penalty(self) -> Any:
        return 1.0


class Halfway(Strategy):
    """Hands on in the second task only."""

    def begin_task(self, task: Any) -> None:
        if task == "two":
            super().begin_task(task)


def test_a_part_that_kept_a_hook_from_others_is_named() -> None:
    first = composed(Alpha(), Cutting(), Beta())
    learner = first.session.learner
    assert learner.cut_off() is None  # nothing has run
    first.begin_task("one")
    assert learner.cut_off() is None
    assert first.penalty() == 2.0 + 1.0
    said = str(learner.cut_off())
    assert said.startswith("cutting.penalty never called super().penalty(), so beta was left out")
    assert "replaces = frozenset({'penalty'})" in said


def test_a_part_that_hands_on_now_and_then_hands_on() -> None:
    first = composed(Halfway(), Beta())
    first.begin_task("one")
    assert "halfway.begin_task never called" in str(first.session.learner.cut_off())
    first.begin_task("two")
    assert first.session.learner.cut_off() is None


def test_a_run_that_left_a_part_out_ends_with_a_sentence(make_bench: Any) -> None:
    class Harsh(Strategy):
        """Forgets the others' penalties."""

        def penalty(self) -> Any:
            return self.net.parameters()[0].square().flatten(1).sum(1)

    class Mild(Strategy):
        """Would have one, too."""

        def penalty(self) -> Any:
            return super().penalty() + 1.0

    with pytest.raises(StrategyError, match=r"harsh.penalty never called .* mild was left out"):
        make_bench([Harsh, Mild], tasks=2, steps=1).run(0)
    make_bench([Mild, Harsh], tasks=2, steps=1).run(0)


def test_nobody_is_left_out_where_no_part_behind_has_the_hook() -> None:
    first = composed(Alpha(), Cutting(), Plain())
    first.penalty()
    assert first.session.learner.cut_off() is None


class PenaltyMixin:
    """No strategy itself."""

    def penalty(self) -> Any:
        return 10.0 + super().penalty()  # type: ignore[misc]


class Mixed(PenaltyMixin, Strategy):
    """Has its hook from a mixin."""


def test_a_hook_from_a_mixin_starts_at_the_first_part_too() -> None:
    mixed = Mixed()
    composed(Alpha(), mixed, Base())
    assert mixed.penalty() == 2.0 + 10.0 + 0.5


def test_a_part_that_belongs_to_no_composition_runs_by_itself() -> None:
    alpha = Alpha()
    alpha.begin_task("alone")
    assert alpha.memory == "alpha alone"
    assert parts_of(alpha) == [alpha]


def test_a_hook_may_be_called_by_its_class() -> None:
    class ByName(Strategy):
        """Names its base where others say super()."""

        def penalty(self) -> Any:
            return 100.0 + Strategy.penalty(self)

    assert composed(ByName(), Beta(), Base()).penalty() == 100.0 + 3.0 + 0.5


def test_a_hook_is_watched_whoever_calls_it() -> None:
    parts = (Alpha(), Beta(), Base())
    order = composed(*parts)._hook_order
    assert order is not None
    order.intercept("penalty", lambda original: lambda: -original())
    assert [part.penalty() for part in parts] == [-5.5] * 3
    assert all(not set(vars(part)) & set(HOOKS) for part in parts)


class Needing(Strategy):
    """Works on another part."""

    needs_parts = ("alpha",)


class DerivedAlpha(Alpha):
    """As good as the one that it derives from."""


def test_a_part_that_works_on_another_one_is_refused_without_it() -> None:
    for kinds in ([Needing], [Beta, Needing]):
        with pytest.raises(UserError, match=r"needing works on alpha.*: alpha\+needing$"):
            check_composition(kinds)
    for alpha in (Alpha, DerivedAlpha):
        check_composition([alpha, Needing])
