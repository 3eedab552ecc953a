"""Whether a cell was measured more than once, and whether the numbers agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from clbench.records import CellRecord, Entries, RecordFile
from clbench.records.provenance import named, stamped
from clbench.report.reproduction import (
    DIFFERS,
    EQUAL,
    NOT_SHOWN,
    SAME,
    TOO_FEW,
    Repeat,
    repeats,
)

VALUES = np.array([0.5, 0.55, 0.6, 0.65, 0.7, 0.75])


def measured(made, values: Sequence[float] = VALUES, seconds: float = 1.0, **changes: Any) -> Any:
    """A cell `er` with these accuracies, whose training took so long."""
    cost = {"train_seconds": np.full(len(values), seconds)}
    return made.cell("er", values, cost=cost, **changes)


def record(*cells: CellRecord, **environment: Any) -> RecordFile:
    return RecordFile(1, "demo", "", environment, list(cells))


def repeat_of(*records: RecordFile, alpha: float = 0.05) -> Repeat:
    """The only repeat that is found."""
    _, found = repeats(records, alpha)
    ((one,),) = found.values()
    return one


# ---------------------------------------------------------------------- what is a repeat


def test_equal_numbers_in_another_time_are_a_repeat(made) -> None:
    one = repeat_of(record(measured(made)), record(measured(made, seconds=2.0)))
    assert (one.verdict, one.seeds, one.difference, one.unlike) == (SAME, 6, 0.0, 0)
    assert (one.low, one.high, one.largest) == (0.0, 0.0, 0.0)


def test_the_same_seconds_are_a_copy(made) -> None:
    _, found = repeats([record(measured(made)), record(measured(made, VALUES + 0.1))])
    assert found == {}


def test_records_that_do_not_say_how_long_they_took_prove_nothing(made) -> None:
    silent = made.cell("er", VALUES)
    for pair in ([silent, measured(made)], [measured(made), silent]):
        _, found = repeats([record(cell) for cell in pair])
        assert found == {}


def test_other_cells_are_no_repeats(made) -> None:
    other = measured(made, seconds=2.0)
    other.key = "another"
    _, found = repeats([record(measured(made)), record(other)])
    assert found == {}


def test_a_key_that_stands_for_nothing_known_proves_nothing(made) -> None:
    first, again = (measured(made, seconds=seconds, content={}) for seconds in (1.0, 2.0))
    kept, found = repeats([record(first), record(again)])
    assert found == {}
    assert [cell.members for one in kept for cell in one.cells] == [6, 6]


def test_other_seeds_are_no_repeat_and_stay(made) -> None:
    later = measured(made, seconds=2.0, seed=np.arange(6, 12))
    kept, found = repeats([record(measured(made)), record(later)])
    assert found == {}
    assert kept[1].cells[0].seed.tolist() == list(range(6, 12))


# ---------------------------------------------------------------------- what stands


def test_the_first_measurement_stands_and_new_seeds_are_added(made) -> None:
    again = measured(made, VALUES + 0.01, 2.0, seed=np.arange(4, 10))
    kept, found = repeats([record(measured(made)), record(again)])
    assert [cell.seed.tolist() for one in kept for cell in one.cells] == [
        [0, 1, 2, 3, 4, 5],
        [6, 7, 8, 9],
    ]
    ((one,),) = found.values()
    assert one.seeds == 2  # 4 and 5


def test_a_cell_of_which_nothing_is_new_is_left_out(made) -> None:
    first = record(measured(made))
    kept, _ = repeats([first, record(measured(made, seconds=2.0))])
    assert [len(one.cells) for one in kept] == [1, 0]
    assert len(first.cells) == 1


def test_seeds_that_failed_before_are_measured_now(made) -> None:
    failed = np.array(["done"] * 5 + ["failed"], dtype=object)
    first = measured(made, member_status=failed)
    kept, found = repeats([record(first), record(measured(made, seconds=2.0))])
    assert kept[1].cells[0].seed.tolist() == [5]
    ((one,),) = found.values()
    assert (one.seeds, one.unlike) == (5, 0)


def test_a_seed_that_diverged_one_time_is_unlike(made) -> None:
    diverged = np.array(["done"] * 5 + ["diverged"], dtype=object)
    one = repeat_of(
        record(measured(made)), record(measured(made, seconds=2.0, member_status=diverged))
    )
    assert (one.seeds, one.unlike) == (6, 1)
    assert one.verdict not in (SAME, EQUAL)


def test_each_later_record_is_paired_with_all_before(made) -> None:
    three = [record(measured(made, seconds=seconds)) for seconds in (1.0, 2.0, 3.0)]
    _, found = repeats(three)
    ((first, second, third),) = found.values()
    assert {first.verdict, second.verdict, third.verdict} == {SAME}


def test_without_records_nothing_is_found() -> None:
    assert repeats([]) == ([], {})


# ---------------------------------------------------------------------- verdicts


def test_a_shift_of_all_seeds_differs_by_its_size(made) -> None:
    shifted = VALUES + np.array([0.1, 0.12, 0.1, 0.08, 0.1, 0.1])
    one = repeat_of(record(measured(made)), record(measured(made, shifted, 2.0)))
    assert one.verdict == DIFFERS
    assert one.difference == pytest.approx(0.1)
    assert (one.first, one.again) == (pytest.approx(0.625), pytest.approx(0.725))
    assert one.largest == pytest.approx(0.12)
    assert one.low < 0.1 < one.high


def test_which_came_first_decides_the_sign_alone(made) -> None:
    shifted = VALUES + np.array([0.1, 0.12, 0.1, 0.08, 0.1, 0.1])
    old, new = record(measured(made)), record(measured(made, shifted, 2.0))
    there, back = repeat_of(old, new), repeat_of(new, old)
    assert back.difference == pytest.approx(-there.difference)
    assert (back.low, back.high) == (pytest.approx(-there.high), pytest.approx(-there.low))
    assert (back.p, back.verdict) == (pytest.approx(there.p), there.verdict)


def test_a_scatter_around_nothing_shows_no_difference(made) -> None:
    scattered = VALUES + np.array([0.01, -0.01, 0.02, -0.02, 0.01, -0.01])
    assert repeat_of(record(measured(made)), record(measured(made, scattered, 2.0))).verdict == (
        NOT_SHOWN
    )


def test_four_seeds_are_too_few(made) -> None:
    old, new = measured(made, VALUES[:4]), measured(made, VALUES[:4] + 0.2, 2.0)
    one = repeat_of(record(old), record(new))
    assert one.verdict == TOO_FEW
    assert np.isnan(one.p)


def test_the_level_decides(made) -> None:
    # Six differences of one sign: 2 of 64 sign flips are as extreme, so p = 1/32 = 0.03125.
    shifted = VALUES + np.array([0.1, 0.12, 0.1, 0.08, 0.1, 0.1])
    pair = record(measured(made)), record(measured(made, shifted, 2.0))
    assert repeat_of(*pair, alpha=0.05).p == pytest.approx(1 / 32)
    assert repeat_of(*pair, alpha=0.05).verdict == DIFFERS


def test_final_accuracies_that_are_equal_while_others_are_not(made) -> None:
    again = measured(made, seconds=2.0)
    again.accuracy[:, 0] += 0.1  # of the untrained network
    assert repeat_of(record(measured(made)), record(again)).verdict == EQUAL


def test_a_seed_that_is_off_by_a_rounding_error_does_not_differ(made) -> None:
    one = repeat_of(record(measured(made, [0.5])), record(measured(made, [0.5 + 1e-12], 2.0)))
    assert one.verdict == EQUAL


@pytest.mark.parametrize("jitter", [0.0, 0.002])
def test_five_seeds_that_are_all_lower_differ_though_within_the_old_interval(made, jitter) -> None:
    spread = np.array([0.5, 0.52, 0.55, 0.48, 0.51])
    lower = spread - 0.015 + jitter * np.array([1, -1, 1, -1, 1])
    one = repeat_of(record(measured(made, spread)), record(measured(made, lower, 2.0)))
    assert (one.verdict, one.seeds, one.unlike) == (DIFFERS, 5, 0)
    assert one.difference == pytest.approx(-0.015, abs=1e-3)
    assert one.low <= one.high < 0
    assert one.largest == pytest.approx(0.015 + jitter)


def test_the_final_accuracy_is_that_after_the_last_task(made) -> None:
    again = measured(made, seconds=2.0)
    again.accuracy[:, -1, 0] += 0.1  # one of two tasks, so 0.05 in the mean
    one = repeat_of(record(measured(made)), record(again))
    assert one.difference == pytest.approx(0.05)


def test_of_entries_the_last_row_is_final(made) -> None:
    row, column = np.array([1, 2, 2]), np.array([0, 0, 1])
    old = np.tile([0.9, 0.4, 0.6], (5, 1))
    new = old + np.array([0.05, 0.1, 0.1])
    cells = []
    for value, seconds in ((old, 1.0), (new, 2.0)):
        entries = Entries(row, column, value)
        cells.append(measured(made, [0.5] * 5, seconds, accuracy=None, entries=entries))
    one = repeat_of(record(cells[0]), record(cells[1]))
    # (0.4 + 0.6) / 2, and 0.1 more; what was measured after the first task does not count.
    assert (one.first, one.again) == (pytest.approx(0.5), pytest.approx(0.6))


def test_agents_of_a_seed_are_one_difference(made) -> None:
    seeds, agents = np.repeat(np.arange(5), 2), np.tile([0, 1], 5)
    shape = {"seed": seeds, "agent": agents}
    old = measured(made, [0.5] * 10, **shape)
    new = measured(made, 0.5 + 0.1 * agents, 2.0, **shape)
    one = repeat_of(record(old), record(new))
    # Only agent 1 gained, 0.1: half of it in each seed's mean.
    assert (one.seeds, one.difference) == (5, pytest.approx(0.05))


# ---------------------------------------------------------------------- where it was


@pytest.mark.parametrize(
    ("first", "again", "elsewhere"),
    [
        ({"cpu": "A"}, {"cpu": "A"}, False),
        ({"cpu": "A"}, {"cpu": "B"}, True),
        ({"device": "cpu"}, {"device": "cuda"}, True),
        ({"packages": {"torch": "2.0"}}, {"packages": {"torch": "2.1"}}, True),
        ({"packages": {"torch": "2.0"}}, {"packages": {"torch": "2.0", "rich": "13"}}, False),
        ({"packages": {"torch": "2.0"}}, {}, True),
        ({"date": "2026-01-01"}, {"date": "2026-02-02"}, False),
    ],
)
def test_another_machine_or_other_versions_are_elsewhere(
    made, first: dict[str, Any], again: dict[str, Any], elsewhere: bool
) -> None:
    old, new = record(measured(made), **first), record(measured(made, seconds=2.0), **again)
    assert repeat_of(old, new).elsewhere is elsewhere


@pytest.mark.parametrize(("number", "elsewhere"), [(0, False), (1, True)])
def test_a_cell_was_measured_where_its_runs_were(made, number: int, elsewhere: bool) -> None:
    """Not where something was added to the record last."""
    first = record(measured(made), cpu="A")
    runs = named({"cpu": "A"}), named({"cpu": "B"})
    again = stamped(measured(made, seconds=2.0), runs[number])
    later = RecordFile(1, "demo", "", {"cpu": "C"}, [again], runs=runs)
    assert repeat_of(first, later).elsewhere is elsewhere
