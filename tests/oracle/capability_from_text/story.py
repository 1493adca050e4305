"""A short way to write histories of one designation by hand for the oracle."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.oracle.capability_from_text.book import FIGURES, SHIPPED_AREA
from tests.oracle.capability_from_text.oracle import Oracle
from tests.oracle.capability_from_text.score import flips, qualified, score
from tests.oracle.survey.time import instant

NOW = instant("2030-01-01T00:00:00Z")
PARTNER = ("m-1", SHIPPED_AREA)
CLOSED = "2024-06-20T00:00:00Z"
ADVANCED_PEOPLE = 2
INTERMEDIATE_PEOPLE = 3


def fact(kind: str, when: str, **fields: Any) -> dict[str, Any]:
    common = {"type": kind, "id": f"{kind} {when} {sorted(fields.items())}"[:200], "occurred_at": when}
    common |= {"area": SHIPPED_AREA} | ({} if kind == "publish-scorebook" else {"membership": "m-1"})
    return {**common, **fields}


def edition(name: str, effective_from: str, **figures: Any) -> dict[str, Any]:
    """The figures of the shipped edition but for some."""
    return {"edition": name, "effective_from": effective_from, **FIGURES, **figures}


class Story:
    """An oracle with the designation m-1/business-applications, and short words for the facts that are told to it."""

    def __init__(self) -> None:
        self.oracle = Oracle()
        self.count = 0
        self.tell("open-designation", "2023-01-01T00:00:00Z", name="Contoso")

    def said(self, kind: str, when: str, now: datetime = NOW, **fields: Any) -> tuple[str, Any]:
        self.count += 1
        return self.oracle.record({**fact(kind, when), "id": f"f-{self.count}", **fields}, now)

    def tell(self, kind: str, when: str, now: datetime = NOW, **fields: Any) -> int:
        """Tell what has to be accepted; how many facts are known then."""
        said = self.said(kind, when, now, **fields)
        assert said[0] == "accepted", said
        return len(self.oracle.accepted)

    def use(
        self, month: str, customer: str, units: int, workload: str = "customer-insights", under: str = "pal",
        when: str = "2024-06-01T00:00:00Z",
    ) -> int:  # fmt: skip
        fields = {"customer": customer, "workload": workload, "month": month, "units": units, "association": under}
        return self.tell("report-usage", when, **fields)

    def sell(
        self, month: str, customer: str, cents: int, workload: str = "any", under: str = "csp-1",
        when: str = "2024-06-01T00:00:00Z",
    ) -> int:  # fmt: skip
        fields = {"customer": customer, "workload": workload, "month": month, "association": under}
        return self.tell("report-revenue", when, **fields, amount_cents=cents)

    def certify(self, tier: str, people: int, since: str = "2024-01-01", until: str | None = None) -> None:
        for person in range(people):
            fields = {"certificate": f"{tier}-{person}-{self.count}", "person": f"p-{person}", "code": "mb-310"}
            fields |= {} if until is None else {"valid_until": until}
            self.tell("record-certificate", "2024-01-01T00:00:00Z", **fields, tier=tier, valid_from=since)

    def close(self, month: str = "2024-05", when: str = CLOSED) -> int:
        return self.tell("close-month", when, month=month)

    def score(self, at: str = CLOSED, known: int | None = None) -> dict[str, Any]:
        return score(self.oracle, *PARTNER, instant(at), known)

    def metric(self, name: str, at: str = CLOSED, known: int | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self.score(at, known)["metrics"][name]
        return found

    def qualified(self, at: str = CLOSED, known: int | None = None) -> bool:
        return qualified(self.oracle, *PARTNER, instant(at), known)

    def flips(self, known: int | None = None) -> list[tuple[datetime, bool]]:
        return flips(self.oracle, *PARTNER, known)


def readme() -> Story:
    """The README's partner: 40,000 against 25,000, two pairs more, three adds, three and two people: 74 points."""
    story = Story()
    story.use("2023-05", "c-1", 25_000, "customer-insights")  # 25,000 units x 0.2 = 5,000: a pair a year before
    for number in range(2, 7):
        story.use("2023-05", f"c-{number}", 20_000)  # 4,000 each, below the 5,000 of a pair: 20,000 in all
    for number in range(1, 4):
        story.use("2024-05", f"c-{number}", 50_000)  # 10,000 each: three pairs, 30,000
    for number in range(4, 8):
        story.use("2024-05", f"c-{number}", 12_500)  # 2,500 each: no pairs, 10,000
    for number in range(1, 4):
        story.sell("2024-05", f"c-{number}", 25_000)
    story.certify("intermediate", INTERMEDIATE_PEOPLE)
    story.certify("advanced", ADVANCED_PEOPLE)
    story.close()
    return story
