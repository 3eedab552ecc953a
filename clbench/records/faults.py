"""What went wrong while a cell was measured, as data.

Sentences about it are made where they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """The failure of a job; or of a probe metric, or the reason why that metric is undefined."""

    said: str  # the traceback of a job; of a metric the error or the reason, a traceback below it
    metric: str = ""  # the metric's label; empty for a job
    undefined: bool = False  # nothing failed: the metric has no value here, and `said` is why

    @property
    def reason(self) -> str:
        """What was said, without the traceback below it."""
        return self.said.partition("\n")[0]

    def __str__(self) -> str:
        """As `show`, the page and `export` have it."""
        if not self.metric:
            return self.said
        said = f"Undefined: {self.said}" if self.undefined else self.said
        return f"metric {self.metric}: {said}"

    def to_plain(self) -> dict[str, Any]:
        """As JSON holds it: what is as usual is left out."""
        plain: dict[str, Any] = {"said": self.said}
        if self.metric:
            plain["metric"] = self.metric
        if self.undefined:
            plain["undefined"] = True
        return plain


def fault_from_plain(plain: Any) -> Fault:
    """A fault as a file holds it; a stranger's file may hold a bare text."""
    if not isinstance(plain, Mapping):
        return Fault(str(plain))
    return Fault(
        said=str(plain.get("said", "")),
        metric=str(plain.get("metric", "")),
        undefined=plain.get("undefined") is True,
    )
