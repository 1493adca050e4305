"""The renewals projection: which renewal dates were set, how each was decided, and every decision there ever was.

Each row has the position at which it became known, so the tables answer for everything that was known by any position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.instants import parse_instant
from projections.database import Connection, Table
from projections.decision_reader import NEWEST
from projections.ledger_projection import LedgerProjection
from projections.projection import Handler, RawEvent, membership_of

SAID: Final = ("outcome", "via", "location", "counted", "organisations", "edition")
"""What a decision says, beside which renewal it is on."""


@dataclass(slots=True)
class RenewalRows:
    """What a batch gathers."""

    set: list[tuple[Any, ...]] = field(default_factory=list)
    decided: list[tuple[Any, ...]] = field(default_factory=list)


class Renewals(LedgerProjection[RenewalRows]):
    """Answers `decisions` and, with the eligibility projection, `renewals`."""

    name = "renewals"
    version = 4
    tables = (
        Table(
            "dates",
            {"membership": "TEXT", "renewal_date": "TEXT", "position": "BIGINT"},
            ("membership", "renewal_date"),
            (("renewal_date",),),
        ),
        Table(
            "decisions",
            {
                "membership": "TEXT",
                "renewal_date": "TEXT",
                "revision": "BIGINT",
                "position": "BIGINT",
                "decided_us": "BIGINT",
                "outcome": "TEXT",
                "via": "TEXT",
                "location": "TEXT",
                "counted": "BIGINT",
                "organisations": "BIGINT",
                "edition": "TEXT",
            },
            ("membership", "renewal_date", "position"),
            (("renewal_date", "edition", "outcome", "position", "decided_us"), ("revision",), *NEWEST),
        ),
    )

    def handlers(self) -> Mapping[str, Handler[RenewalRows]]:
        return {"RenewalDateSet": _date_set, "RenewalDecided": _decided}

    def pending(self) -> RenewalRows:
        return RenewalRows()

    def flush(self, pending: RenewalRows, connection: Connection, prefix: str) -> None:
        dates, decisions = self.tables
        if pending.set:
            connection.upsert(f"{prefix}dates", dates, pending.set, "ON CONFLICT (membership, renewal_date) DO NOTHING")
        if pending.decided:
            connection.insert(f"{prefix}decisions", len(decisions.columns), pending.decided)


def _date_set(rows: RenewalRows, event: RawEvent, position: int) -> None:
    rows.set.append((membership_of(event), event["data"]["renewal_date"], position))


def _decided(rows: RenewalRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    rows.decided.append(
        (
            membership_of(event),
            data["renewal_date"],
            data["revision"],
            position,
            parse_instant(event["occurred_at"]),
            *(data[name] for name in SAID),
        )
    )
