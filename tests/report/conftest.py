"""Records made of numbers: one accuracy a run is all a comparison needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.host import Host
from clbench.records import CellRecord, RecordFile, Results, validated, write_record
from clbench.report.comparison import Comparison, compare
from clbench.report.leaderboard import leaderboard
from clbench.report.publishing import write
from tests.report.browser import Browser, browser
from tests.report.pages import NASTY

PROTOCOL = {
    "model": {"mlp": {"hidden": [100]}},
    "epochs": 1,
    "steps": None,
    "batch_size": 32,
    "augment": "none",
    "precision": "fp32",
}


class Made:
    """Cells, results and comparisons from tables of average accuracies."""

    host = Host.load()
    protocol = PROTOCOL

    def cell(
        self, label: str, values: Sequence[float], scenario: str = "split", **changes: Any
    ) -> CellRecord:
        """A strategy whose runs end with these average accuracies on two tasks."""
        numbers = np.asarray(values, dtype=np.float64)
        known: dict[str, Any] = {
            "seed": np.arange(len(numbers)),
            "accuracy": np.broadcast_to(numbers[:, None, None], (len(numbers), 3, 2)).copy(),
            "protocol": PROTOCOL,
            "content": {"scenario": [scenario, {}], "data": "f00d"},
        }
        key = f"{scenario}-{label}".replace("/", "|")
        return validated(
            CellRecord(key, scenario, label.partition("(")[0], label, **(known | changes))
        )

    def cells(
        self, table: Mapping[str, Sequence[float]], scenario: str = "split", **changes: Any
    ) -> list[CellRecord]:
        return [self.cell(label, values, scenario, **changes) for label, values in table.items()]

    def results(self, *cells: CellRecord, suite: str = "demo", text: str = "") -> Results:
        return Results(RecordFile(1, suite, text, {}, list(cells)), self.host)

    def compared(self, *cells: CellRecord, text: str = "", **options: Any) -> Comparison:
        return compare(self.results(*cells, text=text), **options)

    def three(self, scenario: str = "split", seeds: int = 12, **changes: Any) -> list[CellRecord]:
        """Three strategies far apart, the worst of them first."""
        table = {
            name: self.draw(centre, seeds, k)
            for k, (name, centre) in enumerate({"poor": 0.5, "good": 0.9, "middle": 0.7}.items())
        }
        return self.cells(table, scenario, **changes)

    def draw(self, centre: float, seeds: int, seed: int) -> Any:
        return np.round(np.random.default_rng(seed).normal(centre, 0.01, seeds), 5)

    def save(self, path: Path, *cells: CellRecord, suite: str = "demo", text: str = "") -> Path:
        write_record(path, list(cells), suite=suite, suite_text=text, environment={"python": "3"})
        return path


@pytest.fixture(scope="session")
def made() -> Made:
    return Made()


@pytest.fixture
def three(made: Made, tmp_path: Path) -> Path:
    """A record of three strategies on two scenarios, whose suite names a baseline."""
    cells = [*made.three("one"), *made.three("two")]
    return made.save(tmp_path / "demo.h5", *cells, text="compare: {baseline: poor}")


# ---------------------------------------------------------------------- the page in a browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenarios, four strategies, one with a diverged run and a name that would be markup."""
    folder = tmp_path_factory.mktemp("page")
    cells = []
    for scenario in ("one", "two"):
        for k, cell in enumerate(made.three(scenario)):
            cell.cost["train_seconds"] = np.full(cell.members, 2.0 + k)
            cells.append(cell)
        status = np.array(["done"] * 11 + ["diverged"], dtype=object)
        cells.append(
            made.cell(
                NASTY,
                made.draw(0.6, 12, 7),
                scenario,
                member_status=status,
                options={"memory": 200},
            )
        )
    record = made.save(folder / "demo.h5", *cells, suite=NASTY, text="compare: {baseline: poor}")
    write(leaderboard([record], folder / "board"), folder / "board")
    return folder / "board" / "index.html"


@pytest.fixture
def at(chromium: Browser, page: Path) -> Iterator[Browser]:
    """The page, just opened; nothing may be left in the console, and nothing but the page may have
    been asked for.
    """
    chromium.resize(1200)
    chromium.prefer("light")
    chromium.open(Path("/dev/null"))
    chromium.complaints()
    chromium.requests()
    chromium.open(page)
    yield chromium
    assert chromium.complaints() == []
    assert [url for url in chromium.requests() if not url.startswith(("data:", "blob:"))] == [
        page.as_uri()
    ]
