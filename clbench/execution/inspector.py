"""What a suite asks for, cell by cell, and what the planner has to know of each:
its key, its tasks, its agents.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.errors import ClbenchError, PluginError, UserError
from clbench.execution.jobs import PlannedCell
from clbench.execution.stack_size import NetworkSize
from clbench.metrics import is_probe
from clbench.options import check_options
from clbench.records.metric_facts import how_measured
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice, MetricChoice

if TYPE_CHECKING:
    from clbench.data import Arrays
    from clbench.host import Host
    from clbench.scenarios import Layout


def dataset_of(cell: Cell) -> Choice:
    """The data set of a cell's scenario."""
    return Choice.of(cell.scenario.options["dataset"])


def padding_of(cell: Cell) -> int:
    """How many pixels of zeros there are around the cell's images."""
    return cell.protocol.pad


def versions_of(cell: Cell, version_of: Callable[[str, str], str]) -> dict[str, str]:
    """The version of every plugin whose code can change the cell's numbers,
    by `Host.version_of`.
    """
    used = {
        ("scenario", cell.scenario.name),
        ("model", Choice.of(cell.protocol.model).name),
        *(("strategy", part.name) for part in cell.parts),
    }
    return {f"{kind} {name}": version_of(kind, name) for kind, name in sorted(used)}


@dataclass
class CellInspector:
    """Looks at each data set once. A missing one is found here, before anything trains."""

    host: Host
    data: Path | None = None

    def __post_init__(self) -> None:
        # A version may be a hash of many files, and is the same for all cells.
        self._version_of = cache(self.host.version_of)
        self._fingerprints: dict[str, str] = {}
        self._arrays: tuple[tuple[str, int], Arrays] | None = None
        self._models: dict[str, NetworkSize | None] = {}
        self._feature_counts: dict[str, int] = {}

    def of(self, cells: Iterable[Cell]) -> list[PlannedCell]:
        """The cells in their order, as the planner sees them."""
        return [self._planned(cell) for cell in cells]

    def key_and_content(self, cell: Cell) -> tuple[str, Mapping[str, Any]]:
        """The cell's name in records, and everything it is a hash of."""
        versions = versions_of(cell, self._version_of)
        fingerprint = self._fingerprint(dataset_of(cell))
        return cell.key(fingerprint, versions), cell.content(fingerprint, versions)

    def scenario(self, cell: Cell) -> Any:
        """The cell's scenario, with its options."""
        return self.host.get("scenario", cell.scenario.name)(**cell.scenario.options)

    def layout(self, cell: Cell) -> Layout:
        """What every stream of the cell has in common."""
        arrays = self.arrays(cell)
        try:
            layout: Layout = self.scenario(cell).layout(arrays)
        except UserError as error:
            raise UserError(f"scenario {cell.scenario_label}: {error}") from error
        except ClbenchError:
            raise
        except Exception as error:
            raise PluginError(
                f"scenario {cell.scenario.name!r} cannot lay out its tasks:"
                f" {type(error).__name__}: {error}"
            ) from error
        return layout

    def arrays(self, cell: Cell) -> Arrays:
        """The cell's data, padded; what was asked for last stays in memory."""
        from clbench.data import load_arrays

        dataset, padding = dataset_of(cell), padding_of(cell)
        # Cells come scenario by scenario, so one data set at a time is enough.
        wanted = (_name(dataset), padding)
        if self._arrays is None or self._arrays[0] != wanted:
            stored = load_arrays(dataset, self.host, self.data)
            self._arrays = (wanted, stored.padded(padding))
        return self._arrays[1]

    def _planned(self, cell: Cell) -> PlannedCell:
        key, content = self.key_and_content(cell)
        layout = self.layout(cell)
        self.network(cell)  # a model that refuses the images is found here
        return PlannedCell(cell, key, content, layout.tasks, layout.agents, self._probes(cell))

    def _probes(self, cell: Cell) -> dict[str, Any]:
        """What can only be measured while the cell runs, and how; as in `PlannedCell`."""
        probes: dict[str, Any] = dict.fromkeys(f"kept/{kind}" for kind in cell.protocol.keep)
        for metric in cell.metrics:
            kind = self.host.get("metric", metric.name)
            if is_probe(kind):
                probes[metric.label] = self._how_measured(metric)
            for curve in getattr(kind, "needs", ()):
                probes.setdefault(curve, None)
        return probes

    def _how_measured(self, metric: MetricChoice) -> dict[str, Any]:
        version = self._version_of("metric", metric.name)
        return how_measured(metric.label, metric.name, metric.options, version)

    def parameters(self, cell: Cell) -> int | None:
        """How many parameters the cell's network has; None where that is not known."""
        size = self.network(cell)
        return None if size is None else size.parameters

    def network(self, cell: Cell) -> NetworkSize | None:
        """The size of the cell's network, which takes no memory here;
        a model that refuses the images is found before anything trains.

        None where a stranger's model cannot be built so; its jobs will show whether it can be built
        at all.
        """
        layout = self.layout(cell)
        # Most cells of a suite share one network.
        model = _name_of_model(cell, layout)
        if model not in self._models:
            try:
                self._models[model] = self._count(Choice.of(cell.protocol.model), layout)
            except UserError as error:
                raise UserError(f"scenario {cell.scenario_label}: {error}") from error
            except Exception:
                self._models[model] = None
        return self._models[model]

    def features(self, cell: Cell, point: str) -> int:
        """Numbers that go into a module of the cell's network for one sample;
        0 where that is not known.
        """
        layout = self.layout(cell)
        model = _name_of_model(cell, layout, point)
        if model not in self._feature_counts:
            try:
                module = self._on_meta(Choice.of(cell.protocol.model), layout)
                self._feature_counts[model] = _features(module, layout.input_shape, point)
            except Exception:  # no such module; its jobs will say so
                self._feature_counts[model] = 0
        return self._feature_counts[model]

    def _count(self, model: Choice, layout: Layout) -> NetworkSize:
        module = self._on_meta(model, layout)
        parameters = sum(parameter.numel() for parameter in module.parameters())
        return NetworkSize(parameters, _activations(module, layout.input_shape))

    def _on_meta(self, model: Choice, layout: Layout) -> Any:
        """A network that takes no memory."""
        import torch

        factory = self.host.get("model", model.name)
        with torch.device("meta"):
            module = factory(
                layout.input_shape, layout.classes, **check_options(factory, model.options)
            )
        if not isinstance(module, torch.nn.Module):
            raise UserError(
                f"model {model.name!r} returned {type(module).__name__};"
                " a torch.nn.Module is wanted"
            )
        return module

    def _fingerprint(self, dataset: Choice) -> str:
        from clbench.data import fingerprint_of

        name = _name(dataset)
        if name not in self._fingerprints:
            self._fingerprints[name] = fingerprint_of(dataset, self.host, self.data)
        return self._fingerprints[name]


