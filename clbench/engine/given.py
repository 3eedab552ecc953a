"""What a run was given: the options of its strategies, and its protocol.

They stay so while it runs.

The record says that the run was made with them, and a checkpoint does not save them: what changed
would be back as it was after a resume, and the numbers others. To set one is refused where it is
done (`Configurable`, `Protocol`); what is changed in place, such as a list, is found here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clbench.engine.learner import Learner
from clbench.errors import StrategyError
from clbench.options import name_of

_INSTEAD = "keep what changes in an attribute of your own, such as self.current_{}"


class Given:
    """The options and the protocol as they were when the loop was made."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._options = self._options_now()
        self._protocol = self._protocol_now()

    def check(self) -> None:
        """Raise where one of them is another by now."""
        # The same learner, so the same parts in the same order.
        for before, (part, now) in zip(self._options, self._options_now(), strict=True):
            for option in _changed(before[1], now):
                raise StrategyError(
                    f"{part} changes its option {option!r} in place while it runs; an option stays"
                    f" as it was given: {_INSTEAD.format(option)}"
                )
        for key in _changed(self._protocol, self._protocol_now()):
            raise StrategyError(
                f"the protocol's {key!r} was changed while {self._options[0][0]} ran; the protocol"
                f" stays as it was given: {_INSTEAD.format(key)}"
            )

    def _options_now(self) -> list[tuple[str, dict[str, str]]]:
        """The name and the options of each part; of a solo strategy, of each member."""
        owners = self._learner.owners()
        return [(name_of(type(owner)), _as_text(owner.options)) for owner in owners]

    def _protocol_now(self) -> dict[str, str]:
        return _as_text(vars(self._learner.session.protocol))


def _as_text(values: Mapping[str, Any]) -> dict[str, str]:
    """A text keeps what a list was, and NaN is NaN."""
    # Compared as text, for a list that was changed in place is equal to itself.
    return {name: repr(value) for name, value in values.items()}


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name, text in before.items() if now[name] != text]
