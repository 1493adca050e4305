"""`POST /v1/refusals:retry`: the refused facts that the ledger keeps are taken again, some at a time.

    {"code": "consent-missing", "limit": 500}   ->   {"accepted": 12, "duplicates": 0, "refused": 3, …, "next": 4711}

The next request says `"after": 4711`, until `next` is null. Facts go the way of all facts, and what came of them is noted
then: where the client goes away in between, or the service ends, the same request again finds duplicates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from console.http.bodies import read_as
from console.http.intake import Intake
from console.http.reading import Readers
from console.http.refusal_code import require_code
from console.wiring import Clock, Ledger
from ledger.store.refusal_rows import KeptRefusal, Wanted
from ledger.writing.taking_again import judged, page_to_take, resolve_recorded, settle
from projections.questions.answer import Count, Number, Position
from projections.questions.refusals import CODE_MAX, NUMBER_MAX

ROUTE: Final = "refusals-retry"
PATH: Final = "/v1/refusals:retry"
LIMIT: Final = 500
LIMIT_MAX: Final = 1_000
IDS_MAX: Final = 1_000


class RetryWanted(BaseModel):
    """Which refused facts are to be taken again."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    code: Annotated[str, Field(min_length=1, max_length=CODE_MAX)] | None = Field(
        None, description="Those that were refused with this code last."
    )
    ids: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=IDS_MAX)] | None = Field(
        None, description="Facts with these ids."
    )
    after: int = Field(
        0, ge=0, le=NUMBER_MAX, description="Those with higher numbers: the `next` of the answer before."
    )
    limit: int = Field(LIMIT, ge=1, le=LIMIT_MAX, description="So many at most.")


@dataclass(frozen=True, slots=True)
class RefusalsRetried:
    """What came of refused facts that were taken again."""

    accepted: Count
    """Facts recorded."""
    duplicates: Count
    """Facts that were in the book already, those among them of which not all is kept."""
    refused: Count
    """Facts refused again, which stay."""
    left: Count
    """Refused facts that are meant and of which too little is kept: their sources have to send them again."""
    next: Number | None
    """After which number the next request goes on; null where there is nothing more."""
    position: Position
    """The highest position at which one of them stands; 0 where none does."""


def read_wanted(body: bytes) -> RetryWanted:
    """What a request asks for; an empty body asks for all. Raises Problem."""
    return read_as(RetryWanted, body or b"{}", "bad-input", lambda loc: ".".join(map(str, loc)) or None)


async def retry(readers: Readers, intake: Intake, clock: Clock, wanted: RetryWanted) -> RefusalsRetried:
    """Takes some refused facts again. Raises Problem where nothing can be recorded now."""
    await readers.ask(lambda ledger: require_code(ledger, wanted.code))
    meant = Wanted(code=wanted.code, facts=None if wanted.ids is None else tuple(wanted.ids))
    resolved = 0
    if not wanted.after:
        resolved = await readers.ask(lambda ledger: resolve_recorded(ledger.store, clock, meant))
    rows = await readers.ask(_page(meant, wanted.after, wanted.limit))
    outcomes = await intake.outcomes([row.original or "" for row in rows])
    verdicts = judged(rows, outcomes)
    await readers.ask(lambda ledger: settle(ledger.store, clock, verdicts))
    left = await readers.ask(_left(meant))
    statuses = [outcome.status for outcome in outcomes]
    return RefusalsRetried(
        accepted=statuses.count("accepted"),
        duplicates=statuses.count("duplicate") + resolved,
        refused=statuses.count("refused") + statuses.count("put-off"),
        left=left,
        next=rows[-1].number if len(rows) == wanted.limit else None,
        position=max((outcome.position for outcome in outcomes), default=0),
    )


def _page(meant: Wanted, after: int, limit: int) -> Callable[[Ledger], list[KeptRefusal]]:
    def ask(ledger: Ledger) -> list[KeptRefusal]:
        return page_to_take(ledger.store, meant, after, ledger.store.refusals.last_number(), limit)

    return ask


def _left(meant: Wanted) -> Callable[[Ledger], int]:
    def ask(ledger: Ledger) -> int:
        return sum(rows for _, rows, _, _ in ledger.store.refusals.counted(meant._replace(whole=False)))

    return ask
