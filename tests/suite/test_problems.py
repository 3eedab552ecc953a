"""Everything that is wrong with a suite, each at its line."""

from __future__ import annotations

import pytest

from clbench.errors import Problem, SuiteError
from clbench.suite.paths import Path
from clbench.suite.problems import Problems, must_be

LINES: dict[Path, int] = {(): 1, ("seeds",): 3, ("strategies",): 5, ("strategies", 1): 7}


def problems(*overridden: Path) -> Problems:
    return Problems("suite.yaml", LINES, overridden)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("seeds",), 3),
        (("strategies", 1, "er", "memory"), 7),
        (("strategies", 0), 5),
        (("protocol", "epochs"), 1),
        ((), 1),
    ],
)
def test_a_problem_stands_at_the_line_of_the_nearest_thing_around_it(path: Path, line: int) -> None:
    assert problems().line(path) == line


def test_a_suite_without_lines_has_its_problems_on_the_first() -> None:
    assert Problems("<dict>", {}).line(("seeds",)) == 1


def test_problems_come_in_the_order_of_their_lines_each_once() -> None:
    found = problems()
    found.add(("strategies", 1), "is unknown")
    found.add(("seeds",), "is missing")
    found.add(("strategies", 1), "is unknown")
    with pytest.raises(SuiteError) as raised:
        found.check()
    assert list(raised.value.problems) == [
        Problem(3, "seeds", "is missing"),
        Problem(7, "strategies[1]", "is unknown"),
    ]


def test_without_problems_nothing_is_raised() -> None:
    found = problems()
    found.check()
    assert found.found == set()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("protocol", "epochs"), True),
        (("protocol", "epochs", "deeper"), True),
        (("protocol",), False),
        (("protocol", "batch_size"), False),
    ],
)
def test_what_was_set_on_the_command_line_is_told_apart(path: Path, said: bool) -> None:
    found = problems(("protocol", "epochs"))
    found.add(path, "is wrong")
    [problem] = found.found
    assert problem.message == ("is wrong (set on the command line)" if said else "is wrong")


def test_a_sentence_names_file_line_and_path() -> None:
    assert problems().sentence(("seeds",), "is odd") == "suite.yaml:3: seeds: is odd"


def test_what_stands_in_the_place_of_something_else_is_shown_short() -> None:
    assert must_be("a word", [1, 2]) == "must be a word, not [1, 2]"
    assert len(must_be("a word", "x" * 10_000)) < 200
