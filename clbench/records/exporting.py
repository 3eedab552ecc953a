"""A record as a table that other programs read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import UserError
from clbench.records.cell import CellRecord
from clbench.records.fields import CELL_FIELDS, Storage
from clbench.records.metric_facts import named
from clbench.records.results import Results
from clbench.untrusted import inert

if TYPE_CHECKING:
    import pandas as pd

TEXTS = ("scenario", "strategy", "metric")  # columns of names, which may look like formulas
INSTALL = "parquet files need pyarrow; install it with: pip install 'clbench[parquet]'"


def export(results: Results, form: str) -> bytes:
    """`Results.frame()` as `csv`, `parquet` or `json`; JSON has what is known of suite and cells beside it."""
    return FORMS[form](results)


def _csv(results: Results) -> bytes:
    frame = results.frame()
    for name in TEXTS:
        frame[name] = frame[name].map(inert)
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return text.encode()


def _parquet(results: Results) -> bytes:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise UserError(INSTALL) from None
    target = io.BytesIO()
    results.frame().to_parquet(target, index=False, engine="pyarrow")
    return target.getvalue()


def _json(results: Results) -> bytes:
    record = results.record
    whole = {
        "schema_version": record.schema_version,
        "suite": record.suite,
        "suite_text": record.suite_text,
        "environment": record.environment,
        "runs": list(record.runs),
        "metrics": [
            {"name": label, "options": dict(options), **named(label, record.called(label))}
            for label, options in record.metrics
        ],
        "cells": [_cell(cell) for cell in results.cells],
        "rows": _rows(results.frame()),
    }
    return (json.dumps(_valid(whole), indent=1, allow_nan=False, default=str) + "\n").encode()


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
    columns = {
        name: frame[name].astype(object).where(frame[name].notna(), None).tolist()
        for name in frame.columns
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _valid(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: null."""
    if isinstance(value, dict):
        return {str(key): _valid(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


FORMS: dict[str, Callable[[Results], bytes]] = {"csv": _csv, "parquet": _parquet, "json": _json}
