"""Stacks are sized by what tensors take on the device, not by what a method would have to keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clbench.execution import Options, Run, open_suite
from clbench.execution.estimate import COPIES, FLOAT, Estimator
from clbench.execution.jobs import Job
from clbench.records import CellRecord

SUITE = """
name: memory
scenarios: [{split: {dataset: digits, tasks: 5, setting: class}}]
protocol: {model: {mlp: {hidden: [10]}}}
seeds: 2
strategies: [{er: {memory: 100}}]
"""
NETWORK = (64 * 10 + 10 + 10 * 10 + 10) * FLOAT * COPIES
IMAGES = 100 * (64 + 1)
INDICES = 101 * 2 * 8


@pytest.fixture
def run(tmp_path: Path) -> Run:
    suite = tmp_path / "memory.yaml"
    suite.write_text(SUITE)
    return Run(*open_suite(suite), Options(device="cpu", workers=1))


def job_of(run: Run) -> Job:
    (one,) = run.planned
    return Job(one, one.members)


def test_a_buffer_counts_as_its_indices_where_room_is_planned(run: Run) -> None:
    carried = Estimator(run.inspector, {}).memory(job_of(run)).member - NETWORK
    assert INDICES <= carried < INDICES + 100 < IMAGES


def test_what_finished_members_took_is_their_tensors(run: Run) -> None:
    job = job_of(run)
    cost = {"state_bytes": np.full(2, 1e6), "device_bytes": np.full(2, 5e4)}
    finished = CellRecord(
        job.key, "split", "er", "er", seed=np.arange(2), accuracy=np.zeros((2, 6, 5)), cost=cost
    )
    assert Estimator(run.inspector, {job.key: finished}).memory(job).member == NETWORK + 5e4
    older = replace(finished, cost={"state_bytes": np.full(2, 1e6)})
    assert Estimator(run.inspector, {job.key: older}).memory(job).member == NETWORK + 1e6


# ------------------------------------------------------------------------------------------ kept
# features

PROBE = """
from clbench import Phase, Strategy, hookimpl


class HeadAlone(Strategy):
    \"\"\"Trains the last layer alone.\"\"\"

    foreseeable = True

    def phases(self, task):
        return [Phase("head", epochs=50, frozen_before="head")]


@hookimpl
def clbench_strategies():
    return [HeadAlone]
"""
FROZEN = """
name: frozen
plugins: [head_alone.py]
scenarios: [{split: {dataset: digits, tasks: 5, setting: class}}]
protocol: {model: {mlp: {hidden: [10]}}}
seeds: 4
strategies: [head_alone]
"""


@pytest.fixture
def frozen(tmp_path: Path) -> Run:
    (tmp_path / "head_alone.py").write_text(PROBE)
    (tmp_path / "frozen.yaml").write_text(FROZEN)
    return Run(*open_suite(tmp_path / "frozen.yaml"), Options(device="cpu", workers=1))


def test_features_that_are_kept_enter_the_estimate(
    frozen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(frozen)
    features = Estimator(frozen.inspector, {}).memory(job).member - NETWORK
    stream = frozen.inspector.scenario(job.cell).stream(
        frozen.inspector.arrays(job.cell), 0, 0, 0.0
    )
    largest = max(len(task.train) for task in stream.tasks)
    assert features == largest * 10 * FLOAT
    monkeypatch.setenv("CLBENCH_FEATURES", "none")
    assert Estimator(frozen.inspector, {}).memory(job).member == NETWORK


def test_jobs_on_a_cpu_are_as_many_as_keep_their_features(
    frozen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator, job = Estimator(frozen.inspector, {}), job_of(frozen)
    mine = estimator.memory(job).member - NETWORK
    pieces = [estimator.pieces_by_features(job, room * mine) for room in (0, 0.5, 1, 2.5, 4)]
    assert pieces == [1, 4, 4, 2, 1]
    monkeypatch.setenv("CLBENCH_FEATURES", f"{int(2 * mine)}B")
    assert [len(one.members) for one in frozen.plan({}).jobs] == [2, 2]


def test_features_of_augmented_images_are_none(frozen: Run) -> None:
    job = job_of(frozen)
    augmented = replace(job.cell, protocol=job.cell.protocol.with_changes(augment="flip"))
    assert (
        Estimator(frozen.inspector, {})
        .memory(replace(job, planned=replace(job.planned, cell=augmented)))
        .member
        == NETWORK
    )
