"""From a file, a packaged suite's name or a mapping to a checked `Suite`: all problems at once."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import pydantic

from clbench.errors import Problem, SuiteError, UserError, shown, suggest
from clbench.options import issues_of
from clbench.suite.cell import Cell
from clbench.suite.checks import UNCHECKED, Checks
from clbench.suite.choice import MetricChoice
from clbench.suite.expand import expand_with
from clbench.suite.metrics import asked_metrics, check_comparable
from clbench.suite.overrides import apply_overrides
from clbench.suite.packaged import packaged_suites, suite_folders
from clbench.suite.paths import Path, numbered
from clbench.suite.problems import Problems
from clbench.suite.seeds import check_seeds, parse_seeds
from clbench.suite.smoke import SEEDS
from clbench.suite.suite import NAME, Compare, Suite
from clbench.suite.yaml import Document, dump, parse

if TYPE_CHECKING:
    from clbench.host import Host

Source = FilePath | str | Mapping[str, Any]

KEYS = ("name", "scenarios", "protocol", "seeds", "strategies", "metrics", "compare", "plugins")
REQUIRED = ("name", "scenarios", "seeds", "strategies")


@dataclass(frozen=True)
class _Text:
    """A suite's text, what messages call its file, and the folder its plugins are relative to."""

    file: str
    text: str
    folder: FilePath


def load_suite(
    source: Source,
    host: Host,
    *,
    overrides: Sequence[str] = (),
    smoke: bool = False,
    seeds: str | None = None,
    imported: Collection[str] = (),
    checks: Checks = UNCHECKED,
) -> Suite:
    """Read and check a suite; `SuiteError` lists everything wrong with it.

    `imported` names the data sets that no plugin offers and `clbench data import` brought in.
    """
    written = _read(source)
    document = _parsed(written)
    found: list[tuple[Path, str]] = []
    data, changed = apply_overrides(
        document.data, overrides, lambda path, message: found.append((path, message))
    )
    own_seeds = None
    if seeds is not None:
        own_seeds = _sound_seeds(data.get("seeds"))
        data["seeds"] = _seeds_option(seeds)
    problems = Problems(written.file, document.lines, changed)
    problems.found.update(document.problems)
    for path, message in found:
        problems.add(path, message)
    text = written.text if data == document.data else dump(data)
    blank = replace(
        _blank(written, document), data=data, text=text, imported=frozenset(imported), smoke=smoke
    )
    suite = _checked(blank, host, problems, checks)
    problems.check()
    return replace(suite, own_seeds=own_seeds)


def read_plugins(source: Source, overrides: Sequence[str] = ()) -> list[FilePath]:
    """The files under `plugins:`, to be loaded before the suite can be checked."""
    written = _read(source)
    data, _ = apply_overrides(
        _parsed(written).data, overrides, lambda path, message: None
    )  # `load_suite` says what is wrong
    listed = data.get("plugins") or []
    if not isinstance(listed, list):
        return []  # `load_suite` says so, with everything else
    return [_plugin(written.folder, entry) for entry in listed if isinstance(entry, str)]


def _checked(suite: Suite, host: Host, problems: Problems, checks: Checks) -> Suite:
    data = suite.data
    for key in data:
        if key not in KEYS:
            problems.add((key,), f"unknown key{suggest(key, KEYS)}")
    for key in REQUIRED:
        if data.get(key) is None:
            problems.add((key,), "is missing; " + _EXAMPLES[key])
    lists = {key: _list(data, key, problems) for key in ("scenarios", "strategies")}
    metrics = asked_metrics(data, host, problems)
    suite = replace(
        suite,
        name=_name(data.get("name"), problems),
        seeds=_seeds(data.get("seeds"), problems),
        metrics=metrics,
        compare=_compare(data.get("compare"), host, metrics, problems),
        plugins=_plugins(data.get("plugins"), suite, problems),
        data={**data, **lists, "protocol": _mapping(data, problems)},
    )
    cells, warnings = expand_with(suite, host, problems, checks)
    _baseline(suite, cells, problems)
    return replace(
        suite, warnings=tuple(warnings), seeds=suite.seeds[:SEEDS] if suite.smoke else suite.seeds
    )


_EXAMPLES = {
    "name": "write for example `name: my-suite`; results go to results/my-suite",
    "scenarios": "write for example `scenarios: [split: {dataset: digits, tasks: 5}]`",
    "seeds": "write a count, for example `seeds: 10`",
    "strategies": "write for example `strategies: [naive, er: {memory: 200}]`",
}


def _name(value: Any, problems: Problems) -> str:
    if value is not None and (not isinstance(value, str) or not re.fullmatch(NAME, value)):
        problems.add(
            ("name",),
            f"must be one word of letters, digits, -, _ and ., 60 at most, for it names files; not {shown(value)}",
        )
    return str(value)


def _seeds(value: Any, problems: Problems) -> tuple[int, ...]:
    try:
        return () if value is None else tuple(check_seeds(value))
    except ValueError as error:
        problems.add(("seeds",), str(error))
        return ()


