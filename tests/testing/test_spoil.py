"""Making mistakes visible: padding is filled with something else, silenced units are counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from clbench.engine.streams import Streams
from clbench.engine.task import Batch
from clbench.testing.spoil import SPOILED_VALUE, UnitWatch, _some_not_all, _spoiled, spoiled_padding


def batch(valid: list[list[bool]] | None) -> Batch:
    """Two members with three samples each."""
    task: Any = None
    return Batch(
        x=torch.zeros(2, 3, 1, 2, 2),
        y=torch.tensor([[0, 1, 2], [3, 4, 5]]),
        index=torch.tensor([[10, 11, 12], [13, 14, 15]]),
        tasks=torch.zeros(2, 3, dtype=torch.long),
        task=task,
        valid=None if valid is None else torch.tensor(valid),
    )


# ------------------------------------------------------------------ padding


@pytest.mark.parametrize("valid", [None, [[True] * 3] * 2])
def test_a_batch_in_which_all_rows_count_stays_as_it_is(valid: Any) -> None:
    whole = batch(valid)
    assert _spoiled(whole) is whole


def test_rows_that_do_not_count_get_other_images_labels_and_indices() -> None:
    given = batch([[True, True, True], [True, False, False]])
    found = _spoiled(given)
    assert torch.equal(found.x[0], given.x[0])
    assert torch.equal(found.x[1, 0], given.x[1, 0])
    assert bool((found.x[1, 1:] == SPOILED_VALUE).all())
    # Of the same member in reverse: sound ones, and wrong.
    assert found.y.tolist() == [[0, 1, 2], [3, 4, 3]]
    assert found.index.tolist() == [[10, 11, 12], [13, 14, 13]]
    # What was given stays as it was.
    assert bool((given.x == 0).all())
    assert given.y.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_batches_of_streams_are_spoiled_as_long_as_the_context_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = batch([[True, True, False]] * 2)
    monkeypatch.setattr(Streams, "batches", lambda self, *_: iter([given]))
    real, streams = Streams.batches, Streams.__new__(Streams)
    with spoiled_padding():
        (spoiled,) = streams.batches(0)
    (plain,) = streams.batches(0)
    assert Streams.batches is real
    assert bool((spoiled.x[:, 2] == SPOILED_VALUE).all())
    assert plain is given


def test_a_context_that_fails_leaves_the_streams_as_they_were() -> None:
    real = Streams.batches
    with pytest.raises(ZeroDivisionError), spoiled_padding():
        raise ZeroDivisionError
    assert Streams.batches is real


# ------------------------------------------------------------------ whole units


@pytest.mark.parametrize(
    ("newly", "zero", "block", "some"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 0], 2, False),
        ([1, 1, 0, 0], [1, 1, 0, 0], 2, False),  # the whole first unit
        ([1, 0, 0, 0], [1, 0, 0, 0], 2, True),
        ([0, 1, 1, 0], [0, 1, 1, 0], 2, True),  # a half of each
        ([1, 0, 0, 0], [1, 1, 0, 0], 2, False),  # its other half was zero before
        ([0, 0, 0, 0], [1, 0, 0, 0], 2, False),  # nothing became zero now
        ([1, 0, 0, 0], [1, 0, 0, 0], 1, False),  # units of one column are always whole
    ],
)
def test_a_unit_is_silenced_as_a_whole_or_not_at_all(
    newly: list[int], zero: list[int], block: int, some: bool
) -> None:
    given = [torch.tensor([row], dtype=torch.bool) for row in (newly, zero)]
    assert _some_not_all(*given, block) == some


def test_one_member_is_enough() -> None:
    newly = torch.tensor([[False] * 4, [True, False, False, False]])
    assert _some_not_all(newly, newly, 2)


class Network:
    """Two members, two units with two columns each."""

    def __init__(self) -> None:
        self.weight = torch.ones(2, 3, 4)  # [R, out, in]

    def named_parameters(self) -> dict[str, Tensor]:
        """One weight."""
        return {"head.weight": self.weight}

    def layers(self) -> list[Any]:
        """One layer."""
        return [SimpleNamespace(name="conv", out_weight="head.weight", block=2)]


def watched(zeros: slice) -> UnitWatch:
    """A method that sets these columns of member 1 to zero after a step."""
    net = Network()
    hooks: dict[str, Any] = {}

    def intercept(hook: str, wrap: Any) -> None:
        def after(*_: Any) -> None:
            net.weight[1, :, zeros] = 0

        hooks[hook] = wrap(after)

    strategy: Any = SimpleNamespace(net=net, _hook_order=SimpleNamespace(intercept=intercept))
    watch = UnitWatch(strategy)
    hooks["after_step"]()
    hooks["end_task"]()  # zero already: nothing new is silenced
    return watch


def test_a_whole_unit_may_be_silenced() -> None:
    watch = watched(slice(0, 2))
    assert (watch.found, watch.silenced) == ([], 2)


def test_a_part_of_a_unit_is_told_with_the_hook_that_did_it() -> None:
    watch = watched(slice(1, 2))
    assert watch.silenced == 1
    assert watch.found == [
        "after_step set some, not all, of the outgoing columns of a unit of conv to zero"
    ]


def test_a_method_that_silences_nothing_is_not_found() -> None:
    assert (watched(slice(0, 0)).found, watched(slice(0, 0)).silenced) == ([], 0)
