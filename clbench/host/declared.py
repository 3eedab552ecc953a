"""What a module declares, read from its syntax tree: nothing is imported to find out."""

from __future__ import annotations

import ast
from collections.abc import Collection

# Words by which a hook may be implemented without its name standing in the source.
INDIRECT = ("import *", "specname")


def may_implement(source: str, hooks: Collection[str]) -> bool:
    """Whether a module with this source may implement one of these hooks. In doubt it may."""
    # Most modules name none of them, and need not be parsed.
    # A hook's name cannot be declared without standing in the source, but for these two.
    if not any(word in source for word in (*hooks, *INDIRECT)):
        return False
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return True  # loading it says what is wrong
    return any(_declares(node, hooks) for node in ast.walk(tree))


def _declares(node: ast.AST, hooks: Collection[str]) -> bool:
    """Whether this is a hook's function, brings one in from elsewhere, or may stand for one."""
    if isinstance(node, ast.FunctionDef):
        return node.name in hooks
    if isinstance(node, ast.alias):
        return not {node.name, node.asname}.isdisjoint(("*", *hooks))
    if isinstance(node, ast.keyword):
        return node.arg == "specname"
    if isinstance(node, ast.Name):
        return node.id in hooks
    # `setattr(plugin, "clbench_metrics", ...)`; a sentence that holds the word is another constant.
    return isinstance(node, ast.Constant) and node.value in hooks
