"""Who is being loaded: told to a person who waits for it,
and to a plugin that starts a run meanwhile.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from clbench.errors import PluginError

PATIENCE = 5.0  # seconds until a person is told which plugin they are waiting for

# Of the context, so that another thread's imports are not meant.
_LOADING: ContextVar[str | None] = ContextVar("loading", default=None)


@contextmanager
def being_loaded(shown: str) -> Iterator[None]:
    """For as long as this plugin is imported; one that takes long is named on stderr, once."""
    outer = _LOADING.set(shown)  # a plugin may load another
    done = threading.Event()
    watch = (shown, threading.get_ident(), done)
    threading.Thread(target=_name_the_slow, args=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
        _LOADING.reset(outer)


def refuse_while_loading(call: str) -> None:
    """A plugin that starts a run when it is imported would do so in every worker, without end."""
    if _LOADING.get() is not None:
        raise PluginError(
            f"it calls {call} while it is being loaded as a plugin; "
            'guard the call with `if __name__ == "__main__":`'
        )


def _name_the_slow(shown: str, thread: int, done: threading.Event) -> None:
    line = f"clbench: still loading plugin {shown} after {PATIENCE:.0f} s; Ctrl-C stops it"
    while not done.wait(PATIENCE):
        # Where the thread that imports stands now: torch from a cold disk is no fault of the
        # plugin's.
        if not _imports_torch(thread):
            print(line, file=sys.stderr, flush=True)
            return


def _imports_torch(thread: int) -> bool:
    # Not public, and the only way to see where another thread stands.
    frame = sys._current_frames().get(thread)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == "torch":
            return True
        frame = frame.f_back
    return False
