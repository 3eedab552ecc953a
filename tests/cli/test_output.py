"""Where commands print, and how they say numbers and sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clbench.cli.output import (
    console,
    first_sentence,
    say,
    say_json,
    say_prose,
    table,
    tell,
    tell_each,
    warn,
)

Printed = pytest.CaptureFixture[str]
COLOUR_AND_ERASE = "\x1b[31mred\x1b[2J"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ""),
        ("One.", "One."),
        ("No stop at all", "No stop at all"),
        ("One. Two.", "One."),
        ("One. `two` is code.", "One."),
        ("After Kirk et al. Two are compared. More.", "After Kirk et al. Two are compared."),
        ("One ... Two. Three.", "One ... Two."),
        ("As in i.e. this one. Two.", "As in i.e. this one."),
        ("Version 1.5 of it. Two.", "Version 1.5 of it."),
        ("One that\n  goes on. Two.", "One that goes on."),
        ("A title\n\nOne. Two.", "A title"),
        ("\n  Space around.  \n", "Space around."),
    ],
)
def test_a_first_sentence_ends_where_the_next_one_begins(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence


def test_results_go_to_stdout_and_remarks_to_stderr(capsys: Printed) -> None:
    say("a result")
    tell("a remark")
    tell_each(["two", "more"])
    warn(["take care"])
    printed = capsys.readouterr()
    assert printed.out == "a result\n"
    assert printed.err == "a remark\ntwo\nmore\nwarning: take care\n"


def test_nothing_to_warn_of_is_nothing_printed(capsys: Printed) -> None:
    warn([])
    tell_each([])
    assert capsys.readouterr() == ("", "")


def test_no_line_carries_what_could_steer_a_terminal(capsys: Printed) -> None:
    say(COLOUR_AND_ERASE)
    tell(COLOUR_AND_ERASE)
    say_prose(COLOUR_AND_ERASE)
    table(["name"], [[COLOUR_AND_ERASE]])
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    assert printed.out.count("red") == 3
    assert printed.err.count("red") == 1


def test_json_is_read_back_and_paths_are_text(capsys: Printed) -> None:
    say_json({"folder": Path("a/b"), "numbers": [1, 2.5, None]})
    assert json.loads(capsys.readouterr().out) == {"folder": "a/b", "numbers": [1, 2.5, None]}


def test_prose_in_a_pipe_is_one_line_however_long(capsys: Printed) -> None:
    text = "word " * 200
    say_prose(text.strip())
    assert capsys.readouterr().out.splitlines() == [text.strip()]


def test_square_brackets_in_prose_are_no_markup(capsys: Printed) -> None:
    say_prose("[bold]it stands as written[/bold]")
    assert capsys.readouterr().out == "[bold]it stands as written[/bold]\n"


def test_a_table_has_its_headers_once_and_a_line_a_row(capsys: Printed) -> None:
    table(["name", "classes", "place"], [["digits", 10, None], ["mnist", 2, "here"]])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "classes", "place"]
    assert first.split() == ["digits", "10"]  # a place that is not known is blank
    assert second.split() == ["mnist", "2", "here"]


def test_columns_of_a_table_stand_under_their_headers(capsys: Printed) -> None:
    table(["name", "what"], [["a", "first"], ["a_long_name", "second"]])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.index("what") == first.index("first") == second.index("second")


def test_a_long_cell_is_whole_in_a_pipe(capsys: Printed) -> None:
    table(["name", "what"], [["a", "x" * 500]])
    assert "x" * 500 in capsys.readouterr().out


@pytest.mark.parametrize(("given", "said"), [({}, "nothing\n"), ({"empty": "none"}, "none\n")])
def test_a_table_without_rows_is_a_word(given: dict[str, str], said: str, capsys: Printed) -> None:
    table(["name", "what"], iter(()), **given)
    assert capsys.readouterr().out == said


def test_rows_of_unequal_lengths_are_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="zip"):
        table(["a", "b"], [["1", "2"], ["3"]])


def test_a_pipe_gets_no_colours_even_where_they_are_forced(
    monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    console().print("[red]a result[/red]")
    console(stderr=True).print("[red]a remark[/red]")
    assert capsys.readouterr() == ("a result\n", "a remark\n")
