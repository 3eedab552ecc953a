"""The loop, evaluation, checkpoints: what runs one job."""

from clbench.engine.runner import Progress, Settings, build_strategy, run_cell

__all__ = ["Progress", "Settings", "build_strategy", "run_cell"]
