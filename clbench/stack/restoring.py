"""Restoring: saved state is written into what is there.

Two names of one tensor stay one tensor, and only objects of classes that are imported already are
built anew. Nothing in saved state is ever executed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from clbench.errors import StrategyError
from clbench.stack.state import MAPPINGS, SEQUENCES, Saved, Stateful, class_name
from clbench.stack.tree import walk


def restore(
    root: Stateful,
    saved: Saved,
    find: Callable[[str, int], Any] | None = None,
    device: torch.device | str = "cpu",
) -> None:
    """Put `saved` back into `root`.

    `find(kind, number)` answers references, tensors that were on an accelerator go to `device`.

    `StrategyError` where the two do not fit: what runs is filled, never something beside it.
    """
    held = [node.value for node in walk(root) if isinstance(node.value, Stateful)]
    lasting = [thing for thing in held if thing is root or not thing.made_anew]
    # Those objects are filled in place: others hold references to them.
    restorer = _Restorer(find, device, lasting)
    restored = restorer.decode(saved, root, type(root).__name__)
    if restored is not root:
        saved_class = saved.get("class", saved["kind"])
        raise StrategyError(
            f"the saved state is that of a {saved_class}, not of a {class_name(type(root))}"
        )
    # The other direction: what runs, and finds nothing in the saved state, would go on with fresh
    # values unnoticed.
    for thing in lasting:
        if id(thing) not in restorer.taken:
            name = thing.known_as(class_name(type(thing)))
            raise StrategyError(f"{name}: the saved state holds nothing of it")


class _Restorer:
    def __init__(
        self,
        find: Callable[[str, int], Any] | None,
        device: torch.device | str,
        lasting: Sequence[Stateful],
    ) -> None:
        self.find, self.device = find, device
        self.lasting = lasting  # what may be filled, and never made anew
        self.owners: list[Stateful] = []  # the objects that are being filled, the innermost last
        self.made: dict[int, Any] = {}
        self.taken: set[int] = (
            set()
        )  # tensors and objects that have been filled; one that has is not the place of another

    def decode(self, saved: Saved, old: Any, path: str) -> Any:
        kind = saved["kind"]
        if kind == "plain":
            return saved["value"]
        if kind == "alias":
            return self.made[saved["id"]]
        if kind == "reference":
            if self.find is None:
                raise StrategyError(
                    f"{path}: the state refers to the engine's {saved['value'][0]}, and there is"
                    " no engine here"
                )
            return self.find(*saved["value"])
        if kind in SEQUENCES:
            # What stands at the same index is the candidate to be filled.
            olds = list(old) if isinstance(old, (list, tuple)) else []
            items = [
                self.decode(item, olds[i] if i < len(olds) else None, f"{path}[{i}]")
                for i, item in enumerate(saved["items"])
            ]
            return SEQUENCES[kind](items)
        if kind in MAPPINGS:
            named = old if isinstance(old, dict) else {}
            pairs = [
                (key, self.decode(item, named.get(key), f"{path}[{key!r}]"))
                for key, item in saved["items"]
            ]
            return MAPPINGS[kind](pairs)
        made = getattr(self, f"_{kind}")(saved, old, path)
        # After the decoding, except for objects (below), which may hold themselves.
        self.made[saved["id"]] = made
        return made

    def _tensor(self, saved: Saved, old: Any, path: str) -> Tensor:
        value: Tensor = saved["value"]
        fits = (
            isinstance(old, Tensor)
            and old.shape == value.shape
            and old.dtype == value.dtype
            and old.requires_grad == saved["grad"]
        )
        if fits and id(old) not in self.taken:
            # A tensor that is filled twice would be two things that were apart.
            self.taken.add(id(old))
            with torch.no_grad():
                # In place, so that everybody who holds this tensor (a skeleton, an optimiser, a
                # graph) sees it.
                old.copy_(value)
            return old  # type: ignore[no-any-return]
        # What was on the host goes to the host: counts that are read in Python, say.
        device = torch.device("cpu") if saved["device"] == "cpu" else self.device
        if isinstance(old, Tensor):
            device = old.device
        return value.to(device, copy=True).requires_grad_(saved["grad"])

    def _object(self, saved: Saved, old: Any, path: str) -> Stateful:
        target = old if self._may_fill(old, saved["class"]) else self._donor(saved, path)
        self.taken.add(id(target))
        # Before its parts: one of them may refer back to it.
        self.made[saved["id"]] = target
        path = target.known_as(path)
        self.owners.append(target)
        # An attribute that begins to exist later in a run, and was not there when saved.
        for key in set(target.held()) - set(saved["held"]):
            delattr(target, key)
        for key, item in saved["held"].items():
            setattr(target, key, self.decode(item, vars(target).get(key), f"{path}.{key}"))
        self.owners.pop()
        return target

    def _may_fill(self, thing: Any, name: str) -> bool:
        """Names are compared, not classes: a plugin file may
        have been loaded again since the object was made.
        """
        return (
            isinstance(thing, Stateful)
            and class_name(type(thing)) == name
            and id(thing) not in self.taken
        )

    def _class(self, name: str, path: str) -> type[Stateful]:
        """The class of this name.

        Of several the one that came with the class of the object that holds it.
        """
        classes = Stateful.known.get(name)
        if not classes:
            raise StrategyError(f"{path}: the saved state holds a {name}, which is not loaded")
        package = _package(type(self.owners[-1])) if self.owners else ""
        beside = [cls for cls in classes if _package(cls) == package]
        # The class defined last: that of a plugin file that was loaded again.
        return (beside or classes)[-1]

    def _donor(self, saved: Saved, path: str) -> Stateful:
        """An object to fill: a copy of a live one where the class can
        make one (a teacher from the network), else a bare one.

        A part of a strategy is the one that runs, wherever it is held.
        """
        cls = self._class(saved["class"], path)
        if not cls.made_anew:
            running = [thing for thing in self.lasting if self._may_fill(thing, saved["class"])]
            if len(running) != 1:
                raise StrategyError(
                    f"{path}: the saved state holds a {saved['class']}, and {len(running)} run here"
                )
            return running[0]
        if not hasattr(cls, "spawn"):
            # Past `__init__`, which would want arguments; every attribute comes from the state.
            return cls.__new__(cls)
        candidates: list[Any] = [made for made in self.made.values() if type(made) is cls]
        for candidate in candidates:
            if candidate.fits(saved["held"]):
                copied: Stateful = candidate.spawn()
                return copied
        raise StrategyError(
            f"{path}: a {cls.__name__} of another shape than any that setup() builds; build it in"
            " setup()"
        )

    def _module(self, saved: Saved, old: Any, path: str) -> nn.Module:
        names = list(saved["value"])
        if not (
            isinstance(old, nn.Module)
            and list(old.state_dict()) == names
            and id(old) not in self.taken
        ):
            old = next(
                (
                    m
                    for m in self.made.values()
                    if isinstance(m, nn.Module) and list(m.state_dict()) == names
                ),
                None,
            )
            if old is None:
                raise StrategyError(
                    f"{path}: a module that setup() does not build; build it in setup()"
                )
            old = copy.deepcopy(old)
        module: nn.Module = old
        self.taken.add(id(module))
        module.load_state_dict(saved["value"])
        return module.train(saved["training"])

    def _optimizer(self, saved: Saved, old: Any, path: str) -> torch.optim.Optimizer:
        if not isinstance(old, torch.optim.Optimizer):
            raise StrategyError(
                f"{path}: an optimiser that setup() does not build; build it in setup()"
            )
        # `setup` builds it on the right parameters; torch matches them by position.
        old.load_state_dict(saved["value"])
        return old

    def _generator(self, saved: Saved, old: Any, path: str) -> torch.Generator:
        generator = torch.Generator(saved["device"])
        generator.set_state(saved["value"])
        return generator

    def _array(self, saved: Saved, old: Any, path: str) -> Any:
        return saved["value"].numpy().copy()

    def _dtype(self, saved: Saved, old: Any, path: str) -> Any:
        return getattr(torch, saved["value"])

    def _device(self, saved: Saved, old: Any, path: str) -> torch.device:
        return torch.device(saved["value"])


def _package(cls: type) -> str:
    """The name of the package that a class came with."""
    return cls.__module__.partition(".")[0]
