"""Agents side by side: all seeds and agents in one stack, against one after the other.

    python benchmarks/agents.py

Eight agents a seed learn four tasks of two digits each. `modular+fedavg` is timed with all seeds in
one stack and with a stack for each seed: agents that exchange weights train together either way.
`modular`, which exchanges nothing, is also timed with one agent at a time (a scenario of one agent,
as many seeds as there were agents). Times are processor seconds of training, the least of several
rounds in which the ways take turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

from as_worker import as_worker
from rich.console import Console
from rich.table import Table

from clbench.suite.choice import Choice
from clbench.testing.bench import Bench, host_with

TASKS = 4
PROTOCOL = {
    "model": {"soft_ordering_mlp": {}},
    "head": "multi",
    "epochs": 3,
    "batch_size": 64,
    "validation": 0.2,
    "optimizer": {"adam": {"lr": 0.001}},
}


def bench_of(agents: int, names: Sequence[str]) -> Bench:
    """These methods on so many agents of the digits."""
    host = host_with()
    options: dict[str, dict[str, Any]] = {"modular": {"initial_tasks": 2}, "fedavg": {"every": 5}}
    parts = [host.get("strategy", name)(**options[name]) for name in names]
    scenario = {"dataset": "digits", "agents": agents, "tasks": TASKS, "shared_tasks": 2}
    return Bench(parts, host, Choice("agents", scenario), PROTOCOL)


def seconds(bench: Bench, jobs: Sequence[Sequence[int]]) -> float:
    """Processor seconds of training these seeds, a stack a job."""
    spent = 0.0
    for seeds in jobs:
        strategy, loop = bench.start(*seeds)
        begun = time.process_time()
        for task in strategy.session.streams.tasks:
            loop.task(task)
        spent += time.process_time() - begun
    return spent


def main() -> None:
    as_worker()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    seeds, members = range(given.seeds), range(given.seeds * given.agents)
    sharing = bench_of(given.agents, ["modular", "fedavg"])
    apart, single = bench_of(given.agents, ["modular"]), bench_of(1, ["modular"])
    each_seed = [[seed] for seed in seeds]
    each_agent = [[member] for member in members]
    ways = {
        ("modular+fedavg", "all seeds in one stack"): (sharing, [seeds]),
        ("modular+fedavg", "a stack a seed"): (sharing, each_seed),
        ("modular", "all seeds in one stack"): (apart, [seeds]),
        ("modular", "a stack a seed"): (apart, each_seed),
        ("modular", "one agent after the other"): (single, each_agent),
    }
    least = dict.fromkeys(ways, float("inf"))
    for turn in range(given.rounds):
        for way in sorted(ways, reverse=bool(turn % 2)):
            least[way] = min(least[way], seconds(*ways[way]))
    table = Table(title=f"{given.seeds} seeds of {given.agents} agents, one thread")
    for column in ("method", "how"):
        table.add_column(column)
    for column in ("seconds", "times as long"):
        table.add_column(column, justify="right")
    for method, how in ways:
        spent = least[method, how]
        ratio = spent / least[method, "all seeds in one stack"]
        table.add_row(method, how, f"{spent:.1f}", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
