"""State: what a checkpoint holds, and what a suspended member keeps.

One walk serves both. An object that derives from `Stateful` has as its state everything it holds:
tensors, numbers, strings, containers of these, other `Stateful` objects, modules, torch optimisers and
generators. Anything else is an error that names the attribute. Saved state is plain data and tensors
(`torch.load(weights_only=True)` reads it); restoring writes into what is there, keeps two names of one
tensor one tensor, and rebuilds only objects of classes that are already imported.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from clbench.errors import StrategyError
from clbench.host.plugin_files import lasting_name

Saved = dict[str, Any]
PLAIN = (bool, int, float, str, bytes, type(None))
SEQUENCES: dict[str, type] = {"list": list, "tuple": tuple, "set": set}
MAPPINGS: dict[str, type] = {"dict": dict, "OrderedDict": OrderedDict}


class Stateful:
    """Base of everything whose attributes are state; `wiring` names the attributes that are not.

    A tensor whose first size is R is taken for a table with a row a member, unless its attribute is named in
    `shared_state`: a table that members share, such as a codebook, may have R rows by chance.
    """

    wiring: ClassVar[frozenset[str]] = frozenset()
    shared_state: ClassVar[frozenset[str]] = frozenset()
    # Whether restoring may make an object of this class. A part of a strategy works through its wiring,
    # which saved state does not hold: it is built by the engine, and only filled.
    made_anew: ClassVar[bool] = True
    # The classes of each name, as they came: a plugin file that was edited defines its classes again.
    known: ClassVar[dict[str, list[type[Stateful]]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Stateful.known.setdefault(class_name(cls), []).append(cls)

    def held(self) -> dict[str, Any]:
        """The attributes that are state."""
        return {key: value for key, value in vars(self).items() if key not in self.wiring}

    def known_as(self, path: str) -> str:
        """What messages call it; `path` says where it was found."""
        return path

    def stands_for(self) -> float | Sequence[float] | None:
        """The bytes a member that a method has to keep for this, where its tensors do not show them.

        A buffer of indices stands for images, which lie in memory anyway. None: its tensors are what is kept.
        A list has a number for each member, where they have to keep unequal amounts.
        """
        return None

    def stacked(self) -> dict[str, Any]:
        """The attributes in which tensors may have the members as leading dimension."""
        held = self.held()
        return {key: value for key, value in held.items() if key not in self.shared_state}


def class_name(cls: type) -> str:
    """What saved state calls a class: the same for every loading of a plugin file."""
    return f"{lasting_name(cls.__module__)}.{cls.__qualname__}"


class Reference:
    """Base of things that belong to the engine (a task): saved by `address`, found again by the reader."""

    address: tuple[str, int]


# ------------------------------------------------------------------------------------------ saving


def save(root: Stateful) -> Saved:
    """The state of `root` and of everything it holds."""
    return _Saver().encode(root, type(root).__name__)


class _Saver:
    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.kept: list[Any] = []  # keeps ids from being used twice while the walk goes on

    def encode(self, value: Any, path: str) -> Saved:
        # Exact types: a subclass (a named tuple, an enumeration's member) would come back as something else, or not at all.
        if type(value) in PLAIN:
            return {"kind": "plain", "value": value}
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            return {"kind": "plain", "value": value.item()}
        if isinstance(value, Reference):
            return {"kind": "reference", "value": list(value.address)}
        if type(value) in (*SEQUENCES.values(), torch.Size):
            items = sorted(value, key=repr) if type(value) is set else value
            kind = "tuple" if type(value) is torch.Size else type(value).__name__
            return {
                "kind": kind,
                "items": [self.encode(item, f"{path}[{i}]") for i, item in enumerate(items)],
            }
        if type(value) in MAPPINGS.values():
            pairs = [
                (self._key(key, path), self.encode(item, f"{path}[{key!r}]"))
                for key, item in value.items()
            ]
            return {"kind": type(value).__name__, "items": pairs}
        if id(value) in self.seen:
            return {"kind": "alias", "id": self.seen[id(value)]}
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)
        return {"id": self.seen[id(value)], **self._object(value, path)}

    def _object(self, value: Any, path: str) -> Saved:
        if isinstance(value, Tensor):
            # To the host one by one: a second copy of everything may not find room on a GPU.
            copied = value.detach().to("cpu", copy=True)
            return {
                "kind": "tensor",
                "value": copied,
                "grad": value.requires_grad,
                "device": value.device.type,
            }
        if isinstance(value, Stateful):
            path = value.known_as(path)
            held = {key: self.encode(item, f"{path}.{key}") for key, item in value.held().items()}
            return {
                "kind": "object",
                "class": class_name(type(value)),
                "held": held,
            }
        if isinstance(value, nn.Module):
            return {
                "kind": "module",
                "value": copy.deepcopy(value.state_dict()),
                "training": value.training,
            }
        if isinstance(value, torch.optim.Optimizer):
            return {"kind": "optimizer", "value": copy.deepcopy(value.state_dict())}
        if isinstance(value, torch.Generator):
            return {"kind": "generator", "value": value.get_state(), "device": str(value.device)}
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            return {"kind": "array", "value": torch.from_numpy(value.copy())}
        if isinstance(value, (torch.dtype, torch.device)):
            return {"kind": type(value).__name__, "value": str(value).removeprefix("torch.")}
        raise StrategyError(
            f"{path}: a {type(value).__name__} cannot be saved; keep tensors, modules, optimisers, numbers, strings and containers of them"
        )

    @staticmethod
    def _key(key: Any, path: str) -> Any:
        if type(key) in PLAIN or (type(key) is tuple and all(type(part) in PLAIN for part in key)):
            return key
        raise StrategyError(
            f"{path}: a dictionary with a key of type {type(key).__name__} cannot be saved; use strings or numbers"
        )


# ------------------------------------------------------------------------------------------ restoring


def restore(
    root: Stateful,
    saved: Saved,
    find: Callable[[str, int], Any] | None = None,
    device: torch.device | str = "cpu",
) -> None:
    """Put `saved` back into `root`; `find(kind, number)` answers references, tensors that were on an accelerator go to `device`.

    `StrategyError` where the two do not fit: what runs is filled, never something beside it.
    """
    lasting = [thing for thing in _held_objects(root) if thing is root or not thing.made_anew]
    restorer = _Restorer(find, device, lasting)
    restored = restorer.decode(saved, root, type(root).__name__)
    if restored is not root:
        saved_class = saved.get("class", saved["kind"])
        raise StrategyError(
            f"the saved state is that of a {saved_class}, not of a {class_name(type(root))}"
        )
    for thing in lasting:
        if id(thing) not in restorer.taken:
            name = thing.known_as(class_name(type(thing)))
            raise StrategyError(f"{name}: the saved state holds nothing of it")


def _held_objects(root: Any, seen: set[int] | None = None) -> Iterator[Stateful]:
    """Every `Stateful` object that saving reaches, once."""
    seen = set() if seen is None else seen
    if isinstance(root, PLAIN) or id(root) in seen:
        return
    seen.add(id(root))
    inside: list[Any] = []
    if isinstance(root, Stateful):
        yield root
        inside = list(root.held().values())
    elif isinstance(root, dict):
        inside = list(root.values())
    elif isinstance(root, (list, tuple)):
        inside = list(root)
    for item in inside:
        yield from _held_objects(item, seen)


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
                    f"{path}: the state refers to the engine's {saved['value'][0]}, and there is no engine here"
                )
            return self.find(*saved["value"])
        if kind in SEQUENCES:
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
            self.taken.add(id(old))
            with torch.no_grad():
                old.copy_(value)
            return old  # type: ignore[no-any-return]
        device = torch.device("cpu") if saved["device"] == "cpu" else self.device
        if isinstance(old, Tensor):
            device = old.device
        return value.to(device, copy=True).requires_grad_(saved["grad"])

    def _object(self, saved: Saved, old: Any, path: str) -> Stateful:
        target = old if self._may_fill(old, saved["class"]) else self._donor(saved, path)
        self.taken.add(id(target))
        self.made[saved["id"]] = target
        path = target.known_as(path)
        self.owners.append(target)
        for key in set(target.held()) - set(saved["held"]):
            delattr(target, key)
        for key, item in saved["held"].items():
            setattr(target, key, self.decode(item, vars(target).get(key), f"{path}.{key}"))
        self.owners.pop()
        return target

    def _may_fill(self, thing: Any, name: str) -> bool:
        """Names are compared, not classes: a plugin file may have been loaded again since the object was made."""
        return (
            isinstance(thing, Stateful)
            and class_name(type(thing)) == name
            and id(thing) not in self.taken
        )

    def _class(self, name: str, path: str) -> type[Stateful]:
        """The class of this name; of several the one that came with the class of the object that holds it."""
        classes = Stateful.known.get(name)
        if not classes:
            raise StrategyError(f"{path}: the saved state holds a {name}, which is not loaded")
        package = type(self.owners[-1]).__module__.partition(".")[0] if self.owners else ""
        beside = [cls for cls in classes if cls.__module__.partition(".")[0] == package]
        return (beside or classes)[-1]

    def _donor(self, saved: Saved, path: str) -> Stateful:
        """An object to fill: a copy of a live one where the class can make one (a teacher from the network), else a bare one.

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
            return cls.__new__(cls)
        candidates: list[Any] = [made for made in self.made.values() if type(made) is cls]
        for candidate in candidates:
            if candidate.fits(saved["held"]):
                copied: Stateful = candidate.spawn()
                return copied
        raise StrategyError(
            f"{path}: a {cls.__name__} of another shape than any that setup() builds; build it in setup()"
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


# ------------------------------------------------------------------------------------------ members


def tensors(root: Any, shared: bool = False) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the state, once, with its path; those declared as `shared_state` only where asked for."""
    seen: set[int] = set()

    def walk(value: Any, path: str) -> Iterator[tuple[str, Tensor]]:
        if isinstance(value, (*PLAIN, Reference)) or id(value) in seen:
            return
        if isinstance(value, Tensor):
            seen.add(id(value))
            yield path, value
        elif isinstance(value, Stateful):
            seen.add(id(value))
            for key, item in value.stacked().items():
                yield from walk(item, f"{path}.{key}")
            for key in value.shared_state if shared else ():
                yield from walk(vars(value).get(key), f"{path}.{key}")
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from walk(item, f"{path}[{key!r}]")
        elif isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                yield from walk(item, f"{path}[{i}]")

    yield from walk(root, "")


def objects(root: Any, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Every `Stateful` object of the state, once, with its path."""
    seen = set() if seen is None else seen
    if isinstance(root, PLAIN) or id(root) in seen:
        return
    seen.add(id(root))
    if isinstance(root, Stateful):
        yield path, root
        for key, item in root.stacked().items():
            yield from objects(item, f"{path}.{key}", seen)
    elif isinstance(root, (list, tuple)):
        for i, item in enumerate(root):
            yield from objects(item, f"{path}[{i}]", seen)
    elif isinstance(root, dict):
        for key, item in root.items():
            yield from objects(item, f"{path}[{key!r}]", seen)
