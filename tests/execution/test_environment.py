"""What a worker process finds."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from clbench.execution.environment import MEMORY, worker_environment

TAKES_AND_GIVES = """
import resource, torch
for step in range(30):
    torch.ones(10_000_000)
    if step == 20: before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(environment: dict[str, str]) -> int:
    done = subprocess.run(
        [sys.executable, "-c", TAKES_AND_GIVES],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")
def test_a_worker_keeps_the_memory_that_it_frees() -> None:
    bare = {name: value for name, value in os.environ.items() if name not in MEMORY}
    assert faults({**bare, **worker_environment()}) < 500
    assert faults(bare) > 5000  # or there is nothing to be gained any more


def test_a_persons_own_setting_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MEMORY:
        monkeypatch.delenv(name, raising=False)
    assert MEMORY.items() <= worker_environment().items()
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    assert "MALLOC_TRIM_THRESHOLD_" not in worker_environment()
