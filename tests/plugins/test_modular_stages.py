"""The phases of a task that is learnt by itself."""

from __future__ import annotations

import pytest

from clbench import Phase
from clbench_plugins.modular.stages import ACCOMMODATION, ASSIMILATION, in_turn

LETTERS = {ASSIMILATION: "a", ACCOMMODATION: "m"}


def spelled(epochs: int, every: int | None) -> str:
    """A letter an epoch: a for assimilation, m where modules are trained."""
    phases = in_turn(Phase(), epochs, every)
    return "".join(LETTERS[phase.name] * phase.epochs for phase in phases)


@pytest.mark.parametrize(
    ("epochs", "every", "expected"),
    [
        (5, None, "aaaam"),  # by default once, in the last epoch
        (6, 3, "aamaam"),
        (7, 3, "aamaama"),  # of a rest that is shorter nothing is accommodated
        (2, 3, "aa"),
        (3, 1, "mmm"),
        (1, None, "m"),
        (0, None, ""),
        (0, 3, ""),
    ],
)
def test_modules_are_trained_in_the_last_of_so_many_epochs(
    epochs: int, every: int | None, expected: str
) -> None:
    assert spelled(epochs, every) == expected


@pytest.mark.parametrize("epochs", range(9))
@pytest.mark.parametrize("every", [None, 1, 2, 4])
def test_no_epoch_is_lost(epochs: int, every: int | None) -> None:
    assert len(spelled(epochs, every)) == epochs


def test_a_phase_is_otherwise_what_it_was() -> None:
    phase = Phase("train", lr=0.5, batch_size=7)
    for stage in in_turn(phase, 4, 2):
        assert (stage.lr, stage.batch_size) == (0.5, 7)
