"""How many people hold a certificate: the same whether it was kept up or is counted by hand."""

from __future__ import annotations

from random import Random

import pytest

from ledger.instants import DAY_US
from ledger.programmes.capability.certificates import Certificate, People


def by_hand(certificates: list[Certificate], at_us: int) -> int:
    """Each person once, who holds any that has begun and not ended."""
    return len(
        {
            one.person
            for one in certificates
            if one.first_us <= at_us
            and all(end is None or at_us < end for end in (one.until_us, one.ended_us))
        }
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_kept_up_counted_anew_and_by_hand_are_one(seed: int) -> None:
    random = Random(seed)
    known: list[Certificate] = []
    people = People([])
    for _ in range(random.randint(1, 40)):
        if known and random.random() < 0.3:
            one = random.choice(known)
            one.ended_us = random.randint(-2, 12) * DAY_US  # also before it begins, and in the place of an earlier end
            people.end(one)
        else:
            first = random.randint(0, 10)
            until = None if random.random() < 0.4 else (first + random.randint(1, 6)) * DAY_US
            known.append(Certificate(f"p-{random.randrange(5)}", "advanced", first * DAY_US, until))
            people.record(known[-1])
        fresh = People(known)
        assert people.instants == fresh.instants == sorted(set(people.instants))
        for day in range(-3, 20):
            for at_us in (day * DAY_US, day * DAY_US - 1):
                assert people.at(at_us) == fresh.at(at_us) == by_hand(known, at_us)
        changing = [
            at_us for at_us in range(-3 * DAY_US, 20 * DAY_US, DAY_US) if people.at(at_us) != people.at(at_us - 1)
        ]
        assert set(changing) <= set(people.instants)


def test_where_one_comes_as_another_goes_the_number_stays() -> None:
    people = People([Certificate("a", "advanced", 0, DAY_US), Certificate("b", "advanced", DAY_US, None)])
    assert people.instants == [0]
    assert people.at(DAY_US) == people.at(0) == 1
