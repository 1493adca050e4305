"""The renewals projection: which renewal dates were set, how each was decided, and every decision there ever was.

Each row has the position at which it became known, so the tables answer for everything that was known by any position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.instants import format_instant, parse_instant
from ledger.programmes.registry import PROGRAMMES
from projections.database import Connection, Table
from projections.projection import Handler, Projection, RawEvent, membership_of

SAID: Final = ("outcome", "via", "location", "counted", "organisations", "edition")
"""What a decision says, beside which renewal it is on."""


@dataclass(slots=True)
class RenewalRows:
    """What a batch gathers."""

    set: list[tuple[Any, ...]] = field(default_factory=list)
    decided: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DecisionTaken:
    """A decision as it stands in the list of decisions; `superseded` by a later one on the same renewal."""

    membership: str
    renewal_date: str
    revision: int
    outcome: str
    superseded: bool
    via: str | None
    location: str | None
    counted: int
    organisations: int
    edition: str | None
    decided_at: str
    position: int


class Renewals(Projection[RenewalRows]):
    """Answers `decisions` and, with the eligibility projection, `renewals`."""

    name = "renewals"
    version = 2
    types = PROGRAMMES.events
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


def undecided(connection: Connection, prefix: str, through: str, known: int) -> list[tuple[str, str]]:
    """(membership, renewal date) of all dates up to and including one that were known and not decided by a position.

    The earliest first, so that what is overdue comes before what is ahead.
    """
    rows = connection.query(
        f"SELECT membership, renewal_date FROM {prefix}dates AS date WHERE renewal_date <= ? AND position <= ? "
        f"AND NOT EXISTS (SELECT 1 FROM {prefix}decisions AS decision WHERE decision.membership = date.membership "
        "AND decision.renewal_date = date.renewal_date AND decision.position <= ?) "
        "ORDER BY renewal_date, membership",
        (through, known, known),
    )
    return [(membership, day) for membership, day in rows]


def decisions(
    connection: Connection, prefix: str, membership: str | None, at_us: int, known: int
) -> list[DecisionTaken]:
    """The decisions taken by an instant, as known by a position, in the order of the ledger."""
    among, parameters = ("", []) if membership is None else ("membership = ? AND ", [membership])
    rows = connection.query(
        f"SELECT membership, renewal_date, revision, position, decided_us, {', '.join(SAID)} FROM {prefix}decisions "
        f"WHERE {among}position <= ? AND decided_us <= ? ORDER BY position",
        [*parameters, known, at_us],
    )
    newest = {(row[0], row[1]): row[2] for row in rows}
    return [
        DecisionTaken(
            membership=name,
            renewal_date=day,
            revision=revision,
            superseded=newest[name, day] != revision,
            decided_at=format_instant(decided_us),
            position=position,
            **dict(zip(SAID, said, strict=True)),
        )
        for name, day, revision, position, decided_us, *said in rows
    ]
