"""A real book with both programmes, told facts as an operator would tell them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger.book import read_rules, replay
from ledger.event import Event
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.capability.events import designation_stream, scorebook_stream
from ledger.programmes.capability.programme import CAPABILITY
from ledger.programmes.capability.state import Designation
from ledger.programmes.programme import Programmes
from ledger.programmes.survey.programme import SURVEY
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Outcome, Writer

BOTH = Programmes([SURVEY, CAPABILITY])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


class Book:
    """A store and a writer whose clock stands at `now`."""

    def __init__(self, folder: Path, now: datetime, cache_bytes_max: int = 1 << 26) -> None:
        self.store = SQLiteStore(folder / "book.db")
        self.now = now
        self._cache_bytes_max = cache_bytes_max
        self.reopen()

    def reopen(self) -> None:
        """A fresh writer, which knows nothing but the book."""
        self.writer = Writer(
            self.store, lambda: micros(self.now), BOTH, rehearsal=True, cache_bytes_max=self._cache_bytes_max
        )

    def tell(self, *facts: dict[str, Any]) -> list[Outcome]:
        return self.writer.record([BOTH.facts.from_object(fact) for fact in facts])

    def events(self, membership: str, area: str, of: str | None = None) -> list[Event]:
        rows = self.store.read_stream(designation_stream(membership, area))
        return [BOTH.decode(row.stored, row.position) for row in rows if of is None or row.type == of]

    def state(self, membership: str, area: str, through: int | None = None) -> Designation:
        state = CAPABILITY.new_state()
        for step in replay(self.store, BOTH, designation_stream(membership, area), through):
            state = step.state
        return state

    def scorebook(self, area: str, through: int | None = None) -> Scorebook:
        rules: Scorebook = read_rules(self.store, BOTH, CAPABILITY, scorebook_stream(area), through)
        return rules

    def close(self) -> None:
        self.writer.close()
        self.store.close()
