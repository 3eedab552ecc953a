"""Hooks: the methods that the parts of a composition
share, and the order in which parts come to them.

A composition `er+ewc` is a row of parts. On whichever part a hook is called, it starts at the first
part that has one of its own; `super()` leads from a class to its base, and behind the last class of
a part to the next part. Behind the last part stands the engine's own body of the hook, its default.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from clbench.errors import StrategyError

AnyHook = TypeVar("AnyHook", bound=Callable[..., Any])
Bound = Callable[..., Any]

# The default of every hook, by name, in the order of a run.
HOOKS: dict[str, Callable[..., Any]] = {}


class Hook:
    """A hook as a class defines it: a method that is looked up through the order of the parts.

    On an instance the hook of its own class means the whole composition, so it starts at the first
    part. The hook of a base class is reached by `super()` alone, and is that class's own function.
    """

    def __init__(self, name: str, function: Any, is_default: bool = False) -> None:
        self.name, self.function, self.is_default = name, function, is_default

    def __get__(self, part: Any, owner: Any = None) -> Any:
        if part is None:
            return self.function
        # No further calls here: a training step looks up a dozen hooks.
        order: HookOrder | None = part._hook_order
        # Whether this hook is what the part's own class resolves to: then it was not `super()`.
        if order is not None and order.of_class[id(part)][self.name] is self:
            return order.first[self.name]
        # Bound to the part as an ordinary method would be.
        return self.function.__get__(part, owner)

    @property
    def __func__(self) -> Any:
        """The function itself, under the name that methods have it by."""
        return self.function


def hook(default: AnyHook) -> AnyHook:
    """Mark a method that parts share: its body runs behind the last part."""
    name = default.__name__
    # The order of definition is that of a run; messages list them so.
    HOOKS[name] = default

    @functools.wraps(default)
    def go_on(part: Hooked, *args: Any, **kwargs: Any) -> Any:
        order = part._hook_order
        # A part outside a composition: a test, or a strategy asked for its options.
        if order is None:
            return default(part, *args, **kwargs)
        return order.following[id(part)][name](*args, **kwargs)

    return Hook(name, go_on, is_default=True)  # type: ignore[return-value]


class Hooked:
    """Base of the classes that parts are made of.

    Whatever a subclass overrides becomes a `Hook`.
    """

    _hook_order: HookOrder | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # At class creation, once: instances then pay an attribute lookup and no more.
        for name in HOOKS:
            found = _looked_up(cls, name)
            if not isinstance(found, Hook):
                # Also that of a mixin, which is no `Hooked` itself.
                setattr(cls, name, Hook(name, found))


class HookOrder:
    """Which part a hook starts at, and which comes next: the dispatcher of a composition."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = tuple(parts)
        # What has been called, and which part handed it on: for `left_out`.
        self._called: set[str] = set()
        self._handed_on: set[tuple[int, str]] = set()
        # The hook that a part's own class has, itself or from a base: where no `super()` leads.
        self.of_class = {id(part): _hooks_of(type(part)) for part in self.parts}
        # Where each hook starts, and what comes behind each part.
        self.first = self._starting_at(0)
        # Behind part n - 1 a hook goes on at part n.
        self.following = {id(part): self._starting_at(n) for n, part in enumerate(self.parts, 1)}
        if len(self.parts) > 1:
            self._note_calls()

    def _note_calls(self) -> None:
        """Note who is called; a part alone leaves nobody out."""
        for name in HOOKS:
            _note_first_call(self.first, name, self._called, name)
            for which, hooks in self.following.items():
                _note_first_call(hooks, name, self._handed_on, (which, name))

    def intercept(self, name: str, wrapper: Callable[[Bound], Bound]) -> None:
        """Put something around a hook, whoever calls
        it: a check that watches what a method does.
        """
        self.first[name] = wrapper(self.first[name])

    def overridden(self) -> frozenset[str]:
        """The hooks in which some part does something of its own."""
        return frozenset(name for name in HOOKS if self._owners(name))

    def left_out(self) -> str | None:
        """A sentence where a part, in all that ran, kept
        a hook from the parts behind it; else None.
        """
        for name in sorted(self._called):
            for part, following in self._pairs(name):
                if (id(part), name) not in self._handed_on:
                    return (
                        f"{part.part_name}.{name} never called super().{name}(), so"
                        f" {following.part_name} was left out: call it, or, where"
                        f" {part.part_name} is to replace the hook, declare"
                        f" `replaces = frozenset({{{name!r}}})` and let it come last"
                    )
        return None

    def _owners(self, name: str) -> list[Any]:
        """The parts that have a hook of their own of this name."""
        return [part for part in self.parts if own_function(type(part), name) is not None]

    def _pairs(self, name: str) -> list[tuple[Any, Any]]:
        """Each part that has this hook, with the next one that has."""
        owners = self._owners(name)
        return list(itertools.pairwise(owners))

    def _starting_at(self, position: int) -> dict[str, Bound]:
        """What each hook is from this part on; the default is the last part's."""
        return {name: self._bound(name, self.parts[position:]) for name in HOOKS}

    def _bound(self, name: str, parts: Sequence[Any]) -> Bound:
        for part in parts:
            function = own_function(type(part), name)
            if function is not None:
                # Bound once here, not at each call.
                bound: Bound = function.__get__(part, type(part))
                return bound
        return functools.partial(HOOKS[name], self.parts[-1])


def _note_first_call(hooks: dict[str, Bound], name: str, notes: set[Any], what: Any) -> None:
    """Note the first call of a hook; those that follow cost nothing more."""
    bound = hooks[name]

    def noted(*args: Any, **kwargs: Any) -> Any:
        notes.add(what)
        # The note removes itself, so that a training step has no wrapper left.
        if hooks[name] is noted:  # and nobody has put something around it
            hooks[name] = bound
        return bound(*args, **kwargs)

    hooks[name] = noted


def own_function(cls: type, name: str) -> Any:
    """What a class, or one it derives from, does in a hook; None where that is the default."""
    found = _looked_up(cls, name)
    if isinstance(found, Hook):
        return None if found.is_default else found.function
    return found


def replaced_hooks(cls: type) -> list[str]:
    """The hooks that a class, or one it derives from, declares to replace."""
    declared = {name for base in cls.__mro__ for name in vars(base).get("replaces", ())}
    if unknown := sorted(declared - set(HOOKS)):
        raise StrategyError(
            f"{cls.__name__}.replaces names {unknown[0]!r}, which is no hook; the hooks are"
            f" {', '.join(HOOKS)}"
        )
    return [name for name in HOOKS if name in declared]


def parts_of(part: Any) -> list[Any]:
    """All parts of the composition that a part belongs to, in the written order."""
    return [part] if part._hook_order is None else list(part._hook_order.parts)


def _hooks_of(cls: type) -> dict[str, Any]:
    return {name: _looked_up(cls, name) for name in HOOKS}


def _looked_up(cls: type, name: str) -> Any:
    """An attribute as it stands in the class that has it, no descriptor asked."""
    # Past the descriptor protocol: `getattr` would give what `Hook.__get__` answers.
    holder = next(base for base in cls.__mro__ if name in vars(base))
    return vars(holder)[name]
