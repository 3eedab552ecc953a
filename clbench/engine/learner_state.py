"""The state of a learner as one thing: what is saved, suspended, counted and compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clbench.engine.session import Session
from clbench.stack import Stateful


class LearnerState(Stateful):
    """The session that parts share, and every part; a solo strategy is a single one."""

    def __init__(self, session: Session, parts: Sequence[Any]) -> None:
        self.session = session
        # Numbered: a method may take part twice, and a path has to be unique.
        self.parts = {f"{number}:{part.part_name}": part for number, part in enumerate(parts)}
