"""Plugins of whole runs, as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from .whole_runs import FAULTY, INLINE


@pytest.fixture
def inline(tmp_path: Path) -> Path:
    path = tmp_path / "inline.py"
    path.write_text(INLINE)
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "faulty.py"
    path.write_text(FAULTY)
    return path
