"""What the survey programme's columns are read from: the projections, as known by a position, and by each decision."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Final

import polars as pl

from ledger.instants import END_US, evaluation_us, parse_date
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.organisations import Organisations
from projections.questions.view import View
from projections.survey.eligibility_reader import EligibilityReader
from projections.survey.renewals_reader import DecisionRow
from projections.what_if.figures import Hypothesis, Segment, segments
from projections.what_if.spans import AT, KEY
from projections.what_if.survey import EVALUATIONS, LEARNING, RESPONSES, Evidence

PAGE: Final = 200_000
_RECEIVED: Final = {
    "membership": pl.String(), "received_us": pl.Int64(), "position": pl.Int64(), "location": pl.String(),
    "customer_org": pl.String(), "void": pl.Int64(),
}  # fmt: skip
_EVALUATIONS: Final = {"membership": pl.String(), "received_us": pl.Int64(), "position": pl.Int64()}
_ATTRIBUTES: Final = {
    "membership": pl.String(), "since_us": pl.Int64(), "position": pl.Int64(), "level": pl.String(), "learning": pl.Int8(),
}  # fmt: skip
_NAMES: Final = {KEY: pl.UInt32(), "customer_org": pl.String(), "organisation": pl.String()}


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that stands, and what it would have been."""

    row: DecisionRow
    would_be: str


