"""The speed of `gpu.py`: steps of stacks, eagerly and as device graphs, and whole runs."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from gpu_report import Report
from torch import nn

from clbench import Arrays
from clbench.engine import Settings, build_learner, run_cell
from clbench.engine.loop import Loop
from clbench.engine.probes import Probes
from clbench.host import Host
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench

RUN_SAMPLES, RUN_TASKS = 12_000, 5


@dataclass(frozen=True, eq=False)
class Case:
    """A network and a batch size."""

    name: str
    model: dict[str, Any]
    side: int
    channels: int
    batch: int
    classes: int = 10

    def arrays(self, train: int) -> Arrays:
        """Noise: what is learnt does not matter here."""
        rng = np.random.default_rng(0)
        shape = (self.side, self.side, self.channels)
        y = np.arange(train) % self.classes
        x = rng.integers(0, 256, (train, *shape), dtype=np.uint8)
        return Arrays(
            "noise",
            x,
            y,
            x[: train // 6],
            y[: train // 6],
            classes=self.classes,
            fingerprint="noise",
        )

    def module(self, host: Host) -> nn.Module:
        ((name, options),) = self.model.items()
        made: nn.Module = host.get("model", name)(
            (self.channels, self.side, self.side), self.classes, **options
        )
        return made

    def cell(self, host: Host, strategy: str, tasks: int = 5, **protocol: Any) -> Cell:
        given = {
            "model": self.model,
            "batch_size": self.batch,
            "optimizer": {"sgd": {"lr": 0.01}},
            **protocol,
        }
        scenario = Choice("split", {"dataset": "synthetic", "tasks": tasks, "setting": "class"})
        return Bench(host.get("strategy", strategy), host, scenario, given).cell


CASES = [
    Case("784-256-256-10", {"mlp": {"hidden": [256, 256]}}, 28, 1, 64),
    Case("784-100-10", {"mlp": {"hidden": [100]}}, 28, 1, 10),
    Case("convnet", {"convnet": {}}, 32, 3, 100),
]


def step_seconds(
    report: Report,
    host: Host,
    case: Case,
    strategy: str,
    members: int,
    graphs: str,
    steps: int,
    precision: str = "fp32",
) -> dict[str, Any]:
    """A step once all is warm, what the task took beside, memory, and a replay with nothing around
    it.
    """
    if report.device != "cpu":
        torch.cuda.empty_cache()
    cell = case.cell(host, strategy, steps=steps, evaluate="current", precision=precision)
    made = build_learner(
        cell,
        [(s, 0) for s in range(members)],
        host=host,
        arrays=arrays_of(case),
        settings=Settings(device=report.device, graphs=graphs),
    )
    loop = Loop(made, Probes({}, made), graphs=graphs)
    warm, count, marks = steps // 5, 0, []

    def note() -> None:
        nonlocal count
        count += 1
        if count in (warm, steps):
            report.sync()
            marks.append(time.perf_counter())

    loop.on_step = note
    loop.task(made.session.streams.tasks[0])
    step = (marks[1] - marks[0]) / (steps - warm)
    whole = float(made.session.measurements.train_seconds[0, 0]) * members
    found: dict[str, Any] = {
        "step": step,
        "beside": whole - step * steps,
        "said": loop.training.steps.said,
    }
    if report.device != "cpu":
        found["memory"] = torch.cuda.max_memory_allocated()
    if loop.training.steps.graphs:
        graph = next(iter(loop.training.steps.graphs.values())).graph
        report.sync()
        start = time.perf_counter()
        for _ in range(50):
            graph.replay()
        report.sync()
        found["replay"] = (time.perf_counter() - start) / 50
    return found


@functools.cache
def arrays_of(case: Case) -> Arrays:
    return case.arrays(12_000)


def plain_step(report: Report, host: Host, case: Case, steps: int) -> float:
    """A step of what a person would write for one seed."""
    arrays = arrays_of(case)
    model = case.module(host).to(report.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    images = torch.from_numpy(arrays.x_train).permute(0, 3, 1, 2).float().div(255).to(report.device)
    labels = torch.from_numpy(arrays.y_train).to(report.device)
    times = []
    for part in torch.randperm(len(labels), device=report.device).split(case.batch)[: steps + 10]:
        report.sync()
        start = time.perf_counter()
        for _ in range(5):
            optimizer.zero_grad()
            F.cross_entropy(model(images[part]), labels[part]).backward()
            optimizer.step()
        report.sync()
        times.append((time.perf_counter() - start) / 5)
    return statistics.median(times)


def measure_steps(report: Report, host: Host) -> None:
    stacks = [1, 30] if report.quick else [1, 10, 30, 100]
    for case in CASES:
        plain = plain_step(report, host, case, 20)
        print(
            f"{case.name}, batch {case.batch}: plain PyTorch, one seed: {plain * 1e6:,.0f} us a "
            f"step, {hourly(case, plain, 1):,.0f} an hour"
        )
        print(HEAD)
        for strategy in ("naive", "er"):
            one: float | None = None
            for members in stacks:
                row: dict[str, Any] = {
                    "case": case.name,
                    "batch": case.batch,
                    "strategy": strategy,
                    "members": members,
                    "plain": plain,
                }
                try:
                    steps = 60 if case.name == "convnet" and members > 10 else 200
                    row["eager"] = step_seconds(report, host, case, strategy, members, "off", steps)
                    row["graph"] = step_seconds(
                        report, host, case, strategy, members, "auto", steps
                    )
                except Exception as error:
                    row["error"] = f"{type(error).__name__}: {str(error)[:160]}"
                    print(f"  {strategy:<6} {members:>5} | {row['error']}")
                report.rows.append(row)
                if "error" in row:
                    continue
                one = one or row["graph"]["step"]
                print(line_of(case, row, one), flush=True)


HEAD = (
    f"  {'strategy':<8}{'R':>5} |{'eager us':>10}{'graph us':>10}{'replay us':>10}{'begin ms':>9} |"
    f"{'seeds/h eager':>14}{'graph':>11} |{'R / one':>8}{'x plain':>9} |{'GiB':>7}"
)


def line_of(case: Case, row: Mapping[str, Any], one: float) -> str:
    """A row under HEAD."""
    eager, graph, made = row["eager"]["step"], row["graph"]["step"], row["graph"]
    hours = hourly(case, eager, row["members"]), hourly(case, graph, row["members"])
    microseconds = [1e6 * seconds for seconds in (eager, graph, made.get("replay", 0))]
    times = "".join(f"{value:>10,.0f}" for value in microseconds)
    line = f"  {row['strategy']:<8}{row['members']:>5} |{times}"
    line += (
        f"{made['beside'] * 1e3:>9.0f} |{hours[0]:>14,.0f}{hours[1]:>11,.0f} |{graph / one:>8.2f}"
    )
    line += (
        f"{hours[1] / hourly(case, row['plain'], 1):>9.1f} |{made.get('memory', 0) / 2**30:>7.2f}"
    )
    return line + ("" if made["said"] in ("captured", "") else f" {made['said']}")


def hourly(case: Case, step: float, members: int) -> float:
    """Seeds an hour: five tasks of 12,000 samples, one epoch, training alone."""
    return 3600.0 * members / (step * RUN_TASKS * -(-RUN_SAMPLES // case.batch))


def whole_runs(report: Report, host: Host) -> str:
    """The run of the table's first row with all its evaluation, of one seed and of thirty."""
    case, said, walls = CASES[0], [], []
    arrays = case.arrays(RUN_SAMPLES * (1 if report.quick else RUN_TASKS))
    for members in (1, 30):
        start = time.perf_counter()
        record = run_cell(
            case.cell(host, "naive"),
            "gpu",
            [(s, 0) for s in range(members)],
            host=host,
            arrays=arrays,
            settings=Settings(device=report.device),
        )
        report.sync()
        walls.append(time.perf_counter() - start)
        training = float(record.cost["train_seconds"].sum())
        said.append(
            f"R = {members}: {walls[-1]:.2f} s, of which training {training:.2f}, "
            f"{3600 * members / walls[-1]:,.0f} seeds an hour"
        )
    report.rows.append({"case": "whole runs", "said": said, "walls": walls})
    return "; ".join(said) + f"; thirty in {walls[1] / walls[0]:.2f} times the time of one"


def check_stacking(report: Report) -> str:
    """Thirty stacked seeds within three times the time of one, as device graphs, from the table."""
    said = []
    for case in CASES:
        mine = [
            row
            for row in report.rows
            if row["case"] == case.name and row.get("strategy") == "naive" and "graph" in row
        ]
        steps = {row["members"]: row["graph"]["step"] for row in mine}
        if 1 in steps and 30 in steps:
            said.append((case.name, steps[30] / steps[1]))
    line = ", ".join(f"{name} {ratio:.2f}" for name, ratio in said)
    assert said, "nothing was measured"
    assert max(ratio for _, ratio in said) <= 3.0, line
    return line
