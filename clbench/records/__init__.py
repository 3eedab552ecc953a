"""Records: what was measured, on disk and in memory."""

from clbench.records.cell import CellRecord, Entries
from clbench.records.faults import Fault
from clbench.records.file import SCHEMA_VERSION, RecordFile
from clbench.records.merging import merge_cells
from clbench.records.metric_values import Measured
from clbench.records.reading import read_record
from clbench.records.results import Predictions, Results, load
from clbench.records.status import status_of
from clbench.records.validation import validated
from clbench.records.writing import write_file, write_record

__all__ = [
    "SCHEMA_VERSION",
    "CellRecord",
    "Entries",
    "Fault",
    "Measured",
    "Predictions",
    "RecordFile",
    "Results",
    "load",
    "merge_cells",
    "read_record",
    "status_of",
    "validated",
    "write_file",
    "write_record",
]
