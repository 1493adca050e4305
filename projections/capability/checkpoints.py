"""Writing reports and what their months amount to (see `projections.capability.month_tables`), in bulk.

A batch costs a few statements for every few hundred months and pairs that it touches, whatever the book holds. An edition
costs one look at each report of its area: all months are valued by it then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from projections.capability.month_fold import Counted, EditionAtHand, MonthFold, Report, amounts_of
from projections.capability.month_tables import LATEST, LEFT_OUT, MONTHS, REPORTS, STEP, SUMS
from projections.database import Connection
from projections.look_up import look_up

Key = tuple[int, int]
"""A designation and a month, by their numbers."""
READ_AT_ONCE: Final = 20_000
"""So many reports are about to be held at once when months are valued by a new edition."""


@dataclass(slots=True)
class _Written:
    """Rows of sums, as they add up; `step` says how many reports lie between two checkpoints."""

    step: int
    latest: list[tuple[Any, ...]] = field(default_factory=list)
    sums: list[tuple[Any, ...]] = field(default_factory=list)
    left_out: list[tuple[Any, ...]] = field(default_factory=list)

    def write(self, connection: Connection, prefix: str) -> None:
        for table, rows in ((SUMS, self.sums), (LEFT_OUT, self.left_out)):
            if rows:
                connection.insert(prefix + table.name, len(table.columns), rows)
        connection.upsert(
            prefix + LATEST.name,
            LATEST,
            self.latest,
            "ON CONFLICT (designation, month, edition) DO UPDATE SET "
            "position = excluded.position, kept = excluded.kept, left_out = excluded.left_out",
        )


def write_reports(
    connection: Connection,
    prefix: str,
    reports: Mapping[Key, list[Report]],
    editions: Mapping[int, Sequence[EditionAtHand]],
    step: int = STEP,
) -> None:
    """Writes a batch's reports, in the order of their positions, and what their months amount to then.

    `editions` has those of each designation's area.
    """
    counts = _counts(connection, prefix, list(reports))
    begun = {key: reports[key] for key in counts}
    amounts = _amounts(connection, prefix, begun)
    kept = _kept(connection, prefix, [(*key, edition.position) for key in begun for edition in editions[key[0]]])
    written = _Written(step)
    for key, added in reports.items():
        counted = []
        for edition in editions[key[0]]:
            found = kept.get((*key, edition.position))
            counted.append(Counted.nothing(edition) if found is None else Counted.restored(edition, *found))
        _fold(key, counts.get(key, 0), added, MonthFold(counted, amounts_of(amounts.get(key, ()))), written)
    rows = [(*key, *report) for key, added in reports.items() for report in added]
    connection.insert(prefix + REPORTS.name, len(REPORTS.columns), rows)
    connection.upsert(
        prefix + MONTHS.name,
        MONTHS,
        [(*key, counts.get(key, 0) + len(added)) for key, added in reports.items()],
        "ON CONFLICT (designation, month) DO UPDATE SET reports = excluded.reports",
    )
    written.write(connection, prefix)


def value_by(connection: Connection, prefix: str, area: str, edition: EditionAtHand, step: int = STEP) -> None:
    """Values every month of an area by an edition: its lines of sums for all that was reported so far."""
    months = connection.query(
        f"SELECT m.designation, m.month, m.reports FROM {prefix}designations AS d "
        f"CROSS JOIN {prefix}months AS m WHERE d.area = ? AND m.designation = d.position",
        (area,),
    )
    for page in _pages(months):
        rows = look_up(
            connection.query,
            "SELECT r.designation, r.month, r.position, r.customer, r.workload, r.place, r.amount FROM {wanted} "
            f"CROSS JOIN {prefix}reports AS r WHERE r.designation = wanted.column1 AND r.month = wanted.column2",
            page,
        )
        written = _Written(step)
        for key, reports in _by_key(rows).items():
            _fold(key, 0, reports, MonthFold([Counted.nothing(edition)]), written)
        written.write(connection, prefix)


def _pages(months: Iterable[tuple[int, int, int]]) -> Iterator[list[Key]]:
    page: list[Key] = []
    held = 0
    for designation, month, reports in months:
        page.append((designation, month))
        held += reports
        if held >= READ_AT_ONCE:
            yield page
            page, held = [], 0
    yield page


def _counts(connection: Connection, prefix: str, keys: Sequence[Key]) -> dict[Key, int]:
    """How many reports months have; those that have none yet are not among them."""
    rows = look_up(
        connection.query,
        f"SELECT m.designation, m.month, m.reports FROM {{wanted}} CROSS JOIN {prefix}months AS m "
        "WHERE m.designation = wanted.column1 AND m.month = wanted.column2",
        keys,
    )
    return {(designation, month): reports for designation, month, reports in rows}


def _amounts(connection: Connection, prefix: str, added: Mapping[Key, list[Report]]) -> dict[Key, list[Report]]:
    """The reports so far of the pairs of which there are more now."""
    pairs = {key: {(report.customer, report.workload) for report in new} for key, new in added.items()}
    return _by_key(
        look_up(
            connection.query,
            "SELECT r.designation, r.month, r.position, r.customer, r.workload, r.place, r.amount FROM {wanted} "
            f"CROSS JOIN {prefix}reports AS r WHERE r.designation = wanted.column1 AND r.month = wanted.column2 "
            "AND r.customer = wanted.column3 AND r.workload = wanted.column4",
            [(*key, *pair) for key, some in pairs.items() for pair in some],
        )
    )


def _kept(
    connection: Connection, prefix: str, keys: Sequence[tuple[int, int, int]]
) -> dict[tuple[int, int, int], tuple[str, int]]:
    """The sums of months as they stand, by designation, month and edition."""
    rows = look_up(
        connection.query,
        f"SELECT s.designation, s.month, s.edition, s.kept, s.left_out FROM {{wanted}} CROSS JOIN {prefix}latest AS s "
        "WHERE s.designation = wanted.column1 AND s.month = wanted.column2 AND s.edition = wanted.column3",
        keys,
    )
    return {(designation, month, edition): (kept, left) for designation, month, edition, kept, left in rows}


def _by_key(rows: Iterable[tuple[Any, ...]]) -> dict[Key, list[Report]]:
    found: defaultdict[Key, list[Report]] = defaultdict(list)
    for designation, month, *report in rows:
        found[designation, month].append(Report(*report))
    for reports in found.values():
        reports.sort()
    return found


def _fold(key: Key, count: int, reports: Sequence[Report], fold: MonthFold, written: _Written) -> None:
    """Adds reports to a month that has so many, and notes the lines that this makes."""
    for number, report in enumerate(reports, count + 1):
        for counted, (before, after) in zip(fold.counted, fold.add(report), strict=True):
            if before != after:
                written.left_out += (
                    (*key, counted.at_hand.position, place // 5, report.customer, report.workload, place % 5,
                     report.position, int(place in after))
                    for place in {*before} ^ {*after}
                )  # fmt: skip
        if number % written.step == 0:
            written.sums += _lines(key, report.position, fold)
    written.latest += _lines(key, reports[-1].position, fold)


def _lines(key: Key, position: int, fold: MonthFold) -> list[tuple[Any, ...]]:
    return [(*key, one.at_hand.position, position, one.kept(), one.left_out) for one in fold.counted]
