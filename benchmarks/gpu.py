"""Everything that is said of GPUs, checked and measured on one, in a few minutes.

    python benchmarks/gpu.py [--quick] [--only WORD] [--json FILE]

Checked (PASS or FAIL a line): that every built-in strategy and guest trains on the GPU as on the CPU, stacked
as alone, captured in device graphs as eagerly; that every built-in model computes the same; that tf32
and bf16 are what is computed in where they are asked for, and not elsewhere; that a job resumes; that what cannot
be captured runs eagerly and says so. Trajectories are compared in float64, where the form of the stack and
the order of sums differ by rounding only; after Adam in float32 they would tell nothing.

Measured: a step of R stacked seeds, eagerly and as a device graph, with what it makes in seeds an hour (five
tasks of 12,000 samples, one epoch; training alone), beside a minimal loop in plain PyTorch for one seed;
whole runs, tested after every task; the memory of a stack. Where there is no GPU: a sentence, and exit code 0.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import json
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench import Arrays, Strategy
from clbench.engine import Settings, build_strategy, run_cell
from clbench.engine.loop import Loop
from clbench.engine.probes import Probes
from clbench.host import Host
from clbench.stack import Stack
from clbench.suite.cell import Cell, Choice
from clbench.testing.bench import Bench, Stopped

GUESTS = Path(__file__).resolve().parents[1] / "tests" / "guests"
CLOSE = 1e-8  # of the largest number, in float64
ROUNDED = 5e-2  # the same in float32, where something keeps a method from float64
RUN_SAMPLES, RUN_TASKS = 12_000, 5

MLP = {"mlp": {"hidden": [24, 16]}}
SETTINGS = {"class": ("split", "class"), "task": ("split", "task"), "domain": ("split", "domain")}


@dataclass
class Report:
    """What was found, printed as it comes."""

    device: str
    quick: bool
    only: list[str]
    skip: list[str]
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def wants(self, name: str) -> bool:
        return any(word in name for word in self.only or [""]) and not any(word in name for word in self.skip)

    def check(self, name: str, run: Callable[[], str]) -> None:
        """One line: PASS and what `run` says, or FAIL and where it went wrong; the next one goes on."""
        if not self.wants(name):
            return
        start = time.perf_counter()
        try:
            word, said = "PASS", run()
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)[-3:]
            where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))
            word, said = "FAIL", f"{type(error).__name__}: {str(error)[:300]} [{where}]"
        seconds = time.perf_counter() - start
        self.checks[name] = {"result": word, "said": said, "seconds": seconds}
        print(f"{word} {name:<34} {said} ({seconds:.1f} s)", flush=True)

    def sync(self) -> None:
        if self.device != "cpu":
            torch.cuda.synchronize()


# ------------------------------------------------------------------------------------------ methods, one way and another


def double(model: nn.Module) -> nn.Module:
    """The model in float64."""
    model.register_forward_pre_hook(lambda module, given: (given[0].double(), *given[1:]))
    return model.double()


def double_of(case: Case, host: Host) -> nn.Module:
    """The same of a case's network."""
    return double(case.module(host))


def bench_of(host: Host, strategy: Any, *, setting: str = "class", own: Any = None, exact: bool = True, **protocol: Any) -> Bench:
    """Digits with unequal members, as in the conformance kit; in float64 where the method allows."""
    scenario = Choice("shared_pairs", {"dataset": "digits"}) if own else None
    split = Choice("split", {"dataset": "digits", "tasks": 5, "setting": setting, "class_order": "random"})
    given = {"model": MLP, "batch_size": 16, "optimizer": {"sgd": {"lr": 0.05}}, "epochs": 2, **protocol}
    bench = Bench(strategy, host, scenario or split, given, own_scenario=own)
    if exact:
        ((name, options),) = given["model"].items()
        bench.host.own["model", "exact"] = lambda shape, classes: double(host.get("model", name)(shape, classes, **options))
        bench.cell = replace(bench.cell, protocol={**bench.cell.protocol, "model": "exact"})
    return bench


