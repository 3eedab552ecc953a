"""Plugins of installed packages: their versions, and observers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from clbench.events import SuiteFinished, SuiteStarted
from clbench.host import Host

from .conftest import METRIC, Install, WriteFile, bare

# ------------------------------------------------------------------ packages


def test_a_package_is_found_by_its_entry_point(install: Install) -> None:
    install("spreadpkg", METRIC, version="1.4")
    host = Host.load()
    assert host.names("metric") == ["spread"]
    assert (host.plugins[0].package, host.plugins[0].version) == ("spreadpkg", "1.4")
    assert host.version_of("metric", "spread") == "spreadpkg 1.4"
    assert host.requirements() == ["spreadpkg==1.4"]
    assert host.plugin_of("metric", "spread").name == "spreadpkg"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("x = 1", "implements no hook"),
        ("@hookimpl\ndef clbench_metric(): ...\n", "did you mean 'clbench_metrics'"),
        ("@hookimpl\ndef clbench_metrics(x): ...\n", "asks for 'x'"),
    ],
)
def test_a_broken_package_is_one_warning(install: Install, body: str, reason: str) -> None:
    install("brokenpkg", body, version="2.1")
    install("spreadpkg", METRIC)
    host = Host.load()
    assert host.names("metric") == ["spread"]
    (warning,) = host.warnings
    assert warning.startswith("plugin 'brokenpkg' (brokenpkg 2.1) is left out: ")
    assert reason in warning
    assert "\n" not in warning
    assert host.requirements() == ["spreadpkg==1.0"]


def test_one_kind_alone_leaves_packages_that_never_declare_its_hook_unimported(
    install: Install,
) -> None:
    install("measures", METRIC)
    install("trains", "@hookimpl\ndef clbench_strategies():\n    return []\n")
    install(
        "mentions",
        "# Unlike clbench_metrics this is one of\n@hookimpl\ndef clbench_strategies():\n"
        '    """Not clbench_metrics."""\n    return []\n',
    )
    install(
        "hides",
        METRIC.replace("def clbench_metrics", "def metrics").replace(
            "@hookimpl", "@hookimpl(specname='clbench_' + 'metrics')"
        ),
    )
    host = Host.load(only="metric")
    assert {info.name for info in host.plugins} == {"hides", "measures"}
    assert not {"trains", "mentions"} & sys.modules.keys()


def test_looking_at_results_does_not_import_torch() -> None:
    code = (
        "import sys; from clbench.host import Host;"
        " Host.load(only='metric').get('metric', 'forgetting'); print('torch' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "False"
    )


def test_an_entry_point_may_name_an_object_or_a_class(install: Install) -> None:
    body = (
        METRIC.replace(
            "@hookimpl\ndef clbench_metrics():",
            "class Plugin:\n  @hookimpl\n  def clbench_metrics(self):",
        )
        + "\nplugin = Plugin()\n"
    )
    install("objectpkg", body, points="one = objectpkg:plugin")
    assert Host.load().version_of("metric", "spread") == "objectpkg 1.0"
    install(
        "classpkg",
        body.replace("class Spread", "class Width").replace("[Spread]", "[Width]"),
        points="one = classpkg:Plugin",
    )
    assert Host.load().names("metric") == ["spread", "width"]


def test_two_entry_points_of_one_object_do_not_clash(install: Install) -> None:
    install("twicepkg", METRIC, points="one = twicepkg\ntwo = twicepkg")
    host = Host.load()
    assert (host.names("metric"), host.warnings) == (["spread"], [])


def test_the_file_of_an_installed_plugin_is_not_loaded_again(install: Install) -> None:
    module = install("spreadpkg", METRIC)
    host = Host.load([module])
    assert (host.names("metric"), len(host.plugins)) == (["spread"], 1)


def test_packages_that_clash_are_named_with_versions(install: Install) -> None:
    install("onepkg", METRIC, version="1.1")
    install("twopkg", METRIC, version="2.2")
    assert "'onepkg' (onepkg 1.1) and 'twopkg' (twopkg 2.2)" in Host.load().warnings[0]


# ------------------------------------------------------------------ versions


def test_a_bare_file_s_version_follows_its_source(write: WriteFile) -> None:
    path = write("mine.py", METRIC)
    before = bare(path).version_of("metric", "spread")
    assert before.startswith("sha256:")
    assert len(before) == len("sha256:") + 16
    assert bare(path).version_of("metric", "spread") == before
    path.write_text(path.read_text() + "\n# changed\n")
    assert bare(path).version_of("metric", "spread") != before


def test_a_bare_file_s_version_is_the_same_wherever_it_lies(
    write: WriteFile, tmp_path: Path
) -> None:
    path = write("mine.py", METRIC)
    (tmp_path / "other").mkdir()
    copy = tmp_path / "other" / "mine.py"
    copy.write_text(path.read_text())
    assert bare(path).version_of("metric", "spread") == bare(copy).version_of("metric", "spread")


def test_an_editable_install_counts_by_its_source(install: Install) -> None:
    install("spreadpkg", METRIC, direct_url='{"url": "file:///x", "dir_info": {"editable": true}}')
    host = Host.load()
    assert host.version_of("metric", "spread").startswith("sha256:")
    assert host.requirements() == ["# spreadpkg==1.0: an editable install or a checkout"]


def test_a_helper_in_the_plugin_s_folder_counts_too(tmp_path: Path, install: Install) -> None:
    module = install("folderpkg", METRIC, direct_url='{"dir_info": {"editable": true}}')
    folder = module.with_suffix("")
    folder.mkdir()
    module.rename(folder / "__init__.py")
    helper = folder / "helper.py"
    helper.write_text("x = 1\n")
    host = Host.load()
    before = host.version_of("metric", "spread")
    helper.write_text("x = 2\n")
    assert host.version_of("metric", "spread") != before


EDITABLE = '{"dir_info": {"editable": true}}'


def test_what_a_plugin_imports_from_its_own_package_counts_too(
    tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module of the package that nothing imports does not; one that is imported late, and by a
    helper, does.
    """
    module = install("labpkg", METRIC, direct_url=EDITABLE, points="one = labpkg.plugin")
    folder = module.with_suffix("")
    folder.mkdir()
    late = "    def late(self):\n        from labpkg import losses\n"
    body = module.read_text().replace("class Spread", "from . import helper\nclass Spread")
    (folder / "plugin.py").write_text(body + "\n\nclass Later:\n" + late)
    module.unlink()
    for name, content in {
        "__init__": "",
        "helper": "from labpkg.deep.base import ONE\n",
        "losses": "x = 1\n",
        "stranger": "x = 1\n",
        "deep/__init__": "",
        "deep/base": "ONE = 1\n",
    }.items():
        (folder / f"{name}.py").parent.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(content)
    host = Host.load()
    versions = [host.version_of("metric", "spread")]
    for name in ("__init__", "helper", "losses", "deep/__init__", "deep/base"):
        path = folder / f"{name}.py"
        path.write_text(path.read_text() + "# edited\n")
        versions.append(host.version_of("metric", "spread"))
    assert len(set(versions)) == len(versions)
    (folder / "stranger.py").write_text("x = 2\n")
    assert host.version_of("metric", "spread") == versions[-1]


