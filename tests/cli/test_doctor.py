"""What the doctor prints of what it found, and the exit code that it deserves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from clbench.cli.doctor import _packages, _print, _slots
from clbench.errors import PluginError

Printed = pytest.CaptureFixture[str]


def found(**changes: Any) -> dict[str, Any]:
    """A sound house with one plugin, one data set and one folder."""
    return {
        "environment": {"python": "3.12", "torch": "not installed"},
        "plugins": [{"name": "er", "shown": "'er' (clbench 1)", "error": None}],
        "data": [{"name": "digits", "state": "here", "place": None}],
        "data folders": [{"folder": "/data", "named by": "--data", "there": True}],
        "problems": [],
        **changes,
    }


def lines(printed: str) -> list[list[str]]:
    return [line.split() for line in printed.splitlines() if line.strip()]


def test_a_sound_house_has_no_problems(capsys: Printed) -> None:
    _print(found())
    shown = lines(capsys.readouterr().out)
    assert ["torch", "not", "installed"] in shown
    assert ["sound", "1"] in shown
    assert ["digits", "here"] in shown
    assert ["/data", "--data", "there"] in shown
    assert shown[-1] == ["no", "problems", "found"]


def test_each_problem_is_a_line_and_none_are_said_then(capsys: Printed) -> None:
    _print(found(problems=["no launcher", "no data"]))
    printed = capsys.readouterr().out
    assert printed.endswith("problem: no launcher\nproblem: no data\n")
    assert "no problems found" not in printed


def test_broken_plugins_are_named_and_the_sound_ones_counted(capsys: Printed) -> None:
    broken = {"name": "x", "shown": "'x' (lab 2.0)", "error": "ImportError: no y"}
    _print(found(plugins=[broken, *found()["plugins"], *found()["plugins"]]))
    shown = lines(capsys.readouterr().out)
    assert ["sound", "2"] in shown
    assert ["'x'", "(lab", "2.0)", "ImportError:", "no", "y"] in shown


def test_a_folder_that_is_not_there_yet_is_said_to_be_so(capsys: Printed) -> None:
    _print(found(**{"data folders": [{"folder": "/d", "named by": "default", "there": False}]}))
    assert ["/d", "default", "not", "there", "yet"] in lines(capsys.readouterr().out)


def test_a_package_that_is_missing_is_said_to_be_so() -> None:
    assert _packages({"torch": "2.9", "ray": None, "odd": ""}) == {
        "torch": "2.9",
        "ray": "not installed",
        "odd": "not installed",
    }


def test_a_broken_launcher_is_a_finding_and_no_crash() -> None:
    def broken(kind: str, name: str) -> Any:
        raise PluginError("it does not load")

    host: Any = SimpleNamespace(get=broken)
    assert _slots(host) == ([], ["it does not load"])


def test_workers_are_those_of_the_local_launcher() -> None:
    launcher = SimpleNamespace(slots=lambda device, workers: [device, workers])
    host: Any = SimpleNamespace(get=lambda kind, name: lambda: launcher)
    assert _slots(host) == (["auto", None], [])


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_broken_plugin_is_exit_1(project, arguments: tuple[str, ...]) -> None:
    project.write(
        "bad.py",
        """
        from clbench import hookimpl

        @hookimpl
        def clbench_metrics():
            return 3
        """,
    )
    answer = project.clbench("doctor", "--plugin", "bad.py", *arguments)
    assert answer.code == 1
    assert "clbench_metrics returned int instead of a list" in answer.stdout
