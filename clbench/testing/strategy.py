"""Checks that every strategy inherits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from clbench.engine.evaluate import accuracy
from clbench.engine.loop import Loop
from clbench.engine.strategy import Strategy
from clbench.errors import StopRequested
from clbench.options import name_of
from clbench.stack import member_tables
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench, Stopped, first_difference, host_with, rows
from clbench.testing.by_hand import begin_phase, begin_task, phases_of
from clbench.testing.capture import CaptureCheck
from clbench.testing.documented import check_docstring, check_options_documented
from clbench.testing.spoil import UnitWatch, spoiled_padding
from clbench.testing.watch import global_draws

# Stacks that seed 2 is compared in: last, first and in the middle; of three, two and five. Of the
# loop, where `auto` does not choose it, the last says enough: it computes member after member.
STACKS = {"auto": ((0, 1, 2), (2, 5), (4, 2, 1, 0, 3)), "loop": ((4, 2, 1, 0, 3),)}


class StrategyConformance(CaptureCheck):
    """Subclass it and give it a fixture `strategy`: the class, an
    instance with options, or a list of these (a composition).

    The members of the streams have unequal numbers of samples, so that steps occur in which some
    sit out. `scenario` and `protocol` may be changed where a method needs something else, and
    `plugins` are files with what they name: `plugins = ["my_models.py"]`. Models and the like that
    are at hand as Python objects are given by kind and name: `own = {("model", "tiny"): tiny}`.
    """

    scenario: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "class", "class_order": "random"},
    )
    own_scenario: ClassVar[Any] = None
    own: ClassVar[Mapping[tuple[str, str], Any]] = {}
    plugins: ClassVar[Sequence[str | Path]] = ()
    convolutions: ClassVar[bool] = True
    """False for a method that cannot train convolutional networks."""
    protocol: ClassVar[Mapping[str, Any]] = {}
    standard: ClassVar[Mapping[str, Any]] = {
        # Odd sizes: element-wise functions may have other bits where a row is no whole vector.
        "model": {"mlp": {"hidden": [23, 17]}},
        # Tasks of the digits have 282 to 293 samples: of two members one has ten steps, the other
        # eleven.
        "batch_size": 29,
        "optimizer": {"sgd": {"lr": 0.1}},
    }
    form: ClassVar[str] = "auto"

    @pytest.fixture
    def strategy(self) -> Any:
        """What is checked."""
        pytest.fail(
            f"{type(self).__name__} needs a fixture named 'strategy' that returns the strategy's"
            " class"
        )

    @pytest.fixture
    def bench(self, strategy: Any) -> Bench:
        """The strategy on small streams."""
        return self._bench(strategy)

    def _bench(self, strategy: Any, **protocol: Any) -> Bench:
        given = {**self.standard, **self.protocol, **protocol}
        return Bench(
            strategy,
            host_with(self.plugins),
            Choice(self.scenario[0], dict(self.scenario[1])),
            given,
            own_scenario=self.own_scenario,
            own=self.own,
        )

    # ------------------------------------------------------------------ the checks

    def test_options_are_documented(self, bench: Bench) -> None:
        """`clbench describe` has something to say about the method and each option."""
        for cls in bench.classes:
            check_docstring(cls, "say in a sentence what the method does")
            check_options_documented(cls, prefix=f"{name_of(cls)}: ")

    def test_shapes(self, bench: Bench) -> None:
        """Losses are one value a member, predictions [members, batch, classes]."""
        strategy, loop = bench.start(0, 1)
        # Task 1 trained whole, task 2 by hand: methods behave otherwise once something was learnt.
        first, second = strategy.session.streams.tasks[:2]
        loop.task(first)
        accuracy(loop.learner, first)
        if bench.solo:
            return
        begin_task(strategy, second)
        # The last phase: in it every part of the loss is at work.
        for phase in phases_of(strategy, second)[-1:]:
            begin_phase(strategy, phase)
            batch = next(second.batches("train", 8))
            self._one_a_member(strategy, "task_loss", strategy.task_loss(batch))
            self._one_a_member(strategy, "penalty", strategy.penalty())

    @staticmethod
    def _one_a_member(strategy: Strategy, what: str, value: Any) -> None:
        got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        assert got == [strategy.members], (
            f"{what} returned {got}; one value a member, [{strategy.members}], is wanted"
        )

    def test_same_seed_same_numbers(self, bench: Bench) -> None:
        """Two runs of one seed agree to the bit."""
        # One run may be another check's, the other one is always fresh.
        first = rows(bench.known(0, 1, form=self.form), 1)
        again = rows(bench.run(0, 1, form=self.form), 1)
        difference = first_difference(first, again)
        assert difference is None, (
            f"two runs of the same seeds differ: {difference}; {self._randomness(bench)}"
        )

    @staticmethod
    def _randomness(bench: Bench) -> str:
        if bench.solo:
            return (
                "nothing may depend on the time, the process, a set's order, or on a generator"
                " that you seed yourself: torch's, NumPy's and Python's global ones are seeded"
                " for each member"
            )
        return "draw from self.rng(name), not from a global generator or a set's order"

    @staticmethod
    def _independence(bench: Bench) -> str:
        if bench.solo:
            return (
                "Members share nothing: what belongs to a run is an attribute of self,"
                " never of the class, the module or a mutable default"
            )
        return (
            "A number that belongs to a member must be a row of an [R, ...] tensor, also a count"
            " of steps; sums may not run over members; a matrix product with one column may round"
            " by R, where a product and a sum do not; sigmoid, softplus and the like may round by"
            " a row's place in memory: clbench.per_member(fn, *tensors)"
        )

    @pytest.mark.parametrize("form", ["auto", "loop"])
    def test_stacked_equals_solo(self, bench: Bench, form: str) -> None:
        """A member's numbers do not depend on how many
        others there are, nor on its place among them.
        """
        alone = rows(bench.known(2, form=form), 2)
        for seeds in STACKS[form]:
            among = rows(bench.known(*seeds, form=form), 2)
            difference = first_difference(alone, among)
            assert difference is None, (
                f"seed 2 alone and among the seeds {seeds} differ ({form} form): {difference}."
                f" {self._independence(bench)}"
            )

    def test_stacked_equals_solo_with_convolutions(self, strategy: Any) -> None:
        """The same on a small convolutional network, whose filters own several columns each."""
        bench = self._convolutional(strategy)
        alone = rows(bench.run(2), 2)
        difference = first_difference(alone, rows(bench.run(4, 2, 1), 2))
        assert difference is None, (
            "on a convolutional network seed 2 alone and among the seeds (4, 2, 1) differ:"
            f" {difference}. {self._independence(bench)}"
        )

    def test_silences_whole_units(self, strategy: Any) -> None:
        """What sets outgoing weights of a unit to zero
        does so for all columns that the unit owns.
        """
        bench = self._convolutional(strategy)
        if bench.solo:
            pytest.skip("a solo strategy's network is its own business")
        running, loop = bench.start(0, 1)
        watch = UnitWatch(running)
        _train_two_tasks(running, loop)
        assert not watch.found, (
            f"{watch.found[0]}; unit k owns the columns k * layer.block to (k + 1) * layer.block"
            " of layer.out_weight"
        )

    def _convolutional(self, strategy: Any) -> Bench:
        if not self.convolutions:
            pytest.skip(f"{type(self).__name__} says convolutions = False")
        if "model" in self.protocol:
            pytest.skip("the protocol names a model of its own")
        return self._bench(strategy, model="kit_convnet")

    def test_shared_tables_are_declared(self, bench: Bench) -> None:
        """A tensor that members share is said to be one.

        With as many members as it has rows it would be taken for a table of theirs.
        """
        if bench.solo:
            pytest.skip("members of a solo strategy share nothing")
        strategy, loop = bench.start(0, 1, 2)
        _train_two_tasks(strategy, loop)
        loop.participation.check_tables()

    def test_early_stopping_equals_solo(self, strategy: Any) -> None:
        """Members that end a task at different epochs keep what they had."""
        bench = self._bench(strategy, epochs=4, validation=0.2, stop_at=0.8)
        alone = rows(bench.run(2), 2)
        difference = first_difference(alone, rows(bench.run(0, 1, 2), 2))
        assert difference is None, (
            f"with early stopping, seed 2 alone and among others differ: {difference}; a hook"
            " changed a member that sits out, or counted one in (self.active says who takes part)"
        )

    def test_rows_that_do_not_count(self, bench: Bench) -> None:
        """Batches of `task.batches` are filled up.

        What stands in rows that do not count changes nothing.
        """
        plain = rows(bench.known(0, 1, 2), 1)
        with spoiled_padding():
            spoiled = rows(bench.run(0, 1, 2), 1)
        difference = first_difference(plain, spoiled)
        assert difference is None, (
            f"rows of task.batches that do not count were used: {difference};"
            " batch.valid says which rows are the task's (batch.weights: ones where all are)"
        )

    def test_stays_in_training_mode(self, bench: Bench) -> None:
        """A hook that puts the network in evaluation mode puts it back."""
        strategy, loop = bench.start(0, 1)
        solos = getattr(strategy, "solos", [])
        networks = [vars(solo).get("net") for solo in solos] or [strategy.session.net]
        after_steps: list[bool] = []

        def note() -> None:
            after_steps.extend(net.training for net in networks if net is not None)

        loop.on_step = note
        _train_two_tasks(strategy, loop)
        assert all(after_steps), (
            "after a step the network was in evaluation mode: the steps that follow would train"
            " without dropout and with frozen statistics; call self.net.train() when you are done,"
            " or measure within `with self.net.evaluation():`"
        )

    def test_neighbour_of_a_diverged_member(self, bench: Bench) -> None:
        """A seed full of NaN does not touch the others."""
        if bench.solo:
            pytest.skip("members of a solo strategy share nothing")
        agents = bench.agents
        sound = rows(bench.known(2, 5), 5)
        # All agents of seed 2, whose rows come first.
        with_nan = self._with_nan(bench, range(agents))
        with_nan = {name: values[agents:] for name, values in with_nan.items()}
        difference = first_difference({name: sound[name] for name in with_nan}, with_nan)
        assert difference is None, f"a neighbour's NaN changed a sound member: {difference}"

    def test_agent_beside_a_diverged_one(self, bench: Bench) -> None:
        """What an agent holds that has diverged, reaches no other agent."""
        if bench.solo or bench.agents == 1:
            pytest.skip("there are no agents that share anything")
        found = []
        # Two runs in which the diverged agent holds different things: nobody may notice.
        for value in (0.0, 1.0):
            measured = self._with_nan(bench, [0], left=value)
            found.append({name: values[1:] for name, values in measured.items()})
        difference = first_difference(*found)
        assert difference is None, (
            f"what a diverged agent holds changed another one: {difference}; leave out who does not"
            " take part (self.active), or average with self.agent_mean"
        )

    @staticmethod
    def _with_nan(bench: Bench, members: Sequence[int], left: float = 0.0) -> dict[str, Any]:
        """What is measured where these members begin with NaN for weights.

        When they have diverged, their state is `left`.
        """
        strategy, loop = bench.start(2, 5)
        _leave_when_diverged(strategy, loop, left)
        loop.untrained()
        with torch.no_grad():
            for value in strategy.net.parameters():
                value[list(members)] = torch.nan
        for task in strategy.session.streams.tasks:
            loop.task(task)
        return _accuracy_and_loss(loop)

    def test_state_round_trip(self, bench: Bench) -> None:
        """What state_dict gives, load_state_dict takes, and nothing is missing."""
        one, loop_one = bench.start(0, 1)
        other, loop_other = bench.start(0, 1)
        first, second = one.session.streams.tasks[:2]
        loop_one.task(first)
        # Saved state refers to a task, as a run that goes on would have set it.
        other.session.task = other.session.streams.tasks[0]
        other.load_state_dict(one.state_dict())
        # The engine's own numbers, which no method has to keep.
        loop_other.measurements.steps[:] = loop_one.measurements.steps
        loop_other.measurements.accuracy[:, 1] = loop_one.measurements.accuracy[:, 1]
        loop_one.task(second)
        loop_other.task(other.session.streams.tasks[1])
        difference = first_difference(_of_second_task(loop_one), _of_second_task(loop_other))
        assert difference is None, (
            f"after state_dict and load_state_dict the second task goes another way: {difference};"
            " some state is kept where the state cannot see it"
        )

    def test_resume_equals_uninterrupted(self, bench: Bench, tmp_path: Path) -> None:
        """Killed after two tasks, left in the middle of epochs,
        and begun again each time, a job measures the same.
        """
        whole = bench.known(0, 1)
        checkpoint = tmp_path / "job.ckpt"
        # Killed between a report and the next checkpoint: the last one counts.
        with pytest.raises(Stopped):
            bench.run(0, 1, checkpoint=checkpoint, stop_after=2)
        # Each time further on, from where it was left.
        for steps in self._where_to_leave(bench):
            with pytest.raises(StopRequested):
                bench.run(0, 1, checkpoint=checkpoint, leave_after=steps)
        resumed = bench.run(0, 1, checkpoint=checkpoint)
        for seed in (0, 1):
            difference = first_difference(rows(whole, seed), rows(resumed, seed))
            assert difference is None, (
                f"a resumed job and an uninterrupted one differ: {difference};"
                " what a hook keeps for later must be an attribute of the strategy"
            )

    @staticmethod
    def _where_to_leave(bench: Bench) -> list[int]:
        """Steps into the third task: early in it, and near its end, where members sit out."""
        steps = _steps_of_third_task(bench)
        if steps < 2:
            return []  # a task of one step cannot be left inside
        early = max(1, steps // 8)
        # Near the end members with fewer samples have stopped.
        return [early, max(1, steps - early - 3)]

    def test_no_draw_from_global_generators(self, bench: Bench) -> None:
        """Randomness is a function of the seed, whatever else the process does."""
        if bench.solo:
            pytest.skip("global generators are seeded for every member of a solo strategy")
        strategy, loop = bench.start(0, 1)
        with global_draws() as drawn:
            _train_two_tasks(strategy, loop)
        assert not drawn, (
            f"{' and '.join(drawn)} global generator was drawn from; use self.rng(name)"
        )


def _of_second_task(loop: Loop) -> dict[str, Any]:
    """What was measured since, whatever was trained before."""
    loop.measurements.loss[:, 0] = 0
    loop.measurements.accuracy[:, :2] = 0
    return _accuracy_and_loss(loop)


def _train_two_tasks(strategy: Strategy, loop: Loop) -> None:
    """Methods behave otherwise once something was learnt."""
    for task in strategy.session.streams.tasks[:2]:
        loop.task(task)


def _accuracy_and_loss(loop: Loop) -> dict[str, Any]:
    return {"accuracy": loop.measurements.accuracy, "loss": loop.measurements.loss}


def _leave_when_diverged(strategy: Strategy, loop: Loop, left: float) -> None:
    """Let all that a member holds be this number from when it has diverged."""
    strike = loop.participation.mark_diverged

    # After the engine's own clearing.
    def strike_and_leave(member: int, step: int) -> None:
        strike(member, step)
        _fill(strategy, member, left)

    loop.participation.mark_diverged = strike_and_leave  # type: ignore[method-assign]


def _fill(strategy: Strategy, member: int, value: float) -> None:
    """Put this number everywhere in what a member holds."""
    for _, table in member_tables(strategy.session.learner.state(), strategy.members):
        if table.is_floating_point():
            table.detach()[member].fill_(value)


def _steps_of_third_task(bench: Bench) -> int:
    strategy, loop = bench.start(0, 1)
    counted = [0]

    def count() -> None:
        counted[0] += 1

    loop.on_step = count
    for task in strategy.session.streams.tasks[:3]:
        counted[0] = 0
        loop.task(task)
    return counted[0]
