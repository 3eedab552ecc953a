"""The version of what is defined in a session: a notebook's cell, a script, a function.

There is no file to hash that holds it and nothing else. So it is the source of the class or
function itself and of everything that it uses by name, as far as that is defined beside it; files
that it imports from are hashed whole. Where a source or a value cannot be had, the version is
unknown, and nothing is ever taken from a record for it.
"""

from __future__ import annotations

import ast
import dis
import inspect
import itertools
import linecache
import sys
from collections.abc import Collection, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

from clbench.host.digest import digest_of
from clbench.host.imported import editable_file, editable_imports

UNKNOWN = "unknown: defined in a session, and not to be read"

# Whose repr says all that they are.
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_CONTAINERS = (list, tuple, set, frozenset)


class _Unreadable(Exception):
    """Something that changes numbers, of which no text can be had; it says what."""


def version_of(item: Any) -> str:
    """`sha256:...`, or `UNKNOWN`."""
    try:
        texts = sources(item)
    except _Unreadable:
        return UNKNOWN
    return f"sha256:{digest_of({name: text.encode() for name, text in texts.items()})}"


def unreadable(item: Any) -> str:
    """Why an item has no version, in words; empty where it has one."""
    try:
        sources(item)
    except _Unreadable as reason:
        return str(reason)
    return ""


def sources(item: Any) -> Mapping[str, str]:
    """The text of everything that the item is made of, by name."""
    found: dict[str, str] = {}
    # By identity: several functions may have one name, and differ in the variables around them.
    seen: dict[int, Any] = {}
    # Depth first.
    waiting = [(item.__qualname__, item)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, ModuleType):
            found |= _files_of(value)
        elif not isinstance(value, (type, FunctionType)):
            _keep(found, name, _plain_text(name, value))
        # Defined elsewhere: the whole of that file, since no one can tell what of it is used.
        elif value.__module__ != item.__module__:
            found |= _files_of(sys.modules.get(value.__module__))
        elif id(value) not in seen:
            seen[id(value)] = value
            _keep(found, value.__qualname__, _text_of(value))
            waiting += _used_by(value)
    return found


def _keep(found: dict[str, str], name: str, text: str) -> None:
    """Put a text under its name; another text of that name stays beside it."""
    label = name
    for number in itertools.count(2):
        if found.setdefault(label, text) == text:
            return
        label = f"{name} ({number})"


def _used_by(value: type | FunctionType) -> Iterator[tuple[str, Any]]:
    """What a class or function refers to by name:
    bases, globals, variables of functions around it.
    """
    if isinstance(value, type):
        yield from ((base.__qualname__, base) for base in value.__bases__ if base is not object)
        yield from _values_of(value)
    for function in _functions_of(value):
        yield from _defaults_of(function)
        yield from _names_in(function, function.__code__)


