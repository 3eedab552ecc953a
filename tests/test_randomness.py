"""Randomness as a function of names."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.randomness import generator, key

NAMES = [
    (0, 0, "init"),
    (1, 0, "init"),
    (0, 1, "init"),
    (0, 0, "data"),
    (0, 0, "init", 0),
    (0, 0, "init", 1),
    (0, 0, "init", 0, 1),
    (0, 0, "init", 1, 0),
    (10, 0, "init"),
    (1, 0, "0init"),
]


def test_every_name_is_a_stream_of_its_own() -> None:
    assert len({key(*name) for name in NAMES}) == len(NAMES)


def test_numbers_do_not_run_into_each_other() -> None:
    # Seed 1 and agent 23 are not seed 12 and agent 3.
    assert key(1, 23, "x") != key(12, 3, "x")
    assert key(0, 0, "x", 1, 23) != key(0, 0, "x", 12, 3)


def test_a_key_is_two_signed_words_and_stays_what_it_is() -> None:
    found = [key(*name) for name in NAMES]
    words = np.array(found, dtype=np.int64)  # an OverflowError if they were unsigned
    assert (words < 0).any()
    assert key(0, 0, "init") == key(0, 0, "init")


@pytest.mark.parametrize("name", NAMES)
def test_a_generator_begins_anew_whenever_it_is_asked_for(name: tuple) -> None:
    first, again = generator(*name).random(5), generator(*name).random(5)
    np.testing.assert_array_equal(first, again)


def test_generators_of_two_streams_are_not_alike() -> None:
    one, other = generator(0, 0, "a").random(1000), generator(0, 0, "b").random(1000)
    # Independent ones correlate by 1 / sqrt(1000), give or take.
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.15


def test_the_global_generator_takes_no_part() -> None:
    np.random.seed(0)
    first = generator(0, 0, "a").random()
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    assert generator(0, 0, "a").random() == first
    np.testing.assert_array_equal(np.random.get_state()[1], before)
