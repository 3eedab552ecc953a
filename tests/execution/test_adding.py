"""`clbench metrics add`: which members are measured together, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clbench.errors import RecordError, UnknownName, UserError
from clbench.execution import adding
from clbench.execution.adding import _cell_of, _checked_label, _kind, _stacks, _with, _Work
from clbench.execution.planner import STACK_ON_CPU
from clbench.records import CellRecord, Fault, RecordFile, write_file
from clbench.records.metric_facts import labelled

from .plans import a_cell, a_record

CONTENT = {
    "versions": {},
    "data": "f00d",
    "scenario": ["split", {"dataset": "digits", "tasks": 5}],
    "parts": [["er", {"memory": 9}]],
    "protocol": dict(a_cell().protocol),
}


def host(*names: str) -> Any:
    """Offers metrics of these names."""

    def get(kind: str, name: str) -> str:
        if name not in names:
            raise UnknownName(kind, name, names)
        return f"the metric {name}"

    return SimpleNamespace(get=get, names=lambda kind: sorted(names))


# ------------------------------------------------------------------ which metric


def test_a_metric_that_is_offered_is_that_one() -> None:
    assert _kind(Path("absent.h5"), "rank", host("rank")) == "the metric rank"


def test_a_name_that_nobody_knows_is_told_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'rank'"):
        _kind(tmp_path / "absent.h5", "rnak", host("rank"))


def test_a_metric_that_only_the_record_knows_needs_its_plugin(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    write_file(path, RecordFile(2, "tiny", "", {}, [a_record([0])], (("worst", {}),)))
    with pytest.raises(UserError, match="whose values the record has already;"):
        _kind(path, "worst", host("rank"))


def test_a_label_of_the_record_is_told_with_the_metric_that_it_is(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    facts = labelled([("rank-7", "rank")])
    file = RecordFile(2, "tiny", "", {}, [a_record([0])], (("rank-7", {}),), metric_facts=facts)
    assert file.called("rank-7") == "rank"
    write_file(path, file)
    with pytest.raises(UserError, match="write rank with --label rank-7"):
        _kind(path, "rank-7", host("rank"))


def test_a_label_may_not_be_another_metric_s_name() -> None:
    assert _checked_label("mine", "rank", host("rank", "forgetting")) == "mine"
    assert _checked_label("rank", "rank", host("rank", "forgetting")) == "rank"
    with pytest.raises(UserError, match=r"^--label "):
        _checked_label("forgetting", "rank", host("rank", "forgetting"))


# ------------------------------------------------------------------ who is measured together


def shares(seeds: int, agents: int = 1) -> list[list[int]]:
    """Rows of the record, stack by stack."""
    seed = np.repeat(np.arange(seeds), agents)
    cell = replace(a_record([0] * len(seed)), seed=seed, agent=np.tile(np.arange(agents), seeds))
    return [part.tolist() for part in _stacks(cell, np.arange(len(seed)))]


def test_a_stack_has_as_many_members_as_a_cpu_takes() -> None:
    assert STACK_ON_CPU == 10
    assert [len(part) for part in shares(25)] == [10, 10, 5]
    assert shares(3) == [[0, 1, 2]]
    assert shares(0) == []


def test_agents_stay_with_their_seed() -> None:
    # Three agents a seed: three seeds are nine members, a fourth would be too many.
    assert shares(4, agents=3) == [list(range(9)), [9, 10, 11]]
    # A seed of more agents than a stack has members is one stack all the same.
    assert [len(part) for part in shares(2, agents=12)] == [12, 12]


def test_members_whose_weights_were_not_kept_are_in_no_stack() -> None:
    cell = a_record([4, 5, 6])
    (part,) = _stacks(cell, np.array([0, 2]))
    assert part.tolist() == [0, 2]


# ------------------------------------------------------------------ what is stored


def test_a_value_stands_in_place_of_what_was_there_before() -> None:
    cell = a_record([0], rank=[1.0], other=[2.0])
    cell.faults = (Fault("old", "rank", undefined=True), Fault("kept", "other"))
    found = _with(cell, "rank", np.array([5.0]), {"version": "2"}, None)
    assert found.metrics["rank"].tolist() == [5.0]
    assert found.metrics["other"].tolist() == [2.0]
    assert found.probes == {"rank": {"version": "2"}}
    assert [str(fault) for fault in found.faults] == [str(Fault("kept", "other"))]


def test_why_a_value_is_undefined_is_stored_with_it() -> None:
    found = _with(a_record([0]), "rank", np.array([np.nan]), {}, "there is one task")
    (fault,) = found.faults
    assert (fault.metric, fault.undefined) == ("rank", True)
    assert "there is one task" in str(fault)


def test_a_metric_without_any_value_is_refused_with_the_first_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = [a_record([0]), a_record([1])]
    reasons = iter([(None, None), ("no head", "no tail")])
    results = SimpleNamespace(metric=lambda name, cell: SimpleNamespace(reasons=next(reasons)))
    monkeypatch.setattr(adding, "Results", lambda record, host: results)
    with pytest.raises(UserError, match=r"so nothing is stored: no head$"):
        adding._check_that_there_is_a_value(RecordFile(2, "t", "", {}, cells), "rank", host())
    empty = RecordFile(2, "t", "", {}, [])
    with pytest.raises(UserError, match="there are no runs"):
        adding._check_that_there_is_a_value(empty, "rank", host())


@pytest.mark.parametrize("values", [[0.5], [np.nan, 0.5], [[np.nan, 1.0]]])
def test_one_value_of_one_run_is_enough(values: Any) -> None:
    cell = a_record([0] * len(values), rank=values)
    adding._check_that_there_is_a_value(RecordFile(2, "t", "", {}, [cell]), "rank", host())


# ------------------------------------------------------------------ the cell that it was


def test_a_record_says_how_its_cell_was_made() -> None:
    cell = _cell_of(replace(a_record([0]), content=CONTENT))
    assert (cell.scenario, cell.parts) == (a_cell().scenario, a_cell().parts)
    assert (cell.scenario_label, cell.label, cell.seeds) == ("split", "er", ())
    assert cell.protocol == a_cell().protocol


@pytest.mark.parametrize("missing", [*CONTENT, "everything"])
def test_a_record_that_does_not_say_so_cannot_be_measured(missing: str) -> None:
    content = {key: value for key, value in CONTENT.items() if key != missing}
    said = "er on split: the record does not say how it was made, so its streams cannot be"
    with pytest.raises(RecordError, match=said):
        _cell_of(replace(a_record([0]), content={} if missing == "everything" else content))


# ------------------------------------------------------------------ measuring


def work(*cells: CellRecord, when: str = "task_end") -> _Work:
    record = RecordFile(2, "tiny", "", {}, list(cells))
    return _Work(record, "rank", SimpleNamespace(when=when), host("rank"), None)


def test_what_is_measured_while_a_task_is_trained_cannot_be_added() -> None:
    with pytest.raises(UserError, match=r"rank is measured while a task is trained \(epoch_end\)"):
        work(a_record([0]), when="epoch_end").measured_everywhere({})


def test_without_any_weights_the_suite_has_to_run_again() -> None:
    with pytest.raises(UserError, match="rank looks at the networks, and none was kept: add rank"):
        work(a_record([0])).measured_everywhere({})


def test_cells_without_weights_are_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = replace(a_record([0]), label="kept", kept={"weights": np.array([1.0])})
    one = work(kept, a_record([1]))
    monkeypatch.setattr(one, "_measured", lambda cell: (np.array([0.5]), None))
    found = one.measured_everywhere({"version": "1"})
    assert [cell.metrics.get("rank") for cell in found.cells] == [np.array([0.5]), None]
    (line,) = one.left_out
    assert line.startswith("er on split: no weights were kept; add rank to the suite's metrics")


def test_a_reason_of_one_stack_is_kept_where_the_next_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was lost where the stack that was measured last had values."""
    said = iter(["seed 0 has no head", None])
    monkeypatch.setattr(
        "clbench.engine.measuring.measure_kept",
        lambda planned, some, *rest, **named: (np.full((len(some), 1), 0.5), next(said)),
    )
    seeds = list(range(STACK_ON_CPU + 1))  # two stacks
    cell = replace(a_record(seeds), content=CONTENT, kept={"weights": np.ones(len(seeds))})
    one = work(cell)
    monkeypatch.setattr(one, "_arrays", lambda cell, planned: None)
    values, reason = one._measured(cell)
    assert values.shape == (len(seeds), 1)
    assert reason == "seed 0 has no head"
