"""Writing reports and the checkpoints of their months (see `projections.capability.month_tables`), in bulk.

A batch costs a few statements for every few hundred months and pairs that it touches, whatever the book holds. A month
whose reports reach no multiple of a step is only added to. An edition costs one look at each report of its area that is
under a checkpoint: all months are valued by it then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from projections.capability.month_fold import Counted, EditionAtHand, MonthFold, Report, amounts_of
from projections.capability.month_tables import LEFT_OUT, MONTHS, REPORTS, STEP, SUMS
from projections.capability.wanted import look_up
from projections.database import Connection

Key = tuple[int, int]
"""A designation and a month, by their numbers."""
READ_AT_ONCE: Final = 20_000
"""So many reports are about to be held at once when months are valued by a new edition."""


class Reached(NamedTuple):
    """How many reports a month has, and the position of its last checkpoint (0: none)."""

    reports: int = 0
    checked: int = 0


@dataclass(slots=True)
class _Written:
    """Rows of checkpoints, as they add up."""

    step: int
    sums: list[tuple[Any, ...]] = field(default_factory=list)
    left_out: list[tuple[Any, ...]] = field(default_factory=list)

    def write(self, connection: Connection, prefix: str) -> None:
        for table, rows in ((SUMS, self.sums), (LEFT_OUT, self.left_out)):
            if rows:
                connection.insert(prefix + table.name, len(table.columns), rows)


def write_reports(
    connection: Connection,
    prefix: str,
    reports: Mapping[Key, list[Report]],
    editions: Mapping[int, Sequence[EditionAtHand]],
    step: int = STEP,
) -> None:
    """Writes a batch's reports, in the order of their positions, and the checkpoints that they reach.

    `editions` has those of each designation's area; `step` says how many reports lie between two checkpoints.
    """
    reached = _reached(connection, prefix, list(reports))
    full = {}
    for key, added in reports.items():
        before = reached.get(key, Reached()).reports
        if steps := (before + len(added)) // step - before // step:
            full[key] = steps * step
    written = _Written(step)
    checked = _check(connection, prefix, reports, reached, full, editions, written) if full else {}
    rows = [(*key, *report) for key, added in reports.items() for report in added]
    connection.insert(prefix + REPORTS.name, len(REPORTS.columns), rows)
    months = []
    for key, added in reports.items():
        count, last = reached.get(key, Reached())
        months.append((*key, count + len(added), checked.get(key, last)))
    connection.upsert(
        prefix + MONTHS.name,
        MONTHS,
        months,
        "ON CONFLICT (designation, month) DO UPDATE SET reports = excluded.reports, checked = excluded.checked",
    )
    written.write(connection, prefix)


def value_by(connection: Connection, prefix: str, area: str, edition: EditionAtHand, step: int = STEP) -> None:
    """Values every month of an area by an edition: its line of sums for each checkpoint that there is."""
    months = connection.query(
        f"SELECT m.designation, m.month, m.reports, m.checked FROM {prefix}designations AS d "
        f"CROSS JOIN {prefix}months AS m WHERE d.area = ? AND m.designation = d.position AND m.checked > 0",
        (area,),
    )
    for page in _pages(months):
        rows = look_up(
            connection.query,
            "SELECT r.designation, r.month, r.position, r.customer, r.workload, r.place, r.amount FROM {wanted} "
            f"CROSS JOIN {prefix}reports AS r WHERE r.designation = wanted.column1 AND r.month = wanted.column2 "
            "AND r.position <= wanted.column3",
            page,
        )
        written = _Written(step)
        for key, reports in _by_key(rows).items():
            _fold(key, reports, MonthFold([Counted.nothing(edition)]), written)
        written.write(connection, prefix)


def _pages(months: Iterable[tuple[int, int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    page: list[tuple[int, int, int]] = []
    held = 0
    for designation, month, reports, checked in months:
        page.append((designation, month, checked))
        held += reports
        if held >= READ_AT_ONCE:
            yield page
            page, held = [], 0
    yield page


def _reached(connection: Connection, prefix: str, keys: Sequence[Key]) -> dict[Key, Reached]:
    rows = look_up(
        connection.query,
        f"SELECT m.designation, m.month, m.reports, m.checked FROM {{wanted}} CROSS JOIN {prefix}months AS m "
        "WHERE m.designation = wanted.column1 AND m.month = wanted.column2",
        keys,
    )
    return {(designation, month): Reached(reports, checked) for designation, month, reports, checked in rows}


def _check(
    connection: Connection,
    prefix: str,
    reports: Mapping[Key, list[Report]],
    reached: Mapping[Key, Reached],
    full: Mapping[Key, int],
    editions: Mapping[int, Sequence[EditionAtHand]],
    written: _Written,
) -> dict[Key, int]:
    """Makes the rows of the checkpoints that months reach; returns the position of the last one of each.

    `full` says for how many reports after its last checkpoint a month gets checkpoints.
    """
    at = {key: reached.get(key, Reached()) for key in full}
    tails = _by_key(
        look_up(
            connection.query,
            "SELECT r.designation, r.month, r.position, r.customer, r.workload, r.place, r.amount FROM {wanted} "
            f"CROSS JOIN {prefix}reports AS r WHERE r.designation = wanted.column1 AND r.month = wanted.column2 "
            "AND r.position > wanted.column3",
            [(*key, before.checked) for key, before in at.items() if before.reports % written.step],
        )
    )
    added = {key: [*tails.get(key, ()), *reports[key]][:count] for key, count in full.items()}
    begun = {key: added[key] for key, before in at.items() if before.checked}
    amounts = _amounts(connection, prefix, begun, at)
    kept = _kept(
        connection,
        prefix,
        [(*key, edition.position, at[key].checked) for key in begun for edition in editions[key[0]]],
    )
    for key, new in added.items():
        counted = []
        for edition in editions[key[0]]:
            found = kept.get((*key, edition.position))
            counted.append(Counted.nothing(edition) if found is None else Counted.restored(edition, *found))
        _fold(key, new, MonthFold(counted, amounts_of(amounts.get(key, ()))), written)
    return {key: new[-1].position for key, new in added.items()}


def _amounts(
    connection: Connection, prefix: str, added: Mapping[Key, list[Report]], at: Mapping[Key, Reached]
) -> dict[Key, list[Report]]:
    """The reports up to a month's last checkpoint of the pairs of which there are more now."""
    pairs = {key: {(report.customer, report.workload) for report in new} for key, new in added.items()}
    return _by_key(
        look_up(
            connection.query,
            "SELECT r.designation, r.month, r.position, r.customer, r.workload, r.place, r.amount FROM {wanted} "
            f"CROSS JOIN {prefix}reports AS r WHERE r.designation = wanted.column1 AND r.month = wanted.column2 "
            "AND r.customer = wanted.column4 AND r.workload = wanted.column5 AND +r.position <= wanted.column3",
            [(*key, at[key].checked, *pair) for key, some in pairs.items() for pair in some],
        )
    )


