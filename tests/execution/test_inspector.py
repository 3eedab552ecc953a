"""What the planner knows of a cell: data, layout, network, versions; each looked at once."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from clbench.errors import PluginError, StrategyError, UserError
from clbench.execution.inspector import (
    CellInspector,
    _activations,
    _features,
    dataset_of,
    padding_of,
    versions_of,
)
from clbench.metrics import ProbeMetric, RecordMetric
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice, MetricChoice
from clbench.suite.protocol import Protocol

from .plans import a_cell

SHAPE = (1, 4, 4)
LAYOUT = SimpleNamespace(input_shape=SHAPE, classes=3, tasks=5, agents=2)


def small(input_shape: Any, classes: int, *, hidden: int = 8) -> nn.Module:
    """16 inputs, `hidden` units, the classes."""
    return nn.Sequential(nn.Flatten(), nn.Linear(16, hidden), nn.ReLU(), nn.Linear(hidden, classes))


class Spread(RecordMetric):
    """Needs a curve."""

    needs = ("online_accuracy",)


class Rank(ProbeMetric):
    """Looks at the network."""


def inspector(layout: Any = LAYOUT, **known: Any) -> CellInspector:
    """Of a host that offers these, with data that nobody has to read."""
    asked: list[str] = []

    def get(kind: str, name: str) -> Any:
        asked.append(f"{kind} {name}")
        return known[name]

    host: Any = SimpleNamespace(get=get, version_of=lambda kind, name: f"{name} 1", asked=asked)
    made = CellInspector(host)
    made.arrays = lambda cell: None  # type: ignore[method-assign, assignment, return-value]
    if layout is not None:
        made.layout = lambda cell: layout  # type: ignore[method-assign]
    return made


def of_model(model: Any, **changes: Any) -> Cell:
    cell = a_cell()
    return replace(cell, protocol=Protocol.of({**cell.protocol, "model": model, **changes}))


# ------------------------------------------------------------------ a cell


def test_a_cell_names_its_data_and_its_padding() -> None:
    assert dataset_of(a_cell()) == Choice("digits", {})
    assert padding_of(a_cell()) == 0
    assert padding_of(of_model("mlp", pad=2)) == 2


def test_every_plugin_that_can_change_numbers_has_its_version() -> None:
    parts = (Choice("er", {}), Choice("ewc", {}), Choice("er", {}))
    cell = replace(a_cell(), parts=parts)
    assert versions_of(cell, lambda kind, name: f"{name} 1") == {
        "model mlp": "mlp 1",
        "scenario split": "split 1",
        "strategy er": "er 1",
        "strategy ewc": "ewc 1",
    }


# ------------------------------------------------------------------ networks


def test_a_network_is_counted_without_memory() -> None:
    found = inspector(small=small).network(of_model({"small": {"hidden": 8}}))
    assert found is not None
    # 16 x 8 + 8 weights and biases, then 8 x 3 + 3.
    assert found.parameters == 163
    # Flatten, linear, ReLU, linear: 16 + 8 + 8 + 3 numbers.
    assert found.activations == 35


def test_cells_that_share_a_network_have_it_built_once() -> None:
    one = inspector(small=small)
    for seeds in (2, 5):
        one.network(replace(of_model({"small": {"hidden": 8}}), seeds=tuple(range(seeds))))
    asked = one.host.asked  # type: ignore[attr-defined]
    assert asked == ["model small"]
    one.network(of_model({"small": {"hidden": 9}}))
    assert asked == ["model small"] * 2


def test_a_model_that_refuses_the_images_is_told_with_the_scenario() -> None:
    def picky(input_shape: Any, classes: int) -> nn.Module:
        raise UserError("images of 8 pixels are too small")

    with pytest.raises(UserError, match="scenario split: images of 8 pixels are too small"):
        inspector(picky=picky).network(of_model("picky"))


def test_what_is_no_module_is_told() -> None:
    one = inspector(odd=lambda input_shape, classes: 3)
    with pytest.raises(UserError, match=r"model 'odd' returned int; a torch\.nn\.Module is wanted"):
        one.network(of_model("odd"))


def test_a_stranger_s_model_that_cannot_be_built_so_is_not_known() -> None:
    def broken(input_shape: Any, classes: int) -> nn.Module:
        raise ZeroDivisionError

    one = inspector(broken=broken)
    assert one.network(of_model("broken")) is None
    assert one.parameters(of_model("broken")) is None


def test_a_model_that_reads_values_runs_nowhere_but_has_its_parameters() -> None:
    class Reading(nn.Module):
        """Looks at what it is given."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """Which the meta device has no values for."""
            return self.inner(x.flatten(1)[:, : int(x.sum().item())])

    with torch.device("meta"):
        module = Reading()
    assert _activations(module, SHAPE) == 0
    assert _features(module, SHAPE, "inner") == 0


@pytest.mark.parametrize(("point", "numbers"), [("0", 16), ("1", 16), ("2", 8), ("3", 8)])
def test_features_are_what_goes_into_a_module(point: str, numbers: int) -> None:
    assert inspector(small=small).features(of_model("small"), point) == numbers


def test_features_of_a_module_that_is_not_there_are_none() -> None:
    assert inspector(small=small).features(of_model("small"), "head") == 0


# ------------------------------------------------------------------ layouts


def scenario_that(error: Exception) -> Any:
    class Scenario:
        """Cannot lay out its tasks."""

        def __init__(self, **options: Any) -> None:
            """Take any."""

        def layout(self, arrays: Any) -> Any:
            """Raise."""
            raise error

    return Scenario


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (UserError("10 classes are not 3 tasks"), UserError, "scenario split: 10 classes are not"),
        (StrategyError("as it was"), StrategyError, r"^as it was$"),
        (
            ZeroDivisionError("by zero"),
            PluginError,
            "scenario 'split' cannot lay out its tasks: ZeroDivisionError: by zero",
        ),
    ],
)
def test_a_scenario_that_fails_is_told_by_whose_mistake_it_is(
    error: Exception, kind: type[Exception], said: str
) -> None:
    one = inspector(layout=None, split=scenario_that(error))
    with pytest.raises(kind, match=said):
        one.layout(a_cell())


# ------------------------------------------------------------------ what must be measured live


def test_probes_curves_and_what_is_kept_can_only_be_measured_live() -> None:
    metrics = (
        MetricChoice("spread", {}, "spread"),
        MetricChoice("rank", {"samples": 7}, "rank-7"),
    )
    cell = replace(of_model("mlp", keep=["weights"]), metrics=metrics)
    probes = inspector(spread=Spread, rank=Rank)._probes(cell)
    assert set(probes) == {"online_accuracy", "kept/weights", "rank-7"}
    assert probes["online_accuracy"] is probes["kept/weights"] is None
    assert probes["rank-7"]["options"] == {"samples": 7}
    assert probes["rank-7"]["version"] == "rank 1"


def test_a_metric_of_the_record_is_no_probe() -> None:
    class Plain(RecordMetric):
        """Needs nothing."""

    cell = replace(a_cell(), metrics=(MetricChoice("plain", {}, "plain"),))
    assert inspector(plain=Plain)._probes(cell) == {}


def test_versions_are_asked_for_once_whatever_the_number_of_cells() -> None:
    asked: list[str] = []

    def version_of(kind: str, name: str) -> str:
        asked.append(name)
        return f"{name} 1"

    host: Any = SimpleNamespace(version_of=version_of)
    one = CellInspector(host)
    one._fingerprint = lambda dataset: "f00d"  # type: ignore[method-assign]
    keys = {one.key_and_content(a_cell(seeds))[0] for seeds in (2, 3, 4)}
    assert sorted(asked) == ["er", "mlp", "split"]
    assert len(keys) == 1  # seeds are not in a cell's key
    assert one.key_and_content(a_cell())[1]["data"] == "f00d"
