"""Plugins and packages made for a test."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

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
