"""The vault brought up to the book, which is the truth: what is pending is settled, and anonymity chosen is heard of.

Whoever reads links or comments does this first (`settle`). So anonymity holds wherever it was recorded, also by a program
without a vault, and also where the one that recorded it died before the vault had heard of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import orjson

from console.believing import is_believed
from console.erasures import BookOfStore
from ledger.book import rows_of_type
from ledger.instants import DAY_US
from ledger.programmes.survey.events import membership_stream
from ledger.store.base import Row, Store
from ledger.store.bookmark import START, Bookmark, bookmark_at, bookmark_of

if TYPE_CHECKING:
    from ledger.vault.responses import Responses

CHOSEN: Final = "AnonymityChosen"
VOIDED: Final = "ResponseVoided"
PAGE: Final = 2_000
_PREFIX: Final = membership_stream("")


def settle(store: Store, responses: Responses, now_us: int, retention_days: int) -> bool:
    """Brings the vault up to the book. False where there is no book yet. Raises AnotherBook, and what the stores raise.

    Whom the book says was erased is hidden. Who shows responses goes by `settle_to_show`.
    """
    first = bookmark_at(store, 1)
    if first is None:
        return False
    from ledger.vault.erasing import heed

    heed(responses.vault, BookOfStore(store), now_us)
    responses.settle(lambda facts: recorded(store, facts), now_us)
    hear_of_anonymity(store, responses)
    if is_believed(store, now_us):  # a clock that is ahead would have what waits deleted before its time
        responses.expire(now_us - retention_days * DAY_US)
    return True


def settle_to_show(store: Store, responses: Responses, now_us: int, retention_days: int) -> None:
    """The same, for who shows responses next. Raises ErasuresUnfinished besides: a response names nobody, so whose is to be
    erased cannot be told by looking at it.
    """
    from ledger.vault.erasures import require_finished

    settle(store, responses, now_us, retention_days)
    require_finished(responses.vault.database)


def recorded(store: Store, facts: Sequence[str]) -> set[str]:
    """Those of some ids that are of facts in the book."""
    with store.writing() as transaction:
        return set(transaction.known_facts(facts))


def hear_of_anonymity(store: Store, responses: Responses) -> None:
    """Tells the vault of all who chose anonymity since it was told last; all over again where the book is an older copy."""
    mark = _parsed(responses.anonymity_mark())
    last = store.last_event()
    if last is None:
        return
    end = bookmark_of(last)
    if end == mark:
        return
    if bookmark_at(store, mark.position) != mark:
        mark = START
    for rows in _chosen(store, mark.position, end.position):
        responses.make_anonymous([pair for row in rows if (pair := _response(row)) is not None])
    responses.make_anonymous((), f"{end.position} {end.head}")


def void_responses(store: Store, membership: str) -> set[str]:
    """The responses of a membership that do not count."""
    rows = rows_of_type(store, VOIDED, stream=membership_stream(membership))
    return {str(orjson.loads(row.stored)["data"]["response"]) for row in rows}


def _chosen(store: Store, after: int, through: int) -> Iterator[list[Row]]:
    while rows := store.read_type(CHOSEN, after, PAGE):
        yield [row for row in rows if row.position <= through]
        after = rows[-1].position
        if after > through:
            return


def _response(row: Row) -> tuple[str, str] | None:
    """(membership, response) of an event of a membership."""
    if not row.stream.startswith(_PREFIX):
        return None
    return row.stream.removeprefix(_PREFIX), str(orjson.loads(row.stored)["data"]["response"])


def _parsed(mark: str | None) -> Bookmark:
    if mark is None:
        return START
    position, _, head = mark.partition(" ")
    return Bookmark(int(position), head)
