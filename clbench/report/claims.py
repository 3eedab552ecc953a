"""What records show of their own strategies, beside what a board shows of all of them.

The more strategies a board has the more pairs its p are adjusted for, and what one record shows may
be shown no more once others have sent in theirs. Nothing of it has become less true: so a board
keeps the family in which each claim was made beside its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from clbench.report.compared import Comparison, Overall
from clbench.report.contest import Pair, differs
from clbench.report.words import listed
from clbench.words import counted


@dataclass(frozen=True)
class Claim:
    """A difference that a record shows by itself, in the names of the board."""

    scenario: str | None  # None over all of them
    question: str
    better: str
    worse: str
    family: int  # the pairs that its p is adjusted for, in its record
    p_adjusted: float
    board_family: int
    board_p: float  # NaN where the board could not test the two
    board_verdict: str
    holds: bool  # whether the board shows the same
    record: str = field(compare=False)  # of copies the first

    def is_of(self, pair: Pair) -> bool:
        """Whether it says something of this pair, on the same scenario or in the same question."""
        if (self.scenario, self.question) != (pair.scenario, pair.question):
            return False
        return {self.better, self.worse} == {pair.a, pair.b}


@dataclass(frozen=True)
class _Family:
    """Pairs whose p are adjusted together, by scenario and the two names."""

    question: str
    pairs: Mapping[tuple[str | None, frozenset[str]], Pair]

    @property
    def size(self) -> int:
        return sum(pair.is_tested for pair in self.pairs.values())

    def differing(self, alpha: float) -> Iterable[Pair]:
        """Those that are shown to differ."""
        return (pair for pair in self.pairs.values() if differs(pair, alpha))


def with_claims(board: Comparison, own: Mapping[str, Comparison]) -> Comparison:
    """The board with what each record, by the place where it lies, shows by itself."""
    claims: dict[Claim, None] = {}
    for record, comparison in own.items():
        claims |= dict.fromkeys(_claims(board, comparison, record))
    return replace(board, claims=tuple(claims), text=(*board.text, *_lines(list(claims))))


def _claims(board: Comparison, own: Comparison, record: str) -> Iterable[Claim]:
    names = _Names(board, own)
    on_board = {family.question: family for family in _families(board)}
    for family in _families(own):
        beside = on_board.get(family.question)
        if beside is None:
            continue
        for pair in family.differing(own.alpha):
            renamed = names.on_board(pair)
            other = beside.pairs.get(_key(renamed))
            if other is not None:
                yield _claim(renamed, other, family.size, beside.size, board.alpha, record)


def _claim(
    pair: Pair, other: Pair, family: int, board_family: int, alpha: float, record: str
) -> Claim:
    return Claim(
        scenario=pair.scenario,
        question=pair.question,
        better=pair.winner,
        worse=pair.loser,
        family=family,
        p_adjusted=pair.deciding_p,
        board_family=board_family,
        board_p=other.deciding_p,
        board_verdict=other.verdict,
        holds=differs(other, alpha) and other.winner == pair.winner,
        record=record,
    )


def _families(comparison: Comparison) -> Iterable[_Family]:
    """Within scenarios one, over them one a question."""
    yield _family("within scenarios", comparison.pairs)
    for overall in (comparison.overall, comparison.like_these):
        if isinstance(overall, Overall):
            yield _family(overall.question, overall.pairs)


def _family(question: str, pairs: Sequence[Pair]) -> _Family:
    return _Family(question, {_key(pair): pair for pair in pairs})


def _key(pair: Pair) -> tuple[str | None, frozenset[str]]:
    return pair.scenario, frozenset({pair.a, pair.b})


class _Names:
    """What the board calls the strategies and the scenarios of a record."""

    def __init__(self, board: Comparison, own: Comparison) -> None:
        by_key = {cell.key: cell for cell in board.results.cells}
        self.labels: dict[str, str] = {}
        self.scenarios: dict[str | None, str] = {}
        for cell in own.results.cells:
            if cell.key in by_key:
                known = by_key[cell.key]
                self.labels[cell.label] = known.label
                self.scenarios[cell.scenario] = known.scenario

    def on_board(self, pair: Pair) -> Pair:
        """The pair in the board's names; what the board has not by its key is called alike."""
        return replace(
            pair,
            scenario=self.scenarios.get(pair.scenario, pair.scenario),
            a=self.labels.get(pair.a, pair.a),
            b=self.labels.get(pair.b, pair.b),
        )


# ---------------------------------------------------------------------- words


def words_of_pair(claims: Iterable[Claim], pair: Pair) -> str:
    """What records show of the two by themselves: `a better (a.h5, family of 3)`."""
    return "; ".join(_said(claim) for claim in claims if claim.is_of(pair))


def _said(claim: Claim) -> str:
    return f"{claim.better} better ({claim.record}, family of {claim.family})"


def _lines(claims: Sequence[Claim]) -> Iterable[str]:
    """Of those that the board does not show: a line a record and scenario."""
    together: dict[tuple[str, str | None, str], list[Claim]] = {}
    for claim in claims:
        if not claim.holds:
            here = claim.record, claim.scenario, claim.question
            together.setdefault(here, []).append(claim)
    return map(_line, together.values())


def _line(lost: Sequence[Claim]) -> str:
    """Of claims of one record, scenario and question."""
    first = lost[0]
    where = "Over scenarios" if first.scenario is None else first.scenario
    family = counted(first.family, "pair")
    said = listed([f"{claim.better} better than {claim.worse}" for claim in lost])
    return (
        f"{where}: shown in its own record, {first.record} (family of {family}), not on this"
        f" board (family of {first.board_family}): {said}."
    )
