"""A short way to write histories by hand for the oracle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle.survey.announcements import announcements
from tests.oracle.survey.status import Oracle
from tests.oracle.survey.time import instant, stamp

ACCEPTED = ("accepted", None)
NOW = datetime(2020, 1, 1, tzinfo=UTC)
FIGURES = {
    "min_responses": 10,
    "per_org_cap": 8,
    "min_organisations": 2,
    "window_months": 12,
    "min_evaluations": 10,
    "pool_locations": False,
}


class Book:
    """An oracle with one gold membership m-1, and short words for the facts fed to it."""

    def __init__(self, **enrolment: Any) -> None:
        self.oracle = self.new_oracle()
        self.count = 0
        fields = {"name": "Contoso", "level": "gold", **enrolment}
        assert self.tell("enrol-membership", "2009-10-01T00:00:00Z", **fields) == ("accepted", None)

    @staticmethod
    def new_oracle() -> Oracle:
        return Oracle()

    def tell(
        self, kind: str, when: str, now: datetime = NOW, known_spelling: bool = False, **fields: Any
    ) -> tuple[str, str | None]:
        self.count += 1
        fact = {"type": kind, "id": f"f-{self.count}", "membership": "m-1", "occurred_at": when, **fields}
        if kind == "publish-rulebook":
            del fact["membership"]
        return self.oracle.record(fact, now, known_spelling)

    def respond(self, when: str, organisation: str, times: int = 1, **fields: Any) -> list[str]:
        """Responses a second apart, named r-1, r-2, ...; the names of these."""
        names = []
        for second in range(times):
            moment = stamp(instant(when) + timedelta(seconds=second))
            names.append(f"r-{self.count + 1}")
            said = self.tell("record-response", moment, response=names[-1], customer_org=organisation, **fields)
            assert said == ("accepted", None)
        return names

    def consent(self, when: str, organisation: str, subject: str = "s-1") -> tuple[str, str | None]:
        return self.tell("record-consent", when, subject=subject, customer_org=organisation)

    def withdraw(self, when: str, organisation: str, subject: str = "s-1") -> tuple[str, str | None]:
        return self.tell("withdraw-consent", when, subject=subject, customer_org=organisation)

    def invite(self, when: str, organisation: str, subject: str = "s-1") -> tuple[str, str | None]:
        fields = {"subject": subject, "customer_org": organisation, "channel": "operator"}
        return self.tell("record-invitation", when, invitation=f"i-{self.count + 1}", **fields)

    def join(self, organisation: str, same_as: str, when: str = "2010-01-01T00:00:00Z") -> tuple[str, str | None]:
        return self.tell("same-organisation", when, organisation=organisation, same_as=same_as)

    def separate(self, organisation: str, same_as: str, when: str = "2010-01-01T00:00:00Z") -> tuple[str, str | None]:
        return self.tell("separate-organisations", when, organisation=organisation, same_as=same_as)

    def tell_apart(self, organisation: str, known: str, when: str = "2010-01-01T00:00:00Z") -> tuple[str, str | None]:
        return self.tell("distinct-organisation", when, **{"organisation": organisation, "from": known})

    def decide(self, renewal_date: str) -> tuple[str, str | None]:
        return self.tell("decide-renewal", f"{renewal_date}T00:00:00Z", renewal_date=renewal_date)

    def evaluate(self, when: str, times: int) -> None:
        for _ in range(times):
            self.tell("record-evaluation", when, evaluation=f"e-{self.count + 1}")

    def publish(self, edition: str, effective_from: str, now: datetime = NOW, **figures: Any) -> tuple[str, str | None]:
        fields = {**FIGURES, "edition": edition, "effective_from": effective_from, **figures}
        return self.tell("publish-rulebook", "2009-10-02T00:00:00Z", now, **fields)

    def status(self, when: str, known: int | None = None) -> dict[str, Any]:
        return self.oracle.status("m-1", instant(when), known)

    def satisfied(self, when: str, known: int | None = None) -> bool:
        return bool(self.status(when, known)["satisfied"])

    def flips(self, until: str = "2019-12-31T00:00:00Z", known: int | None = None) -> list[tuple[Any, ...]]:
        history = self.oracle.true_history("m-1", instant(until), known)
        return [(flip["effective_at"], flip["satisfied"], flip["cause"]) for flip in history]

    def announced(self) -> list[tuple[Any, ...]]:
        fields = ("effective_at", "previous", "satisfied", "cause", "revises")
        return [tuple(one[field] for field in fields) for one in announcements(self.oracle, "m-1")]


def ten_responses(book: Book, when: str = "2010-06-15T00:00:00Z") -> None:
    book.respond(when, "adatum", 8)
    book.respond(stamp(instant(when) + timedelta(seconds=8)), "fabrikam", 2)
