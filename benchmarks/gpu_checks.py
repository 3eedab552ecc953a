"""The checks of `gpu.py`: methods, models, precision, whole jobs, each one way and another."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from gpu_report import Report
from gpu_speed import Case
from torch import Tensor, nn

from clbench import Strategy
from clbench.engine import Settings, build_learner
from clbench.host import Host
from clbench.stack import Stack
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench, Stopped

GUESTS = Path(__file__).resolve().parents[1] / "tests" / "guests"
CLOSE = 1e-8  # of the largest number, in float64
ROUNDED = 5e-2  # the same in float32, where something keeps a method from float64

MLP = {"mlp": {"hidden": [24, 16]}}
SETTINGS = {"class": ("split", "class"), "task": ("split", "task"), "domain": ("split", "domain")}


def double(model: nn.Module) -> nn.Module:
    """The model in float64."""
    model.register_forward_pre_hook(lambda module, given: (given[0].double(), *given[1:]))
    return model.double()


def double_of(case: Case, host: Host) -> nn.Module:
    """The same of a case's network."""
    return double(case.module(host))


def bench_of(
    host: Host,
    strategy: Any,
    *,
    setting: str = "class",
    own: Any = None,
    exact: bool = True,
    **protocol: Any,
) -> Bench:
    """Digits with unequal members, as in the conformance kit; in float64 where the method
    allows.
    """
    scenario = Choice("shared_pairs", {"dataset": "digits"}) if own else None
    split = Choice(
        "split", {"dataset": "digits", "tasks": 5, "setting": setting, "class_order": "random"}
    )
    given = {
        "model": MLP,
        "batch_size": 16,
        "optimizer": {"sgd": {"lr": 0.05}},
        "epochs": 2,
        **protocol,
    }
    bench = Bench(strategy, host, scenario or split, given, own_scenario=own)
    if exact:
        ((name, options),) = given["model"].items()
        bench.host.own["model", "exact"] = lambda shape, classes: double(
            host.get("model", name)(shape, classes, **options)
        )
        bench.cell = replace(bench.cell, protocol=bench.cell.protocol.with_changes(model="exact"))
    return bench


def trained(
    bench: Bench, *seeds: int, tasks: int = 3, **settings: Any
) -> tuple[dict[str, Tensor], str]:
    """Parameters, losses and accuracies by (member, name) after some tasks, and what was said of
    graphs.
    """
    strategy, loop = bench.start(*seeds, **settings)
    loop.untrained()
    for task in strategy.session.streams.tasks[:tasks]:
        loop.task(task)
    measurements, found = strategy.session.measurements, {}
    shown = {
        "loss": torch.from_numpy(measurements.loss[:, :tasks]),
        "accuracy": torch.from_numpy(measurements.accuracy[:, : tasks + 1]),
    }
    if not (bench.solo and "net" not in vars(strategy.solos[0])):
        shown |= {
            f"parameter {name}": value.detach().double().cpu()
            for name, value in strategy.net.named_parameters().items()
        }
    for row, member in enumerate(strategy.session.members):
        found |= {f"{member} {name}": value[row] for name, value in shown.items()}
    return found, loop.training.steps.said


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
    er, ewc = (
        host.get("strategy", "er")(memory=50),
        host.get("strategy", "online_ewc")(strength=5, samples=50),
    )
    yield (
        "er+online_ewc, augmented",
        [er, ewc],
        {"augment": "crop_flip", "schedule": "cosine", "logits": "seen", "clip": 1.0, **adam},
    )
    yield (
        "naive, batch-norm",
        host.get("strategy", "naive"),
        {"model": {"mlp": {"hidden": [16], "norm": "batch", "dropout": 0.2}}},
    )
    yield (
        "naive, torch.RMSprop",
        host.get("strategy", "naive"),
        {"optimizer": {"torch.RMSprop": {"lr": 0.003}}},
    )
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
            if isinstance(cls, type)
            and issubclass(cls, (Strategy, SoloStrategy))
            and cls.__module__ == spec.name
        ]
        yield f"guest {path.stem}", found[0], {"own": own, **special.get(path.stem, {})}


def check_strategy(report: Report, host: Host, strategy: Any, given: dict[str, Any]) -> str:
    bench = bench_of(host, strategy, **given)
    near = CLOSE if given.get("exact", True) else ROUNDED
    here, (eager, _) = (
        trained(bench, 0, 1, 2)[0],
        trained(bench, 0, 1, 2, device=report.device, graphs="off"),
    )
    said = [f"GPU = CPU {distance(here, eager, near)}"]
    captured, how = trained(bench, 0, 1, 2, device=report.device)
    said.append(
        f"graph = eager {distance(eager, captured, near)}"
        if how == "captured"
        else how or "no graphs here"
    )
    said.append(
        f"stacked = solo {distance(captured, trained(bench, 2, device=report.device)[0], near)}"
    )
    return ", ".join(said)


