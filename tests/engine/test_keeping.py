"""`keep`: weights and predictions, also of members that stop, of jobs that are resumed, and of solo
strategies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import SoloStrategy, Strategy
from clbench.errors import StrategyError
from clbench.records import CellRecord, merge_cells, read_record, write_record
from clbench.testing.bench import Stopped
from clbench_plugins.er import ER
from clbench_plugins.naive import Naive

from .jobs import run

BOTH = ["weights", "predictions"]


class Alone(SoloStrategy):
    """Plain training, one member at a time."""


class Broken(Strategy):
    """Seed 0 breaks in the first task."""

    def task_loss(self, batch: Any) -> Tensor:
        return super().task_loss(batch) + torch.tensor([torch.nan, 0.0])


def values(cell: CellRecord) -> dict[str, Any]:
    return {name: rows.read() for name, rows in cell.stored.items()}


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.parametrize("strategy", [Naive, Alone])
def test_predictions_give_the_accuracies_that_were_measured(make_bench: Any, strategy: Any) -> None:
    cell = make_bench(strategy, keep=BOTH).run(0, 1)
    for row, column in np.ndindex(4, 3):
        chosen, label = (
            cell.stored[name].read()
            for name in (f"predictions/{row}/{column + 1}", f"tests/{column + 1}/label")
        )
        right = ((chosen == label) & (label >= 0)).sum(1) / (label >= 0).sum(1)
        np.testing.assert_array_equal(right, cell.accuracy[:, row, column])
    index = cell.stored["tests/1/index"].read()
    assert (index[0] != index[1]).any()  # other classes are first
    assert cell.kept["weights"].tolist() == cell.kept["predictions"].tolist() == [1, 1]


def test_weights_are_those_before_training_and_after_each_task(make_bench: Any) -> None:
    bench = make_bench(Naive, keep="weights")
    strategy, loop = bench.start(0, 1)
    cell = bench.run(0, 1)
    loop.untrained()
    for row, task in enumerate([None, *strategy.session.streams.tasks]):
        if task is not None:
            loop.task(task)
        for name, value in strategy.net.named_parameters().items():
            np.testing.assert_array_equal(
                cell.stored[f"weights/{row}/{name}"].read(), value.detach().numpy()
            )


def test_what_is_kept_changes_no_number_and_not_the_key(make_bench: Any) -> None:
    plain, keeping = make_bench(ER(memory=9)), make_bench(ER(memory=9), keep=BOTH)
    np.testing.assert_array_equal(plain.run(0).accuracy, keeping.run(0).accuracy)
    assert plain.cell.key("f", {}) == keeping.cell.key("f", {})


def test_a_job_that_goes_on_keeps_what_an_uninterrupted_one_keeps(
    make_bench: Any, tmp_path: Path
) -> None:
    bench, mark = make_bench(Naive, keep=BOTH), tmp_path / "job.ckpt"
    with pytest.raises(Stopped):
        bench.run(0, 1, checkpoint=mark, stop_after=1)
    before = (tmp_path / "job.row0.h5").stat().st_mtime_ns
    whole, resumed = bench.run(0, 1), bench.run(0, 1, checkpoint=mark)
    assert (tmp_path / "job.row0.h5").stat().st_mtime_ns == before  # written once
    same(values(whole), values(resumed))


def test_a_job_whose_weights_are_gone_starts_anew(make_bench: Any, tmp_path: Path) -> None:
    bench, mark = make_bench(Naive, keep=BOTH), tmp_path / "job.ckpt"
    with pytest.raises(Stopped):
        bench.run(0, checkpoint=mark, stop_after=1)
    (tmp_path / "job.row1.h5").unlink()
    same(values(bench.run(0)), values(bench.run(0, checkpoint=mark)))


def test_nothing_is_kept_of_a_member_after_it_diverged(make_bench: Any) -> None:
    bench = make_bench(Broken, keep=BOTH)
    cell = run(bench, 0, 1)
    chosen, weights = (
        cell.stored["predictions/3/1"].read(),
        next(v for n, v in values(cell).items() if n.startswith("weights/3/")),
    )
    assert (chosen[0] == -1).all()
    assert (chosen[1] >= 0).all()
    assert np.isnan(weights[0]).all()
    assert np.isfinite(weights[1]).all()


def test_jobs_are_merged_from_file_to_file(make_bench: Any, tmp_path: Path) -> None:
    bench = make_bench(Naive, keep=BOTH)
    for name, seeds in (("a", (0, 2)), ("b", (1,))):
        cell = bench.run(*seeds, checkpoint=tmp_path / f"{name}.ckpt")
        write_record(tmp_path / f"{name}.h5", [cell], suite="s", suite_text="", environment={})
    both = merge_cells(
        [cell for name in "ab" for cell in read_record(tmp_path / f"{name}.h5").cells]
    )
    write_record(tmp_path / "all.h5", both, suite="s", suite_text="", environment={})
    (merged,) = read_record(tmp_path / "all.h5").cells
    same(values(bench.run(0, 1, 2)), values(merged))


def test_a_method_without_a_network_is_refused_before_it_trains(make_bench: Any) -> None:
    class Distance(SoloStrategy):
        """No network at all."""

        def setup(self) -> None:
            self.means = torch.zeros(3)

    with pytest.raises(
        StrategyError,
        match="distance has no network of its own whose weights could be kept; leave weights out",
    ):
        make_bench(Distance, keep=["weights"]).run(0)
