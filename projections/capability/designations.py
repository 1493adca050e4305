"""The designations projection: who strives for what, its anniversaries, decisions and announcements (C3, C4).

Each row has the position at which it became known, and nothing is ever taken out: so the tables answer for everything that
was known by any position. Scores are another projection's: this one holds what a few facts say of a designation as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from ledger.instants import parse_instant
from ledger.programmes.capability.events import designation_of
from projections.database import Connection, Table
from projections.decision_reader import NEWEST
from projections.ledger_projection import LedgerProjection
from projections.projection import Handler, RawEvent

_DESIGNATION: Final = {"membership": "TEXT", "area": "TEXT"}
DESIGNATIONS: Final = Table(
    "designations", {**_DESIGNATION, "name": "TEXT", "position": "BIGINT"}, ("membership", "area")
)
ANNIVERSARIES: Final = Table(
    "anniversaries",
    {**_DESIGNATION, "anniversary": "TEXT", "position": "BIGINT"},
    ("membership", "area", "anniversary"),
    (("anniversary",),),
)
DECISIONS: Final = Table(
    "decisions",  # `said` is the data of the event as JSON; `reached_us` the last instant that could be looked at
    {
        **_DESIGNATION,
        "anniversary": "TEXT",
        "position": "BIGINT",
        "revision": "BIGINT",
        "decided_us": "BIGINT",
        "reached_us": "BIGINT",
        "outcome": "TEXT",
        "edition": "TEXT",
        "said": "TEXT",
    },
    ("membership", "area", "anniversary", "position"),
    (("anniversary", "edition", "outcome", "position", "decided_us"), ("revision",), *NEWEST),
)
ANNOUNCEMENTS: Final = Table(
    "announcements",
    {
        **_DESIGNATION,
        "position": "BIGINT",
        "effective_us": "BIGINT",
        "qualified": "INTEGER",
        "centipoints": "BIGINT",
        "cause": "TEXT",
    },
    ("membership", "area", "position"),
    (("position",),),
)


@dataclass(slots=True)
class DesignationRows:
    """What a batch gathers, a list of rows for each table."""

    designations: list[tuple[Any, ...]] = field(default_factory=list)
    anniversaries: list[tuple[Any, ...]] = field(default_factory=list)
    decisions: list[tuple[Any, ...]] = field(default_factory=list)
    announcements: list[tuple[Any, ...]] = field(default_factory=list)


class Designations(LedgerProjection[DesignationRows]):
    """Answers `history` and `decisions` of designations and, with the scores, `designations` and `anniversaries`."""

    name = "designations"
    version = 5
    tables = (DESIGNATIONS, ANNIVERSARIES, DECISIONS, ANNOUNCEMENTS)

    def handlers(self) -> Mapping[str, Handler[DesignationRows]]:
        return {
            "DesignationOpened": _opened,
            "AnniversarySet": _anniversary_set,
            "DesignationDecided": _decided,
            "DesignationChanged": _changed,
        }

    def pending(self) -> DesignationRows:
        return DesignationRows()

    def flush(self, pending: DesignationRows, connection: Connection, prefix: str) -> None:
        for table in (DESIGNATIONS, DECISIONS, ANNOUNCEMENTS):
            rows = getattr(pending, table.name)
            if rows:
                connection.insert(prefix + table.name, len(table.columns), rows)
        if pending.anniversaries:  # one may be set again, and was known from the first time on
            conflict = "ON CONFLICT (membership, area, anniversary) DO NOTHING"
            connection.upsert(prefix + ANNIVERSARIES.name, ANNIVERSARIES, pending.anniversaries, conflict)


def _opened(rows: DesignationRows, event: RawEvent, position: int) -> None:
    rows.designations.append((*designation_of(event["stream"]), event["data"]["name"], position))


def _anniversary_set(rows: DesignationRows, event: RawEvent, position: int) -> None:
    rows.anniversaries.append((*designation_of(event["stream"]), event["data"]["anniversary"], position))


def _decided(rows: DesignationRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    rows.decisions.append(
        (
            *designation_of(event["stream"]),
            data["anniversary"],
            position,
            data["revision"],
            decided_us := parse_instant(event["occurred_at"]),
            min(decided_us, parse_instant(event["recorded_at"])),
            data["outcome"],
            data["edition"],
            orjson.dumps(data, option=orjson.OPT_SORT_KEYS).decode(),
        )
    )


def _changed(rows: DesignationRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    rows.announcements.append(
        (
            *designation_of(event["stream"]),
            position,
            parse_instant(data["effective_at"]),
            int(data["qualified"]),
            data["centipoints"],
            data["cause"],
        )
    )