def test_what_a_bare_file_imports_from_a_folder_on_the_path_counts_too(
    write: WriteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lib").mkdir()
    library = tmp_path / "lib" / "my_losses_on_the_path.py"
    library.write_text("x = 1\n")
    monkeypatch.syspath_prepend(library.parent)
    path = write("mine.py", f"import {library.stem}, pandas\n" + METRIC)
    before = bare(path).version_of("metric", "spread")
    library.write_text("x = 2\n")
    assert bare(path).version_of("metric", "spread") != before


# ------------------------------------------------------------------ observers


def test_observers_are_told_each_in_its_guard(write: WriteFile) -> None:
    observer = (
        "seen = []\n@hookimpl\ndef clbench_suite_started(event):\n    seen.append(event.suite)\n"
    )
    host = bare(
        write("bad.py", "@hookimpl\ndef clbench_suite_started():\n    raise SystemExit(1)\n"),
        write("good.py", observer),
    )
    host.notify(SuiteStarted("digits", Path(), cells=1, jobs=1))
    host.notify(SuiteFinished("digits", Path(), finished=1, failed=0))
    (module,) = [
        module
        for name, module in sys.modules.items()
        if name.endswith(".good") and hasattr(module, "seen") and module.seen
    ]
    assert module.seen == ["digits"]
    assert len(host.warnings) == 1
    assert "clbench_suite_started of plugin" in host.warnings[0]
    assert "SystemExit: 1" in host.warnings[0]


@dataclass(frozen=True)
class Unheard:
    """An event nobody observes."""


def test_an_event_without_observers_is_fine(write: WriteFile) -> None:
    host = bare(write("mine.py", METRIC))
    host.notify(Unheard())
    assert host.warnings == []


def test_the_built_ins_load_without_a_warning() -> None:
    host = Host.load()
    assert host.warnings == []
    assert {"naive", "joint", "cumulative", "er", "ewc", "online_ewc", "l1_activity"} <= set(
        host.names("strategy")
    )
