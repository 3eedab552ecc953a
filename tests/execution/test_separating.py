"""Runs that add seeds until strategies are told apart, or until there are as many as there may be.

The strategies are far apart (one never learns) or the same; all runs are a few steps on digits.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import clbench
from clbench.errors import Interrupted, RunFailed
from clbench.execution.supervisor import Supervisor
from clbench.records import RecordFile, read_record

PLUGIN = '''
import os, signal
from pathlib import Path

from clbench import RecordMetric, Strategy, hookimpl


class Still(Strategy):
    """Never learns; may interrupt the run, or fail."""

    interrupts: str = ""
    fails: str = ""

    def begin_task(self, task):
        super().begin_task(task)
        seeds = {seed for seed, _ in self.session.members}
        if self.interrupts:
            with open(self.interrupts, "a") as file:
                file.write(f"{sorted(seeds)} {task.index}\\n")
        if self.interrupts and 3 in seeds and task.index == 1:
            mark = Path(self.interrupts + ".mark")
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGINT)
        if self.fails and 0 in seeds:
            raise ValueError("no luck")

    def task_loss(self, batch):
        return super().task_loss(batch) * 0


class Unknown(RecordMetric):
    """Has no value."""

    def value(self, run):
        return self.undefined("nobody knows")


class Twin(Strategy):
    """As `naive`, under another name."""


@hookimpl
def clbench_strategies():
    return [Still, Twin]


@hookimpl
def clbench_metrics():
    return [Unknown]
'''

LOOKS = [4, 5, 6]
PROTOCOL = {"model": {"mlp": {"hidden": [8]}}, "steps": 15, "optimizer": {"sgd": {"lr": 0.5}}}


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "still.py"
    path.write_text(PLUGIN)
    return path


def suite(strategies: list[Any], **changes: Any) -> dict[str, Any]:
    return {
        "name": "s",
        "scenarios": [{"split": {"dataset": "digits", "tasks": 2}}],
        "protocol": {
            "model": {"mlp": {"hidden": [8]}},
            "steps": 3,
            "optimizer": {"sgd": {"lr": 0.1}},
        },
        "seeds": {"until": "separated", "looks": LOOKS, "alpha": 0.9},
        "strategies": strategies,
        "metrics": [],
        "compare": {"metric": "average_accuracy"},
        **changes,
    }


def run(folder: Path, plugin: Path, asked: dict[str, Any], **options: Any) -> RecordFile:
    options = {"workers": 0, "quiet": True, **options}
    clbench.run(asked, out=folder, plugins=plugin, **options)
    return read_record(folder / "s.h5")


def seeds_of(record: RecordFile) -> dict[str, list[int]]:
    return {cell.label: cell.seed.tolist() for cell in record.cells}


def accuracies(record: RecordFile) -> dict[str, bytes]:
    found = {}
    for cell in record.cells:
        assert cell.accuracy is not None
        found[cell.label] = cell.accuracy.tobytes()
    return found


def test_it_stops_at_the_look_that_decides_every_pair(tmp_path: Path, plugin: Path) -> None:
    record = run(tmp_path / "r", plugin, suite(["naive", "still"]))
    assert seeds_of(record) == {"naive": [0, 1, 2, 3], "still": [0, 1, 2, 3]}
    (look,) = record.looks
    assert set(look.cells.values()) == {(0, 1, 2, 3)}
    assert (look.metric, look.alpha, look.test) == ("average_accuracy", 0.9, "declared looks")
    assert dict(look.rule) == {
        "looks": LOOKS,
        "alpha": 0.9,
        "rope": None,
        "method": "declared looks",
        "baseline": None,
    }


@pytest.mark.parametrize(
    ("changes", "seeds"),
    [
        # The twins cannot be told apart; against `still` alone all is decided.
        ({"compare": {"baseline": "still"}}, 4),
        # Equal runs are shown to be equivalent, and more seeds would show no more.
        ({"seeds": {"until": "separated", "looks": [4, 5], "alpha": 0.9, "rope": 0.1}}, 4),
    ],
)
def test_it_goes_on_for_the_pairs_that_the_suite_compares(
    tmp_path: Path, plugin: Path, changes: dict[str, Any], seeds: int
) -> None:
    record = run(tmp_path / "r", plugin, suite(["naive", "twin", "still"], **changes))
    assert {len(found) for found in seeds_of(record).values()} == {seeds}


def test_killed_between_looks_it_takes_the_same_way(
    tmp_path: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who cannot be told apart goes on to the most seeds there may be.
    whole = run(tmp_path / "whole", plugin, suite(["naive", "twin"]))
    assert [len(max(look.cells.values())) for look in whole.looks] == LOOKS
    carry_out, rounds = Supervisor.carry_out, []

    def killed_in_the_second(self: Supervisor, jobs: Any) -> Any:
        rounds.append(len(jobs))
        if len(rounds) == 2:
            raise RuntimeError("the power is gone")
        return carry_out(self, jobs)

    with monkeypatch.context() as patch:
        patch.setattr(Supervisor, "carry_out", killed_in_the_second)
        with pytest.raises(RuntimeError, match="the power is gone"):
            run(tmp_path / "r", plugin, suite(["naive", "twin"]))
    first = read_record(tmp_path / "r/s.h5")
    assert seeds_of(first) == {"naive": [0, 1, 2, 3], "twin": [0, 1, 2, 3]}
    resumed = run(tmp_path / "r", plugin, suite(["naive", "twin"]))
    contents = [look.content for look in resumed.looks]
    assert contents == [look.content for look in whole.looks]
    assert accuracies(resumed) == accuracies(whole)
    again = run(tmp_path / "r", plugin, suite(["naive", "twin"]))
    assert again.looks == resumed.looks


def test_a_job_of_a_later_look_goes_on_from_its_checkpoint(tmp_path: Path, plugin: Path) -> None:
    log = tmp_path / "log"
    # Seeds 0 to 2 first, then 3; seed 3 is interrupted, and seed 0 fails each time it is tried.
    asked = suite(
        [{"still": {"interrupts": str(log)}}, {"still": {"fails": "yes", "label": "failing"}}],
        seeds={"until": "separated", "looks": [3, 4], "alpha": 0.05},
    )
    with pytest.raises(Interrupted):
        run(tmp_path / "r", plugin, asked)
    with pytest.raises(RunFailed):
        run(tmp_path / "r", plugin, asked)
    begun = [line for line in log.read_text().splitlines() if line.startswith("[3]")]
    assert begun == ["[3] 0", "[3] 1"]
    assert seeds_of(read_record(tmp_path / "r/s.h5"))["still"] == [0, 1, 2, 3]


def test_failed_runs_count_as_worst_and_are_tried_once_a_run(tmp_path: Path, plugin: Path) -> None:
    failing = {"still": {"fails": "yes", "label": "failing"}}
    with pytest.raises(RunFailed, match="no luck"):
        run(tmp_path / "r", plugin, suite(["naive", failing]))
    record = read_record(tmp_path / "r/s.h5")
    assert {len(found) for found in seeds_of(record).values()} == {4}
    (look,) = record.looks
    assert set(look.cells.values()) == {(0, 1, 2, 3)}


def test_a_metric_without_values_is_said_and_nothing_more_is_run(
    tmp_path: Path, plugin: Path
) -> None:
    asked = suite(["naive", "still"], metrics=["unknown"], compare={"metric": "unknown"})
    with pytest.raises(RunFailed, match=r"stopped at 4 seeds: unknown has no value for naive on"):
        run(tmp_path / "r", plugin, asked)
    assert seeds_of(read_record(tmp_path / "r/s.h5"))["naive"] == [0, 1, 2, 3]


def test_only_decides_among_those_it_names_and_seeds_wins(tmp_path: Path, plugin: Path) -> None:
    asked = suite(["naive", "twin", "still"])
    few = run(tmp_path / "r", plugin, asked, only=["naive", "still"])
    assert seeds_of(few) == {"naive": [0, 1, 2, 3], "still": [0, 1, 2, 3]}
    one = run(tmp_path / "one", plugin, asked, only="twin")
    assert (seeds_of(one), one.looks[0].cells.keys()) == (
        {"twin": [0, 1, 2, 3]},
        {one.cells[0].key},
    )
    fixed = run(tmp_path / "r", plugin, asked, only="naive", seeds="5-5")
    assert seeds_of(fixed) == {"naive": [0, 1, 2, 3, 5], "still": [0, 1, 2, 3]}
    # All of them: what is there counts, and the twins need all there may be.
    assert {len(found) for found in seeds_of(run(tmp_path / "r", plugin, asked)).values()} == {6}


YAML = """
    name: s
    scenarios: [split: {dataset: digits, tasks: 2}]
    protocol: {model: {mlp: {hidden: [8]}}, steps: 15, optimizer: {sgd: {lr: 0.5}}}
    seeds: {until: separated, looks: [4, 5, 6]}
    strategies: [naive, twin, still]
    compare: {alpha: 0.9}
    plugins: [still.py]