def trained(bench: Bench, *seeds: int, tasks: int = 3, **settings: Any) -> tuple[dict[str, Tensor], str]:
    """Parameters, losses and accuracies by (member, name) after some tasks, and what was said of graphs."""
    strategy, loop = bench.start(*seeds, **settings)
    loop.untrained()
    for task in strategy.session.streams.tasks[:tasks]:
        loop.task(task)
    book, found = strategy.session.book, {}
    shown = {"loss": torch.from_numpy(book.loss[:, :tasks]), "accuracy": torch.from_numpy(book.accuracy[:, : tasks + 1])}
    if not (bench.solo and "net" not in vars(strategy.solos[0])):
        shown |= {f"parameter {name}": value.detach().double().cpu() for name, value in strategy.net.named_parameters().items()}
    for row, member in enumerate(strategy.session.members):
        found |= {f"{member} {name}": value[row] for name, value in shown.items()}
    return found, loop.steps.said


def distance(one: Mapping[str, Tensor], other: Mapping[str, Tensor], near: float) -> str:
    """How far two trainings are apart, or an AssertionError that says where."""
    worst, place = 0.0, ""
    for name in one.keys() & other.keys():
        a, b = one[name].nan_to_num(), other[name].nan_to_num()
        far = float((a - b).abs().max() / a.abs().max().clamp(min=1e-6)) if a.numel() else 0.0
        if far > worst:
            worst, place = far, name
    assert worst <= near, f"{worst:.1e} apart at {place}"
    return "bit for bit" if worst == 0.0 else f"{worst:.0e}"


def strategies(host: Host) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Every built-in strategy and every guest, with the setting it is meant for."""
    adam = {"optimizer": {"adam": {"lr": 0.003}}}
    options: dict[str, dict[str, Any]] = {"er": {"memory": 50}}
    options |= {name: {"strength": 5, "samples": 100} for name in ("ewc", "online_ewc")}
    for name in host.names("strategy"):
        yield name, host.get("strategy", name)(**options.get(name, {})), {}
    er, ewc = host.get("strategy", "er")(memory=50), host.get("strategy", "online_ewc")(strength=5, samples=50)
    yield "er+online_ewc, augmented", [er, ewc], {"augment": "crop_flip", "schedule": "cosine", "logits": "seen", "clip": 1.0, **adam}
    yield "naive, batch-norm", host.get("strategy", "naive"), {"model": {"mlp": {"hidden": [16], "norm": "batch", "dropout": 0.2}}}
    yield "naive, torch.RMSprop", host.get("strategy", "naive"), {"optimizer": {"torch.RMSprop": {"lr": 0.003}}}
    special = {
        "hypernet": {"setting": "task", "exact": False, **adam},
        "head_bank": {"setting": "domain"},
        "unit_replacement": adam,
        "nearest_neighbour": {"exact": False},
    }
    for path in sorted(GUESTS.glob("*.py")):
        if path.name.startswith("test_"):
            continue
        spec = importlib.util.spec_from_file_location(f"guest_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        own = getattr(module, "SharedPairs", None)
        from clbench.engine.solo import SoloStrategy

        found = [
            cls
            for cls in vars(module).values()
            if isinstance(cls, type) and issubclass(cls, (Strategy, SoloStrategy)) and cls.__module__ == spec.name
        ]
        yield f"guest {path.stem}", found[0], {"own": own, **special.get(path.stem, {})}


def check_strategy(report: Report, host: Host, strategy: Any, given: dict[str, Any]) -> str:
    bench = bench_of(host, strategy, **given)
    near = CLOSE if given.get("exact", True) else ROUNDED
    here, (eager, _) = trained(bench, 0, 1, 2)[0], trained(bench, 0, 1, 2, device=report.device, graphs="off")
    said = [f"GPU = CPU {distance(here, eager, near)}"]
    captured, how = trained(bench, 0, 1, 2, device=report.device)
    said.append(f"graph = eager {distance(eager, captured, near)}" if how == "captured" else how or "no graphs here")
    said.append(f"stacked = solo {distance(captured, trained(bench, 2, device=report.device)[0], near)}")
    return ", ".join(said)


# ------------------------------------------------------------------------------------------ models, precision


def models(host: Host) -> Iterator[tuple[str, Callable[[], nn.Module], tuple[int, int, int]]]:
    """Every built-in model, the MLP in its variants."""
    for name in host.names("model"):
        shape = (1, 8, 8) if name == "mlp" else (3, 32, 32)
        variants: list[dict[str, Any]] = [{}]
        if name == "mlp":
            variants = [{"hidden": (20, 12)}, {"norm": "batch"}, {"norm": "layer", "activation": "tanh"}, {"dropout": 0.3}]
        for options in variants:
            yield f"{name} {options or ''}", functools.partial(host.get("model", name), shape, 10, **options), shape


def check_model(report: Report, factory: Callable[[], nn.Module], shape: tuple[int, int, int]) -> str:
    """Outputs and gradients in float64 of a loop on the CPU and of the GPU's form."""
    x = torch.randn(1, 6, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).expand(3, -1, -1, -1, -1)
    found, forms = [], []
    for device, form in (("cpu", "loop"), (report.device, "auto")):
        net = Stack(lambda: double(factory()), 3, form=form, device=device)
        out = net(x.to(device))
        out.square().sum().backward()
        grads = {name: value.grad.cpu() for name, value in net.named_parameters().items() if value.grad is not None}
        found.append({"output": out.detach().cpu(), **grads})
        forms.append(net.form.name)
    return f"{forms[1]} on the GPU = loop on the CPU {distance(*found, CLOSE)}"


