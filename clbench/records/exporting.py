"""A record as a file that other programs read: the forms come from plugins, these among them."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from clbench.errors import UserError
from clbench.hookspecs import hookimpl
from clbench.options import Configurable
from clbench.records.cell import CellRecord
from clbench.records.fields import CELL_FIELDS, Storage
from clbench.records.metric_facts import named
from clbench.records.results import Results
from clbench.untrusted import inert

if TYPE_CHECKING:
    import pandas as pd

TEXTS = ("scenario", "strategy", "metric")  # columns of names, which may look like formulas
INSTALL = "parquet files need pyarrow; install it with: pip install 'clbench[parquet]'"


class ExportFormat(Configurable):
    """What `clbench export --to NAME` writes; it is made without options.

    Its file ends in `.NAME`.
    """

    binary: ClassVar[bool] = False  # bytes that a terminal cannot show

    def export(self, results: Results) -> bytes:
        """The whole file; texts are in UTF-8."""
        raise NotImplementedError(f"{type(self).__name__} does not define export(results)")


def export(results: Results, form: str) -> bytes:
    """The record in a form by name, such as `csv`, `parquet` or `json`."""
    found: type[ExportFormat] = results.host.offering("export").get("export", form)
    return found().export(results)


class Csv(ExportFormat):
    """The tidy table of `Results.frame()`."""

    def export(self, results: Results) -> bytes:
        frame = results.frame()
        for name in TEXTS:
            frame[name] = frame[name].map(inert)
        text: str = frame.to_csv(index=False, lineterminator="\n")
        return text.encode()


class Parquet(ExportFormat):
    """The tidy table of `Results.frame()`; needs the extra `parquet`."""

    binary = True

    def export(self, results: Results) -> bytes:
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise UserError(INSTALL) from None
        target = io.BytesIO()
        results.frame().to_parquet(target, index=False, engine="pyarrow")
        return target.getvalue()


class Json(ExportFormat):
    """The table, and what is known of the suite and its cells beside it."""

    def export(self, results: Results) -> bytes:
        whole = _valid(_plain(results))
        return (json.dumps(whole, indent=1, allow_nan=False, default=str) + "\n").encode()


@hookimpl
def clbench_exports() -> list[type]:
    """What comes with clbench."""
    return [Csv, Parquet, Json]


# ---------------------------------------------------------------------- plain data


def _plain(results: Results) -> dict[str, Any]:
    record = results.record
    metrics = []
    for label, options in record.metrics:
        known = named(label, record.called(label))
        metrics.append({"name": label, "options": dict(options), **known})
    return {
        "schema_version": record.schema_version,
        "suite": record.suite,
        "suite_text": record.suite_text,
        "environment": record.environment,
        "runs": list(record.runs),
        "metrics": metrics,
        "cells": [_cell(cell) for cell in results.cells],
        "rows": _rows(results.frame()),
    }


def _cell(cell: CellRecord) -> dict[str, Any]:
    attributes: dict[str, Any] = {"key": cell.key}
    members: dict[str, Any] = {"seed": cell.seed.tolist()}
    for one in CELL_FIELDS:
        if not one.exported:
            continue
        value = getattr(cell, one.name)
        if one.storage is Storage.DATASET:
            members[one.name] = value.tolist()
        else:
            attributes[one.name] = value
    return {**attributes, "errors": cell.errors, **members}


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    columns: dict[str, list[Any]] = {}
    for name in frame.columns:
        column = frame[name].astype(object)
        columns[name] = column.where(frame[name].notna(), None).tolist()
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _valid(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: null."""
    if isinstance(value, dict):
        return {str(key): _valid(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
