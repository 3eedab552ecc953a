"""Which version makes a number: a package's, or that of a source which can be edited."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from clbench.host import versions
from clbench.host.digest import digest_of
from clbench.host.loading import Loaded, PluginInfo, load_file


class Packaged(metadata.Distribution):
    """What an installed package says of itself, without any file on disk."""

    def __init__(self, home: Path, **files: str) -> None:
        self.home, self.files_of_it = home, files

    def read_text(self, filename: str) -> str | None:
        if filename == "METADATA":
            return "Name: lab\nVersion: 1.2\n"
        return self.files_of_it.get(filename.replace(".", "_"))

    def locate_file(self, path: Any) -> Path:
        return self.home / path


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    """A module of a package that is installed in `tmp_path/site`."""
    made = ModuleType("lab_of_a_test")
    file = tmp_path / "site" / "lab_of_a_test.py"
    file.parent.mkdir()
    file.write_text("x = 1\n")
    made.__file__ = str(file)
    return made


def loaded(module: ModuleType, distribution: metadata.Distribution | None) -> Loaded:
    package = None if distribution is None else "lab"
    info = PluginInfo("mine", package, package and "1.2", origin=str(module.__file__))
    return Loaded(info, module, distribution)


def installed(module: ModuleType, **files: str) -> Loaded:
    """As pip leaves a package behind: with a list of its files."""
    home = Path(str(module.__file__)).parent
    return loaded(module, Packaged(home, **{"RECORD": "lab_of_a_test.py,,", **files}))


# ------------------------------------------------------------------ what can be edited


def test_an_installed_package_cannot_be_edited(module: ModuleType) -> None:
    assert not versions.is_editable(installed(module))


@pytest.mark.parametrize(
    ("said", "editable"),
    [
        ({"dir_info": {"editable": True}}, True),
        ({"dir_info": {"editable": False}}, False),
        ({"dir_info": {}}, False),
        ({"archive_info": {}}, False),
    ],
)
def test_pip_says_whether_an_install_is_editable(
    module: ModuleType, said: dict[str, Any], editable: bool
) -> None:
    direct = {"direct_url_json": json.dumps({"url": "file:///x", **said})}
    assert versions.is_editable(installed(module, **direct)) == editable


def test_a_checkout_on_the_path_can_be_edited(module: ModuleType) -> None:
    home = Path(str(module.__file__)).parent
    # An egg-info lists sources, and no installed files.
    assert versions.is_editable(loaded(module, Packaged(home, SOURCES_txt="a.py")))
    assert not versions.is_editable(loaded(module, Packaged(home)))
    both = Packaged(home, SOURCES_txt="a.py", RECORD="a.py,,")
    assert not versions.is_editable(loaded(module, both))


def test_a_module_outside_of_its_package_s_home_can_be_edited(
    module: ModuleType, tmp_path: Path
) -> None:
    elsewhere = Packaged(tmp_path / "other", RECORD="a.py,,")
    assert versions.is_editable(loaded(module, elsewhere))


def test_what_has_no_file_is_where_its_package_is(module: ModuleType) -> None:
    one = installed(module)
    del module.__file__
    assert not versions.is_editable(one)


def test_what_is_of_no_package_has_no_install(module: ModuleType) -> None:
    assert not versions.is_editable(loaded(module, None))


# ------------------------------------------------------------------ versions


def test_a_released_package_s_version_names_its_code(module: ModuleType) -> None:
    one = installed(module)
    assert versions.version_of(one, module) == versions.described(one) == "lab 1.2"


def test_a_file_s_version_is_the_digest_of_its_text_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("x = 1\n")
    one = load_file(path)
    version = f"sha256:{digest_of({'mine.py': b'x = 1' + bytes([10])})}"
    assert versions.version_of(one, one.plugin) == version
    assert versions.described(one) == f"mine.py {version}"


def test_an_editable_package_is_described_by_version_and_source(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lab_of_a_test", module)
    direct = {"direct_url_json": '{"dir_info": {"editable": true}}'}
    one = installed(module, **direct)
    version = versions.version_of(one, module)
    assert version == f"sha256:{digest_of({'lab_of_a_test.py': b'x = 1' + bytes([10])})}"
    assert versions.described(one) == f"lab 1.2 {version}"


def test_what_a_session_defines_is_described_as_such(module: ModuleType) -> None:
    one = Loaded(PluginInfo("mine", None, None, "a_session.Mine"), module, in_session=True)
    assert versions.described(one) == "defined in the session that ran it"


def test_a_base_class_of_another_module_makes_numbers_too(tmp_path: Path) -> None:
    base, mine = tmp_path / "base_of_a_test.py", tmp_path / "mine.py"
    base.write_text("class Base:\n    rate = 1\n")
    mine.write_text("from base_of_a_test import Base\nclass Mine(Base):\n    pass\n")
    before = load_file(mine)
    first = versions.version_of(before, before.plugin.Mine)
    base.write_text("class Base:\n    rate = 2\n")
    after = load_file(mine)
    assert versions.version_of(after, after.plugin.Mine) != first


def test_what_plugins_build_on_is_in_no_version() -> None:
    import clbench

    one = SimpleNamespace(plugin=clbench)
    assert versions._modules(one, clbench.RecordMetric) == set()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("package", "label", "name"),
    [
        ("er", "buffers/ring.py", "er.buffers.ring"),
        ("er", "__init__.py", "er"),
        ("er", "buffers/__init__.py", "er.buffers"),
        ("", "mine.py", "mine"),
        ("", "tools/numbers.py", "tools.numbers"),
    ],
)
def test_a_path_within_a_package_is_a_dotted_name(package: str, label: str, name: str) -> None:
    assert versions._dotted(package, label) == name
