"""From the time on a wall's clock to the instant.

A zone is a name of the IANA database (`Europe/Berlin`), `UTC`, or an offset (`+01:00`). Where summer time begins and ends:

- A local time that never was, since the clock was put forward over it, is refused: the zone is the wrong one, or the time.
- A local time that was twice, since the clock was put back, is taken as the first of the two, and told. Where the text
  names the zone's abbreviation (CET against CEST), that decides.

Beside a time may stand: Z, UTC, GMT, an offset, GMT or UTC with an offset, or EST, EDT, CST, CDT, MST, MDT, PST, PDT, which
RFC 5322 (section 4.3) ties to offsets. Any other abbreviation means several zones, and is taken only where it is that of the
zone given at that time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.errors import BadInput
from ledger.instants import BEGINNING_US, END_US, EPOCH, MICROSECOND

_OFFSET: Final = re.compile(r"(?:GMT|UTC)?([+-])([0-9]{1,2})(?::?([0-5][0-9]))?")
_RFC5322: Final = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
_EPOCH_WALL: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - differences of wall clocks are taken with it
_HOURS_MAX: Final = 14
"""No zone is farther from UTC."""


class Placed(NamedTuple):
    """An instant in microseconds, and whether the local time was twice, and the first was taken."""

    at_us: int
    twice: bool


def zone_named(name: str) -> tzinfo:
    """A zone by its name or offset. Raises BadInput."""
    if (fixed := _fixed(name)) is not None:
        return fixed
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, ModuleNotFoundError):
        raise BadInput(
            f"found zone {name[:40]!r}, expected a name of the IANA database such as Europe/Berlin, UTC, or an offset"
        ) from None


def instant_of(wall: datetime, beside: str | None, zone: tzinfo | None) -> Placed:
    """The instant of a wall clock's time, by the zone that stands beside it or else the one given. Raises BadInput."""
    if beside is not None:
        fixed = _fixed(beside)
        if fixed is not None:
            return _placed((wall - _EPOCH_WALL - fixed.utcoffset(None)) // MICROSECOND, False)
        return _by_abbreviation(wall, beside, zone)
    if zone is None:
        raise BadInput("found a time without a zone, expected --timezone, or a zone in the map")
    if zone is UTC:
        return _placed((wall - _EPOCH_WALL) // MICROSECOND, False)
    return _by_zone(wall, zone)


def _by_zone(wall: datetime, zone: tzinfo) -> Placed:
    hour = wall.replace(minute=0, second=0, microsecond=0)
    offset_us = _steady_us(hour, zone)
    wall_us = (wall - _EPOCH_WALL) // MICROSECOND
    if offset_us is not None:
        return _placed(wall_us - offset_us, False)
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    at_us = wall_us - (first.utcoffset() or timedelta()) // MICROSECOND
    if first.utcoffset() == second.utcoffset():
        return _placed(at_us, False)
    if (EPOCH + at_us * MICROSECOND).astimezone(zone).replace(tzinfo=None) != wall:
        raise BadInput(
            "found a local time that never was (summer time began), expected one of the zone: another zone is meant, or "
            "another time"
        )
    return _placed(at_us, True)


@lru_cache(maxsize=65_536)
def _steady_us(hour: datetime, zone: tzinfo) -> int | None:
    """The offset from UTC that holds throughout an hour on the wall's clock, in microseconds; None where it changes there."""
    offsets = {
        moment.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta()
        for moment in (hour, hour.replace(minute=30), hour.replace(minute=59, second=59, microsecond=999_999))
        for fold in (0, 1)
    }
    return offsets.pop() // MICROSECOND if len(offsets) == 1 else None


def _by_abbreviation(wall: datetime, beside: str, zone: tzinfo | None) -> Placed:
    if zone is not None:
        for fold in (0, 1):
            local = wall.replace(tzinfo=zone, fold=fold)
            if (local.tzname() or "").casefold() == beside.casefold():
                at_us = (wall - _EPOCH_WALL - (local.utcoffset() or timedelta())) // MICROSECOND
                return _placed(at_us, False)
    raise BadInput(
        "found an abbreviation of a zone beside the time that the zone given does not have then, expected an offset, UTC, or "
        "--timezone with the zone in which it is meant"
    )


def _placed(at_us: int, twice: bool) -> Placed:
    if not BEGINNING_US <= at_us <= END_US:
        raise BadInput("found a time outside of the calendar, expected one between the years 1 and 9999 in UTC")
    return Placed(at_us, twice)


def _fixed(name: str) -> timezone | None:
    """The fixed offset that a text names; None where it names none."""
    upper = name.upper()
    if upper in ("Z", "UTC", "GMT"):
        return UTC
    if upper in _RFC5322:
        return timezone(timedelta(hours=_RFC5322[upper]))
    matched = _OFFSET.fullmatch(upper)
    if matched is None or int(matched[2]) > _HOURS_MAX:
        return None
    offset = timedelta(hours=int(matched[2]), minutes=int(matched[3] or 0))
    return timezone(-offset if matched[1] == "-" else offset)