# ------------------------------------------------------------------------------------------ models,
# precision


def models(host: Host) -> Iterator[tuple[str, Callable[[], nn.Module], tuple[int, int, int]]]:
    """Every built-in model, the MLP in its variants."""
    for name in host.names("model"):
        shape = (1, 8, 8) if name == "mlp" else (3, 32, 32)
        variants: list[dict[str, Any]] = [{}]
        if name == "mlp":
            variants = [
                {"hidden": (20, 12)},
                {"norm": "batch"},
                {"norm": "layer", "activation": "tanh"},
                {"dropout": 0.3},
            ]
        for options in variants:
            yield (
                f"{name} {options or ''}",
                functools.partial(host.get("model", name), shape, 10, **options),
                shape,
            )


def check_model(
    report: Report, factory: Callable[[], nn.Module], shape: tuple[int, int, int]
) -> str:
    """Outputs and gradients in float64 of a loop on the CPU and of the GPU's form."""
    x = torch.randn(
        1, 6, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    ).expand(3, -1, -1, -1, -1)
    found, forms = [], []
    for device, form in (("cpu", "loop"), (report.device, "auto")):
        net = Stack(lambda: double(factory()), 3, form=form, device=device)
        out = net(x.to(device))
        out.square().sum().backward()
        grads = {
            name: value.grad.cpu()
            for name, value in net.named_parameters().items()
            if value.grad is not None
        }
        found.append({"output": out.detach().cpu(), **grads})
        forms.append(net.form.name)
    return f"{forms[1]} on the GPU = loop on the CPU {distance(*found, CLOSE)}"


def check_precision(
    report: Report, host: Host, model: dict[str, Any], side: int, channels: int
) -> str:
    """A forward's error against float64: fp32 is fp32, tf32 is tf32, bf16 is bf16."""
    wanted = {"fp32": (0.0, 3e-5), "tf32": (5e-5, 5e-3), "bf16": (1e-3, 5e-2)}
    errors = {}
    for precision in wanted:
        case = Case("", model, side, channels, 64)
        exactly = functools.partial(double_of, case, host)
        strategy = build_learner(
            case.cell(host, "naive", precision=precision),
            [(0, 0), (1, 0)],
            host=host,
            arrays=case.arrays(400),
            settings=Settings(device=report.device),
        )
        x = torch.rand(2, 256, channels, side, side, generator=torch.Generator().manual_seed(0)).to(
            report.device
        )
        with torch.no_grad():
            exact = Stack(exactly, [(0, 0), (1, 0)], device=report.device)(x)
            out = strategy.net(x)
        errors[precision] = float((out - exact).norm() / exact.norm())
    said = ", ".join(f"{name} {error:.0e}" for name, error in errors.items())
    for name, (least, most) in wanted.items():
        assert least <= errors[name] <= most, (
            f"{said}: {name} should be within {least:.0e} and {most:.0e}"
        )
    return said


# ------------------------------------------------------------------------------------------ whole
# jobs


def check_resume(report: Report, host: Host) -> str:
    """Killed after two tasks and begun again, in another process's place."""
    bench = bench_of(host, host.get("strategy", "er")(memory=50), exact=False)
    whole = bench.run(0, 1, device=report.device)
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder) / "job.ckpt"
        with contextlib.suppress(Stopped):
            bench.run(0, 1, device=report.device, checkpoint=mark, stop_after=2)
        resumed = bench.run(0, 1, device=report.device, checkpoint=mark)
    one, other = (
        {"accuracy": torch.from_numpy(r.accuracy), "loss": torch.from_numpy(r.loss)}
        for r in (whole, resumed)
    )
    same = distance(one, other, ROUNDED)
    return f"resumed = uninterrupted {same}; graphs: {whole.graphs or 'none here'}"


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
    plain, after = trained(
        bench_of(host, host.get("strategy", "naive")), 0, 1, device=report.device
    )
    same = distance(eager, tried, CLOSE)
    said = f"{how}; the same numbers {same}; the next job: {after or 'no graphs here'}"
    assert distance(plain, eager, CLOSE)
    assert report.device == "cpu" or (how.startswith("eager: ") and after == "captured"), said
    return said


def check_command(report: Report) -> str:
    """`clbench run` with a worker process on the GPU."""
    import subprocess

    from clbench import load

    with tempfile.TemporaryDirectory() as folder:
        where = ["--device", report.device, "--out", folder]
        line = [
            sys.executable,
            "-m",
            "clbench",
            "run",
            "split_digits",
            "--seeds",
            "2",
            "--smoke",
            "--quiet",
            *where,
        ]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (done.stdout + done.stderr)[-300:]
        (path,) = list(Path(folder).rglob("*.h5"))[:1]
        cells = load(path).cells
        said = {f"{cell.label}: {cell.form}, {cell.graphs or 'no graphs'}" for cell in cells}
    return "; ".join(sorted(said))
