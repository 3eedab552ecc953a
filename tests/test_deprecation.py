"""What is deprecated still works, and says at the caller's line what to write instead."""

from __future__ import annotations

import warnings

import pytest

from clbench.deprecation import ClbenchDeprecationWarning, deprecated, warn_deprecated


@deprecated("0.3.0", "0.5.0", "add")
def plus(first: int, second: int) -> int:
    """The sum."""
    return first + second


def test_a_deprecated_function_works_and_warns_at_the_caller() -> None:
    with pytest.warns(ClbenchDeprecationWarning) as caught:
        assert plus(1, second=2) == 3
    (warning,) = caught
    expected = "plus() is deprecated since clbench 0.3.0 and goes in 0.5.0: use add"
    assert str(warning.message) == expected
    assert warning.filename == __file__


def test_its_documentation_says_so_first() -> None:
    assert plus.__name__ == "plus"
    assert plus.__doc__ == "Deprecated since 0.3.0: use add.\n\nThe sum."


def test_an_option_can_be_deprecated_by_a_call() -> None:
    def set_rate() -> None:
        warn_deprecated("option `rate`", "0.3.0", "0.5.0", "`lr`")

    with pytest.warns(ClbenchDeprecationWarning, match="option `rate` .* use `lr`") as caught:
        set_rate()
    assert caught[0].filename == __file__


def test_users_see_it_without_asking() -> None:
    # Python hides DeprecationWarning outside of __main__ and of tests; it shows FutureWarning.
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        warnings.simplefilter("default", FutureWarning)
        plus(1, 2)
    assert [warning.category for warning in caught] == [ClbenchDeprecationWarning]
