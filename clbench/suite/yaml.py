"""YAML as plain data that remembers its lines.

Scalars are read as YAML 1.2 reads them: `1e-3` is a number, `no` and `2024-01-01` are words. Tags
that would make objects are refused, so a suite from a stranger is only ever data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from clbench.errors import Problem
from clbench.suite.paths import Path, render

# A suite is written by hand; what is longer was not, and takes the reader a minute for ten million
# characters.
MAX_CHARACTERS = 1_000_000
# A file that unfolds its aliases into more than this is an attack or an accident.
MAX_NODES = 200_000

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_PATTERNS = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9][0-9_]*|0x[0-9a-fA-F_]+|0o[0-7_]+",
    "float": (
        r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    ),
    "merge": r"<<",
}
_RESOLVERS = {
    None: [(_TAG + name, re.compile(f"^(?:{pattern})$")) for name, pattern in _PATTERNS.items()]
}


def _integer(text: str) -> int:
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


def _float(text: str) -> float:
    return float(text.replace(".", "") if text[-1:].isalpha() else text)


_CONVERT: dict[str, Callable[[str], Any]] = {
    f"{_TAG}null": lambda text: None,
    f"{_TAG}bool": lambda text: text.lower() == "true",
    f"{_TAG}int": lambda text: _integer(text.replace("_", "")),
    f"{_TAG}float": lambda text: _float(text.replace("_", "")),
    f"{_TAG}str": str,
    _MERGE: str,
}


class _Loader(yaml.SafeLoader):
    """Composes nodes; only the rules for plain scalars are ours."""

    yaml_implicit_resolvers = _RESOLVERS


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would otherwise read as something else."""

    yaml_implicit_resolvers = _RESOLVERS


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Line breaks that only Unicode knows would be folded to spaces; escaped they stay."""
    style = '"' if re.search("[\x85\u2028\u2029]", text) else None
    return dumper.represent_scalar(f"{_TAG}str", text, style=style)


_Dumper.add_representer(str, _text)


@dataclass(frozen=True)
class Document:
    """Plain data, with the line of every path in it and what was wrong with the text."""

    data: Any
    lines: dict[Path, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def parse(text: str) -> Document:
    """Read one YAML document; broken YAML is one problem, a key written twice is one each."""
    if len(text) > MAX_CHARACTERS:
        return _broken(1, f"has {len(text):,} characters; a suite has at most {MAX_CHARACTERS:,}")
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _broken(mark.line + 1 if mark else 1, _yaml_sentence(error))
    except RecursionError:
        return _broken(1, "is nested too deeply")
    except yaml.YAMLError as error:
        return _broken(1, " ".join(str(error).split()))
    reader = _Reader()
    data = None if root is None else reader.read(root, ())
    return Document(data, reader.lines, tuple(reader.problems))


def _broken(line: int, message: str) -> Document:
    """No data, and why."""
    return Document(None, problems=(Problem(line, "YAML", message),))


def dump(data: Any) -> str:
    """Plain data as YAML that `parse` reads back."""
    return yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=120,
    )


class _Reader:
    """Walks composed nodes once."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._open: list[yaml.Node] = []
        self._count = 0

    def read(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, _line(node))
        self._count += 1
        if self._count > MAX_NODES:
            if self._count == MAX_NODES + 1:  # said once
                self._problem(node, (), f"unfolds into more than {MAX_NODES:,} values")
            return None
        # An alias of something around it would never end.
        if any(node is parent for parent in self._open):
            return self._problem(node, path, "refers to itself")
        self._open.append(node)
        try:
            return self._value(node, path)
        finally:
            self._open.pop()

    def _value(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.read(item, (*path, position)) for position, item in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _CONVERT:
            tag = node.tag.replace(_TAG, "!!")
            return self._problem(node, path, f"the tag {tag} is not allowed in a suite")
        try:
            return _CONVERT[node.tag](str(node.value))
        except ValueError:
            return self._problem(node, path, f"{node.value!r} is no {node.tag.removeprefix(_TAG)}")

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:  # `<<: *name`
                for part in self._merged(value_node, path):
                    merged = part | merged
                continue
            if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "":
                self._problem(key_node, path, "a key must be a word")
                continue
            key = str(key_node.value)
            inside = (*path, key)
            if key in found:
                first = f"is written twice, first on line {self.lines[inside]}"
                self._problem(key_node, inside, f"{first}; keep one")
                continue
            self.lines[inside] = _line(key_node)
            found[key] = self.read(value_node, inside)
        return merged | found

    def _merged(self, node: yaml.Node, path: Path) -> Iterator[dict[str, Any]]:
        """What `<<: *name` brings in; keys written out beside it win."""
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            value = self.read(part, path)
            if isinstance(value, dict):
                yield value
            else:
                self._problem(node, path, "`<<` needs a mapping")

    def _problem(self, node: yaml.Node, path: Path, message: str) -> None:
        self.problems.append(Problem(_line(node), render(path), message))


def _line(node: yaml.Node) -> int:
    """Counted from 1."""
    return int(node.start_mark.line) + 1


def _yaml_sentence(error: yaml.MarkedYAMLError) -> str:
    text = f"cannot be read: {error.problem}"
    if error.context:
        text += f" ({error.context})"
    # A tab is what most often breaks the indentation, and it cannot be seen.
    return text + "; indent with spaces" if "\\t" in text else text
