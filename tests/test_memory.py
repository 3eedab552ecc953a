"""The option `memory`: samples, or bytes."""

from __future__ import annotations

from typing import Any

import pytest

from clbench import Memory
from clbench.errors import OptionError
from clbench.memory import budget_of
from clbench.options import Configurable, describe_options, option_model, plain_options


class Keeper(Configurable):
    """Keeps samples."""

    memory: Memory = 500  # how much


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (500, 500),
        ("200kB", "200kB"),
        ("0.2MB", "200kB"),
        ("200 kB", "200kB"),
        ("1.5kB", "1500B"),
        ("3GB", "3GB"),
        ("3000MB", "3GB"),
    ],
)
def test_equal_budgets_are_one_option(written: Any, wanted: Any) -> None:
    assert plain_options(Keeper, {"memory": written}) == {"memory": wanted}


@pytest.mark.parametrize("wrong", [0, -5, True, 2.5, "500", "200kb", "200KiB", "0MB", "0.1B", "kB"])
def test_what_is_neither_samples_nor_bytes_is_refused(wrong: Any) -> None:
    with pytest.raises(OptionError, match=r"memory: a number of samples .500., or of bytes"):
        plain_options(Keeper, {"memory": wrong})


def test_a_kilobyte_is_a_thousand_bytes() -> None:
    sizes = [budget_of(memory) for memory in (500, "12B", "200kB", "1.5MB", "2GB")]
    assert sizes == [None, 12, 200_000, 1_500_000, 2_000_000_000]


def test_the_option_is_described_in_words_and_as_a_schema() -> None:
    (option,) = describe_options(Keeper)
    assert option.type == "samples | bytes (200kB)"
    kinds = option_model(Keeper).model_json_schema()["properties"]["memory"]["anyOf"]
    assert [kind["type"] for kind in kinds] == ["integer", "string"]
