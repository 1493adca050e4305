"""One question over HTTP, from the request to the bytes of its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, Protocol

from console.cli.options import KnownAt
from console.cli.output import json_text
from console.http.parameters import Values, known_in
from console.http.problems import RETRY_AFTER_S, Problem, forbidden
from console.http.roles import Caller, Sight, day_of, expected_roles, few_of
from console.http.routes import Asked, Route
from console.http.spool import Spool, SpoolFull
from console.wiring import Ledger
from ledger.errors import PositionUnknown, UnknownDesignation, UnknownMembership
from ledger.instants import DAY_US, month_begin_us
from ledger.membership import can_be_membership
from ledger.programmes.capability.events import can_be_area
from projections.questions.answer import plain
from projections.questions.board_page import Wanted
from projections.questions.decisions_page import Wanted as WantedDecisions

FOR_EVER: Final = "private, max-age=31536000, immutable"
FOR_NOW: Final = "private, no-cache"
PART_BYTES: Final = 32 << 10
OF_ONE_STATE: Final = (Wanted, WantedDecisions)
"""What cursors hold whose pages are all of one state of knowledge."""


class NobodyWaits(Exception):
    """Who asked is gone, or was told that it took too long."""


class Hash(Protocol):
    """What a hash of hashlib does."""

    def update(self, data: bytes, /) -> None:
        """Goes on with bytes."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The bytes of an answer, or what holds them where there are many, and as of which position it is."""

    body: bytes | Spool
    position: int
    etag: str | None = None
    """Of an answer that never changes again."""


@dataclass(frozen=True, slots=True)
class Known:
    """The positions that a question means by what was known when."""

    positions: Mapping[str, int]
    settled: bool
    """Whether nothing that is recorded from now on changes what they mean."""

    @property
    def last(self) -> int:
        """The highest of them."""
        return max(self.positions.values(), default=0)


def admit(caller: Caller, route: str, values: Values) -> tuple[Sight, Values, frozenset[str] | None]:
    """What a caller sees of a route, the values that he may ask with, and of which memberships alone.

    Raises Problem (403), which tells nothing of what there is.
    """
    refused: Problem | None = None
    for sight in caller.sights(route):
        try:
            return (sight, *_within(sight, caller, route, dict(values)))
        except Problem as problem:
            refused = refused or problem
    raise refused or forbidden(expected_roles(route, caller))


def _within(sight: Sight, caller: Caller, route: str, values: Values) -> tuple[Values, frozenset[str] | None]:
    for name in sight.never:
        if name in values:
            raise _not_for_role(name, "none")
    if sight.reasoned and "reason" not in values:
        raise _not_for_role("reason", "why it is read: each reading is recorded with it")
    for name, allowed in sight.only.items():
        if values.get(name) not in allowed:
            raise _not_for_role(name, f"one of {', '.join(sorted(allowed))}")
    if sight.without_known_at and (known := known_in(values)):
        raise _not_for_role(next(iter(known)), "none: this role sees all that is known")
    for name, meant in known_in(values).items() if sight.known_by_days else ():
        if (meant.instant_us or 0) % DAY_US:
            raise _not_for_role(name, "a position, a date, or the beginning of a day in UTC")
    if sight.at_days and values.get("at", 0) % DAY_US:
        raise _not_for_role("at", "a date, or the beginning of a day in UTC")
    if sight.at_months and "at" in values and values["at"] != month_begin_us(values["at"]):
        raise _not_for_role("at", "the beginning of a month in UTC")
    if not sight.own:
        return values, None
    if route == "designations":
        if "membership" in values and values["membership"] not in caller.memberships:
            raise forbidden()
        return values, caller.memberships
    if "membership" not in values and len(caller.memberships) == 1:
        (values["membership"],) = caller.memberships
    if "membership" not in values:
        raise _not_for_role("membership", "one of the memberships of the token")
    if values["membership"] not in caller.memberships:
        raise forbidden()
    return values, None


