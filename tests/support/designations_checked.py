"""What a book made of facts about designations, held against the brute-force oracle that is told the same in the same order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ledger.book import replay
from ledger.programmes.capability.events import scorebook_stream
from ledger.programmes.registry import PROGRAMMES
from ledger.store.base import Store
from tests.oracle.capability.book import Oracle, instant
from tests.support.designations import NOW, Fact


def designation_streams(store: Store) -> list[str]:
    """The streams of designations in a book."""
    return [name for name in store.stream_names() if name.startswith("designation-")]


def flips_folded(announced: Iterable[Any]) -> list[tuple[int, bool]]:
    """The flips that a folded history of announcements says: (effective_us, holds)."""
    flips: list[tuple[int, bool]] = []
    for entry in announced:
        if entry.holds != (bool(flips) and flips[-1][1]):
            flips.append((entry.effective_us, entry.holds))
    return flips


def require_as_the_oracle(store: Store, facts: Iterable[Fact], reviewed: datetime | None = None) -> Counter[str]:
    """Every designation of a book is as the brute-force oracle has it that is told the same facts in the same order.

    Compared are what was accepted, announcements folded with the true history up to the horizon, decisions, and the
    chain of each stream. Returns counts of what was found.
    """
    by_id = {fact["id"]: fact for fact in facts}
    now = instant(NOW)
    found: Counter[str] = Counter()
    for stream in designation_streams(store):
        membership, _, area = stream.removeprefix("designation-").rpartition("/")
        oracle, horizon = Oracle(), reviewed
        rows = [*store.read_stream(scorebook_stream(area)), *store.read_stream(stream)]
        decided: list[dict[str, Any]] = []
        for row in sorted(rows, key=lambda one: one.position):
            event = PROGRAMMES.decode(row.stored, row.position)
            if event.type == "DesignationChanged" or event.fact not in by_id:
                found[event.type] += event.type == "DesignationChanged"
                continue  # made by another fact, or an edition that comes with the ledger
            fact = by_id[event.fact]
            assert oracle.tell(fact, now) == ("accepted", None), fact
            found[event.type] += 1
            if fact.get("membership"):
                horizon = max(instant(fact["occurred_at"]), horizon or instant(fact["occurred_at"]))
            if event.type == "DesignationDecided":
                decided.append({key: value for key, value in event.data.items() if key != "revision"})
        last = [step.state for step in replay(store, PROGRAMMES, stream)][-1]  # the chain is checked on the way
        assert horizon is not None, stream
        true = [flip for flip in oracle.history(membership, area) if flip[0] <= horizon]
        assert flips_folded(last.announced) == [(_micros(at), holds) for at, holds in true], stream
        assert decided == [entry.content for entry in oracle.entries if entry.content], stream
        found["flips"] += len(true)
        found["designations"] += 1
    return found


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
