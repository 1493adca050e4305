"""The sums of a month are the same whether they were kept up, worked out at once, or came out of a snapshot."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from ledger.programmes.capability.editions import Edition, shipped
from ledger.programmes.capability.months import ASSOCIATIONS, Month, Pairs, Sums

SHIPPED = Edition("shipped", 0, shipped()[0][1].data)
OTHER = Edition("other", 0, shipped()[0][1].data | {"rates": {"retail": {"rate_milli": 1, "associations": ["csp-1"]}}})


def figures(sums: Sums) -> list[Any]:
    return [*sums.kept()[:3], dict(sums.kept()[3])]


@pytest.mark.parametrize("seed", range(30))
def test_however_they_come_about(seed: int) -> None:
    random = Random(seed)
    pairs, month, fresh = Pairs(), Month(), Month()
    for _ in range(random.randint(1, 120)):
        what = random.choice(["usage", "revenue"])
        amount = random.choice([0, 1, 25, 50_000, 24_999, 25_000, 150_000, 500_000, 500_001, 10**12])
        names = (random.choice("abc"), random.choice(["retail", "portals", "unrated"]), random.choice(ASSOCIATIONS))
        month.report(pairs, what, *names, amount)
        fresh.report(pairs, what, *names, amount)
        if random.random() < 0.2:
            month.sums(pairs, random.choice([SHIPPED, OTHER]))
        if random.random() < 0.1:
            month = Month(month.pack(), month.kept_sums())
    for edition in (SHIPPED, OTHER):
        assert figures(month.sums(pairs, edition)) == figures(fresh.sums(pairs, edition))
    assert sorted(month.reports(pairs)) == sorted(fresh.reports(pairs))
    assert month.pack() == fresh.pack()
    assert len(month) == len(fresh) == len([*fresh.reports(pairs)])


def test_values_pass_64_bits() -> None:
    pairs, month = Pairs(), Month()
    for number in range(20):
        month.report(pairs, "usage", f"c-{number}", "core-hr", "cpor", 10**12)
    assert month.sums(pairs, SHIPPED).mcv_milli == 20 * 10**18 > 1 << 64
    again = Month(month.pack(), month.kept_sums())
    assert again.sums(pairs, SHIPPED).mcv_milli == 20 * 10**18
