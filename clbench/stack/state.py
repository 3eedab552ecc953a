"""State: what an object holds that a run depends on.

An object that derives from `Stateful` has as its state everything it holds: tensors, numbers,
strings, containers of these, other `Stateful` objects, modules, torch optimisers and generators.
One walk goes through it (`tree.walk`) and says of everything whose it is; saving, restoring,
suspending, counting, clearing and comparing are what is done with what the walk finds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, ClassVar

from clbench.host.plugin_files import lasting_name

Saved = dict[str, Any]
PLAIN = (bool, int, float, str, bytes, type(None))
SEQUENCES: dict[str, type] = {"list": list, "tuple": tuple, "set": set}
MAPPINGS: dict[str, type] = {"dict": dict, "OrderedDict": OrderedDict}


class Stateful:
    """Base of everything whose attributes are state; `wiring` names the attributes that are not.

    A tensor belongs to the members, a row each, unless its attribute is named in `shared_state`: a
    table that they share, such as a codebook. An attribute in `one_a_member` holds a list with one
    thing for each member, which is that member's alone.
    """

    wiring: ClassVar[frozenset[str]] = frozenset()
    shared_state: ClassVar[frozenset[str]] = frozenset()
    one_a_member: ClassVar[frozenset[str]] = frozenset()
    # Whether restoring may make an object of this class. A part of a strategy works through its
    # wiring,
    # which saved state does not hold: it is built by the engine, and only filled.
    made_anew: ClassVar[bool] = True
    # The classes of each name, as they came: a plugin file that was edited defines its classes
    # again.
    known: ClassVar[dict[str, list[type[Stateful]]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # By a lasting name, without the number that a plugin file's module is loaded under.
        Stateful.known.setdefault(class_name(cls), []).append(cls)

    def held(self) -> dict[str, Any]:
        """The attributes that are state."""
        return {key: value for key, value in vars(self).items() if key not in self.wiring}

    def known_as(self, path: str) -> str:
        """What messages call it; `path` says where it was found."""
        return path

    def stands_for(self) -> float | Sequence[float] | None:
        """The bytes a member that a method has to keep
        for this, where its tensors do not show them.

        A buffer of indices stands for images, which lie in memory anyway. None: its tensors are
        what is kept. A list has a number for each member, where they have to keep unequal amounts.
        """
        return None


def class_name(cls: type) -> str:
    """What saved state calls a class: the same for every loading of a plugin file."""
    return f"{lasting_name(cls.__module__)}.{cls.__qualname__}"


class Reference:
    """Base of things that belong to the engine (a task):
    saved by `address`, found again by the reader.
    """

    address: tuple[str, int]
