"""What months amounted to as known by a position: the last checkpoint before it, and what has changed since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.programmes.capability.months import PLACE
from projections.capability.month_fold import Counted, EditionAtHand, MonthFold, Pair, Report, amounts_of
from projections.capability.wanted import Query, look_up


class Want(NamedTuple):
    """A month of a designation, valued by an edition."""

    designation: int
    month: int
    edition: EditionAtHand


class LeftOut(NamedTuple):
    """A report above zero that does not count: what it is about (0 revenue, 1 usage) and its association by its place."""

    what: int
    customer: str
    workload: str
    month: int
    association: int


@dataclass(slots=True)
class MonthKnown:
    """A month under one edition as known by a position.

    `touched` has the pairs with reports since the checkpoint, and of each the places of what does not count now.
    """

    want: Want
    checkpoint: int
    counted: Counted
    left_out_before: int
    touched: dict[Pair, tuple[int, ...]] = field(default_factory=dict)


class MonthReader:
    """Reads months of one build of the projection, a few statements for any number of them."""

    def __init__(self, query: Query, prefix: str) -> None:
        self._query = query
        self._prefix = prefix

    def read(self, wants: Iterable[Want], known: int) -> dict[tuple[int, int, int], MonthKnown]:
        """By designation, month and position of the edition: what a position knew of them."""
        by_key = {(want.designation, want.month, want.edition.position): want for want in wants}
        found = {}
        restored = self._checkpoints(list(by_key), known)
        for key, want in by_key.items():
            if (checkpoint := restored.get(key)) is None:
                found[key] = MonthKnown(want, 0, Counted.nothing(want.edition), 0)
            else:
                position, kept, left = checkpoint
                found[key] = MonthKnown(want, position, Counted.restored(want.edition, kept, left), left)
        self._add_later(found.values(), known)
        return found

    def left_out(self, month: MonthKnown, limit: int) -> list[LeftOut]:
        """The first reports of a month that do not count, in order: at least so many where there are so many."""
        _, number, edition = want = month.want
        found = [
            LeftOut(place // 5, *pair, number, place % 5) for pair, places in month.touched.items() for place in places
        ]
        if month.left_out_before:
            rows = self._query(
                f"SELECT l.what, l.customer, l.workload, l.association FROM {self._prefix}left_out AS l "
                "WHERE l.designation = ? AND l.month = ? AND l.edition = ? AND l.position <= ? AND l.is_out = 1 "
                f"AND NOT EXISTS (SELECT 1 FROM {self._prefix}left_out AS n WHERE n.designation = l.designation "
                "AND n.month = l.month AND n.edition = l.edition AND n.what = l.what AND n.customer = l.customer "
                "AND n.workload = l.workload AND n.association = l.association AND n.position > l.position "
                "AND n.position <= ?) ORDER BY l.what, l.customer, l.workload, l.association LIMIT ?",
                (
                    want.designation,
                    number,
                    edition.position,
                    month.checkpoint,
                    month.checkpoint,
                    limit + len(PLACE) * len(month.touched),
                ),
            )
            for what, customer, workload, association in rows:
                if (customer, workload) not in month.touched:
                    found.append(LeftOut(what, customer, workload, number, association))
        return sorted(found)[:limit]

    def _checkpoints(
        self, keys: Sequence[tuple[int, int, int]], known: int
    ) -> dict[tuple[int, int, int], tuple[int, str, int]]:
        sums = f"{self._prefix}sums"
        rows = look_up(
            self._query,
            "SELECT s.designation, s.month, s.edition, s.position, s.kept, s.left_out FROM {wanted} "
            f"CROSS JOIN {sums} AS s WHERE s.designation = wanted.column1 AND s.month = wanted.column2 "
            f"AND s.edition = wanted.column3 AND s.position = (SELECT max(e.position) FROM {sums} AS e "
            "WHERE e.designation = wanted.column1 AND e.month = wanted.column2 AND e.edition = wanted.column3 "
            "AND e.position <= ?)",
            keys,
            (known,),
        )
        return {
            (designation, month, edition): (position, kept, left)
            for designation, month, edition, position, kept, left in rows
        }

    def _add_later(self, months: Iterable[MonthKnown], known: int) -> None:
        """Adds the reports after each month's checkpoint: fewer than STEP of each."""
        by_tail: defaultdict[tuple[int, int, int], list[MonthKnown]] = defaultdict(list)
        for month in months:
            by_tail[month.want.designation, month.want.month, month.checkpoint].append(month)
        columns = (
            "wanted.column1, wanted.column2, wanted.column3, r.position, r.customer, r.workload, r.place, r.amount"
        )
        reports = (
            f"CROSS JOIN {self._prefix}reports AS r WHERE r.designation = wanted.column1 AND r.month = wanted.column2 "
        )
        tails = _by_tail(
            look_up(
                self._query,
                f"SELECT {columns} FROM {{wanted}} {reports}AND r.position > wanted.column3 AND r.position <= ?",
                list(by_tail),
                (known,),
            )
        )
        pairs = [
            (*tail, *pair)
            for tail, later in tails.items()
            if tail[2]
            for pair in {(report.customer, report.workload) for report in later}
        ]
        earlier = _by_tail(
            look_up(
                self._query,
                f"SELECT {columns} FROM {{wanted}} {reports}AND r.customer = wanted.column4 "
                "AND r.workload = wanted.column5 AND +r.position <= wanted.column3",
                pairs,
            )
        )
        for tail, later in tails.items():
            later.sort()
            fold = MonthFold([month.counted for month in by_tail[tail]], amounts_of(earlier.get(tail, ())))
            for month, changes in zip(by_tail[tail], fold.add(later), strict=True):
                month.touched = {change.pair: change.after for change in changes}


def _by_tail(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[int, int, int], list[Report]]:
    found: defaultdict[tuple[int, int, int], list[Report]] = defaultdict(list)
    for designation, month, checkpoint, *report in rows:
        found[designation, month, checkpoint].append(Report(*report))
    return found
