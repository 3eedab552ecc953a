"""With which plugins, and in which folder, a data set looks for another one that it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clbench.host import Host


@dataclass(frozen=True)
class Search:
    """The plugins that offer data sets, and the data root (None: the usual ones)."""

    host: Host
    root: Path | None


# Of one thread: notebooks may look for data in several.
_under_way: ContextVar[Search | None] = ContextVar("search", default=None)


@contextmanager
def searching(host: Host, root: Path | None = None) -> Iterator[None]:
    """Within, data sets are looked for with this host and in this root."""
    before = _under_way.set(Search(host, root))
    try:
        yield
    finally:
        _under_way.reset(before)


def current_search() -> Search:
    """The search under way; where there is none, that of the installed plugins."""
    return _under_way.get() or Search(_installed(), None)


@cache
def _installed() -> Host:
    from clbench.host import Host

    return Host.load()
