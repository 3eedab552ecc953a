"""Python literals from a stranger's file: parsed into values, and never evaluated."""

from __future__ import annotations

import ast
import math
from typing import Any

from clbench import errors

# Calls that stand for a number in a printed dictionary: np.float64(99.9).
NUMBERS = {
    f"{module}.{kind}{bits}"
    for module in ("np", "numpy")
    for kind in ("float", "int", "uint")
    for bits in (8, 16, 32, 64)
}
CONSTANTS = {"nan": math.nan, "inf": math.inf}


def parse_dictionary(text: str, source: str) -> dict[str, Any]:
    """The dictionary whose `repr` this is; what is no plain value, as `device(...)`, stays text."""
    try:
        # Parsed as text; nothing of it is ever run.
        tree = ast.parse(text.strip(), mode="eval")
        # Nesting as deep as a stranger likes ends in one of these, and not in a crash.
        value = _value(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise errors.RecordError(f"{source}: this is no printed dictionary ({error})") from None
    if not isinstance(value, dict):
        raise errors.RecordError(f"{source}: this is no printed dictionary")
    return {str(key): one for key, one in value.items()}


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in CONSTANTS:
            return CONSTANTS[name]
        # -1 is a minus before a constant.
        case ast.UnaryOp(op=ast.USub(), operand=operand) if _is_number(inner := _value(operand)):
            return -inner
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return _dictionary(keys, values)
        case ast.Call(args=[argument], keywords=[]) if ast.unparse(node.func) in NUMBERS:
            return _value(argument)
    # What is no literal stays as it was written.
    return ast.unparse(node)


def _dictionary(keys: list[ast.expr | None], values: list[ast.expr]) -> dict[Any, Any]:
    found = {}
    for key, value in zip(keys, values, strict=True):
        found[_key(key)] = _value(value)
    return found


def _key(node: ast.expr | None) -> str | int | float:
    # Calls, names and `**more` are keys in no printed dictionary.
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float):
        return node.value
    raise ValueError("a key is neither text nor a number")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
