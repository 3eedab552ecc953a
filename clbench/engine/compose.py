"""Which methods compose, and which settings and scenarios they fit: asked before anything runs."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Mapping, Sequence
from types import CodeType
from typing import Any

from clbench.engine.hooks import Hook, replaced_hooks
from clbench.engine.strategy import Strategy, part_names
from clbench.errors import UserError
from clbench.options import name_of


def check_composition(classes: Sequence[type[Any]]) -> None:
    """Refuse, by name, parts that lack another one, and parts that would cut others off."""
    _check_needs(classes)
    if len(classes) < 2:
        return
    names = [name_of(cls) for cls in classes]
    for cls, name in zip(classes, names, strict=True):
        if not issubclass(cls, Strategy):
            raise UserError(
                f"{'+'.join(names)}: {name} is a solo strategy, and solo strategies do not compose"
            )
    _check_weights(classes)
    # By name, the hooks that a part replaces without calling super().
    cutting = {
        name: found
        for cls, name in zip(classes, names, strict=True)
        if (found := replaced_hooks(cls))
    }
    if len(cutting) > 1:
        listed = " and ".join(f"{name} ({', '.join(hooks)})" for name, hooks in cutting.items())
        raise UserError(
            f"{'+'.join(names)}: {listed} replace hooks without calling super(), and only one part"
            " of a composition may"
        )
    for name, hooks in cutting.items():
        # What comes behind such a part would never be called.
        if name != names[-1]:
            order = "+".join([other for other in names if other != name] + [name])
            raise UserError(
                f"{'+'.join(names)}: {name} replaces {', '.join(hooks)} without calling super()"
                f" and must come last: {order}"
            )


def _check_needs(classes: Sequence[type[Any]]) -> None:
    """Refuse a part that works on another one where that is not there."""
    stacked = [cls for cls in classes if issubclass(cls, Strategy)]
    there = {name for cls in stacked for name in part_names(cls)}
    for cls in stacked:
        for needed in cls.needs_parts:
            if needed not in there:
                whole, name = "+".join(map(name_of, classes)), name_of(cls)
                raise UserError(
                    f"{whole}: {name} works on {needed}, which is not there: {needed}+{name}"
                )


def _check_weights(classes: Sequence[type[Strategy]]) -> None:
    """Refuse parts that look at the network's own weights
    where another part puts generated ones in their place.
    """
    whole = "+".join(map(name_of, classes))
    generating = [name_of(cls) for cls in classes if cls.generates_weights]
    looking = [name_of(cls) for cls in classes if not cls.generates_weights and _uses_net(cls)]
    if generating and looking:
        raise UserError(
            f"{whole}: {generating[0]} generates the weights that are trained and tested, and"
            f" {' and '.join(looking)} would look at the network's own, which nobody uses; run them"
            " each on its own"
        )


def _uses_net(cls: type[Strategy]) -> bool:
    """Whether any method of the class, or of one it inherits from, asks for `self.net`."""
    # Up to Strategy itself, whose methods use the network for everybody.
    own = itertools.takewhile(lambda base: base is not Strategy, cls.__mro__)
    members = [member for base in own for member in vars(base).values()]
    return any("net" in _names_used(member) for member in members)


def check_fit(
    kind: type[Any], options: Mapping[str, Any], setting: str, protocol: Mapping[str, Any]
) -> None:
    """Refuse a setting or a protocol that makes no sense for a strategy, in its own words."""
    # Made for the question alone; options are checked already.
    if sentence := kind(**options).refusal(setting, protocol):
        raise UserError(f"{name_of(kind)}: {sentence}")


def check_agents(classes: Sequence[type[Any]], agents: int) -> None:
    """Refuse methods that share among agents where a scenario has a single one."""
    sharing = [cls for cls in classes if issubclass(cls, Strategy) and cls.needs_agents]
    if agents > 1 or not sharing:
        return
    whole, name = "+".join(map(name_of, classes)), name_of(sharing[0])
    raise UserError(
        f"{whole}: {name} shares among the agents of a seed, and this scenario has one agent;"
        f" choose a scenario with several (agents), or leave {name} out"
    )


def _names_used(member: Any) -> set[str]:
    """The names that a function, or the one behind a hook, a property or a decorator, looks up."""
    function = member.function if isinstance(member, Hook) else member
    function = function.fget if isinstance(function, property) else function
    # Decorators (`torch.no_grad`) keep what they wrap in `__wrapped__`.
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return set() if code is None else _names_in(code)


def _names_in(code: CodeType) -> set[str]:
    # Functions within functions, and comprehensions before Python 3.12, are constants of their
    # own.
    nested = [_names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*nested)
