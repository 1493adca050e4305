"""The questions of operations, answered from the projections: one door for the command line, the HTTP API and the pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, Final

from ledger.errors import StoreUnreachable
from ledger.instants import DAY_US, END_US, evaluation_us, format_instant, midnight_us, parse_date
from ledger.programmes.survey.editions import Rulebook
from ledger.programmes.survey.flips import next_flip, standing
from ledger.programmes.survey.outcome import is_required
from ledger.programmes.survey.tally import Evidence
from projections.builds import load_build
from projections.capability.designations import Designations
from projections.capability.designations_reader import DesignationsReader
from projections.capability.score_reader import ScoreReader
from projections.capability.scores import Scores
from projections.database import Connection, Database
from projections.projection import Projection
from projections.survey.eligibility import Eligibility
from projections.survey.eligibility_reader import CHUNK, EligibilityReader
from projections.survey.participation import Participation, participation, sent_invitations, with_rate
from projections.survey.renewals import DecisionTaken, Renewals, decisions, undecided

Answered = tuple[int, int]
"""Of how many invitations how many were answered, as (answered, sent): whole numbers, so that nothing is rounded."""
ASSUMED_RESPONSE_RATE: Final[Answered] = (1, 4)
"""Where a partner has no rate of its own, or one of 0, with which nothing could be planned (I5)."""


def all_projections() -> list[Projection[Any]]:
    """Every projection that the ledger keeps."""
    return [Eligibility(), Renewals(), Participation(), Scores(), Designations()]


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

    def designations(self) -> DesignationsReader:
        """The reader of the designations projection."""
        return DesignationsReader(self._connection, *self._live(Designations()))

    def scores(self) -> ScoreReader:
        """The reader of the scores of the capability programme."""
        prefix, position = self._live(Scores())
        return ScoreReader(self._connection, prefix, position)

    def participation(self, membership: str | None, by: str) -> list[dict[str, Any]]:
        """See `projections.survey.participation.participation`. By membership each has its response rate too."""
        prefix, _ = self._live(Participation())
        rows = participation(self._connection, prefix, membership, by)
        if by != "membership":
            return rows
        answered = self.eligibility().answered_invitations(None, None if membership is None else [membership])
        return [with_rate(row, answered.get(row["membership"], 0)) for row in rows]

    def board(self, at_us: int, known_at: int | None = None) -> Iterator[dict[str, Any]]:
        """Every membership with its status at an instant and its next change, ordered by name of membership.

        As known by a position: a membership that was enrolled later is not among them.
        """
        reader = self.eligibility()
        known = reader.known_at(known_at)
        rulebook = reader.rulebook(known)
        for chunk in reader.memberships(known):
            evidence = reader.evidence_from([membership for membership, _ in chunk], at_us, known)
            for membership, name in chunk:
                yield {
                    "membership": membership,
                    "name": name,
                    "at": format_instant(at_us),
                    "known_at": known,
                    **_brief(evidence[membership], rulebook, at_us),
                }

    def decisions(self, membership: str | None, at_us: int, known_at: int | None = None) -> list[DecisionTaken]:
        """The decisions taken by an instant, as known by a position, in the order of the ledger.

        Raises UnknownMembership where one is named that was not enrolled by then.
        """
        reader = self.eligibility()
        known = reader.known_at(known_at)
        if membership is not None:
            reader.require(membership, known)
        prefix, _ = self._live(Renewals())
        return decisions(self._connection, prefix, membership, at_us, known)

    def renewals(self, at_us: int, within_days: int, known_at: int | None = None) -> list[dict[str, Any]]:
        """Renewal dates that are not decided yet: first those before the day of `at_us` (`overdue`), then those ahead.

        Up to `within_days` ahead, the earliest first. `missing` responses, and `invitations` to send for them at the
        partner's own response rate, are what the status on the date lacks if nothing more arrives; both are 0 where it
        is satisfied or not required, and no invitation is of use once the date is past. `rate_own` is None where no
        invitation was sent; `rate_used` is what was planned with.
        """
        today = date(1970, 1, 1) + timedelta(days=at_us // DAY_US)
        last = today + timedelta(days=min(within_days, (date.max - today).days))
        reader = self.eligibility()
        known = reader.known_at(known_at)
        prefix, _ = self._live(Renewals())
        rows = undecided(self._connection, prefix, last.isoformat(), known)
        rulebook = reader.rulebook(known)
        answers = []
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            memberships = sorted({membership for membership, _ in chunk})
            from_us = min(at_us, evaluation_us(parse_date(chunk[0][1])))
            evidence = reader.evidence_from(memberships, from_us, known)
            rates = self._response_rates(reader, memberships, known)
            for membership, day in chunk:
                answers.append(_renewal(membership, day, evidence[membership], rulebook, at_us, rates.get(membership)))
        return [{**answer, "known_at": known} for answer in answers]

    def _response_rates(self, reader: EligibilityReader, memberships: Sequence[str], known: int) -> dict[str, Answered]:
        """Of those memberships that sent any invitation."""
        prefix, _ = self._live(Participation())
        answered = reader.answered_invitations(known, memberships)
        sent = sent_invitations(self._connection, prefix, memberships, known)
        return {membership: (min(answered.get(membership, 0), number), number) for membership, number in sent.items()}

    def _live(self, projection: Projection[Any]) -> tuple[str, int]:
        build = load_build(self._connection, projection)
        if build is None:
            raise StoreUnreachable(f"projection {projection.name} was never built; `csat-ledger project` builds it")
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
    membership: str, day: str, evidence: Evidence, rulebook: Rulebook, at_us: int, own: Answered | None
) -> dict[str, Any]:
    # A renewal today was evaluated at midnight; what stands now is no part of it.
    date_us = evaluation_us(parse_date(day))
    on_date = standing(evidence, rulebook, date_us)
    required = is_required(evidence, rulebook, date_us)
    answered, sent = own if own is not None and own[0] else ASSUMED_RESPONSE_RATE
    missing = 0 if on_date.satisfied or not required else _missing(evidence, rulebook, date_us)
    overdue = day < format_instant(at_us)[:10]
    return {
        "membership": membership,
        "renewal_date": day,
        "days": (midnight_us(parse_date(day)) - at_us + DAY_US - 1) // DAY_US,
        "overdue": overdue,
        "required": required,
        "satisfied_now": standing(evidence, rulebook, at_us).satisfied,
        "satisfied_on_date": on_date.satisfied,
        "counted_on_date": on_date.counted,
        "organisations_on_date": on_date.organisations,
        "missing": missing,
        "rate_own": None if own is None else own[0] / own[1],
        "rate_used": answered / sent,
        "invitations": 0 if overdue else -(-missing * sent // answered),
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
