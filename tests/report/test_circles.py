"""No module of records or reports imports another in a circle, not even within a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("records", "report")


def modules(room: str) -> dict[str, Path]:
    folder = ROOT / "clbench" / room
    found = {}
    for path in folder.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those below `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if not is_for_types(child):
            yield child
            yield from statements(child)


def imported_by(path: Path) -> set[str]:
    """The modules that are imported when this one is, or when a function of it is called."""
    found = set()
    for node in statements(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def circle(imports: dict[str, set[str]]) -> list[str] | None:
    """The modules of one circle; None where there is none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str] | None:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return None
        for other in sorted(imports[name]):
            found = walk(other, [*way, name])
            if found is not None:
                return found
        done.add(name)
        return None

    for name in imports:
        found = walk(name, [])
        if found is not None:
            return found
    return None


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_is_imported_in_a_circle(room: str) -> None:
    known = modules(room)
    # A package's own `__init__` gathers names for others.
    packages = {name for name, path in known.items() if path.name == "__init__.py"}
    imports = {}
    for name, path in known.items():
        if name not in packages:
            imports[name] = imported_by(path) & known.keys() - packages
    assert circle(imports) is None


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None
