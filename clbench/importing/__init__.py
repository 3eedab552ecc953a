"""Results of other libraries as a record: importers read files, one place makes cells of runs."""

from clbench.importing.assembling import Imported, assemble
from clbench.importing.importer import ImportedRun, Importer

__all__ = ["Imported", "ImportedRun", "Importer", "assemble"]