def _defaults_of(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Values at definition, which the source shows only as expressions."""
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is not parameter.empty:
            yield f"{function.__qualname__}, default of {name}", parameter.default


def _values_of(value: type) -> Iterator[tuple[str, Any]]:
    """What a class holds beside methods and options, which a cell states itself."""
    options = inspect.get_annotations(value)
    for name, attribute in vars(value).items():
        if not (_is_method(attribute) or name in options or name.startswith("__")):
            yield f"{value.__qualname__}.{name}", attribute


def _is_method(attribute: Any) -> bool:
    """A routine, or a descriptor: a property, a cached property, a class method."""
    return inspect.isroutine(attribute) or hasattr(type(attribute), "__get__")


def _functions_of(value: Any) -> Iterator[FunctionType]:
    """The function itself, or those of a class body, without their decorators."""
    values = list(vars(value).values()) if isinstance(value, type) else [value]
    for part in itertools.chain.from_iterable(map(_parts_of, values)):
        function = _undecorated(part)
        if isinstance(function, FunctionType):
            yield function


def _parts_of(value: Any) -> list[Any]:
    return [value.fget, value.fset] if isinstance(value, property) else [value]


def _undecorated(part: Any) -> Any:
    # Of static and class methods; of cached properties and partial methods.
    function = getattr(part, "__func__", getattr(part, "func", part))
    return inspect.unwrap(function) if callable(function) else function


def _names_in(function: FunctionType, code: CodeType) -> Iterator[tuple[str, Any]]:
    # Free variables, once: nested code objects share those of the function.
    if code is function.__code__:
        yield from _free_variables(function)
    yield from _globals_in(function, code)
    # Functions within, comprehensions and lambdas.
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(function, constant)


def _free_variables(function: FunctionType) -> Iterator[tuple[str, Any]]:
    try:
        variables = inspect.getclosurevars(function).nonlocals
    except ValueError as error:  # of an empty cell, in some versions of Python
        raise _Unreadable("it uses a variable that has no value yet") from error
    for name, value in variables.items():
        # The class around a method, which `super()` needs, is looked at by itself.
        if name != "__class__":
            yield name, value


def _globals_in(function: FunctionType, code: CodeType) -> Iterator[tuple[str, Any]]:
    """Names of globals are in the code alone; attributes of them are not followed."""
    for instruction in dis.get_instructions(code):
        name = instruction.argval
        # Builtins are loaded the same way, and are in no module's globals.
        if instruction.opname == "LOAD_GLOBAL" and name in function.__globals__:
            yield name, function.__globals__[name]


def _plain_text(name: str, value: Any) -> str:
    """A constant; what is no constant may change without a trace."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, _CONTAINERS):
        return _text_of_items(name, value)
    if isinstance(value, dict):
        return _plain_text(name, [list(pair) for pair in value.items()])
    if _is_named_by_its_repr(type(value)):
        return repr(value)
    if inspect.isbuiltin(value) or inspect.isroutine(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', name)}"
    # Objects with state: their repr says an address, or less.
    raise _Unreadable(f"it uses {name}, of type {type(value).__name__}")


def _text_of_items(name: str, values: Collection[Any]) -> str:
    items = [_plain_text(name, each) for each in values]
    # Sets have no order of their own.
    ordered = items if isinstance(values, (list, tuple)) else sorted(items)
    return f"{type(values).__name__}({', '.join(ordered)})"


def _is_named_by_its_repr(kind: type) -> bool:
    """`torch.float32`, a type alias; never the tensor whose repr is cut."""
    package = getattr(kind, "__module__", "").partition(".")[0]
    if package == "torch":
        return kind.__name__ in ("dtype", "device") or "typing" in kind.__module__
    return package == "typing"


def _files_of(module: ModuleType | None) -> dict[str, str]:
    """A module that can be edited, with all such that it imports;
    what is installed has a version of its own.
    """
    path = None if module is None else editable_file(module.__name__)
    if module is None or path is None:
        return {}
    files = {module.__name__: path, **editable_imports(path, module.__name__)}
    return {name: file.read_text("utf-8") for name, file in files.items()}


def _text_of(value: type | FunctionType) -> str:
    """The source of a class or function;
    of a cell too, which Python knows by the code of its functions alone.
    """
    functions = list(_functions_of(value))
    if not functions:
        return "no code of its own: all it is lies in its bases, values and options"
    for function in functions:
        text = _text_around(function, value.__name__)
        if text:
            return text
    try:
        return inspect.getsource(value)
    except (OSError, TypeError) as error:
        raise _Unreadable(f"there is no source of {value.__qualname__}") from error


def _text_around(function: FunctionType, name: str) -> str:
    """The text of the definition of this name that a function stands in."""
    code = function.__code__
    # A notebook's cells are in it, under the name of their code.
    lines = linecache.getlines(code.co_filename, function.__globals__)
    return _definition(lines, name, code.co_firstlineno)


def _definition(lines: list[str], name: str, line: int) -> str:
    """The text of the definition of this name around a line."""
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:  # a cell with a magic command: the whole of it
        return "".join(lines)
    for first, last in _extents(tree, name):
        if first <= line <= last:
            return "".join(lines[first - 1 : last])
    return ""


def _extents(tree: ast.AST, name: str) -> Iterator[tuple[int, int]]:
    """The first and the last line of each definition of this name."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            yield _extent(node)


def _extent(node: ast.ClassDef | ast.FunctionDef) -> tuple[int, int]:
    """The first and the last line of a definition."""
    # Decorators belong to the definition, and stand above its own line.
    decorated = [decorator.lineno for decorator in node.decorator_list]
    return min([node.lineno, *decorated]), node.end_lineno or node.lineno
