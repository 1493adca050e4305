"""A short way to tell the ledger about one gold membership, m-1, and to ask it afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.event import Event
from tests.oracle.survey.book import FIGURES
from tests.oracle.survey.time import instant, stamp
from tests.support.real_book import RealBook

NOW = datetime(2020, 1, 1, tzinfo=UTC)
Said = tuple[str, str | None]
ACCEPTED: Said = ("accepted", None)


class Story:
    """Facts are told at NOW unless another instant is given; responses are named r-1, r-2, …"""

    def __init__(self, book: RealBook, **enrolment: Any) -> None:
        self.book = book
        self.count = 0
        fields = {"name": "Contoso", "level": "gold", **enrolment}
        assert self.tell("enrol-membership", "2009-10-01T00:00:00Z", **fields) == ACCEPTED

    def tell(self, kind: str, when: str, now: datetime = NOW, **fields: Any) -> Said:
        self.count += 1
        fact = {"type": kind, "id": f"f-{self.count}", "membership": "m-1", "occurred_at": when, **fields}
        if kind == "publish-rulebook":
            del fact["membership"]
        return self.book.tell(fact, now)

    def respond(self, when: str, organisation: str, times: int = 1, **fields: Any) -> list[str]:
        """Responses a second apart; their names."""
        names = []
        for second in range(times):
            moment = stamp(instant(when) + timedelta(seconds=second))
            names.append(f"r-{self.count + 1}")
            told = self.tell("record-response", moment, response=names[-1], customer_org=organisation, **fields)
            assert told == ACCEPTED
        return names

    def evaluate(self, when: str, times: int = 1) -> None:
        for _ in range(times):
            assert self.tell("record-evaluation", when, evaluation=f"e-{self.count + 1}") == ACCEPTED

    def void(self, response: str, when: str = "2019-01-01T00:00:00Z") -> None:
        assert self.tell("void-response", when, response=response, reason="test") == ACCEPTED

    def publish(self, edition: str, effective_from: str, **figures: Any) -> None:
        fields = {**FIGURES, "edition": edition, "effective_from": effective_from, **figures}
        assert self.tell("publish-rulebook", "2009-10-02T00:00:00Z", **fields) == ACCEPTED

    def decide(self, renewal_date: str, membership: str = "m-1") -> dict[str, Any]:
        """Has the renewal of a date decided; what the decision says."""
        about = {"membership": membership, "renewal_date": renewal_date}
        assert self.tell("set-renewal-date", "2009-10-01T00:00:00Z", **about) == ACCEPTED
        assert self.tell("decide-renewal", stamp(NOW), **about) == ACCEPTED
        data: dict[str, Any] = self.last("RenewalDecided", membership).data
        return data

    # Asking

    def status(self, when: str, membership: str = "m-1") -> dict[str, Any]:
        return self.book.status_from_stream(membership, instant(when))

    def satisfied(self, when: str, membership: str = "m-1") -> bool:
        return bool(self.status(when, membership)["satisfied"])

    def events(self, membership: str = "m-1") -> list[Event]:
        return self.book.events(membership)

    def last(self, event_type: str, membership: str = "m-1") -> Event:
        return [event for event in self.events(membership) if event.type == event_type][-1]

    def announced(self, *fields: str) -> list[tuple[Any, ...]]:
        names = fields or ("effective_at", "satisfied", "cause", "revises")
        return [tuple(one[name] for name in names) for one in self.book.announced("m-1")]


def ten_responses(story: Story, when: str = "2010-06-15T00:00:00Z") -> list[str]:
    """Eight of one organisation, two of another, a second apart."""
    names = story.respond(when, "adatum", 8)
    return names + story.respond(stamp(instant(when) + timedelta(seconds=8)), "fabrikam", 2)
