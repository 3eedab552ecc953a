from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import clbench_plugins.builtin_data as builtin_data
from clbench.host import Host


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache folder of its own for every test."""
    monkeypatch.delenv("CLBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "clbench" / "data"


@pytest.fixture
def host() -> Host:
    return Host.load([Path(builtin_data.__file__)], entry_points=False)


@pytest.fixture
def four() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (12, 4, 4, 3), dtype=np.uint8),
        "y_train": np.arange(12) % 3,
        "x_test": rng.integers(0, 256, (6, 4, 4, 3), dtype=np.uint8),
        "y_test": np.arange(6) % 3,
    }
