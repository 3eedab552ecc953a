"""The comments that document options, read from the source where the options are declared.

    strength: float = 0.01  # how hard

An option's comment stands behind its declaration or, where that leaves no room, on the lines above
it. Declarations are found in the syntax tree, so that no other line that looks like one is taken
for one.
"""

from __future__ import annotations

import ast
import inspect
import io
import textwrap
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Declared:
    """Where an option is declared: its lines, counted from 1."""

    name: str
    first: int
    last: int


def option_comments(target: Any) -> dict[str, str]:
    """By option: of a class those of its bases too,
    of a callable those of its keyword-only parameters.
    """
    found: dict[str, str] = {}
    # Bases first: a subclass that restates an option documents it anew.
    sources = reversed(target.__mro__) if isinstance(target, type) else [target]
    for source in sources:
        found |= _comments_of(source)
    return found


@cache
def _comments_of(source: Any) -> dict[str, str]:
    try:
        # A class in a function is indented, which alone is no Python.
        text = textwrap.dedent(inspect.getsource(source))
        tree = ast.parse(text)
        behind, above = _comments_by_line(text)
    except (OSError, TypeError, SyntaxError, tokenize.TokenError):
        return {}  # built in, or made at run time: there is nothing to read
    found = {}
    for declared in _declarations(tree.body[0]):
        # A declaration may take several lines, and the comment may stand behind any of them.
        lines = range(declared.first, declared.last + 1)
        comments = [behind[line] for line in lines if line in behind]
        # A comment behind the declaration wins: the one above may be about several options.
        comments = comments or _block_above(declared.first, above)
        if comments:
            found[declared.name] = " ".join(comments)
    return found


def _declarations(node: ast.stmt) -> Iterator[Declared]:
    if isinstance(node, ast.ClassDef):
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                yield Declared(statement.target.id, statement.lineno, _end(statement))
    elif isinstance(node, ast.FunctionDef):
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            yield Declared(argument.arg, argument.lineno, _end(default or argument))


def _end(node: ast.stmt | ast.expr | ast.arg) -> int:
    return node.end_lineno or node.lineno


def _comments_by_line(text: str) -> tuple[dict[int, str], dict[int, str]]:
    """Comments behind code, and those that have their line to themselves."""
    behind: dict[int, str] = {}
    alone: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            where = behind if token.line[:column].strip() else alone
            where[line] = token.string.lstrip("# ").strip()
    return behind, alone


def _block_above(line: int, alone: dict[int, str]) -> list[str]:
    block: list[str] = []
    while line - 1 in alone:
        line -= 1
        block.insert(0, alone[line])
    return block
