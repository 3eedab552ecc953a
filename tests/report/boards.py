"""What the tests of leaderboards share: how one is built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clbench.records import CellRecord
from clbench.report.leaderboard import leaderboard
from clbench.report.publishing import write
from clbench.report.sections import Section


def built(out: Path, *paths: Path, **rules: Any) -> list[Section]:
    """A leaderboard of these records, written into this folder."""
    sections = leaderboard(list(paths), out, **rules)
    write(sections, out)
    return sections


def timed(cell: CellRecord, seconds: float) -> CellRecord:
    """The cell, its runs trained in about so many seconds."""
    return replace(cell, cost={"train_seconds": np.linspace(seconds, seconds + 0.1, cell.members)})
