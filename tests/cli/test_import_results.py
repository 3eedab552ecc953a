"""What `clbench import` says of what it has read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clbench.cli.import_results import _counts, _tell

from .records import cell

OUT = Path("their results.h5")


def read(*cells: Any, repeated: tuple[str, ...] = ()) -> Any:
    return SimpleNamespace(record=SimpleNamespace(cells=list(cells)), repeated=repeated)


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([], "0 strategies, 0 runs"),
        ([[4]], "1 strategy, 1 run"),
        ([[0, 1, 2], [0]], "2 strategies, 4 runs"),
    ],
)
def test_runs_are_counted_over_all_strategies(seeds: list[list[int]], words: str) -> None:
    assert _counts(read(*map(cell, seeds)).record) == words


def test_what_was_read_is_said_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    importer: Any = SimpleNamespace(unsaid=("the stream", "the data"))
    _tell(importer, read(cell([0, 1]), repeated=("seed 3 of er",)), OUT)
    assert capsys.readouterr().out.splitlines() == [
        "seed 3 of er: counted once",
        "their results.h5: 1 strategy, 2 runs",
        "the files do not say: the stream; the data",
        "next: clbench compare 'their results.h5'",
    ]


def test_files_that_say_everything_lack_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    importer: Any = SimpleNamespace(unsaid=())
    _tell(importer, read(cell([0])), Path("r.h5"))
    assert capsys.readouterr().out == "r.h5: 1 strategy, 1 run\nnext: clbench compare r.h5\n"