def _sound_seeds(value: Any) -> tuple[int, ...]:
    """The seeds a file asks for; none where `--seeds` stands in for something that is wrong."""
    try:
        return tuple(check_seeds(value))
    except ValueError:
        return ()


def _list(data: Mapping[str, Any], key: str, problems: Problems) -> list[Any]:
    value = data.get(key)
    if isinstance(value, list):
        if not value:
            problems.add((key,), "is empty; " + _EXAMPLES[key])
        return value
    if value is not None:
        problems.add(
            (key,), f"must be a list, one entry a line starting with `-`, not {shown(value)}"
        )
    return []


def _mapping(data: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    value = data.get("protocol")
    if value is not None and not isinstance(value, dict):
        problems.add(
            ("protocol",),
            f"must be keys with values such as {{model: mlp, epochs: 1}}, not {shown(value)}",
        )
    return value if isinstance(value, dict) else {}


def _compare(
    value: Any, host: Host, metrics: Sequence[MetricChoice], problems: Problems
) -> Compare:
    value = {} if value is None else value
    if not isinstance(value, dict):
        problems.add(
            ("compare",),
            f"must be keys with values such as {{metric: forgetting, baseline: naive}}, not {shown(value)}",
        )
        return Compare()
    try:
        compare = Compare.model_validate(value, strict=True)
    except pydantic.ValidationError as error:
        wrong = issues_of(error, value)
        for path, message in wrong:
            known = suggest(path[0], Compare.model_fields) if message == "is not known here" else ""
            problems.add(("compare", *numbered(path)), f"unknown key{known}" if known else message)
        bad = {path[0] for path, _ in wrong}
        return _compare(
            {key: given for key, given in value.items() if key not in bad}, host, metrics, problems
        )
    if "metric" in value:
        check_comparable(compare.metric, host, metrics, problems)
    return compare


def _baseline(suite: Suite, cells: Sequence[Cell], problems: Problems) -> None:
    """The baseline is one of the strategies; where one of those is wrong, it may be that one."""
    baseline = suite.compare.baseline
    known = {cell.label for cell in cells} | {cell.strategy for cell in cells}
    complete = cells and not any(
        problem.path.startswith(("strategies", "protocol")) for problem in problems.found
    )
    if baseline is not None and complete and baseline not in known:
        problems.add(
            ("compare", "baseline"),
            f"{baseline!r} is no strategy of this suite{suggest(baseline, known)}",
        )


def _plugins(value: Any, suite: Suite, problems: Problems) -> tuple[FilePath, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        problems.add(
            ("plugins",), f"must be a list of files such as [my_method.py], not {shown(value)}"
        )
        return ()
    folder = FilePath() if suite.file == DICT else FilePath(suite.file).parent
    files = []
    for position, entry in enumerate(value):
        if not isinstance(entry, str):
            problems.add(
                ("plugins", position), f"must be a file such as my_method.py, not {shown(entry)}"
            )
            continue
        files.append(_plugin(folder, entry))
        if not files[-1].is_file():
            problems.add(
                ("plugins", position),
                f"there is no file {files[-1]} (plugins are relative to the suite's file)",
            )
    return tuple(files)


def _plugin(folder: FilePath, entry: str) -> FilePath:
    return folder / FilePath(entry).expanduser()


# ------------------------------------------------------------------ where the text comes from

DICT = "<dict>"


def _read(source: Source) -> _Text:
    if isinstance(source, Mapping):
        return _Text(DICT, dump(json.loads(json.dumps(source, default=_as_plain))), FilePath())
    path = _find(source)
    _refuse_other_kinds(path)
    try:
        return _Text(str(path), path.read_text(encoding="utf-8"), path.parent)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file (byte {error.start} is not UTF-8)") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def _refuse_other_kinds(path: FilePath) -> None:
    """What is so often named in a suite's place that the message may say what to type."""
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


def _find(source: FilePath | str) -> FilePath:
    path = FilePath(source).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a suite file in it")
    name = str(source).removesuffix(".yaml")
    for folder in suite_folders():
        packaged = folder / f"{name}.yaml"
        if packaged.is_file():
            return packaged
    raise UserError(
        f"no suite {str(source)!r}: neither a file here nor a suite that comes with clbench{suggest(name, packaged_suites())}"
    )


def _parsed(written: _Text) -> Document:
    document = parse(written.text)
    if isinstance(document.data, dict):
        return document
    empty = ", not an empty file" if document.data is None else ""
    shape = Problem(
        1, "suite", f"must be keys with values (name, scenarios, strategies, seeds, ...){empty}"
    )
    raise SuiteError(written.file, document.problems or (shape,))


def _seeds_option(text: str) -> list[int]:
    try:
        return parse_seeds(text)
    except ValueError as error:
        raise UserError(f"--seeds: {error}") from None


def _blank(written: _Text, document: Document) -> Suite:
    return Suite("", written.file, written.text, {}, document.lines, (), (), Compare())
