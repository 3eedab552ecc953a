"""`Importer`: what a plugin subclasses to read the results of another library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from clbench.options import Configurable
from clbench.typing import Array


@dataclass(frozen=True)
class ImportedRun:
    """One run, as its log tells it: what the log does not say is left out, nothing is guessed."""

    strategy: str
    scenario: str
    seed: int
    # [T+1, T], fractions: row i after i tasks, row 0 untrained; NaN where nothing was tested.
    accuracy: Array
    source: str  # file and line, for messages
    options: Mapping[str, Any] = field(default_factory=dict)  # the method's own
    # How it was trained; by clbench's own names (`epochs`, `batch_size`, ...) where they mean the
    # same.
    protocol: Mapping[str, Any] = field(default_factory=dict)
    # When and with what it ran, as far as the log says: `date`, versions.
    facts: Mapping[str, Any] = field(default_factory=dict)
    bound: bool = False  # it trained on all data at once, or the like: no rival

    @property
    def tasks(self) -> int:
        """The length of its stream."""
        return int(self.accuracy.shape[1])


class Importer(Configurable):
    """Reads what another library wrote of its runs.

    Options are annotated class attributes, as everywhere (`clbench import NAME ... --set
    OPTION=VALUE`). A file comes from a stranger: it is parsed, and nothing in it is ever executed.
    """

    # What logs of this kind never say, in a few words each: the order of classes, ...
    unsaid: ClassVar[tuple[str, ...]] = ()

    def read(self, paths: Sequence[Path]) -> Iterator[ImportedRun]:
        """The runs in these files or folders; `clbench.errors.RecordError` says what is wrong."""
        raise NotImplementedError(f"{type(self).__name__} does not define read(paths)")
