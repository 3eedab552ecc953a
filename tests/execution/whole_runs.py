"""Whole runs on digits, and plugins that break in the way they are told.

Where processes do not matter the jobs run in this one, by a launcher that is a plugin like any
other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clbench.execution import Options, Outcome, open_suite, run_suite
from clbench.records import CellRecord, read_record

SUITE: dict[str, Any] = {
    "name": "tiny",
    "scenarios": [{"split": {"dataset": "digits", "tasks": 5}}],
    "protocol": {
        "model": {"mlp": {"hidden": [8]}},
        "epochs": 1,
        "batch_size": 64,
        "optimizer": {"sgd": {"lr": 0.05}},
    },
    "seeds": 2,
    "strategies": ["naive"],
    "metrics": [],
}

FAULTY = """
import os, signal, time, torch
from pathlib import Path
from clbench import Strategy, hookimpl

class Faulty(Strategy):
    \"\"\"Breaks in the way it is told.\"\"\"
    how: str = "raise"
    mark: str = ""

    def task_loss(self, batch):
        if self.how == "slow":
            time.sleep(0.05)
            with open(self.mark, "a") as file:
                file.write(f"{self.task.index} {batch.index[0].tolist()}\\n")
        loss = super().task_loss(batch)
        if self.how == "memory alone" and (7, 0) in self.session.members:
            broken = [seed == 7 and self.task.index == 2 for seed, _ in self.session.members]
            return torch.where(torch.tensor(broken), torch.nan, loss)
        return loss

    def begin_task(self, task):
        super().begin_task(task)
        if task.index != 1:
            return
        if self.how == "raise":
            raise ValueError("no luck today")
        if self.how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "print":
            print("not JSON at all", flush=True)
        if self.how == "once" and not Path(self.mark).exists():
            Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "sleep":
            time.sleep(60)
        if self.how == "memory alone" and (3, 0) in self.session.members:
            raise MemoryError("seed 3 is too much")
        if self.how == "memory" and self.members > 1:
            raise MemoryError("too much")
        if self.how == "diverge":
            for p in self.net.parameters():
                p.data.fill_(float("nan"))

@hookimpl
def clbench_strategies():
    return [Faulty]
"""

INLINE = """
from clbench import JobEvent, Launcher, hookimpl
from clbench.execution.worker import perform
from clbench.host import Host

class Inline(Launcher):
    \"\"\"Jobs in this very process, one after the other.\"\"\"

    def slots(self, device, workers):
        return [device] * workers

    def run(self, jobs, slots, site):
        host = Host.load(site.plugins)
        for job in jobs:
            if job.cell.label == "late":
                yield JobEvent("ended", job.id, status="timeout", error="it took too long")
                continue
            events = []
            ended = perform(job, site, slots[0], host, events.append)
            yield from [*events, ended]

@hookimpl
def clbench_launchers():
    return [Inline]
"""


def run(
    out: Path, *plugins: Path, options: dict[str, Any] | None = None, **changes: Any
) -> Outcome:
    suite, host = open_suite({**SUITE, **changes}, plugins)
    launcher = "inline" if any(path.stem == "inline" for path in plugins) else "local"
    return run_suite(
        suite,
        host,
        Options(out=out, device="cpu", launcher=launcher, **{"workers": 1, **(options or {})}),
    )


def cells(out: Path, name: str = "tiny") -> dict[str, CellRecord]:
    return {cell.label: cell for cell in read_record(out / f"{name}.h5").cells}
