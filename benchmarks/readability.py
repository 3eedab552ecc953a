"""How readable source is, measured by one script for every codebase; asserts nothing.

    python benchmarks/readability.py                   clbench beside others, as a table
    python benchmarks/readability.py clbench/engine    one folder, and where to look in it
    python benchmarks/readability.py --worst 20 clbench   ... and its fullest functions

Every codebase is put to lines of 100 columns first (`ruff format`, in a copy), so that nobody's
lines are longer than another's. A function's lines are those of its body without the docstring.
An expression is a node of the syntax tree that is an expression or a keyword argument; expressions
a statement are counted within functions. Wholly generated or vendored files are measured like all
others.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import io
import shutil
import statistics
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ("clbench", "plugins")
OTHERS = ("pluggy", "_pytest", "click", "pydantic")
COLUMNS = 100
LONG_MODULE = 400
LONG_FUNCTION = 60
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# What opens a statement of its own within another: its insides are counted there.
INNER = (ast.stmt, ast.excepthandler, ast.match_case)


@dataclass
class Function:
    """What one function holds."""

    where: str
    lines: int
    expressions: int
    statements: int


@dataclass
class Measured:
    """What one codebase holds, summed over its files."""

    lines: int = 0
    comments: int = 0
    ternaries: int = 0
    comprehensions: int = 0
    functions: list[Function] = field(default_factory=list)
    modules: list[tuple[int, str]] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)
    crowded: list[str] = field(default_factory=list)

    def a_thousand(self, count: int) -> float:
        return 1000 * count / max(self.lines, 1)


def measure(files: Iterable[tuple[str, str]]) -> Measured:
    """Measure files given as (name, text)."""
    measured = Measured()
    for name, text in files:
        _add_file(measured, name, text)
    return measured


def _add_file(measured: Measured, name: str, text: str) -> None:
    tree = ast.parse(text)
    lines = len(text.splitlines())
    measured.lines += lines
    measured.modules.append((lines, name))
    measured.comments += _comments(text)
    measured.ternaries += _count(tree.body, ast.IfExp)
    measured.comprehensions += _count(tree.body, COMPREHENSIONS)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            measured.functions.append(_function(name, node))
        if isinstance(node, ast.IfExp) and _holds_ternary(node):
            measured.nested.append(f"{name}:{node.lineno}")
        if isinstance(node, ast.stmt) and _own_comprehensions(node) > 1:
            measured.crowded.append(f"{name}:{node.lineno}")


def _comments(text: str) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def _count(nodes: Iterable[ast.AST], kinds: type | tuple[type, ...]) -> int:
    return sum(isinstance(inner, kinds) for node in nodes for inner in ast.walk(node))


def _function(name: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    lines = 0
    if body:
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
    return Function(
        where=f"{name}:{node.lineno} {node.name}",
        lines=lines,
        expressions=_count(body, (ast.expr, ast.keyword)),
        statements=_count(body, ast.stmt),
    )


def _holds_ternary(node: ast.IfExp) -> bool:
    return _count(ast.iter_child_nodes(node), ast.IfExp) > 0


def _own_comprehensions(statement: ast.stmt) -> int:
    """Comprehensions of a statement, without those of the statements within it."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return 0
    found = 0
    waiting = list(ast.iter_child_nodes(statement))
    while waiting:
        node = waiting.pop()
        if isinstance(node, INNER):
            continue
        found += isinstance(node, COMPREHENSIONS)
        waiting += ast.iter_child_nodes(node)
    return found


def read(paths: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Every Python file below these, formatted to `COLUMNS`, under the name it has in place."""
    with tempfile.TemporaryDirectory() as folder:
        copies = [_copy(path, Path(folder) / str(index)) for index, path in enumerate(paths)]
        ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "--quiet"]
        subprocess.run([*ruff, "--line-length", str(COLUMNS), folder], check=True)
        for path, copy in zip(paths, copies, strict=True):
            for file in sorted(copy.rglob("*.py")):
                yield str(path / file.relative_to(copy)), file.read_text(encoding="utf-8")


def _copy(path: Path, copy: Path) -> Path:
    if path.is_file():
        copy.mkdir()
        shutil.copy(path, copy)
    else:
        shutil.copytree(path, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def installed(name: str) -> Path:
    """The folder of an installed package."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed: leave it out with --beside")
    return Path(spec.origin).parent


def rows(measured: Measured) -> dict[str, str]:
    """The lines of the table for one codebase."""
    lines = sorted(function.lines for function in measured.functions) or [0]
    expressions = [function.expressions for function in measured.functions] or [0]
    statements = sum(function.statements for function in measured.functions)
    most_lines = lines[int(0.9 * (len(lines) - 1))]
    long_modules = sum(length > LONG_MODULE for length, _ in measured.modules)
    return {
        "lines": f"{measured.lines:,}",
        "lines of a function: median / p90 / longest": (
            f"{statistics.median(lines):g} / {most_lines} / {lines[-1]}"
        ),
        f"functions over {LONG_FUNCTION} lines": str(sum(n > LONG_FUNCTION for n in lines)),
        f"modules over {LONG_MODULE} lines": str(long_modules),
        "expressions in a median function": f"{statistics.median(expressions):g}",
        "expressions a statement": f"{sum(expressions) / max(statements, 1):.1f}",
        "ternaries a 1,000 lines (nested)": (
            f"{measured.a_thousand(measured.ternaries):.0f} ({len(measured.nested)})"
        ),
        "comprehensions a 1,000 lines": f"{measured.a_thousand(measured.comprehensions):.0f}",
        "statements with several comprehensions": str(len(measured.crowded)),
        "comments a 1,000 lines": f"{measured.a_thousand(measured.comments):.0f}",
    }


def print_table(columns: dict[str, dict[str, str]]) -> None:
    """Print one column a codebase, as Markdown."""
    print("| | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for label in next(iter(columns.values())):
        print(f"| {label} | " + " | ".join(column[label] for column in columns.values()) + " |")


def compare_all() -> None:
    """clbench, its plugins, and the packages they are measured against, with tests to source."""
    ours = measure(read([ROOT / name for name in OURS]))
    tests = measure(read([ROOT / "tests"]))
    columns = {"clbench": rows(ours), "tests": rows(tests)}
    for name in OTHERS:
        columns[name.lstrip("_")] = rows(measure(read([installed(name)])))
    print_table(columns)
    print(f"\nlines of tests : lines of source = {tests.lines / ours.lines:.2f}")


def look_closely(paths: Sequence[Path], worst: int) -> None:
    """One codebase, and where in it to look."""
    measured = measure(read(paths))
    for label, value in rows(measured).items():
        print(f"{label:46} {value}")
    long_modules = [f"{name} ({lines})" for lines, name in measured.modules if lines > LONG_MODULE]
    for label, places in {
        "nested ternaries": measured.nested,
        "several comprehensions in a statement": measured.crowded,
        "long modules": long_modules,
    }.items():
        if places:
            print(f"\n{label}:", *places, sep="\n  ")
    if worst:
        print("\nfunctions with most expressions (expressions, lines):")
    by_expressions = sorted(measured.functions, key=lambda f: f.expressions, reverse=True)
    for function in by_expressions[:worst]:
        print(f"  {function.expressions:4} {function.lines:4}  {function.where}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--worst", type=int, default=0, metavar="N")
    options = parser.parse_args()
    if options.paths:
        look_closely(options.paths, options.worst)
    else:
        compare_all()


if __name__ == "__main__":
    main()
