"""What a method lacks when its untrained network is measured, before any task has begun."""

from __future__ import annotations

from clbench.engine.learner import Learner
from clbench.errors import StrategyError
from clbench.options import name_of


def explain_missing(missing: AttributeError, learner: Learner) -> None:
    """Raise a sentence where it is an attribute of the method's own that is not there yet."""
    if isinstance(missing, StrategyError):  # it says so itself
        return
    # Another object's missing attribute is a bug of other origin, and stays as it is.
    if any(missing.obj is owner for owner in learner.owners()):
        raise StrategyError(
            f"{name_of(type(missing.obj))} has no self.{missing.name} when the untrained network is"
            " measured, before the first task begins: what predict needs is made in setup()"
        ) from missing
