"""Runs in the process that starts them: `workers=0`, and plugins that no other process could
import.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

import clbench
from clbench import SoloStrategy, Strategy
from clbench.errors import Interrupted, PluginError, RunFailed, UserError
from clbench.records import CellRecord, read_record
from clbench.stack import gemm
from clbench.testing.bench import first_difference, rows

SUITE: dict[str, Any] = {
    "name": "tiny",
    "scenarios": [{"split": {"dataset": "digits", "tasks": 5}}],
    "protocol": {
        "model": {"mlp": {"hidden": [256], "dropout": 0.2}},
        "epochs": 1,
        "batch_size": 64,  # 64 x 64 x 256: large enough for the fast path
        "optimizer": {"sgd": {"lr": 0.05}},
    },
    "seeds": 2,
    "strategies": ["er"],
    "metrics": [],
}


def run(out: Path, strategy: str = "er", workers: int | None = 0, **more: Any) -> clbench.Results:
    suite = {**SUITE, "strategies": [strategy]}
    return clbench.run(suite, out=out, device="cpu", workers=workers, **{"quiet": True, **more})


def the_cell(out: Path) -> CellRecord:
    (cell,) = read_record(out / "tiny.h5").cells
    return cell


def same(one: CellRecord, other: CellRecord) -> bool:
    return all(first_difference(rows(one, seed), rows(other, seed)) is None for seed in (0, 1))


@pytest.mark.parametrize("path", [gemm.STANDARD, gemm.FAST])
def test_one_process_gives_the_bits_of_workers_and_leaves_its_settings_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    if path == gemm.FAST and gemm.probe() != gemm.FAST:
        pytest.skip("this machine has one path of matrix products")
    monkeypatch.setenv(gemm.VARIABLE, path)
    before = torch.get_float32_matmul_precision()
    torch.set_num_threads(2)
    try:
        run(tmp_path / "here")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert torch.get_float32_matmul_precision() == before
    run(tmp_path / "there", workers=1)
    assert same(the_cell(tmp_path / "here"), the_cell(tmp_path / "there"))


def test_a_process_that_multiplied_before_clbench_came_is_warned(tmp_path: Path) -> None:
    code = (
        "import torch; torch.ones(64, 64) @ torch.ones(64, 64)\n"
        "from clbench.stack import gemm; print(gemm.rounds_as_a_worker())"
    )
    early = "import torch, clbench; torch.ones(64, 64) @ torch.ones(64, 64)\n" + code
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}

    def said(program: str) -> str:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout.strip()

    assert said(early) == "True"
    assert said(code) == ("False" if torch.backends.mkl.is_available() else "True")


class Leaving(Strategy):
    """Is interrupted in its third task, once."""

    times: int = 0
    mark: str = ""

    def begin_task(self, task: Any) -> None:
        super().begin_task(task)
        if task.index == 2 and self.mark and not Path(self.mark).exists():
            Path(self.mark).write_text("interrupted")
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupted_run_goes_on_where_it_was_saved(tmp_path: Path, times: int) -> None:
    strategy: Any = {"leaving": {"times": times, "mark": str(tmp_path / "mark")}}
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match="with 0 of 2 runs"):
        run(tmp_path / "a", strategy, plugins=Leaving)
    assert signal.getsignal(signal.SIGINT) is before
    assert len(list((tmp_path / "a" / "checkpoints").glob("*.ckpt"))) == 1
    run(tmp_path / "a", strategy, plugins=Leaving)
    run(tmp_path / "b", strategy, plugins=Leaving)
    assert same(the_cell(tmp_path / "a"), the_cell(tmp_path / "b"))


def test_other_launchers_have_no_work_in_one_process(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--workers 0 runs in one process; leave --launcher x out"):
        run(tmp_path, launcher="x", plugins=_launcher("x"))


def _launcher(name: str) -> type:
    return type("Other", (clbench.Launcher,), {"name": name, "__module__": __name__})


# ------------------------------------------------------------------ debuggers

STOPPING = """
    from clbench import Strategy, hookimpl

    class Stopping(Strategy):
        number: int = 1

        def begin_task(self, task):
            super().begin_task(task)
            if task.index == 0:
                breakpoint()

    @hookimpl
    def clbench_strategies():
        return [Stopping]
"""

SUITE_FILE = """
    name: tiny
    scenarios: [{split: {dataset: digits, tasks: 5}}]
    protocol: {model: {mlp: {hidden: [8]}}, epochs: 1, batch_size: 64, optimizer: {sgd: {lr: 0.05}}}
    seeds: 1
    strategies: [stopping, {stopping: {number: 2}}]
    metrics: []
    plugins: [stopping.py]
"""


def command(project: Any, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clbench", *arguments],
        cwd=project.folder,
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_debugger_works_in_one_process_and_quitting_it_interrupts(project: Any) -> None:
    project.write("stopping.py", STOPPING)
    project.write("suite.yaml", SUITE_FILE)
    ended = command(project, "run", "suite.yaml", "--workers", "0", typed="p 6 * 7\nc\nq\n")
    assert "(Pdb) 42" in ended.stdout
    assert ended.returncode == 130, ended.stderr
    (went_on,) = read_record(project.folder / "results" / "tiny" / "tiny.h5").cells
    assert went_on.status == "done"


def test_a_debugger_in_a_worker_is_one_sentence(tmp_path: Path) -> None:
    plugin = tmp_path / "stopping.py"
    plugin.write_text(textwrap.dedent(STOPPING))
    with pytest.raises(RunFailed, match=r"run again with --workers 0 \(in Python: workers=0\)"):
        run(tmp_path, "stopping", workers=1, plugins=plugin)


# ------------------------------------------------------------------ classes


def anchored(pull: float) -> type:
    """A strategy as a notebook's cell defines one: nobody can import it."""

    class Anchored(Strategy):
        def penalty(self) -> Any:
            moved = sum(p.square().flatten(1).sum(1) for p in self.net.parameters())
            return super().penalty() + pull * moved

    return Anchored


