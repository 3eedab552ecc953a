"""Which of several configurations is the one that nobody wrote an option for."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.optimizers import OPTIMIZERS
from clbench.options import plain_options
from clbench.records import CellRecord
from clbench.report.default_options import Default, default_of

DEFAULTS = {"memory": 200, "schedule": {"kind": "flat", "rate": 0.5}}


def tried(made, *options: dict[str, Any], **changes: Any) -> list[CellRecord]:
    """Cells of one strategy, one for each of these options."""
    known = {"defaults": DEFAULTS, **changes}
    return [
        made.cell(f"er(k={number})", [0.5], options=one, **known)
        for number, one in enumerate(options)
    ]


def test_the_default_is_the_one_whose_options_are_the_recorded_defaults(made) -> None:
    cells = tried(made, {"memory": 20}, {"memory": 200}, {"memory": 2000})
    assert default_of(cells, made.host) == Default(cells[1])


def test_it_is_absent_where_nobody_tried_it(made) -> None:
    cells = tried(made, {"memory": 20}, {"memory": 2000})
    assert default_of(cells, made.host) == Default(None, known=True)


def test_options_in_which_they_agree_do_not_matter(made) -> None:
    """All have the same replaced schedule: the question is which memory is the default."""
    shared = {"schedule": {"kind": "steep", "rate": 0.9}}
    cells = tried(made, {"memory": 20, **shared}, {"memory": 200, **shared})
    assert default_of(cells, made.host).cell is cells[1]


def test_options_within_options_are_compared_one_by_one(made) -> None:
    cells = tried(
        made,
        {"memory": 200, "schedule": {"kind": "flat", "rate": 0.1}},
        {"memory": 200, "schedule": {"kind": "flat", "rate": 0.5}},
    )
    assert default_of(cells, made.host).cell is cells[1]


def test_every_option_in_which_they_differ_must_be_the_default(made) -> None:
    cells = tried(
        made,
        {"memory": 200, "schedule": {"kind": "flat", "rate": 0.1}},
        {"memory": 20, "schedule": {"kind": "flat", "rate": 0.5}},
    )
    assert default_of(cells, made.host).cell is None


def test_an_option_that_only_some_have_is_one_in_which_they_differ(made) -> None:
    cells = tried(made, {"memory": 200, "extra": 1}, {"memory": 200})
    # The defaults know no `extra`, so whoever has it is not the default.
    assert default_of(cells, made.host).cell is cells[1]


def test_of_equal_cells_it_is_the_first(made) -> None:
    cells = tried(made, {"memory": 200}, {"memory": 200})
    assert default_of(cells, made.host).cell is cells[0]


def test_without_recorded_defaults_those_of_the_plugin_count(made) -> None:
    memory = made.host.offering("strategy").get("strategy", "er").memory
    cells = tried(made, {"memory": memory + 7}, {"memory": memory}, defaults={})
    assert default_of(cells, made.host).cell is cells[1]


def test_a_strategy_that_nobody_offers_has_no_known_defaults(made) -> None:
    cells = tried(made, {"memory": 1}, {"memory": 2}, defaults={})
    for cell in cells:
        cell.strategy = "somebody_else_s"
    assert default_of(cells, made.host) == Default(None, known=False)


def test_the_parts_of_a_composition_have_their_own_defaults(made) -> None:
    memory = made.host.offering("strategy").get("strategy", "er").memory
    cells = tried(
        made,
        {"er": {"memory": memory}, "ewc": {}},
        {"er": {"memory": memory + 1}, "ewc": {}},
        defaults={},
    )
    for cell in cells:
        cell.strategy = "er+ewc"
    assert default_of(cells, made.host).cell is cells[0]


# ---------------------------------------------------------------------- the protocol


def with_protocol(made, *protocols: dict[str, Any]) -> list[CellRecord]:
    """Cells with the same options, trained under these protocols."""
    return [
        made.cell(f"er(k={number})", [0.5], protocol={**made.protocol, **own})
        for number, own in enumerate(protocols)
    ]


def test_keys_of_the_protocol_have_defaults_too(made) -> None:
    cells = with_protocol(made, {"batch_size": 7}, {"batch_size": 32})
    assert default_of(cells, made.host).cell is cells[1]


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_options_of_the_optimiser_that_all_have(made, name: str) -> None:
    """Their defaults are those of that optimiser, not of the one that is usual."""
    rate = OPTIMIZERS[name].lr
    cells = with_protocol(
        made, {"optimizer": {name: {"lr": rate / 3}}}, {"optimizer": {name: {"lr": rate}}}
    )
    assert default_of(cells, made.host).cell is cells[1]


def test_where_optimisers_differ_the_usual_one_is_the_default(made) -> None:
    usual = {"sgd": plain_options(OPTIMIZERS["sgd"], {})}
    other = {"adam": plain_options(OPTIMIZERS["adam"], {})}
    cells = with_protocol(made, {"optimizer": other}, {"optimizer": usual})
    assert default_of(cells, made.host).cell is cells[1]
