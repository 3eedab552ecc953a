from __future__ import annotations

import numpy as np
import pytest

from clbench.errors import RecordError
from clbench.records import CellRecord, Entries, Fault, merge_cells
from clbench.records.merging import Conflict
from clbench.records.rows import Rows


def make(
    seeds: list[int], *, key: str = "k", value: float = 0.5, status: str = "done", **changes: object
) -> CellRecord:
    size = len(seeds)
    known: dict[str, object] = {
        "accuracy": np.full((size, 3, 2), value),
        "member_status": np.array([status] * size),
        "status": status,
        "curves": {"x": np.full((size, 2), value)},
        "cost": {"train_seconds": np.random.default_rng().random(size)},
    }
    return CellRecord(
        key=key, scenario="s", strategy="er", label="er", seed=np.array(seeds), **(known | changes)
    )  # type: ignore[arg-type]


def test_members_of_one_key_are_joined_and_sorted() -> None:
    (cell,) = merge_cells([make([3, 1]), make([2, 0], value=0.25)])
    assert cell.accuracy is not None
    assert cell.seed.tolist() == [0, 1, 2, 3]
    assert cell.accuracy[:, 0, 0].tolist() == [0.25, 0.5, 0.25, 0.5]


def test_keys_keep_the_order_in_which_they_come() -> None:
    assert [
        cell.key
        for cell in merge_cells([make([0], key="b"), make([0], key="a"), make([1], key="b")])
    ] == ["b", "a"]


def test_curves_of_other_lengths_are_padded() -> None:
    (cell,) = merge_cells(
        [make([0]), make([1], curves={"x": np.ones((1, 4)), "y": np.ones((1, 1))})]
    )
    np.testing.assert_array_equal(cell.curves["x"], [[0.5, 0.5, np.nan, np.nan], [1, 1, 1, 1]])
    np.testing.assert_array_equal(cell.curves["y"], [[np.nan], [1]])


def test_a_member_measured_alike_is_there_once() -> None:
    (cell,) = merge_cells([make([0, 1]), make([1, 2])])
    assert cell.seed.tolist() == [0, 1, 2]


def test_a_member_measured_differently_has_to_be_decided() -> None:
    cells = [make([0, 1]), make([1], value=0.75)]
    with pytest.raises(RecordError, match="s, er: seed 1 was measured twice"):
        merge_cells(cells)
    (cell,) = merge_cells(cells, later_wins=True)
    assert cell.accuracy is not None
    assert cell.accuracy[:, 0, 0].tolist() == [0.5, 0.75]


@pytest.mark.parametrize("failed_first", [True, False])
def test_a_failed_member_gives_way(failed_first: bool) -> None:
    failed, done = make([0], status="failed", accuracy=None, faults=(Fault("boom"),)), make([0, 1])
    (cell,) = merge_cells([failed, done] if failed_first else [done, failed])
    assert cell.accuracy is not None
    assert cell.member_status is not None
    assert (cell.member_status.tolist(), cell.status, cell.errors) == (
        ["done", "done"],
        "done",
        ("boom",),
    )
    assert cell.accuracy[:, 0, 0].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("done", "failed", "partial"),
        ("failed", "timeout", "failed"),
        ("diverged", "diverged", "diverged"),
        ("done", "diverged", "done"),
    ],
)
def test_the_status_follows_from_the_members(first: str, second: str, status: str) -> None:
    (cell,) = merge_cells([make([0], status=first), make([1], status=second)])
    assert cell.status == status


def test_entries_are_joined_place_by_place() -> None:
    one = make(
        [0],
        accuracy=None,
        entries=Entries(np.array([1, 2]), np.array([0, 1]), np.array([[0.1, 0.2]])),
    )
    other = make(
        [1],
        accuracy=None,
        entries=Entries(np.array([2, 2]), np.array([1, 0]), np.array([[0.3, 0.4]])),
    )
    (cell,) = merge_cells([one, other])
    assert cell.entries is not None
    assert list(zip(cell.entries.row.tolist(), cell.entries.column.tolist(), strict=True)) == [
        (1, 0),
        (2, 1),
        (2, 0),
    ]
    np.testing.assert_array_equal(cell.entries.value, [[0.1, 0.2, np.nan], [np.nan, 0.3, 0.4]])


def test_cells_of_other_tasks_are_refused() -> None:
    with pytest.raises(RecordError, match="cannot be merged"):
        merge_cells([make([0]), make([1], accuracy=np.zeros((1, 4, 3)))])


@pytest.mark.parametrize(
    "old",
    [
        make([0], status="failed", accuracy=None, curves={}, cost={}),
        make([0], curves={"x": np.ones((1, 9))}),
    ],
)
def test_a_cell_of_which_nobody_stays_leaves_no_trace(old: CellRecord) -> None:
    new = make([0, 1], cost={"parameters": np.array([3, 3])})
    (cell,) = merge_cells([old, new], later_wins=True)
    assert (cell.curves["x"].shape, cell.cost["parameters"].dtype) == (
        (2, 2),
        new.cost["parameters"].dtype,
    )


