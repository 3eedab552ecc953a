"""Arrays that cannot fit are refused before anything is read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from clbench.data import room
from clbench.errors import UserError


def test_the_machines_memory_is_pages_times_their_size() -> None:
    assert room.memory_size() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_system_that_does_not_say_has_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sysconf")
    assert room.memory_size() == sys.maxsize


def test_what_fits_exactly_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "memory_size", lambda: 1000)
    room.check_room(Path("some.npz"), 1000)
    with pytest.raises(UserError):
        room.check_room(Path("some.npz"), 1001)


def test_the_sentence_says_how_much_is_asked_and_how_much_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "memory_size", lambda: 16_000_000_000)
    with pytest.raises(UserError) as caught:
        room.check_room(Path("some.npz"), 1_234_500_000_000)
    assert str(caught.value) == (
        "the arrays in some.npz take 1,234.5 GB, and this machine has 16.0 GB of memory; import"
        " fewer or smaller images"
    )
