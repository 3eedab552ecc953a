"""Comments that document options, wherever they stand around a declaration."""

from __future__ import annotations

import pytest

from clbench.option_docs import option_comments


class Documented:
    """Options in every way of writing them."""

    behind: int = 1  # behind it
    # above it,
    # on two lines
    above: int = 2
    # of no option in particular

    nothing: int = 3
    # above, which is about both
    both: int = 4  # behind wins
    wide: tuple[int, ...] = (  # the first line
        1,
    )  # and the last
    text: str = "# no comment"
    unannotated = 5  # not an option

    def method(self) -> None:
        inside: int = 6  # not an option either
        del inside


class Restated(Documented):
    """Says one of them anew, and adds one."""

    behind: int = 7  # another meaning
    added: int = 8  # its own


def test_a_comment_stands_behind_or_right_above() -> None:
    found = option_comments(Documented)
    assert found == {
        "behind": "behind it",
        "above": "above it, on two lines",
        "both": "behind wins",
        "wide": "the first line and the last",
    }


def test_a_subclass_has_the_options_of_its_bases_and_may_restate_them() -> None:
    found = option_comments(Restated)
    assert found["behind"] == "another meaning"
    assert found["above"] == "above it, on two lines"
    assert found["added"] == "its own"


def test_of_a_function_keyword_only_parameters_are_options() -> None:
    def made(
        shape: int,  # no option
        *,
        width: int = 3,  # of a layer
        # the share
        # that is dropped
        dropout: float = 0.0,
        plain: int = 1,
    ) -> None:
        """Make something."""

    assert option_comments(made) == {"width": "of a layer", "dropout": "the share that is dropped"}


@pytest.mark.parametrize("target", [int, len, type("Made", (), {"__annotations__": {"a": int}})])
def test_what_has_no_source_has_no_comments(target: object) -> None:
    assert option_comments(target) == {}
