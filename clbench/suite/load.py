"""From a parsed suite to a checked `Suite` with its cells: all problems at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pydantic

from clbench.errors import UserError, shown, suggest
from clbench.option_issues import issues_of
from clbench.suite.adaptive import Adaptive, adaptive_seeds
from clbench.suite.cell import Cell
from clbench.suite.checks import UNCHECKED, Checks
from clbench.suite.choice import MetricChoice
from clbench.suite.expand import Matrix, expand
from clbench.suite.labels import names_of
from clbench.suite.metrics import asked_metrics, check_comparable
from clbench.suite.paths import numbered
from clbench.suite.problems import Problems, must_be
from clbench.suite.seeds import MAX_SEEDS, check_seeds, parse_seeds
from clbench.suite.smoke import SEEDS, tiny_cells
from clbench.suite.source import ParsedSuite, Source, read_suite
from clbench.suite.suite import NAME, Compare, Suite

if TYPE_CHECKING:
    from pathlib import Path as FilePath

    from clbench.host import Host

KEYS = ("name", "scenarios", "protocol", "seeds", "strategies", "metrics", "compare", "plugins")
REQUIRED = ("name", "scenarios", "seeds", "strategies")

_WANTED_NAME = "must be one word of letters, digits, -, _ and ., 60 at most, for it names files"
_EXAMPLES = {
    "name": "write for example `name: my-suite`; results go to results/my-suite",
    "scenarios": "write for example `scenarios: [split: {dataset: digits, tasks: 5}]`",
    "seeds": "write a count, for example `seeds: 10`",
    "strategies": "write for example `strategies: [naive, er: {memory: 200}]`",
}


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
    """Read and check a suite; `SuiteError` lists everything wrong with it."""
    parsed = read_suite(source, overrides)
    return check_suite(parsed, host, smoke=smoke, seeds=seeds, imported=imported, checks=checks)


def check_suite(
    parsed: ParsedSuite,
    host: Host,
    *,
    smoke: bool = False,
    seeds: str | None = None,
    imported: Collection[str] = (),
    checks: Checks = UNCHECKED,
) -> Suite:
    """Check a suite and unfold its cells; `SuiteError` lists everything wrong with it.

    `imported` names the data sets that no plugin offers and `clbench data import` brought in.
    """
    data = dict(parsed.data)
    own, own_seeds = data.get("seeds"), None
    # `--seeds` stands in for the file's, which the record still asks for.
    if seeds is not None:
        own_seeds = _sound_seeds(own)
        data["seeds"] = _seeds_option(seeds)
    problems = parsed.problems()
    _check_keys(data, problems)
    metrics = asked_metrics(data, host, problems)
    compare = _compare(data.get("compare"), host, metrics, problems)
    adaptive = _adaptive(data.get("seeds"), compare, problems)
    matrix = Matrix(
        scenarios=_list(data, "scenarios", problems),
        strategies=_list(data, "strategies", problems),
        protocol=_mapping(data, problems),
        seeds=_seeds(data.get("seeds"), adaptive, problems),
        metrics=metrics,
        imported=frozenset(imported),
    )
    name = _name(data.get("name"), problems)
    plugins = _plugins(data.get("plugins"), parsed, problems)
    cells, warnings = expand(matrix, host, problems, checks)
    _check_baseline(compare.baseline, cells, problems)
    problems.check()
    return Suite(
        name,
        parsed.file,
        parsed.text_of(data),
        seeds=matrix.seeds[:SEEDS] if smoke else matrix.seeds,
        metrics=matrix.metrics,
        compare=compare,
        cells=tuple(tiny_cells(cells, host) if smoke else cells),
        plugins=plugins,
        warnings=(*warnings, *_instead(own, seeds)),
        smoke=smoke,
        own_seeds=own_seeds,
        adaptive=adaptive.limited(SEEDS) if smoke and adaptive else adaptive,
    )


def _check_keys(data: Mapping[str, Any], problems: Problems) -> None:
    """The keys of a suite, and those that it must have."""
    for key in data:
        if key not in KEYS:
            problems.add((key,), f"unknown key{suggest(key, KEYS)}")
    for key in REQUIRED:
        if data.get(key) is None:
            problems.add((key,), "is missing; " + _EXAMPLES[key])


def _name(value: object, problems: Problems) -> str:
    if value is not None and not _is_name(value):
        problems.add(("name",), f"{_WANTED_NAME}; not {shown(value)}")
    return str(value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(NAME, value) is not None


def _adaptive(value: object, compare: Compare, problems: Problems) -> Adaptive | None:
    """By what seeds are added; None where the suite says which there are."""
    return adaptive_seeds(value, compare, problems) if isinstance(value, dict) else None


def _seeds(value: object, adaptive: Adaptive | None, problems: Problems) -> tuple[int, ...]:
    """All seeds that there may be."""
    if adaptive is not None:
        return tuple(range(adaptive.most))
    try:
        return () if value is None else tuple(check_seeds(value))
    except ValueError as error:
        problems.add(("seeds",), str(error))
        return ()


def _sound_seeds(value: object) -> tuple[int, ...]:
    """The seeds a file asks for; none where `--seeds` stands in for something that is wrong."""
    if isinstance(value, dict):
        # How many there will be is not known; whatever there is stays asked for.
        return tuple(range(MAX_SEEDS))
    try:
        return tuple(check_seeds(value))
    except ValueError:
        return ()


def _instead(own: object, seeds: str | None) -> list[str]:
    """That `--seeds` wins, where the file says how many there are to be by what they show."""
    if seeds is None or not isinstance(own, dict):
        return []
    return [
        f"--seeds {seeds} stands in for the suite's `seeds: {{until: ...}}`: these seeds are run,"
        " and none is added by what they show"
    ]


def _seeds_option(text: str) -> list[int]:
    try:
        return parse_seeds(text)
    except ValueError as error:
        raise UserError(f"--seeds: {error}") from None


def _list(data: Mapping[str, Any], key: str, problems: Problems) -> list[Any]:
    value = data.get(key)
    if isinstance(value, list):
        if not value:
            problems.add((key,), "is empty; " + _EXAMPLES[key])
        return value
    if value is not None:
        problems.add((key,), must_be("a list, one entry a line starting with `-`", value))
    return []


def _mapping(data: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    value = data.get("protocol")
    if value is None:
        return {}
    if not isinstance(value, dict):
        wanted = "keys with values such as {model: mlp, epochs: 1}"
        problems.add(("protocol",), must_be(wanted, value))
        return {}
    return value


def _compare(
    value: object, host: Host, metrics: Sequence[MetricChoice], problems: Problems
) -> Compare:
    """What stands under `compare:`; where some of it is wrong, the rest is checked without it."""
    if value is None:
        return Compare()
    if not isinstance(value, dict):
        wanted = "keys with values such as {metric: forgetting, baseline: naive}"
        problems.add(("compare",), must_be(wanted, value))
        return Compare()
    try:
        compare = Compare.model_validate(value, strict=True)
    except pydantic.ValidationError as error:
        wrong = issues_of(error, value)
        # The rest is looked at without what is wrong, so that everything is said at once.
        for path, message in wrong:
            problems.add(("compare", *numbered(path)), _about_compare(path[0], message))
        bad = {path[0] for path, _ in wrong}
        rest = {key: given for key, given in value.items() if key not in bad}
        return _compare(rest, host, metrics, problems)
    if "metric" in value:
        check_comparable(compare.metric, host, metrics, problems)
    return compare


def _about_compare(key: str, message: str) -> str:
    """The message; of an unknown key with what may have been meant."""
    known = suggest(key, Compare.model_fields) if message == "is not known here" else ""
    return f"unknown key{known}" if known else message


def _check_baseline(baseline: str | None, cells: Sequence[Cell], problems: Problems) -> None:
    """The baseline is one of the strategies; where one of those is wrong, it may be that one."""
    known = names_of(cells)
    if baseline is None or baseline in known or not cells:
        return
    wrong = [problem.path for problem in problems.found]
    if any(path.startswith(("strategies", "protocol")) for path in wrong):
        return
    problems.add(
        ("compare", "baseline"),
        f"{baseline!r} is no strategy of this suite{suggest(baseline, known)}",
    )


def _plugins(value: object, parsed: ParsedSuite, problems: Problems) -> tuple[FilePath, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        problems.add(("plugins",), must_be("a list of files such as [my_method.py]", value))
        return ()
    files = []
    for position, entry in enumerate(value):
        path = ("plugins", position)
        if not isinstance(entry, str):
            problems.add(path, must_be("a file such as my_method.py", entry))
            continue
        file = parsed.plugin_file(entry)
        files.append(file)
        if not file.is_file():
            where = "plugins are relative to the suite's file"
            problems.add(path, f"there is no file {file} ({where})")
    return tuple(files)
