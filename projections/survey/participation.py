"""The participation projection: how the survey is taken up, by membership and month of occurrence.

Quarters and whole lives are sums of months. The response rate (I5) is that of a whole life: invitations answered by a
response that is not void, of invitations sent; so it is never above 1. By month and quarter there are counts of each and
no rate: an answer often comes in another month than its invitation. Responses through the partner's open link answer no
invitation (I3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import add
from typing import Any, Final

from projections.database import Connection, Table
from projections.ledger_projection import LedgerProjection
from projections.projection import Handler, RawEvent, membership_of

COUNTERS: Final = (
    "consents",
    "consents_withdrawn",
    "invitations",
    "invitations_by_operator",
    "reminders",
    "responses",
    "responses_to_invitations",
    "responses_voided",
    "responses_anonymous",
    "evaluations",
)
_PLACE: Final = {name: place for place, name in enumerate(COUNTERS)}

MonthCounts = defaultdict[tuple[str, str], list[int]]


@dataclass(slots=True)
class ParticipationRows:
    """What a batch gathers."""

    months: MonthCounts = field(default_factory=lambda: defaultdict(lambda: [0] * len(COUNTERS)))
    """(stream, YYYY-MM) -> a count for each of COUNTERS."""
    sent: list[tuple[str, int]] = field(default_factory=list)


class Participation(LedgerProjection[ParticipationRows]):
    """Answers `participation` and, for `renewals`, how many invitations were sent."""

    name = "participation"
    version = 4
    tables = (
        Table(
            "months",
            {"membership": "TEXT", "month": "TEXT", **dict.fromkeys(COUNTERS, "BIGINT")},
            ("membership", "month"),
        ),
        Table("totals", {"month": "TEXT", **dict.fromkeys(COUNTERS, "BIGINT")}, ("month",)),  # of all memberships
        Table("sent", {"membership": "TEXT", "position": "BIGINT"}, ("membership", "position")),  # each invitation
    )

    def handlers(self) -> Mapping[str, Handler[ParticipationRows]]:
        return {
            "ConsentGiven": _counter("consents"),
            "ConsentWithdrawn": _counter("consents_withdrawn"),
            "InvitationSent": _invitation_sent,
            "ReminderSent": _counter("reminders"),
            "ResponseReceived": _response_received,
            "ResponseVoided": _counter("responses_voided"),
            "AnonymityChosen": _counter("responses_anonymous"),
            "EvaluationReceived": _counter("evaluations"),
        }

    def pending(self) -> ParticipationRows:
        return ParticipationRows()

    def flush(self, pending: ParticipationRows, connection: Connection, prefix: str) -> None:
        if pending.sent:
            connection.insert(f"{prefix}sent", 2, pending.sent)
        if not pending.months:
            return
        months, totals, _ = self.tables
        self._add(
            connection, prefix, months,
            [(membership_of({"stream": stream}), month, *counts) for (stream, month), counts in pending.months.items()],
        )  # fmt: skip
        of_all: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(COUNTERS))
        for (_, month), counts in pending.months.items():
            of_all[month] = list(map(add, of_all[month], counts))
        # Workers change these lines one after the other; in order, so that none waits for another that waits for it.
        self._add(connection, prefix, totals, [(month, *counts) for month, counts in sorted(of_all.items())])

    @staticmethod
    def _add(connection: Connection, prefix: str, table: Table, rows: list[tuple[Any, ...]]) -> None:
        """Adds counts to those that a table has."""
        name = prefix + table.name
        added = ", ".join(f"{counter} = {name}.{counter} + excluded.{counter}" for counter in COUNTERS)
        connection.upsert(name, table, rows, f"ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {added}")


def _counter(name: str) -> Handler[ParticipationRows]:
    place = _PLACE[name]

    def count(pending: ParticipationRows, event: RawEvent, _position: int) -> None:
        pending.months[event["stream"], event["occurred_at"][:7]][place] += 1

    return count


_INVITATIONS, _BY_OPERATOR = _PLACE["invitations"], _PLACE["invitations_by_operator"]
_RESPONSES, _ANSWERS, _ANONYMOUS = (
    _PLACE[name] for name in ("responses", "responses_to_invitations", "responses_anonymous")
)


def _invitation_sent(pending: ParticipationRows, event: RawEvent, position: int) -> None:
    pending.sent.append((membership_of(event), position))
    counts = pending.months[event["stream"], event["occurred_at"][:7]]
    counts[_INVITATIONS] += 1
    if event["data"]["channel"] == "operator":
        counts[_BY_OPERATOR] += 1


def _response_received(pending: ParticipationRows, event: RawEvent, _position: int) -> None:
    counts, data = pending.months[event["stream"], event["occurred_at"][:7]], event["data"]
    counts[_RESPONSES] += 1
    if data["answer_token"] is not None:
        counts[_ANSWERS] += 1
    if data["anonymous"]:
        counts[_ANONYMOUS] += 1
