"""Everything that is wrong with a suite, collected, so that a person mends it in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clbench.errors import Problem, SuiteError, shown
from clbench.suite.paths import Path, longest_known, render


def must_be(wanted: str, value: object) -> str:
    """A message about what stands in the place of something else."""
    return f"must be {wanted}, not {shown(value)}"


class Problems:
    """Problems of one suite, each at the line of its path or of the nearest thing around it."""

    def __init__(
        self, file: str, lines: Mapping[Path, int], overridden: Sequence[Path] = ()
    ) -> None:
        self.file = file
        self._lines = lines
        self._overridden = overridden
        self.found: set[Problem] = set()

    def add(self, path: Path, message: str) -> None:
        """Note a problem; the same one from two variants of a grid is one."""
        if self._is_overridden(path):
            message += " (set on the command line)"
        self.found.add(Problem(self.line(path), render(path), message))

    def _is_overridden(self, path: Path) -> bool:
        return any(path[: len(changed)] == changed for changed in self._overridden)

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest thing around it."""
        nearest = longest_known(path, self._lines)
        return 1 if nearest is None else self._lines[nearest]

    def sentence(self, path: Path, message: str) -> str:
        """A sentence about something in the suite, written like a problem."""
        return Problem(self.line(path), render(path), message).render(self.file)

    def check(self) -> None:
        """Raise `SuiteError` with all of them, where there are any."""
        if self.found:
            raise SuiteError(self.file, sorted(self.found))
