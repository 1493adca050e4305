"""The projection of scores: what counts for each designation, each row with the position at which it became known.

Nothing is ever taken out or changed but what `months` and `latest` have beside. So the tables answer for every instant and for
everything that was known by any position (see `projections.capability.score_reader`); `projections.capability.month_tables`
has those of reports, which are the many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from ledger.errors import BrokenHistory
from ledger.instants import parse_instant
from ledger.programmes.capability.calendar import month_number
from ledger.programmes.capability.certificates import day_us
from ledger.programmes.capability.editions import Edition
from ledger.programmes.capability.events import DESIGNATION_PREFIX, area_of
from ledger.programmes.capability.months import PLACE
from projections.capability.checkpoints import Key, value_by, write_reports
from projections.capability.month_fold import EditionAtHand, Report
from projections.capability.month_tables import LATEST, LEFT_OUT, MONTHS, REPORTS, STEP, SUMS
from projections.database import Connection, Table
from projections.ledger_projection import LedgerProjection
from projections.look_up import look_up
from projections.projection import Handler, RawEvent

DESIGNATIONS: Final = Table(
    "designations",  # `designation` is <membership>/<area>; its number in the other tables is the position of its opening
    {"designation": "TEXT", "position": "BIGINT", "area": "TEXT"},
    ("designation",),
    (("area",),),
)
CLOSES: Final = Table(
    "closes",  # of a month, the later ones correct the earlier
    {"designation": "BIGINT", "position": "BIGINT", "month": "BIGINT", "closed_us": "BIGINT"},
    ("designation", "position"),
)
CERTIFICATES: Final = Table(
    "certificates",
    {
        "designation": "BIGINT",
        "certificate": "TEXT",
        "position": "BIGINT",
        "person": "TEXT",
        "tier": "TEXT",
        "first_us": "BIGINT",
        "until_us": "BIGINT",
    },
    ("designation", "certificate"),
)
CERTIFICATE_ENDS: Final = Table(
    "certificate_ends",  # of a certificate, the last one holds
    {"designation": "BIGINT", "certificate": "TEXT", "position": "BIGINT", "ended_us": "BIGINT"},
    ("designation", "certificate", "position"),
)
EDITIONS: Final = Table(
    "editions",  # `figures` is the data of the event
    {"area": "TEXT", "position": "BIGINT", "figures": "TEXT"},
    ("area", "position"),
)
SINGLE_ROWS: Final = (CLOSES, CERTIFICATES, CERTIFICATE_ENDS)


@dataclass(slots=True)
class ScoreRows:
    """What a batch gathers: rows whose first value is the designation still by its name, and reports by that."""

    designations: list[tuple[Any, ...]] = field(default_factory=list)
    closes: list[tuple[Any, ...]] = field(default_factory=list)
    certificates: list[tuple[Any, ...]] = field(default_factory=list)
    certificate_ends: list[tuple[Any, ...]] = field(default_factory=list)
    editions: list[tuple[Any, ...]] = field(default_factory=list)
    reports: defaultdict[tuple[str, str], list[Report]] = field(default_factory=lambda: defaultdict(list))
    """By designation and month, both as the events have them."""


class Scores(LedgerProjection[ScoreRows]):
    """Answers `score` and its explanation, and gives the board its points."""

    name = "scores"
    version = 1
    tables = (
        DESIGNATIONS,
        CLOSES,
        CERTIFICATES,
        CERTIFICATE_ENDS,
        EDITIONS,
        REPORTS,
        MONTHS,
        LATEST,
        SUMS,
        LEFT_OUT,
    )

    def __init__(self, step: int = STEP) -> None:
        """`step` says how many reports of a month lie between two checkpoints."""
        self._step = step

    def handlers(self) -> Mapping[str, Handler[ScoreRows]]:
        return {
            "DesignationOpened": _opened,
            "UsageReported": _usage_reported,
            "RevenueReported": _revenue_reported,
            "MonthClosed": _month_closed,
            "MonthCloseCorrected": _close_corrected,
            "CertificateRecorded": _certificate_recorded,
            "CertificateEnded": _certificate_ended,
            "ScorebookPublished": _scorebook_published,
        }

    def pending(self) -> ScoreRows:
        return ScoreRows()

    def flush(self, pending: ScoreRows, connection: Connection, prefix: str) -> None:
        if pending.editions or pending.reports:
            # One worker may write an edition while another writes reports that are to be valued by it. Whoever comes
            # second finds what the other has written.
            connection.lock(f"{prefix}editions", shared=not pending.editions)
        if pending.designations:
            connection.insert(prefix + DESIGNATIONS.name, len(DESIGNATIONS.columns), pending.designations)
        numbers = _numbers(connection, prefix, pending)
        _require_certificates(connection, prefix, pending, numbers)
        for table in SINGLE_ROWS:
            if rows := getattr(pending, table.name):
                numbered = [(numbers[row[0]], *row[1:]) for row in rows]
                connection.insert(prefix + table.name, len(table.columns), numbered)
        for area, position, figures in pending.editions:
            value_by(connection, prefix, area, _at_hand(position, figures), self._step)
        if pending.editions:
            connection.insert(prefix + EDITIONS.name, len(EDITIONS.columns), pending.editions)
        if pending.reports:
            self._write_reports(connection, prefix, pending, numbers)

    def _write_reports(
        self, connection: Connection, prefix: str, pending: ScoreRows, numbers: Mapping[str, int]
    ) -> None:
        reports: dict[Key, list[Report]] = {}
        for (designation, month), rows in pending.reports.items():
            rows.sort()  # those of usage came before those of revenue
            reports[numbers[designation], month_number(month)] = rows
        areas = {designation: area_of(designation) for designation, _ in pending.reports}
        by_area = _editions(connection, prefix, set(areas.values()))
        editions = {numbers[designation]: by_area[area] for designation, area in areas.items()}
        write_reports(connection, prefix, reports, editions, self._step)


def _numbers(connection: Connection, prefix: str, pending: ScoreRows) -> dict[str, int]:
    """The number of each designation of which a batch has something."""
    names = {designation for designation, _ in pending.reports}
    names.update(row[0] for table in SINGLE_ROWS for row in getattr(pending, table.name))
    found = {designation: position for designation, position, _ in pending.designations}
    rows = look_up(
        connection.query,
        f"SELECT d.designation, d.position FROM {{wanted}} CROSS JOIN {prefix}designations AS d "
        "WHERE d.designation = wanted.column1",
        [(name,) for name in sorted(names - found.keys())],
    )
    found.update(rows)
    return found


def _require_certificates(connection: Connection, prefix: str, pending: ScoreRows, numbers: Mapping[str, int]) -> None:
    """Raises BrokenHistory where a certificate is ended that was not recorded before: no rule lets that in."""
    since = {(designation, name): position for designation, name, position, *_ in reversed(pending.certificates)}
    before = [row for row in pending.certificate_ends if since.get((row[0], row[1]), row[2]) >= row[2]]
    known = set(
        look_up(
            connection.query,
            "SELECT c.designation, c.certificate FROM {wanted} "
            f"CROSS JOIN {prefix}certificates AS c WHERE c.designation = wanted.column1 AND c.certificate = wanted.column2",
            [(numbers[designation], name) for designation, name, *_ in before],
        )
    )
    for designation, name, *_ in before:
        if (numbers[designation], name) not in known:
            raise BrokenHistory(
                f"found an end of certificate {name!r} of {designation}, expected one that was recorded"
            )


def _editions(connection: Connection, prefix: str, areas: Iterable[str]) -> dict[str, list[EditionAtHand]]:
    found: dict[str, list[EditionAtHand]] = {area: [] for area in areas}
    rows = look_up(
        connection.query,
        f"SELECT e.area, e.position, e.figures FROM {{wanted}} CROSS JOIN {prefix}editions AS e "
        "WHERE e.area = wanted.column1",
        [(area,) for area in sorted(found)],
    )
    for area, position, figures in rows:
        found[area].append(_at_hand(position, figures))
    return found


def _at_hand(position: int, figures: str) -> EditionAtHand:
    return EditionAtHand.of(position, edition_of(figures))


def edition_of(figures: str) -> Edition:
    """The edition whose event's data a row of `editions` has."""
    data = orjson.loads(figures)
    return Edition(data["edition"], parse_instant(data["effective_from"]), data)


