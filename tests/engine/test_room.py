"""How much memory features may take."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from clbench.engine.room import VARIABLE, free_memory, room_for_features
from clbench.errors import UserError

CPU = torch.device("cpu")


def test_the_room_is_stated_or_a_share_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "2GB")
    assert room_for_features(CPU, 4) == 2 * 10**9
    monkeypatch.setenv(VARIABLE, "none")
    assert room_for_features(CPU, 1) == 0
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("clbench.engine.room.free_memory", lambda: 800)
    assert room_for_features(CPU, 4) == 100
    for wrong in ("many", "500"):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(UserError, match=f"is '{wrong}'; .*auto, none, or bytes"):
            room_for_features(CPU, 1)


def test_free_memory_is_what_the_container_still_allows(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    assert free_memory(meminfo, tmp_path) == 4000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("100\n")
    assert free_memory(meminfo, tmp_path) == 4000 * 1024
    (tmp_path / "memory.max").write_text("1100\n")
    assert free_memory(meminfo, tmp_path) == 1000
    assert free_memory(tmp_path / "none", tmp_path / "none") == 2 * 2**30
