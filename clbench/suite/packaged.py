"""The suites that come with clbench: where they lie, and what they say of themselves."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from itertools import chain
from pathlib import Path


def packaged_suites() -> list[str]:
    """Their names, as `clbench run` takes them."""
    return sorted(chain.from_iterable(map(_names_in, suite_folders())))


def _names_in(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.yaml"):
        yield path.relative_to(folder).with_suffix("").as_posix()


def packaged_text(name: str) -> str:
    """The file of a suite that comes with clbench."""
    paths = [folder / f"{name}.yaml" for folder in suite_folders()]
    return next(path for path in paths if path.is_file()).read_text(encoding="utf-8")


def suite_folders() -> list[Path]:
    """Where they lie: in the installed package, or beside it in a checkout."""
    spec = importlib.util.find_spec("clbench_suites")
    found = spec.submodule_search_locations if spec else None
    installed = list(map(Path, found or []))
    folders = [*installed, Path(__file__).parents[2] / "suites"]
    # A checkout that is installed has both, which are the same suites.
    return [folder for folder in folders if folder.is_dir()][:1]


def opening_comment(text: str) -> str:
    """What a suite's file says before its first key, in one paragraph."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").strip())
    return " ".join(filter(None, lines))
