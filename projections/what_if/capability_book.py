"""What the capability programme's columns are read from: the projections of an area, as known by a position, and by each
decision.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Final

import polars as pl

from ledger.instants import BEGINNING_US, END_US
from ledger.programmes.capability.editions import Edition, Scorebook
from ledger.programmes.capability.outcome import window
from projections.capability.designations_reader import LastDecision
from projections.capability.score_reader import ScoreReader
from projections.questions.view import View
from projections.what_if.capability import CERTIFICATES, CLOSES, REPORTS, Scored
from projections.what_if.figures import Hypothesis, Segment, segments
from projections.what_if.spans import AT, KEY

PAGE: Final = 200_000
_NUMBER: Final = {"designation": pl.Int64(), "position": pl.Int64()}
_REPORTS: Final = {
    "designation": pl.Int64(), "month": pl.Int64(), "position": pl.Int64(), "customer": pl.String(),
    "workload": pl.String(), "place": pl.Int64(), "amount": pl.Int64(),
}  # fmt: skip
_CLOSES: Final = {**_NUMBER, "month": pl.Int64(), AT: pl.Int64()}
_CERTIFICATES: Final = {
    "designation": pl.Int64(), "certificate": pl.String(), "position": pl.Int64(), "person": pl.String(),
    "tier": pl.String(), "from_us": pl.Int64(), "until_us": pl.Int64(),
}  # fmt: skip
_ENDS: Final = {
    "designation": pl.Int64(), "certificate": pl.String(), "end_position": pl.Int64(), "ended_us": pl.Int64(),
}  # fmt: skip
_ASKED: Final = {KEY: pl.UInt32(), "designation": pl.Int64(), "known": pl.Int64()}
"""A key, the number of its designation, and the position before which something is known to it."""
_LOOKED_AT: Final = {KEY: pl.UInt32(), "from_us": pl.Int64(), "to_us": pl.Int64()}


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that stands, and what it would have been."""

    row: LastDecision
    would_be: str