def test_a_class_of_this_session_runs_here_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = run(tmp_path, "anchored", None, plugins=anchored(0.1), quiet=False)
    said = capsys.readouterr().err
    assert "Anchored is defined in this session" in said
    assert "the run goes in this process" in said
    first = results.cells[0]
    assert not list((tmp_path / "jobs").glob("*"))
    again = run(tmp_path, "anchored", None, plugins=anchored(0.1))
    assert (again.cells[0].key, again.cells[0].loss[0, 0]) == (first.key, first.loss[0, 0])
    other = run(tmp_path, "anchored", None, plugins=anchored(0.2))
    assert other.cells[0].key != first.key


def test_what_has_no_version_is_run_anew_each_time_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count: list[int] = []

    class Counting(SoloStrategy):
        def setup(self) -> None:
            super().setup()
            count.append(self.row)
            self.weights = torch.ones(3) * FACTOR

    for _ in range(2):
        run(tmp_path, "counting", None, plugins=Counting, quiet=False)
    assert len(count) == 4
    assert "Counting: it uses FACTOR, of type Tensor" in capsys.readouterr().err


FACTOR = torch.ones(3)

SCRIPT = """
    import clbench

    class Mine(clbench.Strategy):
        def penalty(self):
            return super().penalty() + SCALE * self.net.parameters()[0].square().flatten(1).sum(1)

    SCALE = 0.01

    def tiny_mlp(input_shape, classes, *, hidden: int = 8):
        from torch import nn
        size = input_shape[0] * input_shape[1] * input_shape[2]
        return nn.Sequential(
            nn.Flatten(), nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, classes)
        )

    suite = {
        "name": "tiny",
        "scenarios": [{"split": {"dataset": "digits", "tasks": 5}}],
        "protocol": {"model": {"tiny_mlp": {"hidden": 4}}, "epochs": 1, "batch_size": 64},
        "seeds": 1,
        "strategies": ["mine"],
        "metrics": [],
    }
    results = clbench.run(suite, plugins=[Mine, tiny_mlp], out="out")
    versions = results.cells[0].content["versions"]
    print(results.cells[0].status, versions["strategy mine"], versions["model tiny_mlp"])
"""


def test_a_script_may_run_its_own_class_and_model(project: Any) -> None:
    script = project.write("script.py", SCRIPT)

    def once() -> str:
        return subprocess.run(
            [sys.executable, script], cwd=project.folder, capture_output=True, text=True, check=True
        ).stdout

    first = once()
    assert first.startswith("done")
    assert first.count("sha256:") == 2
    project.write("script.py", SCRIPT.replace("SCALE = 0.01", "SCALE = 0.02"))
    assert once() != first


UNGUARDED = """
    import clbench

    class Mine(clbench.Strategy):
        pass

    @clbench.hookimpl
    def clbench_strategies():
        return [Mine]

    clbench.run("suite.yaml")
"""


def test_a_plugin_that_starts_a_run_when_it_is_loaded_is_told_to_guard_it(project: Any) -> None:
    path = project.write("mine.py", UNGUARDED)
    suite = {**SUITE, "strategies": ["mine"]}
    with pytest.raises(PluginError) as caught:
        clbench.run(suite, plugins=path, out=project.folder / "out", quiet=True)
    assert str(caught.value).startswith(f"plugin file {path}, line 10: it calls clbench.run()")
    assert 'guard the call with `if __name__ == "__main__":`' in str(caught.value)


def test_a_module_and_an_importable_class_go_to_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_methods.py").write_text(
        "import os, clbench\n"
        "class Own(clbench.Strategy):\n"
        "    def setup(self):\n"
        "        super().setup()\n"
        "        print('process', os.getpid())\n"
        "class Other(Own): pass\n"
        "@clbench.hookimpl\n"
        "def clbench_strategies(): return [Own]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_methods

    suite = {**SUITE, "strategies": ["own", "other"]}
    plugins = [own_methods, own_methods.Other]
    results = clbench.run(suite, plugins=plugins, out=tmp_path, workers=1, device="cpu", quiet=True)
    assert [cell.status for cell in results.cells] == ["done", "done"]


def test_a_file_that_was_edited_since_the_run_began_is_refused_by_workers(tmp_path: Path) -> None:
    from clbench.host import Host

    path = tmp_path / "stopping.py"
    path.write_text(textwrap.dedent(STOPPING))
    (reference,) = Host.load([path]).references
    assert Host.load([reference]).names("strategy") == Host.load([path]).names("strategy")
    path.write_text(textwrap.dedent(STOPPING) + "# edited\n")
    with pytest.raises(PluginError, match="was edited since the run began"):
        Host.load([reference])
