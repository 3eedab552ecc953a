"""Costs do not depend on what the process did before."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from clbench.engine import fresh_start

CPU = torch.device("cpu")
BENCH = """
import json, sys, torch
from clbench.engine.fresh_start import begin_job
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench

torch.set_num_threads(1)
host = Host.load()
scenario = Choice("split", {"dataset": {"digits": {}}, "tasks": 2, "classes_per_task": 2})

def bench(width):
    model, optimizer = {"mlp": {"hidden": [width, width]}}, {"adam": {"lr": 0.001}}
    protocol = {"model": model, "optimizer": optimizer, "batch_size": 64, "epochs": 1}
    return Bench(host.get("strategy", "naive"), host, scenario, protocol)
"""


JOBS = """
job = bench(16)
begin_job(torch.device("cpu"))
before = set(sys.modules)
job.run(0, 1)
imported = sorted(set(sys.modules) - before)

peaks = []
for job in (bench(1500), bench(16), bench(16)):
    begin_job(torch.device("cpu"))
    peaks.append(job.run(0, 1).cost["peak_memory"][0])
print(json.dumps({"imported": imported, "peaks": peaks}))
"""


@pytest.fixture(scope="module")
def fresh() -> Any:
    """What a fresh process tells of its jobs."""
    done = subprocess.run(
        [sys.executable, "-c", BENCH + JOBS], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_the_first_job_of_a_process_imports_nothing_while_its_clock_runs(fresh: Any) -> None:
    """It took a second: `backward` with a gradient given imports a computer algebra system."""
    assert fresh["imported"] == []


@pytest.mark.skipif(not fresh_start.CLEAR.exists(), reason="the system does not tell")
def test_a_small_job_after_a_large_one_needs_little_memory(fresh: Any) -> None:
    """The process never gets smaller by itself, and the mark of its largest size never goes
    down.
    """
    large, small, again = fresh["peaks"]
    assert large > 2 * 1500 * 1500 * 4 * 3  # two members: weights, gradients, moments
    assert 0 <= small < 0.1 * large
    assert 0 <= again < 0.1 * large


def test_where_the_system_does_not_tell_memory_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fresh_start, "CLEAR", tmp_path / "no" / "such" / "file")
    memory = fresh_start.Memory()
    assert math.isnan(memory.peak())
    memory.begin()
    assert math.isnan(memory.peak())


def test_the_warm_up_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    fresh_start.warm_up.__wrapped__(CPU)
    assert torch.equal(before, torch.get_rng_state())
