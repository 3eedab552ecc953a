"""Everything that is said of GPUs, checked and measured on one, in a few minutes.

    python benchmarks/gpu.py [--quick] [--only WORD] [--json FILE]

Checked (PASS or FAIL a line): that every built-in strategy and guest trains on the GPU as on the
CPU, stacked as alone, captured in device graphs as eagerly; that every built-in model computes the
same; that tf32 and bf16 are what is computed in where they are asked for, and not elsewhere; that a
job resumes; that what cannot be captured runs eagerly and says so. Trajectories are compared in
float64, where the form of the stack and the order of sums differ by rounding only; after Adam in
float32 they would tell nothing.

Measured: a step of R stacked seeds, eagerly and as a device graph, with what it makes in seeds an
hour (five tasks of 12,000 samples, one epoch; training alone), beside a minimal loop in plain
PyTorch for one seed; whole runs, tested after every task; the memory of a stack. Where there is no
GPU: a sentence, and exit code 0.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from gpu_checks import (
    check_command,
    check_model,
    check_precision,
    check_refusal,
    check_resume,
    check_strategy,
    models,
    strategies,
)
from gpu_report import Report
from gpu_speed import CASES, check_stacking, measure_steps, whole_runs

from clbench.host import Host


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer points: under a minute")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="WORD",
        help="checks and tables with one of these in their name",
    )
    parser.add_argument(
        "--skip", nargs="+", default=[], metavar="WORD", help="not those with one of these"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument(
        "--device", default="cuda", help=argparse.SUPPRESS
    )  # cpu: to try this script where there is no GPU
    given = parser.parse_args()
    if given.device != "cpu" and not torch.cuda.is_available():
        print("torch finds no GPU here; nothing was checked")
        return
    torch.set_num_threads(1)
    report, host = Report(given.device, given.quick, given.only, given.skip), Host.load()
    begun = time.perf_counter()
    print(
        f"torch {torch.__version__}, "
        f"{torch.cuda.get_device_name() if given.device != 'cpu' else 'no GPU'}"
    )
    for name, factory, shape in models(host):
        report.check(
            f"model {name}",
            lambda factory=factory, shape=shape: check_model(report, factory, shape),
        )  # type: ignore[misc]
    for name, strategy, special in strategies(host):
        report.check(
            name,
            lambda strategy=strategy, special=special: check_strategy(
                report, host, strategy, special
            ),
        )  # type: ignore[misc]
    report.check(
        "precision of the mlp", lambda: check_precision(report, host, CASES[0].model, 28, 1)
    )
    report.check(
        "precision of the convnet", lambda: check_precision(report, host, CASES[2].model, 32, 3)
    )
    report.check("resume", lambda: check_resume(report, host))
    if report.wants("steps"):
        measure_steps(report, host)
        report.check("steps: 30 within 3 times one", lambda: check_stacking(report))
    report.check("whole runs", lambda: whole_runs(report, host))
    report.check("command", lambda: check_command(report))
    report.check("refusal", lambda: check_refusal(report, host))
    failed = [name for name, found in report.checks.items() if found["result"] == "FAIL"]
    print(
        f"{len(report.checks) - len(failed)} passed, {len(failed)} failed, "
        f"{time.perf_counter() - begun:.0f} s"
    )
    if given.json:
        given.json.write_text(json.dumps({"checks": report.checks, "rows": report.rows}, indent=1))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