"""


def test_the_command_says_how_far_it_goes_before_while_and_after(project) -> None:
    project.write("still.py", PLUGIN)
    project.write("s.yaml", YAML)
    looks = "seeds are added until the strategies are told apart, looks at 4, 5, 6"
    dry = project.clbench("run", "s.yaml", "--dry-run")
    assert f"{looks}: at least 12 runs, at most 18\n" in dry.stdout
    done = project.clbench("run", "s.yaml", "--workers", "0")
    assert done.code == 0, done.stderr
    assert "look at 4 seeds: 2 of 3 pairs are decided; on to 5 seeds" in done.stderr
    assert "look at 5 seeds: 2 of 3 pairs are decided; on to 6 seeds" in done.stderr
    stopped = "stopped at 6 seeds, the most there may be; undecided: naive and twin\n"
    assert stopped in done.stdout
    assert "18 of 18 runs are in" in done.stdout
    assert "Seeds were added by declared looks, and ranks are what those decide." in done.stdout
    compared = json.loads(project.clbench("compare", "results/s/s.h5", "--format", "json").stdout)
    assert compared["looks"]["declared"] == [4, 5, 6]
    decisions = {(pair["a"], pair["b"]): pair["decision"] for pair in compared["pairs"]}
    assert decisions["naive", "twin"] == "open"
    assert decisions["naive", "still"] == decisions["twin", "still"] == "first better"
    over = project.clbench("run", "s.yaml", "--dry-run")
    assert f"{looks}: no more are, with what is in the record\n" in over.stdout
    few = project.clbench(
        "run", "s.yaml", "--only", "naive,still", "--out", "few", "--workers", "0"
    )
    assert "stopped at 4 seeds: the pair is decided\n" in few.stdout
    assert "8 of 8 runs are in" in few.stdout
    small = project.clbench("run", "s.yaml", "--smoke", "--workers", "0")
    assert small.code == 0
    assert "stopped at 2 seeds" in small.stdout
    shown = project.clbench("validate", "s.yaml")
    assert "3 cells, 12 to 18 runs" in shown.stdout
