"""Seeds: a count or a list in a suite, `0-9`, `0,3,5`, `3-3` or a count on the command line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TypeGuard

from clbench.suite.problems import must_be

# Beyond this a count is a mistake, most likely a seed that was meant: `3-3` is seed 3 alone.
MAX_SEEDS = 100_000
_FORMS = "write a count (10), a range (0-9; 3-3 is seed 3 alone) or a list (0,3,5)"


def parse_seeds(text: str) -> list[int]:
    """`--seeds`; ValueError says what may be written."""
    if re.fullmatch(r"\d+", text.strip()):
        return check_seeds(int(text))  # a count
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if match is None:
            raise ValueError(f"{text!r} names no seeds; {_FORMS}")
        found += _range(part.strip(), int(match[1]), int(match[2] or match[1]))
    return check_seeds(found)


def _range(written: str, first: int, last: int) -> range:
    if last < first:
        raise ValueError(f"the range {written} runs backwards; write {last}-{first}")
    if last - first >= MAX_SEEDS:
        raise ValueError(f"the range {written} has more than {MAX_SEEDS:,} seeds")
    return range(first, last + 1)


def check_seeds(value: object) -> list[int]:
    """The seeds a suite asks for, sorted; ValueError says what is wrong."""
    if is_whole(value):
        return _counted(value)
    if not isinstance(value, list) or not value or not all(map(is_whole, value)):
        wanted = "a count such as 10, a list of whole numbers such as [0, 3, 5], or"
        raise ValueError(must_be(f"{wanted} {{until: separated}}", value))
    _check_range(value)
    twice = sorted(seed for seed, times in Counter(value).items() if times > 1)
    if twice:
        raise ValueError("seeds are named twice: " + ", ".join(map(str, twice)))
    return sorted(value)


def _check_range(seeds: Sequence[int]) -> None:
    if min(seeds) < 0:
        raise ValueError(f"seeds are not negative, as {min(seeds)} is")
    if max(seeds) >= 2**63:  # records keep them as signed 64-bit numbers
        raise ValueError(f"seeds are below 2**63, and {max(seeds)} is not")


def is_whole(value: object) -> TypeGuard[int]:
    """Whether this is a whole number; YAML's true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _counted(count: int) -> list[int]:
    """The first so many seeds."""
    if count < 1:
        raise ValueError(f"at least one seed is needed, not {count}")
    if count > MAX_SEEDS:
        raise ValueError(
            f"{count} seeds are more than {MAX_SEEDS:,};"
            f" seed {count} alone is [{count}], or --seeds {count}-{count}"
        )
    return list(range(count))


def seeds_in_words(seeds: Sequence[int]) -> str:
    """`0-4, 7`: how seeds are shown."""
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ", ".join(map(_range_in_words, runs))


def _range_in_words(run: Sequence[int]) -> str:
    return str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"
