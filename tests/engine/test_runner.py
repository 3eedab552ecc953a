"""Jobs from set-up to record: what is told of them, and curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.engine import Progress
from clbench.engine.measurements import padded
from clbench.engine.runner import work_of
from clbench_plugins.er import ER
from clbench_plugins.ewc import EWC
from clbench_plugins.l1_activity import L1Activity
from clbench_plugins.naive import Naive

from .jobs import SoloPlain, run, same

# ---------------------------------------------------------------------------------------- the
# record and progress


def test_what_the_record_says_of_the_job(make_bench: Any) -> None:
    record = make_bench([L1Activity(strength=2.0), ER]).run(3, 1)
    assert record.seed.tolist() == [3, 1]
    assert record.agent.tolist() == [0, 0]
    assert record.strategy == "l1_activity+er"
    assert record.options["l1_activity"] == {"strength": 2.0}
    assert record.protocol["batch_size"] == 8
    assert record.diverged_at.tolist() == [-1, -1]
    assert record.cost["parameters"].tolist() == [16 * 12 + 12 + 12 * 6 + 6] * 2
    assert record.cost["train_seconds"].shape == (2, 3)
    assert (record.cost["train_seconds"] > 0).all()
    assert record.cost["peak_memory"].shape == (2,)


def test_what_a_method_carries_is_counted_a_member(make_bench: Any) -> None:
    """Fisher information and its centre, of four bytes a number, and a constant; the reservoir's
    images, and their labels.
    """
    parameters = 16 * 12 + 12 + 12 * 6 + 6
    for seeds in ((0,), (0, 1, 2)):
        assert make_bench(Naive).run(*seeds).cost["state_bytes"].tolist() == [0] * len(seeds)
        assert make_bench(EWC).run(*seeds).cost["state_bytes"].tolist() == [
            2 * 4 * parameters + 4
        ] * len(seeds)
        costs = make_bench(ER(memory=50)).run(*seeds).cost
        assert costs["state_bytes"].tolist() == [50 * (16 + 1)] * len(seeds)
        # What it takes here, by which stacks are sized, are two tables of indices.
        assert (costs["device_bytes"] >= 50 * 2 * 8).all()
        assert (costs["device_bytes"] < 50 * 2 * 8 + 100).all()


def test_progress_is_told(make_bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clbench.engine.runner.SECONDS_BETWEEN_REPORTS", 0.0)
    bench, told = make_bench(Naive, epochs=2), list[Progress]()
    record = run(bench, 0, 1, listener=told.append)
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert {progress.tasks for progress in told} == {3}
    ends = [progress for progress in told if progress.accuracy is not None]
    shares = np.cumsum(
        work_of(bench.cell, bench.start(0, 1)[0].session, bench.host)
    )  # tasks have unequal numbers of samples
    assert [progress.task for progress in ends] == [1, 2, 3]
    assert [progress.fraction for progress in ends] == pytest.approx(shares / shares[-1])
    for progress in ends:
        np.testing.assert_allclose(
            progress.accuracy, record.accuracy[:, progress.task, : progress.task].mean(1)
        )


def test_members_of_a_job_may_be_in_any_order(make_bench: Any) -> None:
    bench = make_bench(ER)
    one, other = bench.run(0, 1, 2), bench.run(2, 0, 1)
    same(one, other, 0, 1, 2)


@pytest.mark.parametrize("strategy", [Naive, ER, EWC])
def test_members_with_unequal_numbers_of_samples_are_those_they_would_be_alone(
    make_bench: Any, strategy: type
) -> None:
    for form in ("auto", "loop"):
        bench = make_bench(
            strategy, epochs=2, optimizer={"adam": {"lr": 0.01}}, augment="crop_flip"
        )
        together = bench.run(0, 1, 2, 3, form=form)
        for seed in range(4):
            same(bench.run(seed, form=form), together, seed)


def test_a_solo_strategy_is_the_stacked_one(make_bench: Any) -> None:
    """Plain modules and torch's optimisers, member by member: the same numbers but for rounding."""
    for optimizer in (
        {"sgd": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}},
        {"adam": {"lr": 0.01}},
        {"adamw": {"lr": 0.01}},
    ):
        options = {
            "optimizer": optimizer,
            "epochs": 2,
            "clip": 1.0,
            "schedule": "cosine",
            "logits": "seen",
        }
        stacked, solo = (
            make_bench(strategy, **options).run(0, 1) for strategy in (Naive, SoloPlain)
        )
        np.testing.assert_allclose(stacked.loss, solo.loss, rtol=2e-3)
        np.testing.assert_allclose(stacked.accuracy, solo.accuracy, atol=0.11)


# ---------------------------------------------------------------------------------------- curves


def test_padding() -> None:
    nan = np.nan
    np.testing.assert_array_equal(padded([[1.0, 2.0], [3.0], []]), [[1, 2], [3, nan], [nan, nan]])
    np.testing.assert_array_equal(padded([[[1.0, 2.0]], [[3.0, 4.0]]]), [[[1, 2]], [[3, 4]]])
    np.testing.assert_array_equal(
        padded([[[1.0], [1.0, 2.0]], []]), [[[1, nan], [1, 2]], [[nan, nan], [nan, nan]]]
    )
    assert padded([[], []]).shape == (2, 0)
