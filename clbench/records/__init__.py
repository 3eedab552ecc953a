"""Records: what was measured, on disk and in memory."""

from clbench.records.cell import CellRecord, Entries, metric_of, settled, status_of
from clbench.records.file import SCHEMA_VERSION, RecordFile
from clbench.records.merging import merge_cells
from clbench.records.metric_values import Measured
from clbench.records.reading import read_record
from clbench.records.results import Predictions, Results, load
from clbench.records.writing import write_file, write_record

__all__ = [
    "SCHEMA_VERSION",
    "CellRecord",
    "Entries",
    "Measured",
    "Predictions",
    "RecordFile",
    "Results",
    "load",
    "merge_cells",
    "metric_of",
    "read_record",
    "settled",
    "status_of",
    "write_file",
    "write_record",
]
