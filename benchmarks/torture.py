"""Kills runs at random moments, runs them again, and compares every bit with a run that nobody
disturbed.

    python benchmarks/torture.py [--kills 20] [--seed 0] [--only group worker interrupt disk]
    [--folder DIR]

`group`: SIGKILL to the whole process group of a run, `worker`: to single workers of one that goes
on, `interrupt`: Ctrl-C, `disk`: no room left in the middle. Each run is the command line's, with
two workers and a checkpoint every 0.2 s.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import torch

import clbench.engine  # noqa: F401
from clbench.cli import main as run_command
from clbench.execution import worker
from clbench.host import Host
from clbench.records import read_record
from clbench.testing.bench import first_difference, rows
from clbench_plugins.local_launcher import process

GUESTS = Path(__file__).parent.parent / "tests" / "guests"
EVERY = "0.2s"
SUITE = """
name: torture
scenarios:
  - split: {{dataset: digits, tasks: 5}}
protocol:
  model: {{mlp: {{hidden: [32], norm: batch, dropout: 0.2}}}}
  epochs: {epochs}
  batch_size: 24
  optimizer: {{adam: {{lr: 0.002}}}}
seeds: 2
strategies:
  - er: {{memory: 50}}
  - ewc: {{strength: 10, protocol: {{model: {{mlp: {{norm: none}}}}}}}}
  - er+ewc:
      er: {{memory: 50}}
      ewc: {{fisher: sampled}}
      protocol:
        model: {{mlp: {{norm: none}}}}
        schedule: cosine
        optimizer: {{torch.RMSprop: {{lr: 0.001}}}}
  - cumulative: {{protocol: {{validation: 0.2, stop_at: 0.9}}}}
  - layerwise: {{protocol: {{model: {{mlp: {{hidden: [24]}}}}}}}}
  - nearest_neighbour: {{every: 20}}
