"""What only the engine can say of a suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clbench.errors import OptionError, UserError
from clbench.suite import Checks
from clbench.suite.checks import UNCHECKED
from tests.suite.conftest import Complaints
from tests.suite.texts import with_lines


def test_what_only_the_engine_knows_is_asked_of_it(complaints: Complaints) -> None:
    def composition(classes: Sequence[type]) -> None:
        if len(classes) > 1:  # a method that stands alone is asked about, too
            raise UserError("+".join(cls.__name__ for cls in classes) + " do not go together")

    def optimizer(name: str, options: Mapping[str, Any]) -> None:
        raise OptionError([((next(iter(options)),), f"{name} has no such option")])

    checks = Checks(composition, optimizer)
    text = with_lines(
        protocol="protocol: {optimizer: {torch.RMSprop: {foo: 1}}}",
        strategies="strategies: [naive, naive+er]",
    )
    assert complaints(text, checks=checks) == {
        "3: protocol.optimizer.torch.RMSprop.foo": "RMSprop has no such option",
        "5: strategies[1]": "Naive+ER do not go together",
    }


def test_a_strategy_says_where_it_makes_no_sense(complaints: Complaints) -> None:
    """Once for each setting, of the scenarios that it is to meet."""

    def fit(
        kind: type, options: Mapping[str, Any], setting: str, protocol: Mapping[str, Any]
    ) -> None:
        if setting == "domain" and options.get("memory") == 7 and protocol["epochs"] == 2:
            raise UserError(f"{kind.__name__}: nothing to do; use another setting")

    domain = "{dataset: digits, setting: domain"
    text = with_lines(
        scenarios=(
            f"scenarios: [split: {domain}}}, split: {domain}, tasks: 2}}, split: {{dataset: "
            f"digits}}]"
        ),
        protocol="protocol: {epochs: 2}",
        strategies="strategies: [naive, er, naive+er: {er: {memory: 7}}]",
    )
    assert complaints(text, checks=Checks(fit=fit)) == {
        "5: strategies[2]": (
            "in 'split(setting=domain, tasks=5)': ER: nothing to do; use another setting"
        )
    }


def test_without_an_engine_nothing_is_refused() -> None:
    class Anything:
        """A strategy that nobody looks at."""

    UNCHECKED.composition([Anything, Anything])
    UNCHECKED.optimizer("Nothing", {"foo": 1})
    UNCHECKED.fit(Anything, {}, "class", {})
