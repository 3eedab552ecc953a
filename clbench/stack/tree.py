"""The state tree: one walk through all that an object holds, which says of everything whose it is.

What is held belongs to all members, a row each, unless it is declared to be otherwise: an attribute
in `shared_state` is one for all of them, and a list in `one_a_member` has one thing for each
member, with all that is in it. Whose a tensor is never follows from its shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn
from torch.optim import Optimizer as TorchOptimizer

from clbench.errors import StrategyError
from clbench.stack.state import PLAIN, Reference, Stateful

# All members', a row each; one for all; or the member's of this number alone.
Owner = Literal["members", "shared"] | int
Inside = Iterator[tuple[str, Any, Owner]]


@dataclass(frozen=True)
class Node:
    """Something in the state. `again` where it has been met before, by another path."""

    path: str
    value: Any
    owner: Owner
    again: bool = False


def walk(root: Any) -> Iterator[Node]:
    """Everything in the state of `root`, the holder before what it holds."""
    yield from _walk(root, "", "members", {})


def _walk(value: Any, path: str, owner: Owner, seen: dict[int, Any]) -> Iterator[Node]:
    if isinstance(value, (*PLAIN, Reference)):
        # Small numbers are one object wherever they stand.
        yield Node(path, value, owner)
        return
    again = id(value) in seen
    yield Node(path, value, owner, again)
    if again:
        return
    # Kept, so that no other object comes to have its id while the walk goes on.
    seen[id(value)] = value
    for step, item, whose in _inside(value, owner):
        yield from _walk(item, path + step, whose, seen)


def _inside(value: Any, owner: Owner) -> Inside:
    """What lies directly in a value: how its path goes on, the thing itself, and whose it is."""
    if isinstance(value, Stateful):
        return _attributes(value, owner)
    if isinstance(value, nn.Module):
        return _of_module(value, owner)
    if isinstance(value, TorchOptimizer):
        return _of_optimizer(value, owner)
    return _of_container(value, owner)


def _of_container(value: Any, owner: Owner) -> Inside:
    """The items of a container; a leaf has none."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"[{key!r}]", item, owner
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield f"[{number}]", item, owner
    elif isinstance(value, (set, frozenset)):
        for item in value:
            yield f"{{{item!r}}}", item, owner


def _attributes(holder: Stateful, owner: Owner) -> Inside:
    """Each attribute, with the owner that the class declares."""
    for key, item in holder.held().items():
        if key in holder.one_a_member:
            # From here down everything is this member's: the owner goes along with the walk.
            for member, own in enumerate(item):
                yield f".{key}[{member}]", own, member
        elif key in holder.shared_state:
            yield f".{key}", item, _without_rows(owner)
        else:
            yield f".{key}", item, owner


def _of_module(module: nn.Module, owner: Owner) -> Inside:
    """A plain module is that of one network: it has no rows of members."""
    whose = _without_rows(owner)
    yield ".training", module.training, whose
    # By name and without duplicates, as torch counts tied parameters: once.
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        yield f".{name}", value, whose


def _of_optimizer(optimizer: TorchOptimizer, owner: Owner) -> Inside:
    """What torch keeps for each parameter; the parameters themselves belong to networks."""
    # By position: torch's state is keyed by parameter, which has no name of its own.
    for number, kept in enumerate(optimizer.state.values()):
        yield f".state[{number}]", kept, _without_rows(owner)


def _without_rows(owner: Owner) -> Owner:
    # What is a single member's stays so, whatever is declared within it.
    return "shared" if owner == "members" else owner


# ------------------------------------------------------------------------------ what is asked of it


def objects(root: Any) -> Iterator[tuple[str, Any]]:
    """Every `Stateful` object once, with its path, but for those of a single member."""
    for node in walk(root):
        if isinstance(node.value, Stateful) and not node.again and not isinstance(node.owner, int):
            yield node.path, node.value


def tensors(root: Any, shared: bool = False) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of all members once, with its path; those they share only where asked for."""
    wanted = ("members", "shared") if shared else ("members",)
    for node in walk(root):
        if isinstance(node.value, Tensor) and not node.again and node.owner in wanted:
            yield node.path, node.value


def every_tensor(root: Any) -> Iterator[Tensor]:
    """Every tensor once, whosever it is."""
    for node in walk(root):
        if isinstance(node.value, Tensor) and not node.again:
            yield node.value


def member_tables(root: Any, members: int) -> Iterator[tuple[str, Tensor]]:
    """Every tensor with a row a member, with its path: what is suspended, and cleared.

    A number that all members have in common (`[]`) has no rows, and an empty table has none yet.
    """
    for path, tensor in tensors(root):
        if tensor.dim() == 0 or tensor.shape[0] == 0:
            continue
        # The check that declared ownership needs: a shared table would otherwise be cut into rows
        # as soon as it happens to be indexed by members.
        if tensor.shape[0] != members:
            raise StrategyError(_undeclared(path, tensor, members))
        yield path, tensor


def _undeclared(path: str, tensor: Tensor, members: int) -> str:
    return (
        f"no row a member: {author_path(path)} {list(tensor.shape)}. If members share it, name the"
        f" attribute in `shared_state`; if not, give it a row for each of the {members} members"
    )


def author_path(path: str) -> str:
    """`.parts['0:er'].buffer.seen` as its author knows it: `er.buffer.seen`."""
    known = re.sub(r"^\.parts\['\d+:(.*?)'\]", r"\1", path)
    return known.removeprefix(".session.").removeprefix(".")