class CapabilityBook:
    """All of an area that is known by a position."""

    def __init__(self, view: View, area: str, known: int) -> None:
        """Raises UnknownDesignation where nobody has opened a designation in that area by then."""
        designations, scores = view.designations(), view.scores()
        designations.require_area(area, known)
        self.area, self.known = area, known
        self._scorebook = scores.scorebook
        self._edition_positions = scores.edition_positions(area, known)
        of_area = scores.numbers(area, known)
        self.memberships = [membership for membership, _ in of_area]
        self._numbers = dict(of_area)
        self._decisions = designations.last_decisions(area, known)
        self._scores = scores

    @cached_property
    def _reports(self) -> pl.DataFrame:
        reports = _reports(self._scores, self.area, self.known)
        return reports.with_columns(pl.col("customer").cast(pl.Categorical).to_physical())

    @cached_property
    def _closes(self) -> pl.DataFrame:
        return self._of_area(pl.DataFrame(self._scores.closes(self.known), schema=_CLOSES, orient="row"))

    @cached_property
    def _certificates(self) -> pl.DataFrame:
        found = pl.DataFrame(self._scores.certificates(self.known), schema=_CERTIFICATES, orient="row")
        return self._of_area(found).with_columns(pl.col("person").cast(pl.Categorical).to_physical())

    @cached_property
    def _ends(self) -> pl.DataFrame:
        return pl.DataFrame(self._scores.certificate_ends(self.known), schema=_ENDS, orient="row")

    def _of_area(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Those rows that are of a designation of the area."""
        return rows.filter(pl.col("designation").is_in(list(self._numbers.values())))

    @property
    def scorebook(self) -> Scorebook:
        """The editions of the area."""
        return self._scorebook(self.area, self.known)

    def scored(self) -> Scored:
        """All that counts; the keys are the places of `memberships`."""
        numbers = [self._numbers[membership] for membership in self.memberships]
        return self._scored(_asked(range(len(numbers)), numbers, [self.known + 1] * len(numbers)))

    def looked_at(self, from_us: int, to_us: int) -> pl.DataFrame:
        """Every designation, within a span."""
        number = len(self.memberships)
        spans = {KEY: range(number), "from_us": [from_us] * number, "to_us": [to_us] * number}
        return pl.DataFrame(spans, schema=_LOOKED_AT)

    def decisions(self, other: Hypothesis) -> list[Decided]:
        """Each decision that stands, taken anew with what it knew, under other figures; in the order of the ledger."""
        if not other.figures:
            return [Decided(row, row.outcome) for row in self._decisions]
        outcomes: dict[int, str] = {}
        of_editions = [
            (bisect_left(self._edition_positions, row.position), place) for place, row in enumerate(self._decisions)
        ]
        for number, several in groupby(sorted(of_editions), key=lambda one: one[0]):
            known = self._scorebook(self.area, self._edition_positions[number - 1]) if number else Scorebook()
            outcomes |= self._outcomes([place for _, place in several], other.scorebook(known))
        return [Decided(row, outcomes[place]) for place, row in enumerate(self._decisions)]

    def _outcomes(self, places: Sequence[int], scorebook: Scorebook) -> dict[int, str]:
        """What some decisions, by their place, would say under a scorebook (C3)."""
        rows = [self._decisions[place] for place in places]
        asked = _asked(places, [self._numbers[row.membership] for row in rows], [row.position for row in rows])
        spans = []
        for row in rows:
            from_us, last_us = window(scorebook, row.anniversary)
            # Of a window that had not begun when it was decided no instant was reached: it was qualified at none.
            spans.append((from_us, max(from_us, min(last_us, row.reached_us) + 1)))
        several = in_force(scorebook, BEGINNING_US, END_US + 1)
        looked_at = pl.DataFrame(
            [(place, *span) for place, span in zip(places, spans, strict=True) if span[0] < span[1]],
            schema=_LOOKED_AT,
            orient="row",
        )
        qualified = set(self._scored(asked).qualified(looked_at, several)[KEY])
        first_us = next((one.from_us for one in several if one.edition is not None), END_US + 1)
        return {
            place: "no-edition"
            if max(to_us, from_us + 1) <= first_us
            else "qualified"
            if place in qualified
            else "not-qualified"
            for place, (from_us, to_us) in zip(places, spans, strict=True)
        }

    def _scored(self, asked: pl.DataFrame) -> Scored:
        """What counts for keys, each of a designation and as known before a position (_ASKED)."""
        before = pl.col("position") < pl.col("known")
        closes = (
            asked.join(self._closes, on="designation").filter(before)
            .sort("position").group_by(KEY, "month").agg(pl.col(AT).last())
        )  # fmt: skip
        compared = pl.concat([closes.select(KEY, "month"), closes.select(KEY, pl.col("month") - 12)]).unique()
        pair = [KEY, "month", "customer", "workload", "place"]
        reports = (
            asked.join(compared, on=KEY)
            .join(self._reports, on=["designation", "month"])
            .filter(before)
            .sort("position").group_by(pair).agg(pl.col("amount").last())
        )  # fmt: skip
        of_certificate = [KEY, "certificate"]
        ends = (
            asked.join(self._ends, on="designation").filter(pl.col("end_position") < pl.col("known"))
            .sort("end_position").group_by(of_certificate).agg(pl.col("ended_us").last())
        )  # fmt: skip
        held = asked.join(self._certificates, on="designation").filter(before).join(ends, on=of_certificate, how="left")
        until = pl.min_horizontal("until_us", "ended_us").fill_null(END_US + 1)
        certificates = held.with_columns(until.alias("to_us"))
        return Scored(_only(reports, REPORTS), _only(closes, CLOSES), _only(certificates, CERTIFICATES))


def in_force(scorebook: Scorebook, from_us: int, to_us: int) -> list[Segment[Edition]]:
    """Which edition of a scorebook is in force when, within a span."""
    return segments(((one.effective_us, one) for one in scorebook.editions), from_us, to_us)


def _asked(keys: Sequence[int], designations: Sequence[int], known: Sequence[int]) -> pl.DataFrame:
    return pl.DataFrame({KEY: keys, "designation": designations, "known": known}, schema=_ASKED)


def _only(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())


def _reports(scores: ScoreReader, area: str, known: int) -> pl.DataFrame:
    pages = [pl.DataFrame(schema=_REPORTS)]
    after = (0, 0, 0)
    while page := scores.reports(area, known, after, PAGE):
        pages.append(pl.DataFrame(list(map(list, zip(*page, strict=True))), schema=_REPORTS, orient="col"))
        after = page[-1][:3]
    return pl.concat(pages)
