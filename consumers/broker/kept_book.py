"""How far a book was, kept beside an offset that Kafka keeps: behind what says which place of which topic it is."""

from __future__ import annotations

import re
from typing import Final

from csat_ledger_client.kafka.places import Place, kept_place, kept_text
from ledger.store.bookmark import START, Bookmark

_BOOK: Final = re.compile(r"[^/]*/(\d{1,19}):([0-9a-f]{64})")


def kept_with_book(topic: str, place: Place, book: Bookmark) -> str:
    """What is kept beside an offset: the place, and how far a book was with what was read by then."""
    return kept_text(topic, place) + (f"/{book.position}:{book.head}" if book.position else "")


def kept_bookmark(text: str) -> Bookmark:
    """How far the book was, where `kept_with_book` has kept that; else its beginning."""
    found = _BOOK.fullmatch(text)
    return Bookmark(int(found[1]), found[2]) if found and kept_place(0, text) else START
