"""Who may import whom, where import-linter's contracts in pyproject.toml cannot say it."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
HEAVY = {"torch", "torchvision", "pandas", "scipy", "sklearn", "matplotlib", "scikit_posthocs"}


def imported_by(source: str) -> Iterator[str]:
    """The modules a source file imports; `..name` where it reaches out of its own folder."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level != 1:
            yield "." * node.level + (node.module or "")


def private_imports(source: str) -> list[str]:
    """What a plugin may not import: anything below `clbench`, and other plugins."""
    return [
        module
        for module in imported_by(source)
        if module.startswith(("clbench.", "clbench_plugins", ".."))
    ]


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_built_in_plugins_import_the_public_api_only(path: Path) -> None:
    assert private_imports(path.read_text()) == []


def test_a_private_import_is_seen_wherever_it_stands() -> None:
    source = """
from clbench import Strategy
from .own import thing
from ..er import ER
def f():
    import clbench.engine.loop
    from clbench.stack import Stack
"""
    assert private_imports(source) == ["..er", "clbench.engine.loop", "clbench.stack"]


def test_every_room_is_under_contract() -> None:
    rooms = {f"clbench.{path.parent.name}" for path in (ROOT / "clbench").glob("*/__init__.py")}
    sources = {
        contract["name"]: set(contract.get("source_modules", []))
        for contract in PROJECT["tool"]["importlinter"]["contracts"]
    }
    assert sources["Nobody imports the command line"] == rooms - {"clbench.cli"} | {
        "clbench_plugins"
    }
    light = ("suite", "records", "stats", "report", "importing")
    without_torch = {f"clbench.{name}" for name in light}
    assert sources["Suites, records and reports never reach torch"] == rooms & without_torch


def loaded_by(statement: str) -> set[str]:
    """The top-level modules in a fresh interpreter after one statement."""
    code = f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_clbench_is_light() -> None:
    assert not HEAVY & loaded_by("import clbench")


def test_help_is_light() -> None:
    statement = (
        "import clbench.cli, sys\n"
        "sys.argv = ['clbench', '--help']\n"
        "try: clbench.cli.main()\n"
        "except SystemExit: pass"
    )
    assert not HEAVY & loaded_by(statement)


def test_reading_a_suite_a_record_and_a_report_needs_no_torch() -> None:
    assert "torch" not in loaded_by("import clbench.suite, clbench.report, clbench.importing")


def test_every_public_name_exists() -> None:
    import clbench

    missing = [name for name in clbench.__all__ if not hasattr(clbench, name)]
    assert missing == []


def test_every_package_on_disk_is_packaged() -> None:
    folders = {
        name: ROOT / folder for name, folder in PROJECT["tool"]["setuptools"]["package-dir"].items()
    }
    on_disk = {
        ".".join([name, *module.parent.relative_to(folder).parts])
        for name, folder in folders.items()
        for module in folder.rglob("*.py")
    }
    assert on_disk == set(PROJECT["tool"]["setuptools"]["packages"])


def test_every_entry_point_of_our_own_loads() -> None:
    for name, module in PROJECT["project"]["entry-points"]["clbench"].items():
        assert importlib.metadata.EntryPoint(name, module, "clbench").load()
