"""Who is being loaded: a plugin must not start a run meanwhile, and a slow one is named."""

from __future__ import annotations

import sys
import threading
from types import ModuleType

import pytest

from clbench.errors import PluginError
from clbench.host import import_watch
from clbench.host.import_watch import being_loaded, refuse_while_loading

Printed = pytest.CaptureFixture[str]


def test_a_run_may_start_where_nothing_is_loaded() -> None:
    refuse_while_loading("clbench.run()")


def test_a_plugin_that_starts_a_run_is_told_how_to_guard_it() -> None:
    with being_loaded("mine.py"), pytest.raises(PluginError) as caught:
        refuse_while_loading("clbench.run()")
    assert str(caught.value) == (
        "it calls clbench.run() while it is being loaded as a plugin;"
        ' guard the call with `if __name__ == "__main__":`'
    )


def test_a_plugin_that_loads_another_is_still_being_loaded() -> None:
    with being_loaded("outer.py"):
        with being_loaded("inner.py"):
            pass
        with pytest.raises(PluginError):
            refuse_while_loading("clbench.run()")
    refuse_while_loading("clbench.run()")


def test_a_plugin_that_fails_to_load_is_loaded_no_longer() -> None:
    with pytest.raises(ZeroDivisionError), being_loaded("broken.py"):
        raise ZeroDivisionError
    refuse_while_loading("clbench.run()")


def test_what_one_thread_loads_does_not_stop_another() -> None:
    refused: list[PluginError] = []

    def start() -> None:
        try:
            refuse_while_loading("clbench.run()")
        except PluginError as error:
            refused.append(error)

    with being_loaded("mine.py"):
        other = threading.Thread(target=start)
        other.start()
        other.join()
    assert refused == []


def waited(import_it: threading.Event, said: threading.Event) -> None:
    """As an import that takes until somebody was told."""
    import_it.set()
    assert said.wait(10)


def test_a_slow_plugin_is_named_once(monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    monkeypatch.setattr(import_watch, "PATIENCE", 0.01)
    told = threading.Event()
    monkeypatch.setattr(import_watch, "print", lambda *a, **k: told.set(), raising=False)
    with being_loaded("slow.py"):
        assert told.wait(10)
        told.clear()
        # Many times its patience: nothing more is said.
        assert not told.wait(0.2)


def test_a_slow_plugin_is_named_with_how_to_stop_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setattr(import_watch, "PATIENCE", 0.01)
    import_watch._name_the_slow("slow.py", threading.get_ident(), threading.Event())
    said = "clbench: still loading plugin slow.py after 0 s; Ctrl-C stops it\n"
    assert capsys.readouterr() == ("", said)


def test_a_plugin_that_is_loaded_in_time_is_not_named(capsys: Printed) -> None:
    done = threading.Event()
    done.set()
    import_watch._name_the_slow("quick.py", threading.get_ident(), done)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("module", "is_torch"),
    [("torch", True), ("torch.nn.modules", True), ("torchvision", False), ("my_torch", False)],
)
def test_where_a_thread_stands_is_told_by_the_modules_of_its_frames(
    module: str, is_torch: bool
) -> None:
    answers: list[bool] = []
    fake = ModuleType(module)
    vars(fake)["ask"] = lambda: answers.append(import_watch._imports_torch(threading.get_ident()))
    # A frame whose globals are the module's, as while it is imported.
    exec("ask()", vars(fake))
    assert answers == [is_torch]


def test_a_thread_that_has_ended_imports_nothing() -> None:
    assert max(sys._current_frames()) + 1 not in sys._current_frames()
    assert not import_watch._imports_torch(max(sys._current_frames()) + 1)