def _activations(module: Any, input_shape: tuple[int, ...]) -> int:
    """Numbers that the modules of a network on torch's meta device give out for one sample;
    0 where it does not run there.
    """
    import torch

    given_out: list[int] = []

    def note(_: Any, __: Any, out: Any) -> None:
        given_out.append(out.numel() if isinstance(out, torch.Tensor) else 0)

    for child in module.modules():
        if not list(child.children()):  # what holds others gives out what the last of them does
            child.register_forward_hook(note)
    return sum(given_out) if _passes_one(module, input_shape) else 0


def _features(module: Any, input_shape: tuple[int, ...], point: str) -> int:
    """Numbers that go into a module for one sample;
    0 where the network does not run on the meta device.
    """
    given: list[int] = []

    def note(_: Any, inputs: tuple[Any, ...]) -> None:
        given.append(inputs[0].numel())

    module.get_submodule(point).register_forward_pre_hook(note)
    return given[0] if _passes_one(module, input_shape) and given else 0


def _passes_one(module: Any, input_shape: tuple[int, ...]) -> bool:
    """Send one sample through a network on the meta device; whether it arrived."""
    import torch

    try:
        with torch.no_grad():
            module.eval()(torch.zeros(1, *input_shape, device="meta"))
    except Exception:  # a model that reads its input's values; its jobs run all the same
        return False
    return True


def _name_of_model(cell: Cell, layout: Layout, *point: str) -> str:
    return json.dumps([cell.protocol.model, layout.input_shape, layout.classes, *point])


def _name(dataset: Choice) -> str:
    return json.dumps([dataset.name, dict(dataset.options)], sort_keys=True, default=str)