class SurveyBook:
    """All of the survey programme that is known by a position."""

    def __init__(self, view: View, known: int) -> None:
        self.known = known
        self._reader = view.eligibility()
        self.rulebook = self._reader.rulebook(known)
        self.memberships = [name for chunk in self._reader.memberships(known) for name, _ in chunk]
        newest = {(row.membership, row.renewal_date): row for row in view.renewals().decisions(None, END_US, known)}
        self._decisions = list(newest.values())
        self._numbers = {name: number for number, name in enumerate(self.memberships)}

    @cached_property
    def _received(self) -> pl.DataFrame:
        """Every response, with the place of its membership (`of`)."""
        return self._of(_received(self._reader, self.known)).with_columns(
            pl.col("location").cast(pl.Categorical).to_physical()
        )

    @cached_property
    def _evaluations(self) -> pl.DataFrame:
        return self._of(pl.DataFrame(self._reader.evaluations(self.known), schema=_EVALUATIONS, orient="row"))

    @cached_property
    def _attributes(self) -> pl.DataFrame:
        attributes = pl.DataFrame(self._reader.attributes(self.known), schema=_ATTRIBUTES, orient="row")
        return self._of(attributes).sort("of", "since_us", "position")

    @cached_property
    def _joins(self) -> list[tuple[Any, ...]]:
        return self._reader.joins(self.known)

    def _of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows of memberships by the places of these, in the place of their names."""
        names = pl.DataFrame({"membership": self.memberships}, schema={"membership": pl.String()}).with_row_index("of")
        return rows.join(names, on="membership").drop("membership")

    def evidence(self) -> Evidence:
        """All that counts; the keys are the places of `memberships`."""
        of_all = pl.DataFrame(
            {KEY: range(len(self.memberships)), "of": range(len(self.memberships)), "known": self.known + 1},
            schema=_ASKED,
        )
        return self._evidence(of_all, self._received)

    def decisions(self, other: Hypothesis) -> list[Decided]:
        """Each decision that stands, taken anew with what it knew, under other figures; in the order of the ledger."""
        if not other.figures:
            return [Decided(row, row.outcome) for row in self._decisions]
        outcomes: dict[int, str] = {}
        published = self._reader.edition_positions(self.known)
        at_us = [evaluation_us(parse_date(row.renewal_date)) for row in self._decisions]
        within = [
            (bisect_left(published, row.position), place)
            for place, row in enumerate(self._decisions)
            if other.from_us <= at_us[place] < other.to_us
        ]
        for number, several in groupby(sorted(within), key=lambda one: one[0]):
            known = self._reader.rulebook(published[number - 1]) if number else Rulebook(())
            places = [place for _, place in several]
            outcomes |= self._outcomes(places, [at_us[place] for place in places], other.rulebook(known))
        return [Decided(row, outcomes.get(place, row.outcome)) for place, row in enumerate(self._decisions)]

    def _outcomes(
        self, places: Sequence[int], at_us: Sequence[int], editions: Sequence[Segment[Edition]]
    ) -> dict[int, str]:
        """What some decisions, by their place, would say under editions."""
        rows = [self._decisions[place] for place in places]
        asked = pl.DataFrame(
            {
                KEY: places, "of": [self._numbers[row.membership] for row in rows], "known": [row.position for row in rows],
                AT: at_us,
            },
            schema={**_ASKED, AT: pl.Int64()},
        )  # fmt: skip
        months = max((one.edition.window_months for one in editions if one.edition is not None), default=1)
        # A month more than any window: each receipt is tested by itself.
        earliest = pl.col(AT) - (months + 1) * 31 * 86_400_000_000
        received = self._received.join(asked.select("of").unique(), on="of", how="semi")
        evidence = self._evidence(
            asked, received, (pl.col("received_us") <= pl.col(AT)) & (pl.col("received_us") >= earliest)
        )
        held = (
            evidence.satisfied(editions)
            .join(asked.select(KEY, pl.col(AT).alias("asked_us")), on=KEY)
            .filter(pl.col(AT) <= pl.col("asked_us"))
            .group_by(KEY).agg(pl.col("step").sum())
            .filter(pl.col("step") > 0)
        )  # fmt: skip
        levels = (
            asked.join(self._attributes.drop_nulls("level"), on="of")
            .filter((pl.col("position") < pl.col("known")) & (pl.col("since_us") <= pl.col(AT)))
            .sort(KEY, "since_us", "position")
            .group_by(KEY).agg(pl.col("level").last())
        )  # fmt: skip
        satisfied, gold = set(held[KEY]), set(levels.filter(pl.col("level") == "gold")[KEY])
        starts = [one.from_us for one in editions]
        found = {}
        for place, instant_us in zip(places, at_us, strict=True):
            in_force = editions[bisect_left(starts, instant_us + 1) - 1].edition
            required = in_force is not None and place in gold
            found[place] = ("met" if place in satisfied else "not-met") if required else "not-required"
        return found

    def _evidence(self, asked: pl.DataFrame, received: pl.DataFrame, which: pl.Expr | None = None) -> Evidence:
        """What counts for keys, each of a membership and as known before a position (_ASKED)."""
        before = pl.col("position") < pl.col("known")
        known = before & (pl.col("void").is_null() | (pl.col("void") >= pl.col("known")))
        responses = asked.join(received, on="of").filter(known if which is None else known & which)
        names = pl.DataFrame(list(self._names(asked)), schema=_NAMES, orient="row")
        organisation = pl.coalesce("organisation", "customer_org") if names.height else pl.col("customer_org")
        responses = (
            (responses.join(names, on=[KEY, "customer_org"], how="left") if names.height else responses)
            .with_columns(organisation.cast(pl.Categorical).to_physical().alias("organisation"))
            .select(pl.col(name).cast(kind) for name, kind in RESPONSES.items())
        )
        evaluations = asked.join(self._evaluations, on="of").filter(before)
        said = (
            asked.join(self._attributes.drop_nulls("learning"), on="of")
            .filter(before)
            .sort(KEY, "since_us", "position")
        )
        learning = said.select(
            KEY,
            pl.col("since_us").alias("from_us"),
            pl.when(pl.col(KEY).ne_missing(pl.col(KEY).shift(-1)))
            .then(pl.lit(END_US + 1))
            .otherwise(pl.col("since_us").shift(-1))
            .alias("to_us"),
            "learning",
        ).filter((pl.col("learning") == 1) & (pl.col("from_us") < pl.col("to_us")))
        return Evidence(
            responses,
            evaluations.select(pl.col(name).cast(kind) for name, kind in EVALUATIONS.items()),
            learning.select(pl.col(name).cast(kind) for name, kind in LEARNING.items()),
        )

    def _names(self, asked: pl.DataFrame) -> Iterator[tuple[int, str, str]]:
        """(key, name, name of its organisation) where a name was known to be one of several of an organisation."""
        if not self._joins:
            return
        joined: defaultdict[int, list[Any]] = defaultdict(list)
        for membership, *said in self._joins:
            joined[self._numbers[membership]].append(said)
        of_joined = asked.filter(pl.col("of").is_in(list(joined))).sort("of", "known")
        for of, several in groupby(of_joined.select("of", "known", KEY).iter_rows(), key=lambda row: int(row[0])):
            organisations, ahead = Organisations(), iter([*joined[of], None])
            join = next(ahead)
            for _, known, key in several:
                while join is not None and join[0] < known:
                    _, one, other, are_one = join
                    organisations.know(one)
                    organisations.know(other)
                    (organisations.join if are_one else organisations.separate)(one, other)
                    join = next(ahead)
                yield from ((key, name, group.name) for name, group in organisations.groups.items())


_ASKED: Final = {KEY: pl.UInt32(), "of": pl.UInt32(), "known": pl.Int64()}
"""A key, the place of its membership, and the position before which something is known to it."""


def _received(reader: EligibilityReader, known: int) -> pl.DataFrame:
    pages = [pl.DataFrame(schema=_RECEIVED)]
    after: tuple[str, int, int] = ("", -(1 << 62), 0)
    while page := reader.received(known, after, PAGE):
        membership, received_us, position, location, customer_org, _, void = zip(*page, strict=True)
        columns = (membership, received_us, position, location, customer_org, void)
        pages.append(pl.DataFrame(list(map(list, columns)), schema=_RECEIVED, orient="col"))
        after = page[-1][:3]
    return pl.concat(pages)


def actual(rulebook: Rulebook, other: Hypothesis) -> list[Segment[Edition]]:
    """Which edition was in force when, in the span of other figures."""
    return segments(((one.effective_us, one) for one in rulebook.editions), other.from_us, other.to_us)
