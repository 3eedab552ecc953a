"""The loop, evaluation, checkpoints: what runs one job."""

from clbench.engine.runner import Left, Progress, Settings, build_strategy, run_cell

__all__ = ["Left", "Progress", "Settings", "build_strategy", "run_cell"]
