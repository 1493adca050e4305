"""What is reported of a partner's customers: usage and revenue of each month, late reports, and restatements (C11, C13)."""

from random import Random
from typing import Any, Final

from console.demo.capability.arrivals import Post
from console.demo.capability.partners import RATES, Pair, Partner
from ledger.instants import DAY_US, SECOND_US
from ledger.programmes.capability.calendar import month_text

_LATE: Final = 0.015
"""The share of reports that come after the month was closed."""
_RESTATED: Final = 0.02
"""The share of reports that somebody corrects weeks later."""
_RESTATED_DAYS: Final = 120


class Reports:
    """Sends the reports of partners, a month of one at a time."""

    def __init__(self, rng: Random, post: Post) -> None:
        self._random = rng.random
        self._post = post

    def send_month(self, partner: Partner, month: int, at_us: int) -> None:
        """Reports a month in one go from `at_us` on, some seconds apart; a few come late, a few are restated."""
        for pair in partner.pairs:
            if not pair.since <= month < pair.until:
                continue
            at_us += SECOND_US * 7
            pair_of = {"customer": pair.customer, "workload": pair.workload, "month": month_text(month)}
            units = self._units(pair, month)
            association = pair.association if month >= pair.mended else pair.wrong
            self._send(partner, "report-usage", at_us, units, "units", {**pair_of, "association": association})
            if pair.second is not None and pair.second != association:
                again = {**pair_of, "association": pair.second}
                self._send(partner, "report-usage", at_us, units * 3 // 4, "units", again)
            cents = pair.revenue * (970 + int(self._random() * 61)) // 1_000
            by_purchase = {**pair_of, "association": "csp-1" if pair.association == "pal" else pair.association}
            self._send(partner, "report-revenue", at_us, cents, "amount_cents", by_purchase)

    def _units(self, pair: Pair, month: int) -> int:
        """Whole units: the pair's value, grown since it began, two percent up or down."""
        grown = pair.value * (1_000 + pair.growth * (month - pair.since)) // 1_000
        value = max(1, grown) * (980 + int(self._random() * 41)) // 1_000
        rate_milli: int = RATES[pair.workload]["rate_milli"]
        return max(1, (value * 1_000 + rate_milli // 2) // rate_milli)

    def _send(self, partner: Partner, kind: str, at_us: int, figure: int, name: str, fields: dict[str, Any]) -> None:
        chance = self._random()
        if chance < _LATE:
            at_us += 20 * DAY_US + int(chance / _LATE * 30 * DAY_US)
        self._post.send(at_us, partner.id, kind, **fields, **{name: figure})
        if chance > 1 - _RESTATED:
            later_us = at_us + 10 * DAY_US + int((1 - chance) / _RESTATED * _RESTATED_DAYS * DAY_US)
            share = int(
                self._random() * 12
            )  # in a quarter of the cases it is withdrawn, else three to eleven per cent less
            restated = 0 if share < 3 else figure * (100 - share) // 100
            self._post.send(later_us, partner.id, kind, **fields, **{name: restated})
