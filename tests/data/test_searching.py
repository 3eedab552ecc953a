"""With which plugins and in which folder one data set looks for another."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from clbench.data.searching import current_search, searching
from clbench.host import Host


def test_within_the_block_it_is_the_one_named(host: Host, tmp_path: Path) -> None:
    with searching(host, tmp_path):
        assert (current_search().host, current_search().root) == (host, tmp_path)


def test_blocks_stand_within_each_other(host: Host, tmp_path: Path) -> None:
    with searching(host, tmp_path):
        with searching(host):
            assert current_search().root is None
        assert current_search().root == tmp_path


def test_an_error_ends_the_block_like_any_other_way_out(host: Host, tmp_path: Path) -> None:
    before = current_search()
    with pytest.raises(ZeroDivisionError), searching(host, tmp_path):
        raise ZeroDivisionError
    assert current_search() == before


def test_outside_of_one_it_is_that_of_the_installed_plugins() -> None:
    search = current_search()
    assert search.root is None
    assert "digits" in search.host.names("dataset")


def test_another_thread_does_not_see_it(host: Host, tmp_path: Path) -> None:
    seen = []
    with searching(host, tmp_path):
        thread = threading.Thread(target=lambda: seen.append(current_search().root))
        thread.start()
        thread.join()
    assert seen == [None]