def check_precision(report: Report, host: Host, model: dict[str, Any], side: int, channels: int) -> str:
    """A forward's error against float64: fp32 is fp32, tf32 is tf32, bf16 is bf16."""
    wanted = {"fp32": (0.0, 3e-5), "tf32": (5e-5, 5e-3), "bf16": (1e-3, 5e-2)}
    errors = {}
    for precision in wanted:
        case = Case("", model, side, channels, 64)
        exactly = functools.partial(double_of, case, host)
        strategy = build_strategy(
            case.cell(host, "naive", precision=precision),
            [(0, 0), (1, 0)],
            host=host,
            arrays=case.arrays(400),
            settings=Settings(device=report.device),
        )
        x = torch.rand(2, 256, channels, side, side, generator=torch.Generator().manual_seed(0)).to(report.device)
        with torch.no_grad():
            exact = Stack(exactly, [(0, 0), (1, 0)], device=report.device)(x)
            out = strategy.net(x)
        errors[precision] = float((out - exact).norm() / exact.norm())
    said = ", ".join(f"{name} {error:.0e}" for name, error in errors.items())
    for name, (least, most) in wanted.items():
        assert least <= errors[name] <= most, f"{said}: {name} should be within {least:.0e} and {most:.0e}"
    return said


# ------------------------------------------------------------------------------------------ whole jobs


def check_resume(report: Report, host: Host) -> str:
    """Killed after two tasks and begun again, in another process's place."""
    bench = bench_of(host, host.get("strategy", "er")(memory=50), exact=False)
    whole = bench.run(0, 1, device=report.device)
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder) / "job.ckpt"
        with contextlib.suppress(Stopped):
            bench.run(0, 1, device=report.device, checkpoint=mark, stop_after=2)
        resumed = bench.run(0, 1, device=report.device, checkpoint=mark)
    one, other = ({"accuracy": torch.from_numpy(r.accuracy), "loss": torch.from_numpy(r.loss)} for r in (whole, resumed))
    return f"resumed = uninterrupted {distance(one, other, ROUNDED)}; graphs: {whole.graphs or 'none here'}"


