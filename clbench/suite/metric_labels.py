"""What a metric may be called besides its name."""

from __future__ import annotations

import re
from collections.abc import Collection

from clbench.suite.problems import must_be


def why_no_label(label: str, name: str, metrics: Collection[str]) -> str | None:
    """What is wrong with this label of the metric `name`; None where nothing is.

    Records keep values under labels, and commands take labels for names.
    """
    if not re.fullmatch(r"\w[\w.-]*", label):
        return must_be("one word of letters, digits, -, _ and .", label)
    if label != name and label in metrics:
        return f"{label!r} is a metric of its own; choose another word"
    return None
