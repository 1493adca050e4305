"""The capability programme by columns: when each designation of an area would have been qualified.

The rules are those of `ledger.programmes.capability` (C1, C2, C5 to C13), said for all designations at once; a property test
holds the two together. Whole numbers only; what may pass 64 bits has 128.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from ledger.programmes.capability.calendar import YEAR
from ledger.programmes.capability.editions import Edition
from ledger.programmes.capability.months import ASSOCIATIONS, PLACE
from ledger.programmes.capability.state import METRICS
from projections.what_if.figures import Segment
from projections.what_if.spans import AT, KEY, STEPS, running, steps_of

TIERS: Final = ("intermediate", "advanced")
TRACKS: Final = ("enterprise", "smb")
REPORTS: Final = {
    KEY: pl.UInt32(), "month": pl.Int64(), "customer": pl.UInt32(), "workload": pl.String(), "place": pl.Int64(),
    "amount": pl.Int64(),
}  # fmt: skip
"""The latest report of each month, customer, workload and place (`months.PLACE`)."""
CLOSES: Final = {KEY: pl.UInt32(), "month": pl.Int64(), AT: pl.Int64()}
"""When each month was closed, as that was said last."""
CERTIFICATES: Final = {
    KEY: pl.UInt32(), "tier": pl.String(), "person": pl.UInt32(), "from_us": pl.Int64(), "to_us": pl.Int64(),
}  # fmt: skip
"""From when until before when each certificate counts."""
_WIDE: Final = pl.Int128()
_SUMS: Final = {
    "month": pl.Int64(), "segment": pl.Int64(), "mcv": _WIDE, "workloads": pl.Int64(),
    **{f"{what}-{track}": pl.Int64() for what in ("deployments", "net-adds") for track in TRACKS},
}  # fmt: skip


class Scored:
    """What counts for the designations of an area (or for decisions on them, each by what it knew), as frames."""

    def __init__(self, reports: pl.DataFrame, closes: pl.DataFrame, certificates: pl.DataFrame) -> None:
        """REPORTS, CLOSES and CERTIFICATES."""
        self._reports = reports
        self._last = _last_months(closes)
        self._people = {tier: _people(certificates.filter(pl.col("tier") == tier)) for tier in TIERS}

    def qualified(self, keys: pl.DataFrame, several: Sequence[Segment[Edition]]) -> pl.DataFrame:
        """When those of some keys (columns KEY, from_us, to_us: what is looked at of each) qualify, as STEPS.

        The segments have to follow one another, and to hold all that is looked at.
        """
        if not several or not keys.height:
            return pl.DataFrame(schema=STEPS)
        scores = self._scores(self._instants(keys, several), several)
        ends = keys.select(KEY, pl.col("to_us").alias(AT), pl.lit(0, pl.Int64).alias("holds"))
        states = pl.concat([scores.select(KEY, AT, pl.col("qualified").cast(pl.Int64).alias("holds")), ends]).sort(
            KEY, AT
        )
        # Before the first instant of a key stands the end of the key before, at which nothing holds.
        steps = states.select(KEY, AT, (pl.col("holds") - pl.col("holds").shift(1, fill_value=0)).alias("step"))
        return steps.filter(pl.col("step") != 0).select(pl.col(name).cast(kind) for name, kind in STEPS.items())

    def _instants(self, keys: pl.DataFrame, several: Sequence[Segment[Edition]]) -> pl.DataFrame:
        """Every instant of what is looked at at which a score can become another, with what holds from then on."""
        starts = pl.DataFrame({AT: [one.from_us for one in several]}, schema={AT: pl.Int64()})
        changes = [frame.select(KEY, AT) for frame in (self._last, *self._people.values())]
        changes.append(keys.select(KEY).join(starts, how="cross"))
        inside = (
            pl.concat(changes)
            .join(keys, on=KEY)
            .filter((pl.col(AT) > pl.col("from_us")) & (pl.col(AT) < pl.col("to_us")))
            .select(KEY, AT)
        )
        instants = pl.concat([keys.select(KEY, pl.col("from_us").alias(AT)), inside]).unique().sort(AT)
        numbered = starts.with_row_index("segment").with_columns(pl.col("segment").cast(pl.Int64))
        instants = instants.join_asof(numbered, on=AT).join_asof(
            self._last.sort(AT), on=AT, by=KEY, check_sortedness=False
        )
        for tier, frame in self._people.items():
            instants = instants.join_asof(
                frame.rename({"people": tier}).sort(AT), on=AT, by=KEY, check_sortedness=False
            )
        return instants.with_columns(pl.col(tier).fill_null(0) for tier in TIERS)

    def _scores(self, instants: pl.DataFrame, several: Sequence[Segment[Edition]]) -> pl.DataFrame:
        """The points at each instant, and whether they qualify."""
        found = []
        for number, one in enumerate(several):
            here = instants.filter(pl.col("segment") == number)
            if one.edition is None or not here.height:
                found.append(here.select(KEY, AT, pl.lit(False).alias("qualified")))
                continue
            wanted = (
                pl.concat([here.select(KEY, "month"), here.select(KEY, pl.col("month") - YEAR)]).drop_nulls().unique()
            )
            sums = self._sums(wanted, one.edition)
            before = sums.select(KEY, pl.col("month") + YEAR, pl.exclude(KEY, "month").name.suffix("-before"))
            joined = here.join(sums, on=[KEY, "month"], how="left").join(before, on=[KEY, "month"], how="left")
            found.append(_qualifying(joined.fill_null(0), one.edition.figures))
        return pl.concat(found)

    def _sums(self, wanted: pl.DataFrame, edition: Edition) -> pl.DataFrame:
        """What months amount to under an edition (`months.Sums`): those of which anything was reported."""
        figures = edition.figures
        reports = self._reports.join(wanted, on=[KEY, "month"], how="semi").filter(pl.col("amount") > 0)
        places = [PLACE["revenue", name] for name in ASSOCIATIONS if edition.counts_revenue(name)]
        pair = [KEY, "month", "customer", "workload"]
        of_month = [KEY, "month"]
        revenue = reports.filter(pl.col("place").is_in(places)).group_by(pair).agg(pl.col("amount").max())
        limits = figures["net_adds"]["threshold_cents"]
        customers = revenue.group_by(of_month).agg(
            *((pl.col("amount") >= limits[track]).sum().cast(pl.Int64).alias(f"net-adds-{track}") for track in TRACKS),
            pl.col("workload").filter(pl.col("amount") > figures["track"]["threshold_cents"]).n_unique()
            .cast(pl.Int64).alias("workloads"),
        )  # fmt: skip
        usage = self._usage(reports, edition, pair)
        least = figures["deployments"]["threshold_mcv"]
        used = usage.group_by(of_month).agg(
            *(
                (pl.col("value") >= pl.lit(least[track] * 1_000, _WIDE))
                .sum()
                .cast(pl.Int64)
                .alias(f"deployments-{track}")
                for track in TRACKS
            ),
            pl.col("value").sum().alias("mcv"),
        )
        return customers.join(used, on=of_month, how="full", coalesce=True).fill_null(0)

    @staticmethod
    def _usage(reports: pl.DataFrame, edition: Edition, pair: Sequence[str]) -> pl.DataFrame:
        """The value of each pair's usage, of which the largest report under an eligible association counts (C6, C13)."""
        eligible = [
            (workload, PLACE["usage", name], rate["rate_milli"])
            for workload, rate in edition.figures["rates"].items()
            for name in ASSOCIATIONS
            if name in rate["associations"]
        ]
        rates = pl.DataFrame(
            eligible, schema={"workload": pl.String(), "place": pl.Int64(), "rate": pl.Int64()}, orient="row"
        )
        value = pl.col("amount").max().cast(_WIDE) * pl.col("rate").first().cast(_WIDE)
        return reports.join(rates, on=["workload", "place"]).group_by(pair).agg(value.alias("value"))


