"""What the protocols of strategies do not share that were trained on one scenario."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.records import CellRecord, RecordFile, Results
from clbench.report.findings import PartlyStated, ProtocolsDiffer
from clbench.report.protocols import is_foreign, protocol_differences


def known(made, label: str, scenario: str = "split", **protocol: Any) -> CellRecord:
    """A cell of our own, whose protocol is known as a whole."""
    cell: CellRecord = made.cell(label, [0.5], scenario, protocol={**made.protocol, **protocol})
    return cell


def foreign(made, label: str, scenario: str = "split", **protocol: Any) -> CellRecord:
    """A cell of another library, which states this much."""
    cell: CellRecord = made.cell(label, [0.5], scenario, protocol=protocol, content={})
    return cell


def differences(made, *cells: CellRecord) -> dict[str, str]:
    """What is said to differ, by strategy."""
    for found in protocol_differences(made.results(*cells)):
        if isinstance(found, ProtocolsDiffer):
            return {one.label: one.difference for one in found.differences}
    return {}


def partly(made, *cells: CellRecord, **environment: Any) -> list[PartlyStated]:
    record = RecordFile(1, "demo", "", environment, list(cells))
    every = protocol_differences(Results(record, made.host))
    return [found for found in every if isinstance(found, PartlyStated)]


# ---------------------------------------------------------------------- our own


def test_equal_protocols_are_not_worth_a_word(made) -> None:
    assert list(protocol_differences(made.results(*made.three()))) == []
    assert list(protocol_differences(made.results())) == []


def test_who_differs_from_most_is_named_with_the_usual_value(made) -> None:
    cells = [known(made, "a"), known(made, "b"), known(made, "c", batch_size=64, epochs=5)]
    assert differences(made, *cells) == {"c": "epochs 5 instead of 1, batch_size 64 instead of 32"}


def test_of_two_the_first_is_the_usual(made) -> None:
    cells = [known(made, "a", batch_size=8), known(made, "b", batch_size=16)]
    assert differences(made, *cells) == {"b": "batch_size 16 instead of 8"}


def test_options_within_options_are_named_by_their_path(made) -> None:
    cells = [
        known(made, "a", optimizer={"sgd": {"lr": 0.1, "momentum": 0.9}}),
        known(made, "b", optimizer={"sgd": {"lr": 0.2, "momentum": 0.9}}),
    ]
    assert differences(made, *cells) == {"b": "optimizer.sgd.lr 0.2 instead of 0.1"}


def test_an_option_that_a_cell_has_not_is_none(made) -> None:
    cells = [known(made, "a"), known(made, "b", warmup=3)]
    assert differences(made, *cells) == {"b": "warmup 3 instead of none"}
    assert differences(made, *cells[::-1]) == {"a": "warmup none instead of 3"}


def test_none_is_what_an_absent_option_is(made) -> None:
    assert differences(made, known(made, "a"), known(made, "b", warmup=None)) == {}


def test_what_differs_in_one_way_on_several_scenarios_is_said_once(made) -> None:
    cells = []
    for scenario in ("one", "two"):
        cells += [known(made, "a", scenario), known(made, "b", scenario, epochs=5)]
    cells += [known(made, "a", "three"), known(made, "b", "three", epochs=9)]
    (found,) = protocol_differences(made.results(*cells))
    assert isinstance(found, ProtocolsDiffer)
    told = [(one.difference, one.scenarios) for one in found.differences]
    assert told == [
        ("epochs 5 instead of 1", ("one", "two")),
        ("epochs 9 instead of 1", ("three",)),
    ]


# ---------------------------------------------------------------------- of other libraries


def test_a_cell_that_does_not_say_what_its_key_stands_for_is_foreign(made) -> None:
    assert not is_foreign(known(made, "a"))
    assert is_foreign(foreign(made, "b"))


def test_a_foreign_cell_differs_only_in_what_it_states(made) -> None:
    cells = [known(made, "a"), foreign(made, "b", epochs=5)]
    assert differences(made, *cells) == {"b": "epochs 5 instead of 1"}
    assert differences(made, known(made, "a"), foreign(made, "b", epochs=1)) == {}


def test_options_of_two_models_are_not_compared(made) -> None:
    cells = [known(made, "a"), foreign(made, "b", model={"cnn": {"width": 3}})]
    assert differences(made, *cells) == {"b": "model cnn instead of mlp"}


def test_options_of_one_model_are(made) -> None:
    cells = [known(made, "a"), foreign(made, "b", model={"mlp": {"hidden": [50]}})]
    assert differences(made, *cells) == {"b": "model.mlp.hidden [50] instead of [100]"}


def test_an_option_that_no_other_has_is_no_difference(made) -> None:
    cells = [known(made, "a"), foreign(made, "b", model={"mlp": {"hidden": [100], "bias": False}})]
    assert differences(made, *cells) == {}


def test_foreign_cells_among_themselves_are_compared_by_what_they_state(made) -> None:
    cells = [foreign(made, name, epochs=1) for name in "ab"] + [foreign(made, "c", epochs=5)]
    assert differences(made, *cells) == {"c": "epochs 5 instead of 1"}


# ---------------------------------------------------------------------- what is not stated


def test_what_others_state_and_a_foreign_cell_does_not(made) -> None:
    (found,) = partly(made, known(made, "a"), foreign(made, "b", epochs=1))
    assert found.labels == ("b",)
    assert found.unstated == tuple(name for name in made.protocol if name != "epochs")
    assert (found.alone, found.rivals, found.unsaid) == ((), ("a",), ())


def test_what_a_foreign_cell_alone_states(made) -> None:
    stated = {**made.protocol, "patience": 3}
    (found,) = partly(made, known(made, "a"), foreign(made, "b", **stated))
    assert (found.unstated, found.alone) == ((), ("patience",))


@pytest.mark.parametrize("name", ["keep", "logits"])
def test_what_is_kept_is_no_setting(made, name: str) -> None:
    stated = {**made.protocol, name: 3}
    (found,) = partly(made, known(made, "a"), foreign(made, "b", **stated))
    assert found.alone == ()


def test_what_an_importer_knows_to_be_unsaid(made) -> None:
    (found,) = partly(made, foreign(made, "b", epochs=1), unsaid=["the order of classes"])
    assert found == PartlyStated(("b",), ("the order of classes",), (), (), ())


def test_what_a_stranger_s_record_holds_in_its_place_is_nothing(made) -> None:
    assert partly(made, foreign(made, "b", epochs=1), unsaid="everything") == []


def test_foreign_cells_that_state_the_same_are_named_together(made) -> None:
    cells = [known(made, "a"), foreign(made, "b", epochs=1), foreign(made, "c", epochs=1)]
    (found,) = partly(made, *cells)
    assert found.labels == ("b", "c")


def test_a_foreign_cell_by_itself_leaves_nothing_unstated(made) -> None:
    assert partly(made, foreign(made, "b", epochs=1)) == []


def test_foreign_cells_miss_what_others_of_their_kind_state(made) -> None:
    cells = [foreign(made, "b", epochs=1), foreign(made, "c", epochs=1, batch_size=8)]
    found = {one.labels: (one.unstated, one.alone) for one in partly(made, *cells)}
    assert found == {("b",): (("batch_size",), ()), ("c",): ((), ("batch_size",))}