def test_a_metric_measured_in_two_ways_stays_as_it_was_measured_last() -> None:
    old = make(
        [0, 1], metrics={"p": np.ones(2), "q": np.ones(2)}, probes={"p": {"samples": 8}, "q": {}}
    )
    new = make(
        [1], metrics={"p": np.zeros(1), "q": np.zeros(1)}, probes={"p": {"samples": 7}, "q": {}}
    )
    (cell,) = merge_cells([old, new], later_wins=True)
    np.testing.assert_array_equal(cell.metrics["p"], [np.nan, 0])
    np.testing.assert_array_equal(cell.metrics["q"], [1, 0])
    assert cell.probes == {"p": {"samples": 7}, "q": {}}


def test_what_a_metric_failed_with_goes_once_it_is_measured_in_another_way() -> None:
    old = make(
        [0, 1],
        metrics={"p": np.full(2, np.nan)},
        probes={"p": "1"},
        faults=(Fault("ValueError: x", "p"), Fault("KeyError: y", "q")),
    )
    (cell,) = merge_cells(
        [old, make([1], metrics={"p": np.ones(1)}, probes={"p": "2"})], later_wins=True
    )
    assert cell.errors == ("metric q: KeyError: y",)
    (cell,) = merge_cells([old, make([2], metrics={"p": np.ones(1)}, probes={"p": "1"})])
    assert cell.errors == old.errors


def test_metrics_that_follow_from_the_rest_of_a_record_are_no_conflict() -> None:
    """A metric that compares with another cell has another value in a record without that cell."""
    how = {"derived": True, "version": "1"}
    two = [
        make([0], metrics={"intransigence": np.array([value])}, probes={"intransigence": how})
        for value in (0.1, np.nan)
    ]
    assert merge_cells(two)[0].members == 1
    probed = [make([0], metrics={"rank": np.array([value])}) for value in (0.1, 0.2)]
    with pytest.raises(RecordError, match="metrics/rank differs"):
        merge_cells(probed)


# ---------------------------------------------------------------------- what is kept of both


def test_merging_in_another_order_has_the_same_members() -> None:
    parts = [make([0, 3]), make([1], value=0.25), make([2], value=0.75)]
    (one,), (other,) = merge_cells(parts), merge_cells(parts[::-1])
    assert one.seed.tolist() == other.seed.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(one.accuracy, other.accuracy)
    np.testing.assert_array_equal(one.curves["x"], other.curves["x"])


def test_what_is_merged_with_itself_is_itself() -> None:
    one = make([0, 1])
    (same,) = merge_cells([one, one])
    assert same.seed.tolist() == [0, 1]
    np.testing.assert_array_equal(same.cost["train_seconds"], one.cost["train_seconds"])


def test_what_only_one_of_them_measured_is_nan_for_the_other() -> None:
    first = make([0], loss=np.zeros((1, 2)), kept={"weights": np.ones(1)})
    (cell,) = merge_cells([first, make([1])])
    np.testing.assert_array_equal(cell.loss, [[0, 0], [np.nan, np.nan]])
    np.testing.assert_array_equal(cell.kept["weights"], [1, np.nan])


def test_words_on_a_cell_are_united() -> None:
    first = make([0], declared=("reads_test",), papers={"er": "a"}, chance={"all": 0.1})
    second = make([1], declared=("oracle",), papers={"ewc": "b"}, test_images=7, defaults={"a": 1})
    (cell,) = merge_cells([first, second])
    assert cell.declared == ("oracle", "reads_test")
    assert cell.papers == {"er": "a", "ewc": "b"}
    assert (cell.chance, cell.test_images, cell.defaults) == ({"all": 0.1}, 7, {"a": 1})


def test_what_is_kept_of_members_is_joined_in_their_order() -> None:
    first = make([2], stored={"weights/1/a": Rows([np.array([2.0])])})
    second = make([1], stored={"weights/1/b": Rows([np.array([1.0])])})
    (cell,) = merge_cells([first, second])
    np.testing.assert_array_equal(cell.stored["weights/1/a"].read(), [[np.nan], [2]])
    np.testing.assert_array_equal(cell.stored["weights/1/b"].read(), [[1], [np.nan]])


def test_a_conflict_knows_the_member_and_says_which_agent() -> None:
    agents = {"agent": np.array([0, 1]), "curves": {}}
    one, other = make([4, 4], **agents), make([4, 4], **agents)
    other.curves = {"x": np.zeros((2, 1))}
    one.curves = {"x": np.array([[0.0], [1.0]])}
    with pytest.raises(Conflict, match="s, er: seed 4, agent 1 was measured twice, and curves/x"):
        merge_cells([one, other])
    with pytest.raises(Conflict) as raised:
        merge_cells([one, other])
    assert raised.value.member == ("k", 4, 1)


def test_costs_and_missing_numbers_are_no_conflict() -> None:
    """The same run takes another time elsewhere; NaN and NaN are the same."""
    one = make([0], loss=np.array([[np.nan, 0.5]]))
    (cell,) = merge_cells([one, make([0], loss=np.array([[np.nan, 0.5]]))])
    assert cell.members == 1
    with pytest.raises(Conflict, match="loss differs"):
        merge_cells([one, make([0], loss=np.array([[0.5, 0.5]]))])


def test_of_nothing_nothing_is_merged() -> None:
    assert merge_cells([]) == []
