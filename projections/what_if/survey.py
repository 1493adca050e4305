"""The survey programme by columns: when each membership would have met the requirement.

The rules are those of `ledger.programmes.survey` (R1, R2, R3, R5, R9, R11), said for all memberships at once; a property
test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from ledger.programmes.survey.editions import Edition
from projections.what_if.figures import Segment, alike
from projections.what_if.spans import (
    AT,
    KEY,
    STEPS,
    after_months,
    clipped,
    differences,
    holding,
    running,
    steps_of,
)

RESPONSES: Final = {
    KEY: pl.UInt32(), "location": pl.UInt32(), "organisation": pl.UInt32(), "received_us": pl.Int64(),
}  # fmt: skip
"""Responses that count, the numbers of their location and organisation being a membership's own."""
EVALUATIONS: Final = {KEY: pl.UInt32(), "received_us": pl.Int64()}
LEARNING: Final = {KEY: pl.UInt32(), "from_us": pl.Int64(), "to_us": pl.Int64()}
"""From when until before when the Learning competency is held."""


class Evidence:
    """What counts for many memberships (or for many decisions, each by what it knew), as frames."""

    def __init__(self, responses: pl.DataFrame, evaluations: pl.DataFrame, learning: pl.DataFrame) -> None:
        """RESPONSES, EVALUATIONS and LEARNING."""
        self._responses = responses
        self._evaluations = evaluations.join(learning.select(KEY).unique(), on=KEY, how="semi")
        self._learning = learning
        self._expiries: dict[tuple[str, int], pl.DataFrame] = {}

    def satisfied(self, several: Sequence[Segment[Edition]]) -> pl.DataFrame:
        """When the requirement is met, as STEPS within the segments."""
        found = [pl.DataFrame(schema=STEPS)]
        for one in alike(several, lambda edition: (edition.figures, edition.min_evaluations)):
            if one.edition is not None:
                found += [
                    self._by_responses(one.edition, one.from_us, one.to_us),
                    self._by_evaluations(one.edition, one.from_us, one.to_us),
                ]
        return pl.concat(found)

    def _by_responses(self, edition: Edition, from_us: int, to_us: int) -> pl.DataFrame:
        """When some location has enough responses of enough organisations, each counted up to its cap."""
        counting = clipped(self._counting("responses", edition.window_months), from_us, to_us)
        location = pl.lit(0, pl.UInt32) if edition.pool_locations else pl.col("location")
        of_organisation = steps_of(
            counting.with_columns(location.alias("location")),
            [KEY, "location", "organisation"],
            number=pl.lit(1, pl.Int64),
        )
        number = pl.col("number")
        of_location = differences(
            running(of_organisation, [KEY, "location", "organisation"], ["number"]),
            applied=number.clip(upper_bound=edition.per_org_cap),
            organisations=(number > 0).cast(pl.Int64),
        ).select(KEY, "location", AT, "applied", "organisations")
        enough = (pl.col("applied") >= edition.min_responses) & (pl.col("organisations") >= edition.min_organisations)
        locations = differences(
            running(of_location, [KEY, "location"], ["applied", "organisations"]), number=enough.cast(pl.Int64)
        )
        return holding(locations.select(KEY, AT, "number"), pl.col("number") > 0, ["number"])

    def _by_evaluations(self, edition: Edition, from_us: int, to_us: int) -> pl.DataFrame:
        """When enough evaluations count, and Learning is held."""
        counting = clipped(self._counting("evaluations", edition.window_months), from_us, to_us)
        one, nothing = pl.lit(1, pl.Int64), pl.lit(0, pl.Int64)
        both = pl.concat([
            steps_of(counting, [KEY], number=one, held=nothing),
            steps_of(clipped(self._learning, from_us, to_us), [KEY], number=nothing, held=one),
        ])  # fmt: skip
        enough = (pl.col("held") > 0) & (pl.col("number") >= edition.min_evaluations)
        return holding(both, enough, ["number", "held"])

    def _counting(self, what: str, months: int) -> pl.DataFrame:
        """From when until before when each response, or evaluation, counts under a window."""
        found = self._expiries.get((what, months))
        if found is None:
            frame = self._responses if what == "responses" else self._evaluations
            found = self._expiries[what, months] = frame.with_columns(
                after_months(frame["received_us"], months).alias("to_us")
            ).rename({"received_us": "from_us"})
        return found
