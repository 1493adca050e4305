"""The questions of operations, answered from the projections: one door for the command line, the HTTP API and the pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, Final

from ledger.counting import next_flip, standing
from ledger.decision import is_required
from ledger.errors import LedgerError
from ledger.evidence import Evidence
from ledger.instants import DAY_US, END_US, evaluation_us, format_instant, midnight_us, parse_date
from ledger.rulebook import Rulebook
from projections.base import Projection
from projections.builds import load_build
from projections.database import Connection, Database
from projections.eligibility import Eligibility
from projections.participation import Participation, participation
from projections.renewals import Renewals
from projections.status import CHUNK, EligibilityReader

Answered = tuple[int, int]
"""Of how many invitations how many were answered, as (answered, sent): whole numbers, so that nothing is rounded."""
ASSUMED_RESPONSE_RATE: Final[Answered] = (1, 4)
"""Where a partner has no rate of its own (I5)."""


def all_projections() -> list[Projection[Any]]:
    """Every projection that the ledger keeps."""
    return [Eligibility(), Renewals(), Participation()]


class View:
    """The projections as they stand in one transaction.

    Where workers keep them, their position is the one up to which nothing is missing in any partition: what is asked of
    eligibility is answered as of that position, though some memberships may be further. Counts of participation and the
    list of renewal dates show whatever has been applied.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def eligibility(self) -> EligibilityReader:
        """The reader of the eligibility projection."""
        prefix, position = self._live(Eligibility())
        return EligibilityReader(self._connection, prefix, position)

    def participation(self, membership: str | None, by: str) -> list[dict[str, Any]]:
        """See `projections.participation.participation`."""
        prefix, _ = self._live(Participation())
        return participation(self._connection, prefix, membership, by)

    def board(self, at_us: int) -> Iterator[dict[str, Any]]:
        """Every membership with its status at an instant and its next change, ordered by name of membership."""
        reader = self.eligibility()
        rulebook = reader.rulebook(reader.position)
        for chunk in reader.memberships():
            evidence = reader.evidence_from([membership for membership, _ in chunk], at_us)
            for membership, name in chunk:
                yield {"membership": membership, "name": name, **_brief(evidence[membership], rulebook, at_us)}

    def renewals(self, at_us: int, within_days: int) -> list[dict[str, Any]]:
        """Renewal dates from the day of `at_us` up to `within_days` later that are not decided yet, the next first.

        `missing` responses, and `invitations` to send for them at the partner's own response rate, are what the status
        on the date lacks if nothing more arrives; both are 0 where it is satisfied or not required.
        """
        today = date(1970, 1, 1) + timedelta(days=at_us // DAY_US)
        prefix, _ = self._live(Renewals())
        last = today + timedelta(days=min(within_days, (date.max - today).days))
        rows = self._connection.query(
            f"SELECT membership, renewal_date FROM {prefix}dates WHERE renewal_date BETWEEN ? AND ? AND revision = 0 "
            "ORDER BY renewal_date, membership",
            (today.isoformat(), last.isoformat()),
        )
        reader = self.eligibility()
        rulebook = reader.rulebook(reader.position)
        answers = []
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            memberships = sorted({membership for membership, _ in chunk})
            evidence = reader.evidence_from(memberships, at_us)
            rates = self._response_rates(memberships)
            for membership, day in chunk:
                rate = rates.get(membership, ASSUMED_RESPONSE_RATE)
                answers.append(_renewal(membership, day, evidence[membership], rulebook, at_us, rate))
        return answers

    def _response_rates(self, memberships: Sequence[str]) -> dict[str, Answered]:
        """Of those memberships of whose invitations any was answered."""
        prefix, _ = self._live(Participation())
        marks = ",".join("?" * len(memberships))
        return {
            membership: (int(answered), int(sent))
            for membership, answered, sent in self._connection.query(
                f"SELECT membership, sum(responses_to_invitations), sum(invitations) FROM {prefix}months "
                f"WHERE membership IN ({marks}) GROUP BY membership",
                memberships,
            )
            if answered and sent
        }

    def _live(self, projection: Projection[Any]) -> tuple[str, int]:
        build = load_build(self._connection, projection)
        if build is None:
            raise LedgerError(f"projection {projection.name} was never built; `csat-ledger project` builds it")
        return build.prefix, build.position


@contextmanager
def view(database: Database) -> Iterator[View]:
    """A view of all projections that does not change while it is used."""
    with database.reading() as connection:
        yield View(connection)


def _brief(evidence: Evidence, rulebook: Rulebook, at_us: int) -> dict[str, Any]:
    found = standing(evidence, rulebook, at_us)
    change_us = next_flip(evidence, rulebook, at_us, found.satisfied, END_US)
    return {
        "required": is_required(evidence, rulebook, at_us),
        "satisfied": found.satisfied,
        "via": found.via,
        "counted": found.counted,
        "organisations": found.organisations,
        "next_change": None
        if change_us is None
        else {"at": format_instant(change_us), "satisfied": not found.satisfied},
    }


def _renewal(
    membership: str, day: str, evidence: Evidence, rulebook: Rulebook, at_us: int, rate: Answered
) -> dict[str, Any]:
    # A renewal today was evaluated at midnight; what stands now is no part of it.
    date_us = evaluation_us(parse_date(day))
    on_date = standing(evidence, rulebook, date_us)
    required = is_required(evidence, rulebook, date_us)
    answered, sent = rate
    missing = 0 if on_date.satisfied or not required else _missing(evidence, rulebook, date_us)
    return {
        "membership": membership,
        "renewal_date": day,
        "days": (midnight_us(parse_date(day)) - at_us + DAY_US - 1) // DAY_US,
        "required": required,
        "satisfied_now": standing(evidence, rulebook, at_us).satisfied,
        "satisfied_on_date": on_date.satisfied,
        "counted_on_date": on_date.counted,
        "organisations_on_date": on_date.organisations,
        "missing": missing,
        "response_rate": answered / sent,
        "invitations": max(missing, -(-missing * sent // answered)),
    }


def _missing(evidence: Evidence, rulebook: Rulebook, at_us: int) -> int:
    """Responses that the location closest to it lacks at an instant (R1, R3)."""
    edition = rulebook.in_force(at_us)
    if edition is None:
        return 0
    lacking = [max(edition.min_responses, edition.min_organisations)]
    for pool in evidence.pools(edition).values():
        counted, organisations = pool.count(at_us, edition)
        lacking.append(max(edition.min_responses - counted, edition.min_organisations - organisations))
    return max(0, min(lacking))