metrics: [average_accuracy, online_accuracy]
"""
PLUGINS = ("layerwise", "nearest_neighbour")


class Forked:
    """As much of `subprocess.Popen` as a run and its workers need, without a new interpreter."""

    def __init__(
        self,
        main: Callable[[], object],
        stdin: int,
        stdout: int,
        stderr: int,
        session: bool = False,
    ) -> None:
        self.returncode: int | None = None
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        self.pid = os.fork()
        if self.pid:
            return
        try:
            if session:
                os.setsid()
            for number, source in enumerate((stdin, stdout, stderr)):
                os.dup2(source, number)
            os.closerange(3, 1024)
            signal.signal(
                signal.SIGINT, signal.default_int_handler
            )  # a shell's background jobs ignore it
            main()
        except SystemExit as leaving:
            os._exit(int(leaving.code or 0))
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)

    @classmethod
    def worker(
        cls, command: object, stdin: int, stdout: int, stderr: int, env: object, **text: Any
    ) -> Forked:
        """In the place of the process that the local launcher starts."""
        pipes = [os.pipe() for _ in range(3)]
        made = cls(worker.main, pipes[0][0], pipes[1][1], pipes[2][1])
        for end in (pipes[0][0], pipes[1][1], pipes[2][1]):
            os.close(end)
        made.stdin = os.fdopen(pipes[0][1], "w", encoding="utf-8")
        made.stdout, made.stderr = (
            os.fdopen(pipe[0], encoding="utf-8", errors="replace") for pipe in pipes[1:]
        )
        return made

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("worker", timeout or 0.0)
            time.sleep(0.01)
        return self.returncode or 0

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Torture:
    """One folder of runs, all of the same suite."""

    def __init__(self, folder: Path, epochs: int = 4, seed: int = 0) -> None:
        self.folder, self.random = folder, random.Random(seed)
        folder.mkdir(parents=True, exist_ok=True)
        self.suite = folder / "torture.yaml"
        self.suite.write_text(SUITE.format(epochs=epochs))
        started = time.monotonic()
        assert self.run(folder / "whole") == 0, "the run that nobody disturbs failed"
        self.seconds = time.monotonic() - started
        self.whole = read_record(folder / "whole" / "torture.h5").cells

    # ------------------------------------------------------------------ runs

    def start(self, out: Path) -> Forked:
        """A run in a process group of its own."""
        plugins = [word for name in PLUGINS for word in ("--plugin", str(GUESTS / f"{name}.py"))]
        where = [
            "--out",
            str(out),
            "--device",
            "cpu",
            "--workers",
            "2",
            "--checkpoint-every",
            EVERY,
        ]
        command = ["run", str(self.suite), *where, *plugins]
        with (self.folder / "said.txt").open("a") as said, open(os.devnull, "r+") as null:
            return Forked(
                lambda: run_command(command),
                null.fileno(),
                null.fileno(),
                said.fileno(),
                session=True,
            )

    def run(self, out: Path) -> int:
        """A run to its end."""
        return self.start(out).wait()

    def said(self) -> str:
        """What the runs have printed since the last time it was asked."""
        file = self.folder / "said.txt"
        text = file.read_text()
        file.write_text("")
        return text

    def wait_for_moment(self, process: Forked, out: Path) -> bool:
        """A random moment after training has begun; False where the run was over before."""
        while not list(out.glob("checkpoints/*.ckpt")):
            if process.poll() is not None:
                return False
            time.sleep(0.02)
        until = time.monotonic() + self.random.expovariate(1.0) * self.seconds / 8
        while time.monotonic() < until and process.poll() is None:
            time.sleep(0.01)
        return process.poll() is None

    @staticmethod
    def count(done: int) -> int:
        """One more, seen by whoever waits."""
        print(f"  {done + 1}", flush=True)
        return done + 1

    def check(self, out: Path) -> None:
        """The record is that of the run that nobody disturbed, and nothing else is left."""
        left = sorted(str(path.relative_to(out)) for path in out.rglob("*"))
        assert left == ["torture.h5"], f"left over: {left}"
        for whole, cell in zip(self.whole, read_record(out / "torture.h5").cells, strict=True):
            assert (cell.label, cell.status, cell.errors) == (whole.label, "done", ())
            for seed in whole.seed:
                difference = first_difference(rows(whole, int(seed)), rows(cell, int(seed)))
                assert difference is None, f"{cell.label}, seed {seed}: {difference}"
        shutil.rmtree(out)

    def until_done(self, out: Path, attempts: int = 5) -> None:
        """Run again until everything is there."""
        codes = []
        while not codes or codes[-1]:
            codes.append(self.run(out))
            assert len(codes) <= attempts, f"it does not come to its end: exit codes {codes}"
        self.check(out)

    # ------------------------------------------------------------------ what befalls them

    def group(self, kills: int) -> int:
        """The whole process group dies, again and again."""
        out, done = self.folder / "group", 0
        while done < kills:
            process = self.start(out)
            if self.wait_for_moment(process, out):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                done = self.count(done)
                continue
            assert process.wait() == 0
            self.check(out)
        self.until_done(out)
        return done

    def worker(self, kills: int) -> int:
        """Single workers die, and the run goes on."""
        out, done = self.folder / "worker", 0
        while done < kills:
            process = self.start(out)
            while done < kills and self.wait_for_moment(process, out):
                if children := _children(process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self.random.choice(children), signal.SIGKILL)
                        done = self.count(done)
            assert process.wait() in (0, 1)  # 1: one job lost two workers
            self.until_done(out)
        return done

    def interrupt(self, kills: int) -> int:
        """Ctrl-C: exit 130, and the next run goes on where the workers were."""
        out, done = self.folder / "interrupt", 0
        while done < kills:
            process = self.start(out)
            if self.wait_for_moment(process, out):
                self.said()
                os.killpg(process.pid, signal.SIGINT)
                code, said = process.wait(), self.said()
                assert code in (0, 130), f"exit code {code}: {said}"
                if code == 130:
                    assert "go on with: clbench run" in said
                    done = self.count(done)
            if process.wait() == 0:
                self.check(out)
        self.until_done(out)
        return done

    def disk(self, kills: int) -> int:
        """No room in the middle: one sentence, exit 1, and with room again it goes on."""
        done = 0
        while done < kills:
            with self.small_disk() as (out, fill):
                process = self.start(out)
                if self.wait_for_moment(process, out):
                    self.said()
                    free = fill(process)
                    code = process.wait()
                    free()
                    assert code in (0, 1), f"exit code {code}"
                    if code == 1:
                        said = [
                            line for line in self.said().splitlines() if line.startswith("error:")
                        ]
                        assert len(said) == 1, said
                        assert "stopped: cannot write" in said[0], said
                        assert "run the same command again" in said[0], said
                        done = self.count(done)
                self.until_done(out)
        return done

    @contextlib.contextmanager
    def small_disk(self) -> Iterator[tuple[Path, Callable[[Forked], Callable[[], None]]]]:
        """A folder, and how to fill it: a small file system of our own where we may mount one, else
        no file may grow beyond its head.
        """
        disk = self.folder / "disk"
        disk.mkdir(exist_ok=True)
        if os.system(f"mount -t tmpfs -o size=16m tmpfs '{disk}' 2> {os.devnull}"):
            yield disk / "out", _limit_files
            return

        def fill(process: Forked) -> Callable[[], None]:
            blob = disk / "blob"
            with contextlib.suppress(OSError), blob.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
            return blob.unlink

        try:
            yield disk / "out", fill
        finally:
            os.system(f"umount '{disk}'")


def _limit_files(process: Forked) -> Callable[[], None]:
    for child in (process.pid, *_children(process.pid)):
        resource.prlimit(child, resource.RLIMIT_FSIZE, (4096, 4096))
    return lambda: None


def _children(process: int) -> list[int]:
    try:
        return [
            int(child)
            for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def warm_up() -> None:
    """Load what every process needs, once; and fork workers where they would be started anew."""
    torch.set_num_threads(1)
    Host.load()
    names = {
        "PIPE": subprocess.PIPE,
        "TimeoutExpired": subprocess.TimeoutExpired,
        "Popen": Forked.worker,
    }
    process.subprocess = SimpleNamespace(**names)  # type: ignore[assignment]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=["group", "worker", "interrupt", "disk"])
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    warm_up()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="torture-"))
    torture = Torture(folder, given.epochs, given.seed)
    print(f"undisturbed: {torture.seconds:.0f} s", flush=True)
    for name in given.only:
        started = time.monotonic()
        done = getattr(torture, name)(
            given.kills if name in ("group", "worker") else max(1, given.kills // 4)
        )
        print(
            f"{name}: {done} times, every bit as undisturbed, nothing left over "
            f"({time.monotonic() - started:.0f} s)",
            flush=True,
        )
    if not given.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
