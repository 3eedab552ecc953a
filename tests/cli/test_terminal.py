"""A terminal shows what rich draws, and nothing that a text of a file tells it to do."""

from __future__ import annotations

import io

import pytest
from rich.control import Control
from rich.text import Text

from clbench.cli.terminal import SafeConsole


def on_a_terminal(*printed: object) -> str:
    """What reaches a colour terminal."""
    file = io.StringIO()
    made = SafeConsole(
        file=file, force_terminal=True, color_system="standard", width=40, highlight=False
    )
    for one in printed:
        made.print(one, end="")
    return file.getvalue()


def test_rich_s_own_colours_are_let_through() -> None:
    assert on_a_terminal(Text("red", style="red")) == "\x1b[31mred\x1b[0m"


@pytest.mark.parametrize("sequence", ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\u202e"])
def test_a_sequence_within_a_text_is_not(sequence: str) -> None:
    shown = on_a_terminal(Text(f"a{sequence}b", style="red"))
    assert sequence not in shown
    # The colour around it stays, and so do the letters.
    assert shown.startswith("\x1b[31ma")
    assert shown.endswith("b\x1b[0m")


def test_movements_of_a_live_picture_are_let_through() -> None:
    assert on_a_terminal(Control.move_to(0, 0)) == "\x1b[1;1H"


def test_letters_of_every_alphabet_are_shown() -> None:
    assert on_a_terminal("Müller, 学習, ±0.5") == "Müller, 学習, ±0.5"
