"""Loading plugins: each in its own guard, clashes refused, mistakes named."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from clbench.errors import PluginError, UnknownName
from clbench.events import SuiteFinished, SuiteStarted
from clbench.host import Host

HEAD = """
from clbench import RecordMetric, hookimpl
"""

METRIC = """
class Spread(RecordMetric):
    size: int = 3  # how many
    def value(self, run):
        return 0.0

@hookimpl
def clbench_metrics():
    return [Spread]
"""

WriteFile = Callable[[str, str], Path]
Install = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    """A bare plugin file."""

    def make(name: str, body: str) -> Path:
        path = tmp_path / name
        path.write_text(HEAD + textwrap.dedent(body))
        return path

    return make


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """A package with a real dist-info, on the path; only such packages are seen."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    seen: list[str] = []

    def make(
        package: str, body: str, version: str = "1.0", points: str = "", **metadata: str
    ) -> Path:
        module = site / f"{package}.py"
        module.write_text(HEAD + textwrap.dedent(body))
        info = site / f"{package}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        )
        (info / "RECORD").write_text(f"{package}.py,,\n")
        (info / "entry_points.txt").write_text(f"[clbench]\n{points or f'{package} = {package}'}\n")
        for name, text in metadata.items():
            (info / f"{name}.json").write_text(text)
        seen.append(package)
        return module

    from importlib import metadata as installed

    every = installed.entry_points

    def only_ours(**select: str) -> list[installed.EntryPoint]:
        return [
            point for point in every(**select) if point.dist is not None and point.dist.name in seen
        ]

    monkeypatch.setattr(installed, "entry_points", only_ours)
    yield make
    for package in seen:
        sys.modules.pop(package, None)


def bare(*files: Path) -> Host:
    return Host.load(files, entry_points=False)


# ------------------------------------------------------------------ bare files


def test_a_file_contributes(write: WriteFile) -> None:
    host = bare(write("mine.py", METRIC))
    assert host.names("metric") == ["spread"]
    assert host.get("metric", "spread").__name__ == "Spread"
    (info,) = host.plugins
    assert (info.hooks, info.contributes, info.package, info.error) == (
        ("clbench_metrics",),
        {"metric": ["spread"]},
        None,
        None,
    )
    assert [reference.file for reference in host.references] == [info.origin]
    assert host.warnings == []


def test_a_file_named_twice_is_one_plugin(write: WriteFile) -> None:
    path = write("mine.py", METRIC)
    assert len(bare(path, path.parent / "." / "mine.py").plugins) == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("x = 1\ndef f(:\n", "line 4: SyntaxError: invalid syntax"),
        ("x = 1\n1 / 0\n", "line 4: ZeroDivisionError: division by zero"),
        (
            "import nowhere_at_all\n",
            "line 3: ModuleNotFoundError: No module named 'nowhere_at_all'",
        ),
        ("raise SystemExit(3)\n", "line 3: SystemExit: 3"),
        (
            "x = 1\n",
            "implements no hook; write @hookimpl above a function such as clbench_strategies",
        ),
        ("@hookimpl\ndef clbench_metric(): ...\n", "unknown hook 'clbench_metric' in plugin"),
        ("@hookimpl\ndef clbench_metric(): ...\n", "; did you mean 'clbench_metrics'"),
        ("def clbench_metrics(): ...\n", "clbench_metrics in plugin"),
        ("def clbench_metrics(): ...\n", "is not marked; write @hookimpl above it"),
        (
            "@hookimpl\ndef clbench_metrics(host): ...\n",
            "asks for 'host'; it is called without arguments",
        ),
        (
            "@hookimpl\ndef clbench_suite_started(evnt): ...\n",
            "asks for 'evnt'; it may ask for 'event'",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    write: WriteFile, body: str, sentence: str
) -> None:
    path = write("bad.py", body)
    with pytest.raises(PluginError) as caught:
        bare(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_is_no_python_is_said(tmp_path: Path) -> None:
    text = tmp_path / "plugin.txt"
    text.write_text("")
    for path, sentence in (
        (tmp_path / "no.py", "does not exist"),
        (tmp_path, "is not a file"),
        (text, "must end in .py"),
    ):
        with pytest.raises(PluginError, match=sentence):
            bare(path)


# ------------------------------------------------------------------ contributions


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return None", "clbench_metrics returned None instead of a list"),
        ("return 'spread'", "clbench_metrics returned str instead of a list"),
        ("raise ValueError('no\\nluck')", "clbench_metrics failed: ValueError: no luck"),
        ("return [int]", "int is not a subclass of clbench.RecordMetric or clbench.ProbeMetric"),
        ("return [RecordMetric]", "RecordMetric is not a subclass of"),
        ("return [3]", "3 is not a class"),
        (
            "return [type('Odd', (RecordMetric,), {'__annotations__': {'x': 'Nope'}, 'x': 1})]",
            "Odd: option 'x': its type `Nope` cannot be read",
        ),
        (
            "return [type('Odd', (RecordMetric,), {'__annotations__': {'grid': int}, 'grid': 1})]",
            "an option cannot be called 'grid'",
        ),
        (
            "return [type('Odd', (RecordMetric,), "
            "{'__annotations__': {'value': int}, 'value': 1})]",
            "an option cannot be called 'value'",
        ),
        (
            "return [type('Odd', (RecordMetric,), {'summary': 'median'})]",
            "Odd: summary is 'median'; it is one of 'last', 'mean'",
        ),
        (
            "return [type('Odd', (RecordMetric,), {'name': 'a/b'})]",
            "Odd: its name 'a/b' is not one word",
        ),
    ],
)
def test_a_bad_contribution_is_left_out_and_named(write: WriteFile, body: str, reason: str) -> None:
    good = write("good.py", METRIC)
    bad = write("bad.py", f"@hookimpl\ndef clbench_metrics():\n    {body}\n")
    host = bare(bad, good)
    assert host.names("metric") == ["spread"]
    (warning,) = host.warnings
    assert reason in warning
    assert str(bad) in warning
    assert reason in str(host.plugins[0].error)