def check_refusal(report: Report, host: Host) -> str:
    """A method that reads a value in a step, and claims to be capturable."""

    class Reading(Strategy):
        """Reads the norm of its weights."""

        def after_step(self, batch: Any) -> None:
            super().after_step(batch)
            if float(self.net.parameters()[0].detach().norm()) < 0:
                raise AssertionError

    bench = bench_of(host, Reading)
    eager, _ = trained(bench, 0, 1, device=report.device, graphs="off")
    tried, how = trained(bench, 0, 1, device=report.device)
    plain, after = trained(bench_of(host, host.get("strategy", "naive")), 0, 1, device=report.device)
    said = f"{how}; the same numbers {distance(eager, tried, CLOSE)}; the next job: {after or 'no graphs here'}"
    assert distance(plain, eager, CLOSE)
    assert report.device == "cpu" or (how.startswith("eager: ") and after == "captured"), said
    return said


def check_command(report: Report) -> str:
    """`clbench run` with a worker process on the GPU."""
    import subprocess

    from clbench import load

    with tempfile.TemporaryDirectory() as folder:
        where = ["--device", report.device, "--out", folder]
        line = [sys.executable, "-m", "clbench", "run", "split_digits", "--seeds", "2", "--smoke", "--quiet", *where]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (done.stdout + done.stderr)[-300:]
        (path,) = list(Path(folder).rglob("*.h5"))[:1]
        cells = load(path).cells
        said = {f"{cell.label}: {cell.form}, {cell.graphs or 'no graphs'}" for cell in cells}
    return "; ".join(sorted(said))