def _kept(
    connection: Connection, prefix: str, checkpoints: Sequence[tuple[int, int, int, int]]
) -> dict[tuple[int, int, int], tuple[str, int]]:
    """The sums of checkpoints (designation, month, edition, position), by the first three."""
    rows = look_up(
        connection.query,
        f"SELECT s.designation, s.month, s.edition, s.kept, s.left_out FROM {{wanted}} CROSS JOIN {prefix}sums AS s "
        "WHERE s.designation = wanted.column1 AND s.month = wanted.column2 AND s.edition = wanted.column3 "
        "AND s.position = wanted.column4",
        checkpoints,
    )
    return {(designation, month, edition): (kept, left) for designation, month, edition, kept, left in rows}


def _by_key(rows: Iterable[tuple[Any, ...]]) -> dict[Key, list[Report]]:
    found: defaultdict[Key, list[Report]] = defaultdict(list)
    for designation, month, *report in rows:
        found[designation, month].append(Report(*report))
    for reports in found.values():
        reports.sort()
    return found


def _fold(key: Key, reports: Sequence[Report], fold: MonthFold, written: _Written) -> None:
    """Adds reports to a month; after every step of them a line for each edition, and what is left out from there on."""
    for start in range(0, len(reports), written.step):
        block = reports[start : start + written.step]
        position = block[-1].position
        for counted, changes in zip(fold.counted, fold.add(block), strict=True):
            edition = counted.at_hand.position
            written.sums.append((*key, edition, position, counted.kept(), counted.left_out))
            written.left_out += (
                (*key, edition, place // 5, *change.pair, place % 5, position, int(place in change.after))
                for change in changes
                if change.before != change.after
                for place in {*change.before} ^ {*change.after}
            )