def test_several_functions_may_stand_for_one_hook(write: WriteFile) -> None:
    more = """
        class Other(Spread):
            pass
        @hookimpl(specname="clbench_metrics")
        def more():
            return [Other]
    """
    host = bare(write("mine.py", METRIC + textwrap.dedent(more)))
    assert (host.names("metric"), host.warnings) == (["other", "spread"], [])


def test_the_sound_ones_of_a_list_are_taken(write: WriteFile) -> None:
    host = bare(write("mixed.py", METRIC.replace("[Spread]", "[int, Spread]")))
    assert host.names("metric") == ["spread"]
    assert len(host.warnings) == 1


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "def small(input_shape): ...",
            "takes 1 positional arguments; a model takes input_shape and classes",
        ),
        (
            "def small(input_shape, classes, hidden=3): ...",
            "'hidden' is no option yet; write `*` before it",
        ),
        ("small = 3", "3 is not a function or class"),
    ],
)
def test_a_model_must_be_callable_as_one(write: WriteFile, source: str, reason: str) -> None:
    host = bare(write("m.py", f"{source}\n@hookimpl\ndef clbench_models():\n    return [small]\n"))
    assert reason in host.warnings[0]


def test_an_option_of_a_strategy_cannot_be_called_label(write: WriteFile) -> None:
    body = """
        from clbench.options import Configurable
        Strategy = type("Strategy", (Configurable,), {"__module__": "clbench.stand_in"})
        class Mine(Strategy):
            label: str = "x"
        @hookimpl
        def clbench_strategies():
            return [Mine]
    """
    assert "an option cannot be called 'label'" in bare(write("s.py", body)).warnings[0]


# ------------------------------------------------------------------ names


def test_an_unknown_name_gets_suggestions(write: WriteFile) -> None:
    with pytest.raises(UnknownName, match="unknown metric 'spred'; did you mean 'spread'"):
        bare(write("mine.py", METRIC)).get("metric", "spred")


def test_an_unknown_name_mentions_what_is_broken(install: Install) -> None:
    install("brokenpkg", "import nowhere_at_all", version="2.1")
    with pytest.raises(
        UnknownName, match=r"offers it: 'brokenpkg' \(brokenpkg 2.1\): ModuleNotFoundError"
    ):
        Host.load().get("metric", "spread")


def test_two_plugins_with_one_name_are_refused_by_name(write: WriteFile) -> None:
    one, two = write("one.py", METRIC), write("two.py", METRIC)
    host = bare(one, two)
    assert host.names("metric") == []
    (warning,) = host.warnings
    assert str(one) in warning
    assert str(two) in warning
    with pytest.raises(PluginError, match="the metric 'spread' is offered by plugins"):
        host.get("metric", "spread")


def test_one_plugin_with_one_name_twice_is_told_so(write: WriteFile) -> None:
    twice = METRIC.replace("return [Spread]", "return [Spread, type('Spread', (Spread,), {})]")
    assert "offers the metric 'spread' 2 times" in bare(write("one.py", twice)).warnings[0]


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
