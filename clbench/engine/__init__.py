"""The loop, evaluation, checkpoints: what runs one job."""

from clbench.engine.runner import Progress, Settings, build_learner, run_cell

__all__ = ["Progress", "Settings", "build_learner", "run_cell"]
