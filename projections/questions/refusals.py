"""Refused facts, newest first: what was refused, why, from where and how often, and what is kept of it; and counts by code.

    page = refusals(store.refusals, Wanted(code="consent-missing"), limit=100)
    page = refusals(store.refusals, *read_refusals_cursor(page.next), limit=100)

A refused fact is no part of the book, so nothing here is asked as known at a time. A cursor holds what the first page was
asked and the number of its last refusal: what is refused meanwhile is on no later page.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import orjson

from ledger.errors import REFUSAL_CODES, BadInput
from ledger.instants import BEGINNING_US, END_US, format_instant
from ledger.store.refusal_rows import KeptRefusal, Wanted
from ledger.store.refusals import RefusalReader
from projections.questions.answer import Count, Instant, Number, Position

CODE_MAX: Final = 40
SOURCE_MAX: Final = 200
CURSOR_MAX: Final = 2_000
NUMBER_MAX: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class RefusedFact:
    """A fact that was refused, as it is kept beside the book."""

    number: Number
    """What tells refusals apart; later ones have higher numbers."""
    id: str | None
    """The fact's id; null where none could be read."""
    type: str | None
    """Its type; null where none that is known could be read."""
    membership: str | None
    """Its membership; null where none could be read."""
    code: str
    """Why it was refused last: a code that never changes."""
    sentence: str
    """The same in words."""
    field: str | None
    """The member of the fact that it is about; null where it is none, or several."""
    source: str
    """Where it came from last: `file:NAME`, `http:PSEUDONYM`, or `kafka:TOPIC/PARTITION/OFFSET`."""
    first_refused_at: Instant
    """When it was refused first."""
    refused_at: Instant
    """When it was refused last."""
    times: Number
    """How often it was refused."""
    original: Mapping[str, Any] | None
    """The fact, without what may not be kept; null where nothing of it is, or where it is in the book by now."""
    whole: bool
    """Whether `original` is all that was handed in, so that it can be taken again."""
    resolved: Position | None
    """Where the fact's event stands in the ledger by now; null where it has none."""


@dataclass(frozen=True, slots=True)
class RefusalsPage:
    """Some refused facts, newest first, and where the next page begins."""

    refusals: tuple[RefusedFact, ...]
    """The refused facts."""
    next: str | None
    """The cursor of the next page; null where there is none."""


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """How often facts were refused with a code."""

    code: str
    """The code."""
    facts: Count
    """Refused facts that are kept now, were refused with it last, and are meant."""
    times: Count
    """How often these were refused, whatever the code."""
    refused_at: Instant | None
    """When the last of them was refused; null where there are none."""
    given: Count
    """How often the code was given since the ledger keeps refusals, whatever was asked for; and so are these three:"""
    resolved: Count
    """Facts refused with it that were taken again, and are in the book."""
    dropped: Count
    """Facts that were dropped because there were too many."""
    expired: Count
    """Facts that were deleted for their age."""


@dataclass(frozen=True, slots=True)
class RefusalCounts:
    """Counts of refusals by code."""

    codes: tuple[RefusalCount, ...]
    """A line for each code, by its name."""


def refusals(table: RefusalReader, wanted: Wanted, below: int | None, limit: int) -> RefusalsPage:
    """At most `limit` refused facts that are meant, with numbers below one, the newest first."""
    rows = table.page(wanted, limit + 1, below=below)
    shown = rows[:limit]
    more = _cursor(wanted, shown[-1].number) if len(rows) > limit else None
    return RefusalsPage(tuple(map(_told, shown)), more)


def require_refusal_code(table: RefusalReader, code: str | None) -> None:
    """Raises BadInput for a code that is no refusal's, and with which this ledger has never refused a fact either.

    A misspelt one would find nothing, which looks like good news.
    """
    if code is None or code in REFUSAL_CODES:
        return
    given = {totals.code for totals in table.totals()}
    if code in given:  # a fault of the program, or a code of a newer one
        return
    near = get_close_matches(code, sorted(given.union(REFUSAL_CODES)), n=3)
    such = f", such as {', '.join(near)}" if near else ""
    raise BadInput(f"found {code!r}, expected a code with which facts are refused{such}")


def refusal_counts(table: RefusalReader, wanted: Wanted) -> RefusalCounts:
    """The counts of each code: of all codes that were ever given, or of those that what is meant was refused with."""
    found = {code: (facts, times, last_us) for code, facts, times, last_us in table.counted(wanted)}
    all_codes = wanted._replace(resolved=False) == Wanted()
    lines = []
    for totals in table.totals():
        if all_codes or totals.code in found:
            facts, times, last_us = found.get(totals.code, (0, 0, None))
            at = None if last_us is None else format_instant(last_us)
            figures = (totals.refused, totals.resolved, totals.dropped, totals.expired)
            lines.append(RefusalCount(totals.code, facts, times, at, *figures))
    return RefusalCounts(tuple(lines))


def read_refusals_cursor(text: str) -> tuple[Wanted, int]:
    """What a cursor stands for: which refusals are meant, below which number. Raises BadInput."""
    wrong = BadInput("found what is no cursor, expected the `next` of a page")
    if len(text) > CURSOR_MAX:
        raise wrong
    try:
        code, source, since_us, until_us, resolved, below = orjson.loads(
            urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}")
        )
    except (ValueError, TypeError):
        raise wrong from None
    if not (
        _is_text(code, CODE_MAX)
        and _is_text(source, SOURCE_MAX)
        and (since_us is None or _is_number(since_us, BEGINNING_US, END_US))
        and (until_us is None or _is_number(until_us, BEGINNING_US, END_US))
        and (resolved is None or resolved is False)
        and _is_number(below, 1, NUMBER_MAX)
    ):
        raise wrong
    return Wanted(code, source, since_us, until_us, None, resolved), below


def _cursor(wanted: Wanted, below: int) -> str:
    said = (wanted.code, wanted.source, wanted.since_us, wanted.until_us, wanted.resolved, below)
    return urlsafe_b64encode(orjson.dumps(said)).decode().rstrip("=")


def _is_text(value: object, most: int) -> bool:
    return value is None or (isinstance(value, str) and 0 < len(value) <= most and value.isprintable())


def _is_number(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _told(row: KeptRefusal) -> RefusedFact:
    return RefusedFact(
        number=row.number,
        id=row.fact,
        type=row.type,
        membership=row.membership,
        code=row.code,
        sentence=row.sentence,
        field=row.field,
        source=row.source,
        first_refused_at=format_instant(row.first_us),
        refused_at=format_instant(row.refused_us),
        times=row.times,
        original=None if row.original is None else orjson.loads(row.original),
        whole=row.whole,
        resolved=row.resolved_at,
    )
