"""What `gpu.py` finds, printed as it comes."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch


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
        return any(word in name for word in self.only or [""]) and not any(
            word in name for word in self.skip
        )

    def check(self, name: str, run: Callable[[], str]) -> None:
        """One line: PASS and what `run` says, or FAIL and where it went wrong; the next one goes
        on.
        """
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