def _designation_of(event: RawEvent) -> str:
    stream: str = event["stream"]
    return stream[len(DESIGNATION_PREFIX) :]


def _opened(rows: ScoreRows, event: RawEvent, position: int) -> None:
    designation = _designation_of(event)
    rows.designations.append((designation, position, area_of(designation)))


_USAGE: Final = {name: place for (what, name), place in PLACE.items() if what == "usage"}
_REVENUE: Final = {name: place for (what, name), place in PLACE.items() if what == "revenue"}


def _usage_reported(rows: ScoreRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    rows.reports[event["stream"][len(DESIGNATION_PREFIX) :], data["month"]].append(
        Report(position, data["customer"], data["workload"], _USAGE[data["association"]], data["units"])
    )


def _revenue_reported(rows: ScoreRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    rows.reports[event["stream"][len(DESIGNATION_PREFIX) :], data["month"]].append(
        Report(position, data["customer"], data["workload"], _REVENUE[data["association"]], data["amount_cents"])
    )


def _month_closed(rows: ScoreRows, event: RawEvent, position: int) -> None:
    closed_us = parse_instant(event["occurred_at"])
    rows.closes.append((_designation_of(event), position, month_number(event["data"]["month"]), closed_us))


def _close_corrected(rows: ScoreRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    closed_us = parse_instant(data["closed_at"])
    rows.closes.append((_designation_of(event), position, month_number(data["month"]), closed_us))


def _certificate_recorded(rows: ScoreRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    until = data["valid_until"]
    rows.certificates.append(
        (
            _designation_of(event),
            data["certificate"],
            position,
            data["person"],
            data["tier"],
            day_us(data["valid_from"]),
            None if until is None else day_us(until),
        )
    )


def _certificate_ended(rows: ScoreRows, event: RawEvent, position: int) -> None:
    data = event["data"]
    rows.certificate_ends.append((_designation_of(event), data["certificate"], position, day_us(data["on"])))


def _scorebook_published(rows: ScoreRows, event: RawEvent, position: int) -> None:
    figures = orjson.dumps(event["data"], option=orjson.OPT_SORT_KEYS).decode()
    rows.editions.append((area_of(event["stream"]), position, figures))
