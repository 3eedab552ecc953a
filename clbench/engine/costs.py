"""What each member of a stacked method costs: the bytes that it carries beside what it trains.

Two counts of bytes: what the method has to keep, by which methods are compared, and what its
tensors take where they lie, by which stacks are sized. A buffer of indices is small on a device
that holds the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from clbench.stack import Optimizer, Stateful, member_tables, objects, tensors

if TYPE_CHECKING:
    from clbench.engine.chain import Chain


def carried_bytes(chain: Chain, member: int = 0) -> float:
    """What a member has to keep beside what it trains, as
    it stands: buffers, old models, importances, bases.

    Of what stands for something else (`Stateful.stands_for`) it is that: of indices, the images.
    Networks and optimisers of the method's own, which train something, are no more counted than the
    engine's.
    """
    root = chain.state()
    said: dict[str, float] = {}
    # Buffers say what they stand for; whatever lies below them is not counted again.
    for path, item in objects(root):
        size: float | Sequence[float] | None = item.stands_for()
        if path.startswith(".parts") and size is not None:
            said[path] = size[member] if isinstance(size, Sequence) else size
    # What is trained, moments included: the engine's own network and optimiser are free, too.
    trained = {id(value) for _, value in _trained(root)}
    return sum(said.values()) + _bytes_beside(chain, trained, paths=list(said))


def tensor_bytes(chain: Chain) -> float:
    """What a member's tensors beside its network take where they lie."""
    return _bytes_beside(chain, set(), paths=())


def _bytes_beside(chain: Chain, trained: set[int], paths: Sequence[str]) -> float:
    """The bytes of a member's tensors but for its network's, these, and those below `paths`."""
    network = set(trained)
    if chain.stack is not None:
        network |= {id(value) for value in chain.stack.parameters()}
    root = chain.state()
    # Tables with a row a member: divided by R. What members share counts whole for each.
    rows = {id(table) for _, table in member_tables(root, chain.members)}
    left_out = tuple(f"{path}." for path in paths)
    total = 0.0
    # Each tensor once, though several names lead to it.
    for path, tensor in tensors(root, shared=True):
        # The session's tensors are the engine's, the parts' the method's.
        counts = path.startswith(".parts") and not path.startswith(left_out)
        if counts and id(tensor) not in network:
            size = tensor.numel() * tensor.element_size()
            total += size / chain.members if id(tensor) in rows else size
    return total


def _trained(root: Stateful) -> Iterator[tuple[str, Tensor]]:
    """What optimisers train, and what they keep for it."""
    for _, item in objects(root):
        if isinstance(item, Optimizer):
            yield from tensors(item, shared=True)
