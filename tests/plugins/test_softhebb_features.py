"""The body of SoftHebb's network stands still while its head is trained: its features are kept,
with the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clbench.engine.features import FrozenBody, Table
from clbench.engine.room import VARIABLE
from clbench.testing.bench import Bench, first_difference, rows
from clbench_plugins.softhebb import SoftHebb

BLOCKS = {"units": [5, 7], "kernel": [3], "pool": ["max 4/2/1", "avg 2/2/0"], "dropout": 0.5}


@pytest.mark.parametrize("classifier", ["gradient", "hebbian"])
def test_the_head_has_the_same_bits_however_many_features_are_kept(
    on_digits: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, classifier: str
) -> None:
    tables: list[Table] = []
    take = Table.take

    def noting(self: Table, places: Any) -> Any:
        tables.append(self)
        return take(self, places)

    monkeypatch.setattr(Table, "take", noting)
    bench = on_digits(
        SoftHebb(classifier=classifier),
        tasks=2,
        epochs=3,
        model={"hebbian": BLOCKS},
        optimizer={"adam": {"lr": 0.01}},
    )
    found, kept = {}, {}
    for said in ("auto", "20kB", "none"):
        monkeypatch.setenv(VARIABLE, said)
        found[said] = rows(bench.run(0, 1), 1)
        kept[said] = max(table.kept for table in tables)
        tables.clear()
    assert kept["auto"] > kept["20kB"] > kept["none"] == 0
    assert first_difference(found["auto"], found["20kB"]) is None
    assert first_difference(found["auto"], found["none"]) is None


def test_features_of_a_body_that_learns_are_not_kept(
    on_digits: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    points: list[str | None] = []
    begin = FrozenBody.begin_phase

    def noting(self: FrozenBody, *given: Any) -> None:
        begin(self, *given)
        points.append(self.point)

    monkeypatch.setattr(FrozenBody, "begin_phase", noting)
    model = {"hebbian": BLOCKS}
    on_digits(SoftHebb(order="simultaneous"), tasks=1, model=model).run(0)
    assert points == [None]
    points.clear()
    on_digits(SoftHebb(), tasks=1, model=model).run(0)
    assert points == [None, None, "drop"]
