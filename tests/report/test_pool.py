"""Several records as one: what may be ranked together, what is refused, how cells are joined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.errors import RecordError
from clbench.records import Results
from clbench.report.pool import Pool, comparable, pool

TEXT = "seeds: 3"
OTHER_TEXT = "seeds: 4"


def of_suite(made, name: str, *cells: Any, text: str | None = None) -> Results:
    """Results of a suite whose text is its own."""
    own = f"name: {name}" if text is None else text
    found: Results = made.results(*cells, suite=name, text=own)
    return found


def cell(made, label: str = "er", scenario: str = "split", **changes: Any) -> Any:
    """A cell of two runs; `protocol` and `content` add to what all have."""
    protocol = {**made.protocol, **changes.pop("protocol", {})}
    content = {"scenario": ["split", {}], "data": "f00d", **changes.pop("content", {})}
    return made.cell(label, [0.5, 0.6], scenario, protocol=protocol, content=content, **changes)


def refusal(*results: Results) -> list[str]:
    """Why these cannot be ranked together, line by line."""
    with pytest.raises(RecordError) as raised:
        pool(results)
    first, *lines, last = str(raised.value).splitlines()
    assert first == "these records cannot be ranked together:"
    assert last == "--force-mixed ranks them all the same, and says so in the output"
    return [line.strip() for line in lines]


def labels(pooled: Pool) -> list[str]:
    return [one.label for one in pooled.results.cells]


# ---------------------------------------------------------------------- one suite


def test_nothing_to_compare_is_said() -> None:
    with pytest.raises(RecordError, match="there is no record to compare"):
        pool([])


def test_one_record_is_taken_as_it_is(made) -> None:
    results = of_suite(made, "demo", cell(made))
    assert pool(results).results.record == pool([results]).results.record == results.record
    assert pool(results).mixed == ()


def test_a_record_may_be_named_by_its_path(made, tmp_path) -> None:
    path = made.save(tmp_path / "r.h5", cell(made))
    for source in (path, str(path), [path]):
        assert labels(pool(source)) == ["er"]


def test_methods_of_one_suite_may_differ_in_anything(made) -> None:
    one = of_suite(made, "demo", cell(made, "a", protocol={"batch_size": 8}))
    other = of_suite(made, "demo", cell(made, "b", protocol={"batch_size": 64}))
    pooled = pool([one, other])
    assert (labels(pooled), pooled.mixed) == (["a", "b"], ())
    assert pooled.results.record.suite == "demo"


def test_seeds_of_one_cell_are_put_together(made) -> None:
    one = of_suite(made, "demo", cell(made))
    other = of_suite(made, "demo", cell(made, seed=np.array([5, 7])))
    (joined,) = pool([one, other]).results.cells
    assert joined.seed.tolist() == [0, 1, 5, 7]


def test_records_that_contradict_each_other_are_refused(made) -> None:
    one, other = cell(made), cell(made)
    other.accuracy = other.accuracy + 0.1
    with pytest.raises(RecordError, match=r"between the records of demo; leave one of the files"):
        pool([of_suite(made, "demo", one), of_suite(made, "demo", other)])


# ---------------------------------------------------------------------- the seeds asked for


def test_the_seeds_that_the_suite_asks_for(made) -> None:
    pooled = pool(of_suite(made, "demo", cell(made), text=TEXT))
    assert pooled.asked == (0, 1, 2)


def test_of_several_suites_each_cell_keeps_its_own(made) -> None:
    one = of_suite(made, "one", cell(made, "a"), text=TEXT)
    other = of_suite(made, "two", cell(made, "b"), text=OTHER_TEXT)
    pooled = pool([one, other])
    assert pooled.asked == ()
    asked = {one.label: pooled.asked_of[one.key] for one in pooled.results.cells}
    assert asked == {"a": (0, 1, 2), "b": (0, 1, 2, 3)}


# ---------------------------------------------------------------------- what differs


def test_suites_with_the_same_streams_and_budget_are_ranked_together(made) -> None:
    pooled = pool([of_suite(made, "one", cell(made, "a")), of_suite(made, "two", cell(made, "b"))])
    assert (labels(pooled), pooled.mixed) == (["a", "b"], ())
    assert pooled.results.record.suite == "one + two"


@pytest.mark.parametrize(
    ("protocol", "line"),
    [
        ({"batch_size": 64}, "split: batch_size: 32 in one; 64 in two"),
        ({"precision": "bf16"}, "split: precision: fp32 in one; bf16 in two"),
        (
            {"model": {"cnn": {}}},
            "split: model: mlp(hidden=[100]) in one; cnn in two",
        ),
        ({"epochs": 5}, "split: length of a task: 1 epochs in one; 5 epochs in two"),
        (
            {"epochs": None, "steps": 70},
            "split: length of a task: 1 epochs in one; 70 steps in two",
        ),
        ({"pad": 2}, "split: streams: split in one; split, images padded by 2 in two"),
    ],
)
def test_every_part_of_the_budget_must_agree(made, protocol: dict[str, Any], line: str) -> None:
    one = of_suite(made, "one", cell(made, "a"))
    other = of_suite(made, "two", cell(made, "b", protocol=protocol))
    assert refusal(one, other) == [line]


def test_what_is_no_part_of_the_budget_may_differ(made) -> None:
    one = of_suite(made, "one", cell(made, "a"))
    other = of_suite(made, "two", cell(made, "b", protocol={"optimizer": {"adam": {}}}))
    assert pool([one, other]).mixed == ()


def test_other_data_under_one_name_are_other_streams(made) -> None:
    one = of_suite(made, "one", cell(made, "a"))
    other = of_suite(made, "two", cell(made, "b", content={"data": "beef"}))
    assert refusal(one, other) == ["split: data: f00d in one; beef in two"]


def test_what_one_suite_does_not_state_may_differ(made) -> None:
    one = of_suite(made, "one", cell(made, "a"))
    silent = cell(made, "b", protocol={"augment": None, "batch_size": None})
    assert refusal(one, of_suite(made, "two", silent)) == [
        "split: not stated in two: batch_size, augment"
    ]


def test_what_nobody_states_is_said_of_both(made) -> None:
    quiet = {"augment": None}
    one = of_suite(made, "one", cell(made, "a", protocol=quiet))
    other = of_suite(made, "two", cell(made, "b", protocol=quiet))
    assert refusal(one, other) == ["split: not stated in one, two: augment"]


def test_scenarios_of_which_the_same_is_to_be_said_share_a_line(made) -> None:
    def cells(batch: int) -> list[Any]:
        made_cells = []
        for name in ("split", "rotated"):
            content = {"scenario": [name, {}]}
            protocol = {"batch_size": batch}
            made_cells.append(cell(made, "a", name, content=content, protocol=protocol))
        return made_cells

    found = refusal(of_suite(made, "one", *cells(8)), of_suite(made, "two", *cells(16)))
    assert found == ["split, rotated: batch_size: 8 in one; 16 in two"]


def test_a_scenario_that_one_suite_has_alone_is_no_reason(made) -> None:
    alone = cell(made, "a", "other", content={"scenario": ["other", {}]})
    alone.protocol = {**made.protocol, "batch_size": 1}
    one = of_suite(made, "one", cell(made, "a"), alone)
    assert pool([one, of_suite(made, "two", cell(made, "b"))]).mixed == ()


def test_mixed_records_are_ranked_if_somebody_insists(made) -> None:
    one = of_suite(made, "one", cell(made, "a"))
    other = of_suite(made, "two", cell(made, "b", protocol={"batch_size": 64}))
    pooled = pool([one, other], force_mixed=True)
    assert labels(pooled) == ["a", "b"]
    assert pooled.mixed == ("split: batch_size: 32 in one; 64 in two",)


def test_two_versions_of_a_suite_are_numbered(made) -> None:
    one = of_suite(made, "demo", cell(made, "a"), text="first")
    other = of_suite(made, "demo", cell(made, "b", protocol={"batch_size": 64}), text="second")
    assert refusal(one, other) == [
        "split: batch_size: 32 in demo (version 1); 64 in demo (version 2)"
    ]


# ---------------------------------------------------------------------- names


def test_the_same_streams_are_called_as_the_first_suite_calls_them(made) -> None:
    one = of_suite(made, "one", cell(made, "a", "mnist"))
    other = of_suite(made, "two", cell(made, "b", "digits"))
    pooled = pool([one, other])
    assert {one.scenario for one in pooled.results.cells} == {"mnist"}


def test_within_a_suite_the_same_streams_may_have_two_names(made) -> None:
    one = of_suite(made, "one", cell(made, "a", "mnist"), cell(made, "a", "again"))
    assert [found.scenario for found in pool(one).results.cells] == ["mnist", "again"]


def test_what_two_suites_call_alike_and_is_not_gets_its_suite_s_name(made) -> None:
    first, second = cell(made, "er"), cell(made, "er", options={"memory": 7})
    second.key = "another"
    pooled = pool([of_suite(made, "one", first), of_suite(made, "two", second)])
    assert labels(pooled) == ["er [one]", "er [two]"]


def test_files_without_a_suite_are_suites_of_their_own(made) -> None:
    """Two files of one name, with nothing in common, are two experiments."""
    one = of_suite(made, "results", cell(made, "a"), text="")
    other = of_suite(made, "results", cell(made, "b", protocol={"batch_size": 64}), text="")
    assert refusal(one, other) == ["split: batch_size: 32 in results; 64 in results (file 2)"]


def test_files_that_share_a_cell_are_parts_of_one_experiment(made) -> None:
    shared = cell(made, "a")
    one = of_suite(made, "results", shared, text="")
    more = cell(made, "b", protocol={"batch_size": 64})
    other = of_suite(made, "results", cell(made, "a", seed=np.array([8, 9])), more, text="")
    pooled = pool([one, other])
    assert (labels(pooled), pooled.mixed) == (["a", "b"], ())


def test_a_foreign_key_is_worth_nothing_outside_its_suite(made) -> None:
    """Two libraries may name different runs alike."""
    first = made.cell("er", [0.5, 0.6], content={})
    second = made.cell("er", [0.7, 0.8], content={})
    pooled = pool([of_suite(made, "one", first), of_suite(made, "two", second)], force_mixed=True)
    assert [one.key for one in pooled.results.cells] == ["one/split-er", "two/split-er"]


# ---------------------------------------------------------------------- groups


def test_records_are_grouped_by_what_may_be_ranked_together(made) -> None:
    one = of_suite(made, "one", cell(made, "a"))
    same = of_suite(made, "two", cell(made, "b"))
    larger = of_suite(made, "three", cell(made, "c", protocol={"batch_size": 64}))
    elsewhere = of_suite(
        made, "four", cell(made, "d", "other", content={"scenario": ["other", {}]})
    )
    assert comparable([one, larger, same, elsewhere]) == [[one, same], [larger], [elsewhere]]
    assert comparable([]) == []


def test_one_suite_is_one_group_whatever_its_records_hold(made) -> None:
    one = of_suite(made, "demo", cell(made, "a"))
    other = of_suite(made, "demo", cell(made, "b", "other", protocol={"batch_size": 64}))
    assert comparable([one, other]) == [[one, other]]
