"""Where a suite comes from: a file, a packaged suite's name or a mapping, parsed once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from clbench.errors import Problem, SuiteError, UserError, suggest
from clbench.suite.overrides import apply_overrides
from clbench.suite.packaged import packaged_suites, suite_folders
from clbench.suite.paths import Path
from clbench.suite.problems import Problems
from clbench.suite.yaml import Document, dump, parse

Source = FilePath | str | Mapping[str, Any]

# What messages call the file of a suite that is a mapping.
DICT = "<dict>"


@dataclass(frozen=True)
class ParsedSuite:
    """A suite's text as plain data, with the changes of `--set` in it.

    Nothing of it is checked yet.
    """

    file: str  # as messages name it
    folder: FilePath  # plugins are relative to it
    text: str
    document: Document
    data: Mapping[str, Any]
    changed: tuple[Path, ...]  # by `--set`
    wrong: tuple[tuple[Path, str], ...]  # what `--set` could not change

    def problems(self) -> Problems:
        """What is wrong with the text and with the changes, to add to."""
        found = Problems(self.file, self.document.lines, self.changed)
        found.found.update(self.document.problems)
        for path, message in self.wrong:
            found.add(path, message)
        return found

    def text_of(self, data: Mapping[str, Any]) -> str:
        """The text that says `data`: the file's own where nothing was changed."""
        return self.text if data == self.document.data else dump(data)

    def plugin_files(self) -> list[FilePath]:
        """The files under `plugins:`, to be loaded before the suite can be checked.

        What is written wrongly is left out here: `check_suite` names it, with everything else.
        """
        listed = self.data.get("plugins")
        if not isinstance(listed, list):
            return []
        return [self.plugin_file(entry) for entry in listed if isinstance(entry, str)]

    def plugin_file(self, entry: str) -> FilePath:
        """The file that an entry of `plugins:` names."""
        return self.folder / FilePath(entry).expanduser()


def read_suite(source: Source, overrides: Sequence[str] = ()) -> ParsedSuite:
    """Find and parse a suite, and lay the changes of `--set` over it."""
    file, folder, text = _read(source)
    document = _parsed(file, text)
    wrong: list[tuple[Path, str]] = []

    def note(path: Path, message: str) -> None:
        wrong.append((path, message))

    data, changed = apply_overrides(document.data, overrides, note)
    return ParsedSuite(file, folder, text, document, data, tuple(changed), tuple(wrong))


def _read(source: Source) -> tuple[str, FilePath, str]:
    """The file's name, its folder, and the text."""
    if isinstance(source, Mapping):
        # The text goes into the record, as a file's would.
        plain = json.loads(json.dumps(source, default=_as_plain))
        return DICT, FilePath(), dump(plain)
    path = _find(source)
    _refuse_other_kinds(path)
    try:
        return str(path), path.parent, path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file (byte {error.start} is not UTF-8)") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def _find(source: FilePath | str) -> FilePath:
    """A file here, or that of a packaged suite of this name."""
    path = FilePath(source).expanduser()
    if os.path.isfile(path):  # which is false, too, of a name that no file can have
        return path
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder; name a suite file in it")
    name = str(source).removesuffix(".yaml")
    for folder in suite_folders():
        packaged = folder / f"{name}.yaml"
        if os.path.isfile(packaged):
            return packaged
    raise UserError(
        f"no suite {str(source)!r}: neither a file here nor a suite that comes with clbench"
        f"{suggest(name, packaged_suites())}"
    )


def _refuse_other_kinds(path: FilePath) -> None:
    """Refuse what is often named in a suite's place, with what to type instead."""
    if path.suffix == ".h5":
        raise UserError(f"{path} is a record, and no suite: `clbench show {path}` shows it")
    if path.suffix == ".py":
        raise UserError(
            f"{path} is Python, and no suite: name a suite, and this file with --plugin {path}"
        )


def _as_plain(value: Any) -> Any:
    """Tuples, ranges, arrays and paths of a Python caller."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value) if isinstance(value, FilePath) else list(value)


def _parsed(file: str, text: str) -> Document:
    """The document; `SuiteError` where it does not hold keys with values."""
    document = parse(text)
    if isinstance(document.data, dict):
        return document
    empty = ", not an empty file" if document.data is None else ""
    wanted = f"must be keys with values (name, scenarios, strategies, seeds, ...){empty}"
    raise SuiteError(file, document.problems or (Problem(1, "suite", wanted),))
