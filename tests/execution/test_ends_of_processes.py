"""Runs that are interrupted or killed, in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import clbench
from clbench.records import read_record

from .whole_runs import SUITE, cells


def start(folder: Path, faulty: Path, **options: str) -> subprocess.Popen[str]:
    suite = folder / "suite.json.yaml"
    suite.write_text(json.dumps({**SUITE, "strategies": ["naive", {"faulty": options}]}))
    where = [
        "--out",
        str(folder / "out"),
        "--plugin",
        str(faulty),
        "--workers",
        "1",
        "--device",
        "cpu",
    ]
    command = [sys.executable, "-m", "clbench", "run", str(suite), *where]
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # what a shell starts in the background ignores it
    )


def wait_for(condition: Any, seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_keeps_what_finished_loses_no_step_and_says_how_to_go_on(
    tmp_path: Path, faulty: Path, signal_: int
) -> None:
    steps = tmp_path / "steps"
    process = start(tmp_path, faulty, how="slow", mark=str(steps))
    wait_for(
        lambda: steps.exists() and len(steps.read_text().splitlines()) > 8
    )  # in the second task
    os.killpg(process.pid, signal_)  # as a terminal does, and a cluster: to everybody
    _, said = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "go on with: clbench run" in said
    assert list(cells(tmp_path / "out")) == ["naive"]
    before = steps.read_text().splitlines()
    strategies = ["naive", {"faulty": {"how": "slow", "mark": str(steps)}}]
    where: dict[str, Any] = {"out": tmp_path / "out", "plugins": faulty, "device": "cpu"}
    clbench.run({**SUITE, "strategies": strategies}, **where, workers=0, quiet=True)
    taken = steps.read_text().splitlines()
    assert len(before) < len(taken) == len(set(taken))
    assert {line.split()[0] for line in taken} == set("01234")


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path: Path, faulty: Path) -> None:
    process = start(tmp_path, faulty, how="sleep")
    wait_for(
        lambda: (
            list((tmp_path / "out" / "checkpoints").glob("*.ckpt"))
            and list((tmp_path / "out" / "jobs").glob("*.h5"))
        )
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children
    process.kill()
    process.communicate()
    wait_for(lambda: not any(_runs(int(child)) for child in children))
    assert [
        cell.label for cell in read_record(next((tmp_path / "out" / "jobs").glob("*.h5"))).cells
    ] == ["naive"]


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