def _not_for_role(name: str, expected: str) -> Problem:
    return Problem(403, "forbidden", f"found {name} otherwise than this role may ask, expected {expected}", name)


def known_now(values: Values) -> Known | None:
    """What a question means that goes by all that is known, for which the book need not be asked; None for others."""
    cursor = values.get("cursor")
    if known_in(values) or (isinstance(cursor, OF_ONE_STATE) and cursor.known_at is not None):
        return None
    return Known({}, False)


def resolved(ledger: Ledger, values: Values) -> Known:
    """The positions that are meant. Raises Problem (409) for one that the book has not reached."""
    found = known_in(values)
    positions = {name: _position(ledger, name, known) for name, known in found.items()}
    cursor = values.get("cursor")
    if isinstance(cursor, OF_ONE_STATE) and cursor.known_at is not None:
        positions["cursor"] = _position(ledger, "cursor", KnownAt(cursor.known_at, None))
    end = ledger.store.max_position()
    settled = bool(found) and all(known.position is not None or positions[name] < end for name, known in found.items())
    return Known(positions, settled)


def _position(ledger: Ledger, name: str, known: KnownAt) -> int:
    try:
        return known.resolve(ledger.store)
    except PositionUnknown as error:
        raise Problem(409, error.code, str(error), name) from None


def answer(
    ledger: Ledger, route: Route, asked: Asked, sight: Sight, settled: bool, spool: Spool, still: Callable[[], bool]
) -> Answered:
    """Asks, and renders what `--json` prints: one object, or the objects of a list with commas between them.

    A list goes through `spool`, whose memory is bounded. Where nobody waits any more, which `still` says, it ends with
    NobodyWaits. Raises DifferentBook where the projections are not of the book that is there.
    """
    end = ledger.store.max_position()
    if route.name == "replay" and asked.known is None:
        asked = replace(asked, values={**asked.values, "known_at": end})
    _require_forms(asked)
    hashed = sha256()
    body: bytes | Spool
    ledger.prove_projections()
    with ledger.view() as view:
        found = route.ask(ledger, view, asked)
        if route.many:
            body = spool
            _list(found, sight, spool, hashed, still)
        else:
            body = rendered(found, sight)
            hashed.update(body)
        ledger.require_reached(view.position, end)
        position = view.position or end
    if not settled or (route.now and asked.values.keys().isdisjoint(("at", "to"))):
        return Answered(body, position)
    return Answered(body, position, f'"{hashed.hexdigest()[:32]}"')


def _require_forms(asked: Asked) -> None:
    """What has not the form of a name is in no book, and no database is asked for it."""
    membership, area = asked.get("membership"), asked.get("area")
    if membership is not None and not can_be_membership(membership):
        raise UnknownMembership(membership)
    if area is not None and not can_be_area(area):
        raise UnknownDesignation(membership or "", area)


def rendered(found: Any, sight: Sight) -> bytes:
    """An answer as a line of `--json`, without what the role does not see."""
    if sight.by_day or sight.few:
        found = plain(found)
        for way in sight.by_day:
            day_of(found, way)
        for way in sight.few:
            few_of(found, way)
    return json_text(found).encode()


def _list(found: Iterable[Any], sight: Sight, spool: Spool, hashed: Hash, still: Callable[[], bool]) -> None:
    """Writes a list, some of it at a time. Raises Problem (503) where there is no room for it."""
    part = bytearray(b"[")
    for number, one in enumerate(found):
        if number:
            part += b","
        part += rendered(one, sight)
        if len(part) >= PART_BYTES:
            if not still():
                raise NobodyWaits
            _write(bytes(part), spool, hashed)
            part.clear()
    _write(bytes(part + b"]"), spool, hashed)


def _write(part: bytes, spool: Spool, hashed: Hash) -> None:
    hashed.update(part)
    try:
        spool.write(part)
    except (SpoolFull, OSError):
        raise Problem(
            503, "busy", "found no room for an answer that is so long, with all that wait: ask for less, or later",
            headers={"Retry-After": RETRY_AFTER_S},
        ) from None  # fmt: skip
