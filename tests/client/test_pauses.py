"""Pauses grow, stay below their limit, and differ between those who wait."""

from __future__ import annotations

from random import Random

from csat_ledger_client.pauses import Pauses


def test_each_pause_lies_between_half_and_the_whole_of_twice_the_one_before_up_to_the_limit() -> None:
    pauses = Pauses(1.0, 8.0, Random(3))
    for failures, whole in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 8.0), (10_000, 8.0)):
        found = {pauses.after(failures) for _ in range(50)}
        assert whole / 2 <= min(found) < max(found) <= whole