def _last_months(closes: pl.DataFrame) -> pl.DataFrame:
    """From when on which month is the last one that is closed, by KEY and AT (C5, C11)."""
    return (
        closes.sort(KEY, AT, "month")
        .with_columns(pl.col("month").cum_max().over(KEY))
        .group_by(KEY, AT, maintain_order=True)
        .agg(pl.col("month").last())
    )


def _people(certificates: pl.DataFrame) -> pl.DataFrame:
    """From when on how many people hold one of the certificates, each person once (C10): KEY, AT, people."""
    held = certificates.filter(pl.col("from_us") < pl.col("to_us"))
    one = pl.lit(1, pl.Int64)
    of_person = running(steps_of(held, [KEY, "person"], number=one), [KEY, "person"], ["number"])
    holds = (pl.col("number") > 0).cast(pl.Int64)
    steps = of_person.select(KEY, AT, (holds - holds.shift(1, fill_value=0)).alias("people"))
    return running(steps, [KEY], ["people"]).select(KEY, AT, "people")


def _qualifying(scores: pl.DataFrame, figures: Mapping[str, Any]) -> pl.DataFrame:
    """Which of the instants under an edition's figures qualify (C2)."""
    enough = figures["track"]["workloads"]
    enterprise = (pl.col("workloads") >= enough) & (pl.col("workloads-before") >= enough)

    def by_track(by: Mapping[str, Any]) -> pl.Expr:
        return pl.when(enterprise).then(by["enterprise"]).otherwise(by["smb"])

    def more(metric: str, of: Mapping[str, Any]) -> pl.Expr:
        now = by_track({track: pl.col(f"{metric}-{track}") for track in TRACKS})
        before = by_track({track: pl.col(f"{metric}-{track}-before") for track in TRACKS})
        points: pl.Expr = ((now - before).clip(lower_bound=0) * of["each"]).clip(upper_bound=of["max"])
        return points

    def certified(tier: str) -> pl.Expr:
        of = figures[tier]
        people = pl.col(tier)
        some = (people * by_track(of["each"])).clip(upper_bound=of["max"])
        return pl.when(people >= by_track(of["people"])).then(of["max"]).otherwise(some)

    points = {tier: certified(tier) for tier in TIERS}
    points["net-adds"] = more("net-adds", figures["net_adds"])
    points["deployments"] = more("deployments", figures["deployments"])
    growth = figures["usage_growth"]
    before = pl.col("mcv-before")
    base = by_track({track: pl.lit(growth["base_mcv"][track] * 1_000, _WIDE) for track in TRACKS})
    grown = (pl.col("mcv") - before).clip(lower_bound=pl.lit(0, _WIDE)) * pl.lit(100, _WIDE)
    percent = grown // pl.when(before > 0).then(before).otherwise(pl.lit(1, _WIDE))
    most = -(-growth["max"] // growth["each_percent"])  # more percents bring no more
    gained = (percent.clip(upper_bound=pl.lit(most, _WIDE)).cast(pl.Int64) * growth["each_percent"]).clip(
        upper_bound=growth["max"]
    )
    points["usage-growth"] = pl.when((before > 0) & (before >= base)).then(gained).otherwise(0)
    total = pl.sum_horizontal(points[metric] for metric in METRICS)
    all_above = pl.all_horizontal(points[metric] > 0 for metric in METRICS)
    return scores.select(KEY, AT, ((total >= figures["min_centipoints"]) & all_above).alias("qualified"))
