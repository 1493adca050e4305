"""The eligibility projection: what counts for each membership, each row with the position at which it became known.

Nothing is ever taken out: a voided response keeps its row and gets the position of its voiding. So the tables answer for
every instant and for everything that was known by any position (see `projections.survey.eligibility_reader`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.errors import BrokenHistory
from ledger.instants import parse_instant
from ledger.programmes.survey.state import holds_learning
from projections.database import Connection, Table
from projections.ledger_projection import LedgerProjection
from projections.look_up import look_up
from projections.projection import Handler, RawEvent, membership_of
from projections.survey.organisations import JOINS, NAMED_BY, NAMES, Known, join_row, know, require_joins


@dataclass(slots=True)
class EligibilityRows:
    """What a batch gathers, a list of rows for each table."""

    memberships: list[tuple[Any, ...]] = field(default_factory=list)
    locations: list[tuple[Any, ...]] = field(default_factory=list)
    attributes: list[tuple[Any, ...]] = field(default_factory=list)
    responses: list[tuple[Any, ...]] = field(default_factory=list)
    voided: list[tuple[Any, ...]] = field(default_factory=list)
    evaluations: list[tuple[Any, ...]] = field(default_factory=list)
    renewal_dates: list[tuple[Any, ...]] = field(default_factory=list)
    announcements: list[tuple[Any, ...]] = field(default_factory=list)
    editions: list[tuple[Any, ...]] = field(default_factory=list)
    joins: list[tuple[Any, ...]] = field(default_factory=list)
    known: Known = field(default_factory=dict)


class Eligibility(LedgerProjection[EligibilityRows]):
    """Answers `status`, `history` and, with the renewal dates, `renewals`."""

    name = "eligibility"
    version = 5
    tables = (
        Table("memberships", {"membership": "TEXT", "position": "BIGINT", "name": "TEXT"}, ("membership",)),
        Table(
            "locations", {"membership": "TEXT", "location": "TEXT", "position": "BIGINT"}, ("membership", "location")
        ),
        Table(
            "attributes",  # level and Learning from an instant on; NULL where a fact said nothing of it
            {"membership": "TEXT", "since_us": "BIGINT", "position": "BIGINT", "level": "TEXT", "learning": "INTEGER"},
            ("membership", "since_us", "position"),
        ),
        Table(
            "responses",
            {
                "membership": "TEXT",
                "received_us": "BIGINT",
                "position": "BIGINT",
                "location": "TEXT",
                "customer_org": "TEXT",
                "response": "TEXT",
                "answer_token": "TEXT",
                "void_position": "BIGINT",
            },
            ("membership", "received_us", "position"),
            (("received_us",),),
        ),
        Table(
            "evaluations",
            {"membership": "TEXT", "received_us": "BIGINT", "position": "BIGINT"},
            ("membership", "received_us", "position"),
            (("received_us",),),
        ),
        Table(
            "renewal_dates",
            {"membership": "TEXT", "renewal_date": "TEXT", "position": "BIGINT"},
            ("membership", "renewal_date", "position"),
        ),
        Table(
            "announcements",
            {
                "membership": "TEXT",
                "position": "BIGINT",
                "effective_us": "BIGINT",
                "satisfied": "INTEGER",
                "via": "TEXT",
                "location": "TEXT",
                "counted": "BIGINT",
                "organisations": "BIGINT",
                "edition": "TEXT",
                "cause": "TEXT",
                "revises": "INTEGER",
            },
            ("membership", "position"),
            (("effective_us",), ("position",)),
        ),
        Table(
            "editions",
            {
                "position": "BIGINT",
                "edition": "TEXT",
                "effective_us": "BIGINT",
                "min_responses": "BIGINT",
                "per_org_cap": "BIGINT",
                "min_organisations": "BIGINT",
                "window_months": "BIGINT",
                "min_evaluations": "BIGINT",
                "pool_locations": "INTEGER",
            },
            ("position",),
        ),
        JOINS,
        NAMES,
    )

    def handlers(self) -> Mapping[str, Handler[EligibilityRows]]:
        return {
            "MembershipEnrolled": _enrolled,
            "MembershipUpdated": _updated,
            "LocationAdded": _location_added,
            "ResponseReceived": _response_received,
            "ResponseVoided": _response_voided,
            "EvaluationReceived": _evaluation_received,
            "RenewalDateSet": _renewal_date_set,
            "EligibilityChanged": _eligibility_changed,
            "RulebookPublished": _rulebook_published,
            "ConsentGiven": _name_known,
            "ConsentWithdrawn": _name_known,
            "InvitationSent": _name_known,
            "OrganisationsJoined": _regrouped,
            "OrganisationsSeparated": _regrouped,
            "OrganisationDistinguished": _name_known,
        }

    def pending(self) -> EligibilityRows:
        return EligibilityRows()

    def flush(self, pending: EligibilityRows, connection: Connection, prefix: str) -> None:
        _require_what_is_named(pending, connection, prefix)
        for table in self.tables:
            rows = getattr(pending, table.name, None)
            if rows:
                connection.insert(prefix + table.name, len(table.columns), rows)
        if pending.known:
            rows = [(*key, *first) for key, first in pending.known.items()]
            connection.upsert(prefix + NAMES.name, NAMES, rows, "ON CONFLICT (membership, name) DO NOTHING")
        if pending.voided:
            connection.update(
                f"{prefix}responses",
                next(table for table in self.tables if table.name == "responses"),
                ("void_position",),
                ("membership", "received_us", "response"),
                pending.voided,
            )


def _require_what_is_named(pending: EligibilityRows, connection: Connection, prefix: str) -> None:
    """Raises BrokenHistory where a response names a location that was not there, or a join is undone that was not made.

    No rule lets such an event in; one that came in behind the ledger's back parks its stream, and no question stumbles
    over it. A batch costs a look-up for each membership and location that it names, not for each response.
    """
    named: dict[tuple[str, str], int] = {}
    for membership, _, position, location, *_ in pending.responses:
        named.setdefault((membership, location), position)
    since = {(membership, location): position for membership, location, position in reversed(pending.locations)}
    looked_up = [key for key, position in named.items() if since.get(key, position) >= position]
    known = set(
        look_up(
            connection.query,
            f"SELECT l.membership, l.location FROM {{wanted}} CROSS JOIN {prefix}locations AS l "
            "WHERE l.membership = wanted.column1 AND l.location = wanted.column2",
            looked_up,
        )
    )
    for membership, location in looked_up:
        if (membership, location) not in known:
            raise BrokenHistory(
                f"found a response to location {location!r} of {membership}, expected one that was added"
            )
    require_joins(connection.query, prefix, pending.joins)


def _enrolled(rows: EligibilityRows, event: RawEvent, position: int) -> None:
    membership, data = membership_of(event), event["data"]
    rows.memberships.append((membership, position, data["name"]))
    rows.locations += [(membership, location, position) for location in data["locations"]]
    rows.attributes.append(
        (
            membership,
            parse_instant(event["occurred_at"]),
            position,
            data["level"],
            int(holds_learning(data["competencies"])),
        )
    )


def _updated(rows: EligibilityRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    level = data.get("level")
    learning = int(holds_learning(data["competencies"])) if "competencies" in data else None
    if level is not None or learning is not None:
        since_us = parse_instant(event["occurred_at"])
        rows.attributes.append((membership_of(event), since_us, position, level, learning))


def _location_added(rows: EligibilityRows, event: RawEvent, position: int) -> None:
    rows.locations.append((membership_of(event), event["data"]["location"], position))


def _response_received(rows: EligibilityRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    know(rows.known, event, position)
    rows.responses.append(
        (
            membership_of(event),
            parse_instant(event["occurred_at"]),
            position,
            data["location"],
            data["customer_org"],
            data["response"],
            data["answer_token"],
            None,
        )
    )


def _name_known(rows: EligibilityRows, event: RawEvent, position: int) -> None:
    know(rows.known, event, position)


def _regrouped(rows: EligibilityRows, event: RawEvent, position: int) -> None:
    if event["type"] in NAMED_BY:
        know(rows.known, event, position)
    rows.joins.append(join_row(event, position))


def _response_voided(rows: EligibilityRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    rows.voided.append((position, membership_of(event), parse_instant(data["received_at"]), data["response"]))


def _evaluation_received(rows: EligibilityRows, event: RawEvent, position: int) -> None:
    rows.evaluations.append((membership_of(event), parse_instant(event["occurred_at"]), position))


def _renewal_date_set(rows: EligibilityRows, event: RawEvent, position: int) -> None:
    rows.renewal_dates.append((membership_of(event), event["data"]["renewal_date"], position))


def _eligibility_changed(rows: EligibilityRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    rows.announcements.append(
        (
            membership_of(event),
            position,
            parse_instant(data["effective_at"]),
            int(data["satisfied"]),
            data["via"],
            data["location"],
            data["counted"],
            data["organisations"],
            data["edition"],
            data["cause"],
            int(data["revises"]),
        )
    )


def _rulebook_published(rows: EligibilityRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    rows.editions.append(
        (
            position,
            data["edition"],
            parse_instant(data["effective_from"]),
            data["min_responses"],
            data["per_org_cap"],
            data["min_organisations"],
            data["window_months"],
            data["min_evaluations"],
            int(data["pool_locations"]),
        )
    )
