"""What is tabulated, read from the book and its projections; the answers themselves are handed in, by response.

A response is of the month in which it was received, of its location, and of the customer organisation under the name of its
group, as these are known. What a membership is (solution area, business model) is what it was said to be, from when on.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import Any, Final

import polars as pl

from ledger.book import rows_of_type
from ledger.event import decode_event
from ledger.programmes.survey.events import EVENTS, membership_of
from ledger.store.base import Reader
from projections.results.cells import QUESTIONS
from projections.results.grouping import NONE, PROFILE
from projections.survey.eligibility_reader import EligibilityReader

PAGE: Final = 100_000
Answered = tuple[str, str, str, int | None, int | None, int | None, int | None]
"""Fact, membership, response, and an answer to each of QUESTIONS or None."""
_RECEIVED: Final = {
    "membership": pl.String(), "received_us": pl.Int64(), "position": pl.Int64(), "location": pl.String(),
    "customer_org": pl.String(), "response": pl.String(), "void": pl.Int64(),
}  # fmt: skip
_ANSWERED: Final[dict[str, pl.DataType]] = {
    "fact": pl.String(), "membership": pl.String(), "response": pl.String(), **{name: pl.Int8() for name in QUESTIONS},
}  # fmt: skip


def responses_frame(reader: EligibilityReader, known: int, answered: Iterable[list[Answered]]) -> pl.DataFrame:
    """All responses known by a position, with their answers, page by page; the columns are those of `publication`."""
    received = [pl.DataFrame(schema=_RECEIVED)]
    after: tuple[str, int, int] = ("", -(1 << 62), 0)
    while page := reader.received(known, after, PAGE):
        received.append(pl.DataFrame(page, schema=_RECEIVED, orient="row"))
        after = page[-1][:3]
    answers = [pl.DataFrame(page, schema=_ANSWERED, orient="row") for page in answered]
    known_answers = pl.concat([pl.DataFrame(schema=_ANSWERED), *answers]).drop("fact")
    joined = reader.joined_names(known)
    names = pl.DataFrame(
        [(*key, name) for key, name in joined.items()],
        schema={"membership": pl.String(), "customer_org": pl.String(), "segment": pl.String()},
        orient="row",
    )
    at = pl.col("received_us").cast(pl.Datetime("us"))
    month = pl.format(
        "{}-{}",
        at.dt.year().cast(pl.String()).str.zfill(4),
        at.dt.month().cast(pl.String()).str.zfill(2),
    )
    return (
        pl.concat(received)
        .join(names, on=["membership", "customer_org"], how="left")
        .join(known_answers, on=["membership", "response"], how="left")
        .select(
            "membership",
            "response",
            month.alias("month"),
            "location",
            pl.coalesce("segment", "customer_org").alias("segment"),
            pl.col("void").is_not_null(),
            *QUESTIONS,
        )
    )


def profiles_frame(book: Reader, known: int) -> pl.DataFrame:
    """What was said of each membership by a position; the columns are PROFILE."""
    rows: list[tuple[Any, ...]] = []
    for event_type in ("MembershipEnrolled", "MembershipUpdated"):
        for row in takewhile(lambda row: row.position <= known, rows_of_type(book, event_type)):
            event = decode_event(row.stored, row.position, EVENTS)
            areas, model = event.data.get("solution_areas"), event.data.get("business_model")
            first = None if areas is None else areas[0] if areas else NONE
            rows.append((membership_of(event.stream), event.occurred_us, row.position, first, model))
    return pl.DataFrame(rows, schema=PROFILE, orient="row")
