"""Errors raised on purpose: their sentences, and what they end a command with."""

from __future__ import annotations

import pytest

from clbench import errors
from clbench.errors import (
    ClbenchError,
    Interrupted,
    NotSetUp,
    OptionError,
    Problem,
    RunFailed,
    StopRequested,
    SuiteError,
    UnknownName,
    UserError,
    shown,
    suggest,
    without_traceback,
)


def test_the_users_input_ends_with_2_and_all_else_with_1() -> None:
    codes = {}
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, ClbenchError):
            codes[name] = kind.exit_code
            assert (kind.exit_code == 2) == issubclass(kind, UserError)
    assert codes["Interrupted"] == 130
    assert RunFailed.exit_code == 1


def test_to_leave_is_no_error_that_a_method_could_catch() -> None:
    assert not issubclass(StopRequested, Exception)
    assert issubclass(Interrupted, Exception)


def test_problems_of_a_suite_are_told_by_line() -> None:
    problems = [Problem(9, "b", "is wrong"), Problem(2, "a", "is missing")]
    error = SuiteError("demo.yaml", problems)
    assert str(error) == "demo.yaml:2: a: is missing\ndemo.yaml:9: b: is wrong"
    assert error.problems[0].line == 2


def test_issues_of_options_have_their_paths() -> None:
    error = OptionError([(("a", "b"), "is wrong"), ((), "nothing fits")])
    assert str(error) == "a.b: is wrong; nothing fits"


def test_a_name_that_nobody_offers_comes_with_the_nearest() -> None:
    error = UnknownName("strategy", "ewd", {"ewc", "er"}, "; see `clbench plugins`")
    assert str(error).startswith("unknown strategy 'ewd'; did you mean 'ewc'")
    assert str(error).endswith("?; see `clbench plugins`")
    assert error.known == ["er", "ewc"]


def test_an_attribute_that_setup_makes_is_an_attribute_error_too() -> None:
    class Bare:
        @property
        def net(self) -> object:
            raise NotSetUp("mine", "net")

    assert not hasattr(Bare(), "net")
    with pytest.raises(ClbenchError, match=r"mine has no self\.net: it is made by setup\(\)"):
        Bare().net  # noqa: B018 (asked for the sake of its error)


# ---------------------------------------------------------------------- suggestions


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("ewd", ["ewc"], "; did you mean 'ewc'?"),
        ("fashion", ["fashion_mnist", "mnist"], "; did you mean 'fashion_mnist'?"),
        ("nothing", ["b", "a"], "; known: a, b"),
        ("nothing", [], ""),
    ],
)
def test_what_is_near_is_suggested_else_all_is_listed(word, known, expected) -> None:
    assert suggest(word, known) == expected


def test_two_are_suggested_at_most_and_twenty_listed() -> None:
    assert suggest("aaa", ["aaab", "aaac", "aaad"]).count("aaa") == 2
    many = [f"name{number:02}" for number in range(21)]
    listed = suggest("zzzzzzz", many)
    assert listed.endswith("name19, ...")
    assert "..." not in suggest("zzzzzzz", many[:20])


# ---------------------------------------------------------------------- values and tracebacks


@pytest.mark.parametrize("length", [58, 59])
def test_a_value_fits_into_a_sentence(length: int) -> None:
    # With its quotes 60 characters are shown whole.
    text = shown("x" * length)
    assert len(text) == 60
    assert text.endswith("..." if length == 59 else "x'")


def wrong() -> None:
    raise UserError("wrong")


def test_called_from_python_an_error_is_a_sentence_and_keeps_its_details() -> None:
    """Says what it does."""
    with pytest.raises(UserError) as caught:
        without_traceback(wrong)()
    # The frames of this test and of the wrapper alone.
    frames = [entry.name for entry in caught.traceback]
    assert "wrong" not in frames
    assert "in wrong" in caught.value.details
    assert caught.value._render_traceback_() == ["UserError: wrong"]


def test_the_first_traceback_is_the_one_that_is_kept() -> None:
    with pytest.raises(UserError) as caught:
        without_traceback(without_traceback(wrong))()
    assert caught.value.details.count("in wrong") == 1


def test_other_errors_pass_as_they_are_and_so_do_results() -> None:
    def divided(by: int) -> float:
        """Divide one."""
        return 1 / by

    called = without_traceback(divided)
    assert called(2) == 0.5
    assert called.__doc__ == "Divide one."
    with pytest.raises(ZeroDivisionError):
        called(0)
