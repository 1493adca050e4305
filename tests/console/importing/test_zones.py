"""From a wall's clock to the instant: against the standard library over whole years, and where clocks are put."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.importing.zones import instant_of, zone_named
from ledger.errors import BadInput
from ledger.instants import EPOCH, MICROSECOND, parse_instant

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/St_Johns",
    "Africa/Casablanca",
]


def us(text: str) -> int:
    return parse_instant(text)


@given(
    at=st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2037, 12, 31)),
    name=st.sampled_from(ZONES),
)
def test_a_local_time_leads_to_an_instant_that_has_it(at: datetime, name: str) -> None:
    local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(name))
    placed = instant_of(local.replace(tzinfo=None, fold=0), None, zone_named(name))
    back = (EPOCH + placed.at_us * MICROSECOND).astimezone(ZoneInfo(name))
    assert back.replace(tzinfo=None, fold=0) == local.replace(tzinfo=None, fold=0)
    exact = (at.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
    assert placed.at_us <= exact  # of two the first
    assert placed.twice or placed.at_us == exact


@given(minutes=st.integers(0, 60 * 24 * 366 * 2), name=st.sampled_from(ZONES))
def test_every_wall_clock_is_an_instant_or_never_was(minutes: int, name: str) -> None:
    wall = datetime(2011, 1, 1) + timedelta(minutes=minutes)
    zone = ZoneInfo(name)
    has = [
        utc
        for offset in range(-27 * 2, 28 * 2)
        if (utc := (wall - timedelta(minutes=30 * offset)).replace(tzinfo=UTC))
        .astimezone(zone)
        .replace(tzinfo=None, fold=0)
        == wall
    ]
    if not has:
        with pytest.raises(BadInput, match="never was"):
            instant_of(wall, None, zone)
        return
    placed = instant_of(wall, None, zone)
    assert placed.at_us == (min(has) - EPOCH) // MICROSECOND
    assert placed.twice == (len(has) > 1)


@pytest.mark.parametrize(
    ("wall", "beside", "zone", "expected"),
    [
        ("2011-10-30T02:15:00", None, "Europe/Berlin", "2011-10-30T00:15:00Z"),
        ("2011-10-30T02:15:00", "CET", "Europe/Berlin", "2011-10-30T01:15:00Z"),
        ("2011-10-30T02:15:00", "CEST", "Europe/Berlin", "2011-10-30T00:15:00Z"),
        ("2011-03-02T09:14:05", "GMT+8", None, "2011-03-02T01:14:05Z"),
        ("2011-03-02T09:14:05", "UTC+05:30", None, "2011-03-02T03:44:05Z"),
        ("2011-03-02T09:14:05", "-0930", None, "2011-03-02T18:44:05Z"),
        ("2011-03-02T09:14:05", "EST", None, "2011-03-02T14:14:05Z"),
        ("2011-07-02T09:14:05", "EST", "America/New_York", "2011-07-02T14:14:05Z"),
        ("2011-07-02T09:14:05", "PDT", None, "2011-07-02T16:14:05Z"),
        ("2011-07-02T09:14:05", "z", "Europe/Berlin", "2011-07-02T09:14:05Z"),
    ],
)
def test_what_stands_beside_a_time(wall: str, beside: str | None, zone: str | None, expected: str) -> None:
    found = instant_of(datetime.fromisoformat(wall), beside, None if zone is None else zone_named(zone))
    assert found.at_us == us(expected)


@pytest.mark.parametrize(
    ("wall", "beside", "zone"),
    [
        ("2011-03-27T02:30:00", None, "Europe/Berlin"),  # clocks were put forward over it
        ("2011-12-30T12:00:00", None, "Pacific/Apia"),  # a day that was left out
        ("2011-03-02T09:14:05", None, None),
        ("2011-03-02T09:14:05", "CET", None),
        ("2011-03-02T09:14:05", "CEST", "Europe/Berlin"),
        ("2011-03-02T09:14:05", "IST", "Europe/Berlin"),
        ("2011-03-02T09:14:05", "GMT+25", None),
        ("0001-01-01T00:00:00", "GMT+5", None),
        ("9999-12-31T23:00:00", "EST", None),
    ],
)
def test_what_is_no_instant_is_refused(wall: str, beside: str | None, zone: str | None) -> None:
    with pytest.raises(BadInput):
        instant_of(datetime.fromisoformat(wall), beside, None if zone is None else zone_named(zone))


@pytest.mark.parametrize(
    "name", ["", "Nowhere/Else", "../../etc/passwd", "/etc/localtime", "CEST+99", "\x00", "x" * 9_999]
)
def test_a_name_that_is_no_zone_is_an_error(name: str) -> None:
    with pytest.raises(BadInput):
        zone_named(name)
