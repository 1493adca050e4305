"""The participation projection: how the survey is taken up, by membership and month of occurrence.

Quarters and whole lives are sums of months. The response rate is the share of invitations that were answered: responses
that name their invitation, by invitations sent (I5); those through the partner's open link have none (I3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from projections.base import Handler, Projection, RawEvent, membership_of
from projections.database import Connection, Table

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
"""(stream, YYYY-MM) -> a count for each of COUNTERS."""


class Participation(Projection[MonthCounts]):
    """Answers `participation`."""

    name = "participation"
    version = 1
    tables = (
        Table(
            "months",
            {"membership": "TEXT", "month": "TEXT", **dict.fromkeys(COUNTERS, "BIGINT")},
            ("membership", "month"),
        ),
    )

    def handlers(self) -> Mapping[str, Handler[MonthCounts]]:
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

    def pending(self) -> MonthCounts:
        return defaultdict(lambda: [0] * len(COUNTERS))

    def flush(self, pending: MonthCounts, connection: Connection, prefix: str) -> None:
        if not pending:
            return
        table = f"{prefix}months"
        added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in COUNTERS)
        connection.upsert(
            table,
            self.tables[0],
            [(membership_of({"stream": stream}), month, *counts) for (stream, month), counts in pending.items()],
            f"ON CONFLICT (membership, month) DO UPDATE SET {added}",
        )


def _counter(name: str) -> Handler[MonthCounts]:
    place = _PLACE[name]

    def count(pending: MonthCounts, event: RawEvent, _position: int) -> None:
        pending[event["stream"], event["occurred_at"][:7]][place] += 1

    return count


_INVITATIONS, _BY_OPERATOR = _PLACE["invitations"], _PLACE["invitations_by_operator"]
_RESPONSES, _ANSWERS, _ANONYMOUS = (
    _PLACE[name] for name in ("responses", "responses_to_invitations", "responses_anonymous")
)


def _invitation_sent(pending: MonthCounts, event: RawEvent, _position: int) -> None:
    counts = pending[event["stream"], event["occurred_at"][:7]]
    counts[_INVITATIONS] += 1
    if event["data"]["channel"] == "operator":
        counts[_BY_OPERATOR] += 1


def _response_received(pending: MonthCounts, event: RawEvent, _position: int) -> None:
    counts, data = pending[event["stream"], event["occurred_at"][:7]], event["data"]
    counts[_RESPONSES] += 1
    if data["invitation"] is not None:
        counts[_ANSWERS] += 1
    if data["anonymous"]:
        counts[_ANONYMOUS] += 1


def response_rate(counts: Mapping[str, Any]) -> float | None:
    """Answered invitations by invitations sent, 0 to 1; None where none was sent."""
    return counts["responses_to_invitations"] / counts["invitations"] if counts["invitations"] else None


def participation(connection: Connection, prefix: str, membership: str | None, by: str) -> list[dict[str, Any]]:
    """Counts by membership, quarter (YYYY-Qn) or month (YYYY-MM), of one membership or of all together.

    `by` is "membership", "quarter" or "month".
    """
    sums = ", ".join(f"sum({name})" for name in COUNTERS)
    group = "membership" if by == "membership" else "month"
    where, parameters = ("WHERE membership = ?", [membership]) if membership is not None else ("", [])
    rows = connection.query(
        f"SELECT {group}, {sums} FROM {prefix}months {where} GROUP BY {group} ORDER BY {group}", parameters
    )
    groups: dict[str, list[int]] = {}
    for key, *counts in rows:
        name = f"{key[:4]}-Q{(int(key[5:7]) + 2) // 3}" if by == "quarter" else key
        groups[name] = [old + int(new) for old, new in zip(groups.get(name, [0] * len(COUNTERS)), counts, strict=True)]
    answers = []
    for name, values in groups.items():
        counts_by_name = dict(zip(COUNTERS, values, strict=True))
        answers.append({by: name, **counts_by_name, "response_rate": response_rate(counts_by_name)})
    return answers
