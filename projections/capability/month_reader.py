"""What months amounted to as known by a position, and which reports did not count (see `month_tables`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from projections.capability.month_fold import Counted, EditionAtHand, MonthFold, Report, amounts_of
from projections.look_up import Query, look_up

MonthKey = tuple[int, int, int]
"""A designation, a month, and the position of an edition or of a checkpoint."""


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


class MonthReader:
    """Reads months of one build of the projection, a few statements for any number of them."""

    def __init__(self, query: Query, prefix: str) -> None:
        self._query = query
        self._prefix = prefix

    def read(self, wants: Iterable[Want], known: int) -> dict[tuple[int, int, int], Counted]:
        """By designation, month and position of the edition: what they amounted to as known by a position."""
        by_key = {(want.designation, want.month, want.edition.position): want.edition for want in wants}
        found = {}
        earlier = []
        for key, (position, kept, left) in self._latest(list(by_key)).items():
            if position <= known:
                found[key] = Counted.restored(by_key[key], kept, left)
            else:
                earlier.append(key)
        if earlier:
            found |= self._read_earlier({key: by_key[key] for key in earlier}, known)
        return {key: found.get(key) or Counted.nothing(edition) for key, edition in by_key.items()}

    def left_out(self, want: Want, known: int, limit: int) -> list[LeftOut]:
        """The first reports of a month that do not count, in order, as known by a position (C13)."""
        designation, month, edition = want
        rows = self._query(
            f"SELECT l.what, l.customer, l.workload, l.association FROM {self._prefix}left_out AS l "
            "WHERE l.designation = ? AND l.month = ? AND l.edition = ? AND l.position <= ? AND l.is_out = 1 "
            f"AND NOT EXISTS (SELECT 1 FROM {self._prefix}left_out AS n WHERE n.designation = l.designation "
            "AND n.month = l.month AND n.edition = l.edition AND n.what = l.what AND n.customer = l.customer "
            "AND n.workload = l.workload AND n.association = l.association AND n.position > l.position "
            "AND n.position <= ?) ORDER BY l.what, l.customer, l.workload, l.association LIMIT ?",
            (designation, month, edition.position, known, known, limit),
        )
        return [LeftOut(what, customer, workload, month, association) for what, customer, workload, association in rows]

    def _latest(self, keys: Sequence[MonthKey]) -> dict[MonthKey, tuple[int, str, int]]:
        rows = look_up(
            self._query,
            "SELECT s.designation, s.month, s.edition, s.position, s.kept, s.left_out FROM {wanted} "
            f"CROSS JOIN {self._prefix}latest AS s WHERE s.designation = wanted.column1 AND s.month = wanted.column2 "
            "AND s.edition = wanted.column3",
            keys,
        )
        return {tuple(row[:3]): tuple(row[3:]) for row in rows}

    def _read_earlier(self, months: Mapping[MonthKey, EditionAtHand], known: int) -> dict[MonthKey, Counted]:
        """Months of which more was reported later: the last checkpoint before a position, and the reports since."""
        checkpoints = self._checkpoints(list(months), known)
        found = {}
        by_tail: defaultdict[MonthKey, list[Counted]] = defaultdict(list)
        for key, edition in months.items():
            position, *kept = checkpoints.get(key, (0,))
            found[key] = Counted.restored(edition, *kept) if position else Counted.nothing(edition)
            by_tail[key[0], key[1], position].append(found[key])
        self._add_later(by_tail, known)
        return found

    def _checkpoints(self, keys: Sequence[MonthKey], known: int) -> dict[MonthKey, Any]:
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
        return {tuple(row[:3]): row[3:] for row in rows}

    def _add_later(self, by_tail: Mapping[MonthKey, Sequence[Counted]], known: int) -> None:
        """Adds the reports after a checkpoint, fewer than STEP of each: by designation, month and its position."""
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
            fold = MonthFold(by_tail[tail], amounts_of(earlier.get(tail, ())))
            for report in sorted(later):
                fold.add(report)


def _by_tail(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[int, int, int], list[Report]]:
    found: defaultdict[tuple[int, int, int], list[Report]] = defaultdict(list)
    for designation, month, checkpoint, *report in rows:
        found[designation, month, checkpoint].append(Report(*report))
    return found
