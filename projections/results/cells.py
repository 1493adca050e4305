"""Cells: what is published, one row for each figure, and the port of the store that keeps them for ever.

    Cell(CellKey("membership", "m-1", "", "", "2010-Q1"), "overall", ...)   what the customers of m-1 answered in a quarter
    Cell(CellKey("peer-group", "", "security", "reseller", "2010-Q1"), …)   what those of a peer group did

A measure is `responses`, which counts them, or one of the core questions, whose answers are whole numbers 0 to 10.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple, Protocol, get_args

CoreQuestion = Literal["overall", "continue", "re_engage", "recommend"]
"""The core questions of the survey (PROGRAMME: results), 0 to 10 each."""
Measure = Literal["responses", "overall", "continue", "re_engage", "recommend"]
Scope = Literal["membership", "location", "segment", "peer-group", "business-model", "programme"]
QUESTIONS: Final[tuple[CoreQuestion, ...]] = get_args(CoreQuestion)
RESPONSES: Final = "responses"
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)
OF_MEMBERSHIP: Final[tuple[Scope, ...]] = ("membership", "location", "segment")
OF_PEERS: Final[tuple[Scope, ...]] = ("peer-group", "business-model", "programme")
LIFE: Final = "life"
"""The period that is a membership's whole life."""
SCORES: Final = 11
"""So many answers there are to a core question: 0 to 10."""


class CellKey(NamedTuple):
    """Which cell. What does not apply is empty."""

    scope: Scope
    membership: str
    """Of OF_MEMBERSHIP."""
    part: str
    """Of a location or segment the location; of a peer group the solution area."""
    group: str
    """Of a segment the customer organisation; of a peer group or a business model the business model."""
    period: str
    """YYYY-MM, YYYY-Qn or `life`."""


class Cell(NamedTuple):
    """A figure as it was published. It is never changed; a restated one is another, of the next version."""

    key: CellKey
    measure: Measure
    version: int
    """The first is 1."""
    position: int
    """The position of the ledger up to which was tabulated."""
    published_us: int
    respondents: int
    """Responses, or answers to the question."""
    distribution: tuple[int, ...]
    """How many answered 0, 1, … 10; empty for `responses`."""
    partners: int
    """Partners that a cell of OF_PEERS counts; 0 for others."""

    @property
    def mean(self) -> float | None:
        """The mean of the answers, to two decimals; None for `responses`, and where all of them have become void."""
        if not self.distribution or not self.respondents:
            return None
        return round(sum(score * count for score, count in enumerate(self.distribution)) / self.respondents, 2)


class PlaceRow(NamedTuple):
    """Where a partner's mean lay among those of its peer group when the quarter was closed."""

    membership: str
    solution_area: str
    business_model: str
    period: str
    question: CoreQuestion
    place: str
    position: int
    published_us: int


class GroupRow(NamedTuple):
    """The peer group of a membership, from a quarter on until another row says otherwise; empty where it has none."""

    membership: str
    since: str
    """YYYY-Qn."""
    solution_area: str
    business_model: str


class Closing(NamedTuple):
    """A month that is closed: when, and up to which position of the ledger was tabulated."""

    month: str
    position: int
    closed_us: int


class PublishedTables(Protocol):
    """What is published, to be read (`ledger.vault.published` keeps it). `known` is a position: what was published by then."""

    def closings(self) -> list[Closing]:
        """The closed months, in order."""
        ...

    def cells(self, scopes: Sequence[str], membership: str | None = None, known: int | None = None) -> Iterator[Cell]:
        """The last version of each figure of some scopes, of one membership or of all."""
        ...

    def places(self, membership: str | None = None, known: int | None = None) -> Iterator[PlaceRow]:
        """The places in the benchmark, of one membership or of all, in order of period, question and membership."""
        ...

    def groups(self, membership: str) -> list[GroupRow]:
        """The peer groups that a membership had, in order."""
        ...
