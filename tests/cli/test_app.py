"""The application: what a person is told of an error, and where `--debug` may stand."""

from __future__ import annotations

import errno

import pytest
import typer

from clbench.cli.app import (
    COMMANDS,
    _debug_first,
    _in_plain_words,
    _is_typers_own,
    _said,
    _version,
)
from clbench.errors import (
    Interrupted,
    PluginError,
    Problem,
    SuiteError,
    UserError,
)


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (UserError("no such file"), ["error: no such file"]),
        (PluginError("it is broken"), ["error: it is broken"]),
        (Interrupted("interrupted; go on"), ["interrupted; go on"]),
        (
            ZeroDivisionError("division by zero"),
            [
                "internal error: ZeroDivisionError: division by zero;"
                " run again with --debug to see where"
            ],
        ),
    ],
)
def test_an_error_is_said_in_one_line(error: Exception, lines: list[str]) -> None:
    assert _said(error) == lines


@pytest.mark.parametrize(("count", "words"), [(1, "1 problem"), (2, "2 problems")])
def test_problems_of_a_suite_are_counted_below_them(count: int, words: str) -> None:
    problems = [Problem(line, "seeds", "no") for line in range(1, count + 1)]
    listed, last = _said(SuiteError("a.yaml", problems))
    assert last == f"{words} in a.yaml; nothing was run"
    assert listed.count("a.yaml:") == count


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("'a' is not one of 'b'.", "invalid value for x: 'a' is not one of 'b'"),
        ("Value error, 'a' is not one of 'b'.", "invalid value for x: 'a' is not one of 'b'"),
        ("Input should be a number", "invalid value for x: input should be a number"),
        ("", "invalid value for x: "),
    ],
)
def test_what_the_parser_says_of_a_value_becomes_one_sentence(message: str, said: str) -> None:
    # As older versions of typer put it, and as those do that check by pydantic.
    error = _in_plain_words(typer.BadParameter(message, param_hint="x"))
    assert str(error) == said
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        ([], []),
        (["run", "a"], ["run", "a"]),
        (["run", "--debug", "a"], ["--debug", "run", "a"]),
        (["--debug", "run", "a", "--debug"], ["--debug", "run", "a"]),
        (["run", "--debugger"], ["run", "--debugger"]),
    ],
)
def test_debug_is_understood_wherever_it_stands(given: list[str], parsed: list[str]) -> None:
    before = list(given)
    assert _debug_first(given) == parsed
    assert given == before  # what was typed is shown again after Ctrl-C


def test_only_what_typer_and_the_end_of_a_pipe_raise_is_left_to_typer() -> None:
    assert _is_typers_own(typer.Exit())
    assert _is_typers_own(typer.BadParameter("no"))
    assert _is_typers_own(BrokenPipeError(errno.EPIPE, "the reader left"))
    assert not _is_typers_own(FileNotFoundError(errno.ENOENT, "no file"))
    assert not _is_typers_own(UserError("no"))
    assert not _is_typers_own(KeyError("typer"))


def test_the_version_leaves_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    _version(False)
    assert capsys.readouterr().out == ""
    with pytest.raises(typer.Exit):
        _version(True)
    assert capsys.readouterr().out == f"clbench {version('clbench')}\n"


def test_a_command_that_there_is_not_is_exit_2(run_cli) -> None:
    answer = run_cli("compere")
    assert (answer.code, answer.stdout) == (2, "")
    assert "compere" in answer.stderr


def test_without_a_command_there_is_help_with_every_command_once(run_cli) -> None:
    answer = run_cli("--help")
    assert answer.code == 0
    lines = answer.stdout.split("Commands:\n")[1].splitlines()
    listed = [line.split()[0] for line in lines if line[2:3].isalpha()]
    assert sorted(listed) == sorted(name for name, _ in COMMANDS)
