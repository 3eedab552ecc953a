"""`clbench describe`: one name's documentation, options and origin."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.cli.options import DataOption, PluginOption
from clbench.cli.output import say, say_prose, table, warn
from clbench.errors import UnknownName
from clbench.suite.packaged import opening_comment, packaged_suites

if TYPE_CHECKING:
    from clbench.data import Arrays
    from clbench.host import Host
    from clbench.options import Option
    from clbench.suite import Suite


def describe(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A strategy, metric, scenario, data set, model, launcher, format, export, figure"
            " or suite; or `protocol`.",
            show_default=False,
        ),
    ],
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """Print what a name stands for: its documentation, its options with types and defaults, and
    the plugin that offers it.
    """
    from clbench.host import Host

    host = Host.load(plugin or [])
    warn(host.warnings)
    parts = _meanings(name, host, data)
    # An empty line between two meanings.
    for position, part in enumerate(parts):
        if position:
            say("")
        part()


def _meanings(name: str, host: Host, data: Path | None) -> list[Callable[[], None]]:
    """What prints each thing that the name stands for.

    `UnknownName` with suggestions where it is nothing.
    """
    from clbench.data import imported_names

    # The key of suites, whatever else may be called so.
    if name == "protocol":
        return [_describe_protocol]
    suites, imported = packaged_suites(), imported_names(data)
    # One name may stand for several things.
    found, hint = _contributions(name, host)
    if name in imported and name not in host.names("dataset"):
        found.append(partial(_describe_imported, name, host, data))
    if name in suites:
        found.append(partial(_describe_suite, name, host, imported))
    if not found:
        known = {"protocol", *_offered(host), *suites, *imported}
        raise UnknownName("name", name, known, hint or "; what a file offers: --plugin FILE.py")
    return found


def _contributions(name: str, host: Host) -> tuple[list[Callable[[], None]], str]:
    """What prints each thing of this name that a plugin offers, and a hint where one may be
    missing.
    """
    from clbench.host import KINDS

    found: list[Callable[[], None]] = []
    hint = ""
    for kind in KINDS:
        try:
            host.get(kind, name)
            found.append(partial(_describe, host, kind, name))
        except UnknownName as error:
            hint = error.hint
    return found, hint


def _offered(host: Host) -> set[str]:
    """Every name that a plugin offers."""
    from clbench.host import KINDS

    return {known for kind in KINDS for known in host.names(kind)}


def _describe(host: Host, kind: str, name: str) -> None:
    from clbench.options import describe_options

    item, origin = host.get(kind, name), host.plugin_of(kind, name)
    article = "an" if kind[0] in "aeiou" else "a"
    say(f"{name}: {article} {kind} of plugin {origin.shown}")
    say("")
    say_prose(inspect.cleandoc(item.__doc__ or "It has no documentation."))
    if kind == "metric":
        _say_what_a_metric_is(item)
    say("")
    _options(describe_options(item))


def _say_what_a_metric_is(metric: Any) -> None:
    """Where its numbers come from, and which of them are good."""
    from clbench.metrics import is_probe

    source = "measured while it runs" if is_probe(metric) else "computed from the record"
    say(f"\n{source}; {_what_is_good(metric)}")


def _what_is_good(metric: Any) -> str:
    if metric.summary == "none":
        return "no number"
    return "higher is better" if metric.higher_is_better else "lower is better"


def _describe_protocol() -> None:
    from clbench.suite import Protocol, describe_protocol

    say("protocol: how every strategy of a suite is trained and evaluated\n")
    say_prose(inspect.cleandoc(Protocol.__doc__ or ""))
    say("")
    _options(describe_protocol())


def _options(options: Sequence[Option]) -> None:
    rows = [[option.name, option.type, _default(option), option.doc] for option in options]
    table(["option", "type", "default", "what it does"], rows, "It has no options.")


def _default(option: Option) -> str:
    """The default as a suite would write it."""
    if option.required:
        return "-"
    if option.default is None:
        return "none"
    if isinstance(option.default, str):
        return option.default
    return json.dumps(option.default, default=str)


def _describe_imported(name: str, host: Host, data: Path | None) -> None:
    """A data set that no plugin knows: what its file says."""
    from clbench.data import load_arrays
    from clbench.suite import Choice

    arrays = load_arrays(Choice(name, {}), host, data)
    say(f"{name}: a data set that was imported with `clbench data import`\n")
    table(["", ""], _facts_of(arrays))


def _facts_of(arrays: Arrays) -> list[list[Any]]:
    size = "x".join(map(str, arrays.x_train.shape[1:]))
    return [
        ["training images", f"{len(arrays.x_train):,}"],
        ["test images", f"{len(arrays.x_test):,}"],
        ["size", f"{size} (height, width, channels), uint8"],
        ["classes", arrays.classes],
        ["fingerprint", arrays.fingerprint],
    ]


def _describe_suite(name: str, host: Host, imported: Sequence[str]) -> None:
    """A suite that comes with clbench: what its file says first, and what it runs."""
    from clbench.suite import load_suite

    suite = load_suite(name, host, imported=imported)
    say(f"{name}: a suite that comes with clbench, {suite.file}\n")
    say_prose(opening_comment(suite.text))
    say("")
    table(["", ""], _what_it_runs(suite))
    say(f"\nnext: clbench run {name}    (or --dry-run, to see how long it may take)")


def _what_it_runs(suite: Suite) -> list[list[str]]:
    from clbench.suite.suite import runs_in_words

    strategies = dict.fromkeys(cell.label for cell in suite.cells)
    scenarios = dict.fromkeys(cell.scenario_label for cell in suite.cells)
    return [
        ["scenarios", ", ".join(scenarios)],
        ["strategies", ", ".join(strategies)],
        ["seeds", f"{suite.adaptive or len(suite.seeds)}"],
        ["runs", f"{runs_in_words(suite)} in {len(suite.cells)} cells"],
        ["metrics", ", ".join(metric.label for metric in suite.metrics)],
    ]