# ------------------------------------------------------------------------------------------ speed


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
        return Arrays("noise", x, y, x[: train // 6], y[: train // 6], classes=self.classes, fingerprint="noise")

    def module(self, host: Host) -> nn.Module:
        ((name, options),) = self.model.items()
        made: nn.Module = host.get("model", name)((self.channels, self.side, self.side), self.classes, **options)
        return made

    def cell(self, host: Host, strategy: str, tasks: int = 5, **protocol: Any) -> Cell:
        given = {"model": self.model, "batch_size": self.batch, "optimizer": {"sgd": {"lr": 0.01}}, **protocol}
        scenario = Choice("split", {"dataset": "synthetic", "tasks": tasks, "setting": "class"})
        return Bench(host.get("strategy", strategy), host, scenario, given).cell


CASES = [
    Case("784-256-256-10", {"mlp": {"hidden": [256, 256]}}, 28, 1, 64),
    Case("784-100-10", {"mlp": {"hidden": [100]}}, 28, 1, 10),
    Case("convnet", {"convnet": {}}, 32, 3, 100),
]


def step_seconds(
    report: Report, host: Host, case: Case, strategy: str, members: int, graphs: str, steps: int, precision: str = "fp32"
) -> dict[str, Any]:
    """A step once all is warm, what the task took beside, memory, and a replay with nothing around it."""
    if report.device != "cpu":
        torch.cuda.empty_cache()
    cell = case.cell(host, strategy, steps=steps, evaluate="current", precision=precision)
    made = build_strategy(
        cell, [(s, 0) for s in range(members)], host=host, arrays=arrays_of(case), settings=Settings(device=report.device, graphs=graphs)
    )
    loop = Loop(made, Probes({}, made), online=False, graphs=graphs)
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
    whole = float(made.session.book.train_seconds[0, 0]) * members
    found: dict[str, Any] = {"step": step, "beside": whole - step * steps, "said": loop.steps.said}
    if report.device != "cpu":
        found["memory"] = torch.cuda.max_memory_allocated()
    if loop.steps.graphs:
        graph = next(iter(loop.steps.graphs.values())).graph
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
            f"{case.name}, batch {case.batch}: plain PyTorch, one seed: {plain * 1e6:,.0f} us a step, {hourly(case, plain, 1):,.0f} an hour"
        )
        print(HEAD)
        for strategy in ("naive", "er"):
            one: float | None = None
            for members in stacks:
                row: dict[str, Any] = {"case": case.name, "batch": case.batch, "strategy": strategy, "members": members, "plain": plain}
                try:
                    steps = 60 if case.name == "convnet" and members > 10 else 200
                    row["eager"] = step_seconds(report, host, case, strategy, members, "off", steps)
                    row["graph"] = step_seconds(report, host, case, strategy, members, "auto", steps)
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
    line = f"  {row['strategy']:<8}{row['members']:>5} |{eager * 1e6:>10,.0f}{graph * 1e6:>10,.0f}{made.get('replay', 0) * 1e6:>10,.0f}"
    line += f"{made['beside'] * 1e3:>9.0f} |{hours[0]:>14,.0f}{hours[1]:>11,.0f} |{graph / one:>8.2f}"
    line += f"{hours[1] / hourly(case, row['plain'], 1):>9.1f} |{made.get('memory', 0) / 2**30:>7.2f}"
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
        said.append(f"R = {members}: {walls[-1]:.2f} s, of which training {training:.2f}, {3600 * members / walls[-1]:,.0f} seeds an hour")
    report.rows.append({"case": "whole runs", "said": said, "walls": walls})
    return "; ".join(said) + f"; thirty in {walls[1] / walls[0]:.2f} times the time of one"


def check_stacking(report: Report) -> str:
    """Thirty stacked seeds within three times the time of one, as device graphs, from the table."""
    said = []
    for case in CASES:
        mine = [row for row in report.rows if row["case"] == case.name and row.get("strategy") == "naive" and "graph" in row]
        steps = {row["members"]: row["graph"]["step"] for row in mine}
        if 1 in steps and 30 in steps:
            said.append((case.name, steps[30] / steps[1]))
    line = ", ".join(f"{name} {ratio:.2f}" for name, ratio in said)
    assert said, "nothing was measured"
    assert max(ratio for _, ratio in said) <= 3.0, line
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer points: under a minute")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="checks and tables with one of these in their name")
    parser.add_argument("--skip", nargs="+", default=[], metavar="WORD", help="not those with one of these")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument("--device", default="cuda", help=argparse.SUPPRESS)  # cpu: to try this script where there is no GPU
    given = parser.parse_args()
    if given.device != "cpu" and not torch.cuda.is_available():
        print("torch finds no GPU here; nothing was checked")
        return
    torch.set_num_threads(1)
    report, host = Report(given.device, given.quick, given.only, given.skip), Host.load()
    begun = time.perf_counter()
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name() if given.device != 'cpu' else 'no GPU'}")
    for name, factory, shape in models(host):
        report.check(f"model {name}", lambda factory=factory, shape=shape: check_model(report, factory, shape))  # type: ignore[misc]
    for name, strategy, special in strategies(host):
        report.check(name, lambda strategy=strategy, special=special: check_strategy(report, host, strategy, special))  # type: ignore[misc]
    report.check("precision of the mlp", lambda: check_precision(report, host, CASES[0].model, 28, 1))
    report.check("precision of the convnet", lambda: check_precision(report, host, CASES[2].model, 32, 3))
    report.check("resume", lambda: check_resume(report, host))
    if report.wants("steps"):
        measure_steps(report, host)
        report.check("steps: 30 within 3 times one", lambda: check_stacking(report))
    report.check("whole runs", lambda: whole_runs(report, host))
    report.check("command", lambda: check_command(report))
    report.check("refusal", lambda: check_refusal(report, host))
    failed = [name for name, found in report.checks.items() if found["result"] == "FAIL"]
    print(f"{len(report.checks) - len(failed)} passed, {len(failed)} failed, {time.perf_counter() - begun:.0f} s")
    if given.json:
        given.json.write_text(json.dumps({"checks": report.checks, "rows": report.rows}, indent=1))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
