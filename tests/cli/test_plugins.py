"""`clbench plugins`: what each plugin is, offers and lacks."""

from __future__ import annotations

import pytest

from clbench.cli.plugins import _row
from clbench.host import PluginInfo


def test_a_package_shows_its_version_hooks_and_names() -> None:
    info = PluginInfo(
        "lab",
        "lab-methods",
        "2.1",
        "lab.plugin",
        hooks=("clbench_metrics", "clbench_strategies"),
        contributes={"metric": ["spread"], "strategy": ["mine", "yours"]},
    )
    assert _row(info) == [
        "lab",
        "lab-methods 2.1",
        "clbench_metrics, clbench_strategies",
        "metric: spread; strategy: mine, yours",
        "",
    ]


def test_a_file_shows_where_it_lies_and_what_is_wrong_with_it() -> None:
    info = PluginInfo("mine", None, None, "/a/mine.py", error="it is broken")
    assert _row(info) == ["mine", "/a/mine.py", "", "", "it is broken"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x = 1", "implements no hook"),
        ("def f(:", "line 1: SyntaxError"),
        ("from clbench import hookimpl\n@hookimpl\ndef clbench_metric(): ...", "clbench_metrics"),
    ],
)
def test_a_file_that_is_no_plugin_is_exit_2(project, body: str, said: str) -> None:
    project.write("bad.py", body)
    answer = project.clbench("plugins", "--plugin", "bad.py")
    assert (answer.code, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
