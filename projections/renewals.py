"""The renewals projection: which renewal dates were set, and how those that were decided came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from projections.base import Handler, Projection, RawEvent, membership_of
from projections.database import Connection, Table


@dataclass(slots=True)
class RenewalRows:
    """What a batch gathers."""

    set: list[tuple[Any, ...]] = field(default_factory=list)
    decided: list[tuple[Any, ...]] = field(default_factory=list)


class Renewals(Projection[RenewalRows]):
    """Answers, with the eligibility projection, `renewals`."""

    name = "renewals"
    version = 1
    tables = (
        Table(
            "dates",
            {
                "membership": "TEXT",
                "renewal_date": "TEXT",
                "revision": "BIGINT",
                "outcome": "TEXT",
                "decided_position": "BIGINT",
            },
            ("membership", "renewal_date"),
            (("renewal_date",),),
        ),
    )

    def handlers(self) -> Mapping[str, Handler[RenewalRows]]:
        return {"RenewalDateSet": _date_set, "RenewalDecided": _decided}

    def pending(self) -> RenewalRows:
        return RenewalRows()

    def flush(self, pending: RenewalRows, connection: Connection, prefix: str) -> None:
        if pending.set:
            connection.upsert(
                f"{prefix}dates", self.tables[0], pending.set, "ON CONFLICT (membership, renewal_date) DO NOTHING"
            )
        if pending.decided:
            connection.update(
                f"{prefix}dates",
                self.tables[0],
                ("revision", "outcome", "decided_position"),
                ("membership", "renewal_date"),
                pending.decided,
            )


def _date_set(rows: RenewalRows, event: RawEvent, _position: int) -> None:
    rows.set.append((membership_of(event), event["data"]["renewal_date"], 0, None, None))


def _decided(rows: RenewalRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    rows.decided.append((data["revision"], data["outcome"], position, membership_of(event), data["renewal_date"]))
