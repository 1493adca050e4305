"""`GET /v1/changes`: the feed of what is announced, as server-sent events or a page at a time (DESIGN 11).

    Accept: text/event-stream      what lies in the past, then what comes (`console.http.event_stream`); also with */*
    Accept: application/json       a page with the cursor of the next one; waits for a bounded time where there is nothing yet

Where to begin says `Last-Event-ID`, else `after`: a cursor as it was handed out, or 0 for the beginning; with neither the
feed begins now. `Last-Event-ID` goes first: a browser that comes again hands it in beside the `after` with which it began.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from fastapi import Request, Response

from console.http.announcements import Announcement, Stretch
from console.http.bodies import JSON
from console.http.door import caller_for, may_last
from console.http.event_stream import MEDIA_TYPE, EventStream, gone_away
from console.http.listeners import Listener
from console.http.parameters import OF_MEMBERSHIP, Parameter, Values, one_of, read_values, whole_number_parameter
from console.http.problems import Problem
from console.http.roles import Caller
from console.http.tokens import LEEWAY_S
from ledger.errors import BadInput, PositionUnknown
from ledger.instants import SECOND_US
from ledger.membership import can_be_membership
from ledger.programmes.registry import PROGRAMMES
from ledger.store.cursor import PATTERN, Cursor, parse_cursor
from projections.questions.changes import DesignationChange, EligibilityChange, Wanted

if TYPE_CHECKING:
    from console.http.app import Service
    from console.http.fan_out import FanOut
    from console.wiring import Clock

ROUTE: Final = "changes"
PATH: Final = "/v1/changes"
PAGE_MAX: Final = 1_000
PAGE: Final = 100
WAIT_S: Final = 20
WAIT_MAX_S: Final = 25
"""Less than the deadline of a request."""
LAST_EVENT_ID: Final = "Last-Event-ID"
TYPES: Final = sorted(PROGRAMMES.announcements)
ANNOUNCED_BY: Final = {programme.name: programme.announcement for programme in PROGRAMMES.all}


def _of_membership(text: str) -> str:
    if can_be_membership(text):
        return text
    raise BadInput(f"found {text[:70]!r}, expected the id of a membership")


AFTER: Final = Parameter(
    "after",
    "Where to begin: a cursor as it was handed out, or 0 for the beginning; default: now.",
    {"type": "string", "maxLength": 40, "pattern": PATTERN},
    parse_cursor,
    "0",
)
MEMBERSHIP: Final = Parameter("membership", OF_MEMBERSHIP.description, OF_MEMBERSHIP.schema, _of_membership, "m-1")
PROGRAMME: Final = Parameter(
    "programme",
    "Of this programme only.",
    {"type": "string", "enum": [*ANNOUNCED_BY]},
    one_of([*ANNOUNCED_BY]),
    "survey",
)
TYPE: Final = Parameter(
    "type", "Of this type only.", {"type": "string", "enum": [*TYPES]}, one_of(TYPES), "EligibilityChanged"
)
LIMIT: Final = whole_number_parameter(
    "limit", f"So many changes on a page at most; default: {PAGE}. Of a page only, not of a stream.", 1, PAGE_MAX, 10
)
WAIT: Final = whole_number_parameter(
    "wait",
    f"So many seconds a page waits for the first change; default: {WAIT_S}. Of a page only, not of a stream.",
    0,
    WAIT_MAX_S,
    0,
)
PARAMETERS: Final = (AFTER, MEMBERSHIP, PROGRAMME, TYPE, LIMIT, WAIT)


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """A page of the feed."""

    changes: tuple[EligibilityChange | DesignationChange, ...]
    """What was announced, in the order of the ledger; none where nothing came in time."""
    next: str
    """The cursor from which to go on, as `after`. It moves on also where nothing that is wanted was announced."""


async def ask_changes(service: Service, request: Request) -> Response:
    """The stream, or the page. Raises Problem: 409 for a place that is not in this book."""
    feed, clock = service.feed, service.clock
    caller = caller_for(request.scope, ROUTE)
    values = read_values(PARAMETERS, {}, request.scope["query_string"])
    wanted = _wanted(values)
    name, came_with = _came_with(request, values)
    may_last(request.scope)
    with ExitStack() as stack:
        listener = stack.enter_context(feed.listener(wanted, came_with or Cursor(0, ""), caller.who))
        if came_with is None:
            listener.at = await feed.end_of_book()
        limit = values.get("limit", PAGE) if wants_page(request) else None
        try:
            first = await feed.stretch(listener.at, wanted, limit)
        except PositionUnknown as error:
            raise Problem(409, error.code, str(error), name) from None
        holds_s = partial(_holds_s, caller, clock, clock() // SECOND_US)
        if limit is not None:
            wait_s = min(values.get("wait", WAIT_S), WAIT_MAX_S, max(0.0, holds_s()))
            return await _page(feed, listener, request, first, limit, wait_s)
        return EventStream(feed, listener, came_with, first, stack.pop_all(), holds_s)


def wants_page(request: Request) -> bool:
    """Whether the client wants JSON more than a stream (RFC 9110, section 12.5.1)."""
    best: dict[str, tuple[int, float]] = {}
    for part in ",".join(request.headers.getlist("accept")).split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        for media in (JSON, MEDIA_TYPE):
            closeness = {"*/*": 1, f"{media.partition('/')[0]}/*": 2, media: 3}.get(kind, 0)
            if closeness > best.get(media, (0, 0.0))[0]:
                best[media] = (closeness, _quality(parameters))
    page, stream = (best.get(media, (0, 0.0)) for media in (JSON, MEDIA_TYPE))
    return (page[1], page[0]) > (stream[1], stream[0])


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return max(0.0, min(1.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


def _wanted(values: Values) -> Wanted:
    types = {values["type"]} if "type" in values else set(PROGRAMMES.announcements)
    if "programme" in values:
        types &= {ANNOUNCED_BY[values["programme"]]}
    if not types:
        announced = ANNOUNCED_BY[values["programme"]]
        raise Problem(400, "bad-input", f"found another programme's, expected {announced}, or no programme", "type")
    return Wanted(frozenset(types), values.get("membership"))


def _came_with(request: Request, values: Values) -> tuple[str, Cursor | None]:
    """Where the client wants to begin, and what says so; None: now. An empty header is none, as browsers have it."""
    found = [text for text in request.headers.getlist(LAST_EVENT_ID) if text]
    if not found:
        return AFTER.name, values.get("after")
    try:
        if len(found) > 1:
            raise BadInput("found it more than once, expected it once")
        return LAST_EVENT_ID, parse_cursor(found[0])
    except BadInput as error:
        raise Problem(400, "bad-input", str(error), LAST_EVENT_ID) from None


def _holds_s(caller: Caller, clock: Clock, asked_s: int) -> float:
    """For how many seconds the token holds; one that was taken after its end holds for as long as the door takes it."""
    if caller.expires_s is None:
        return float("inf")
    ends_s = caller.expires_s if asked_s < caller.expires_s else caller.expires_s + LEEWAY_S
    return ends_s - clock() / SECOND_US


async def _page(
    feed: FanOut, listener: Listener, request: Request, stretch: Stretch, limit: int, wait_s: float
) -> Response:
    """What there is, else what comes first within a time."""
    while not stretch.announcements and stretch.more:
        stretch = await feed.stretch(stretch.through, listener.wanted, limit)
    found, through, _ = stretch
    if not found and wait_s > 0:
        listener.at = through
        gone = asyncio.create_task(gone_away(request.receive))
        gone.add_done_callback(lambda _: listener.wake.set())
        try:
            found, through = await _first_that_comes(feed, listener, wait_s)
        finally:
            gone.cancel()
    if len(found) > limit:
        found = found[:limit]
        through = found[-1].cursor
    body = b'{"changes":[' + b",".join(one.data for one in found) + f'],"next":"{through}"}}'.encode()
    return Response(body, 200, {"Ledger-Position": str(through.position)}, JSON)


async def _first_that_comes(feed: FanOut, listener: Listener, wait_s: float) -> tuple[list[Announcement], Cursor]:
    """What comes first, and where to go on; nothing where the time is over, the client goes, or the service ends."""
    try:
        async with asyncio.timeout(wait_s):
            while not feed.attach(listener):
                stretch = await feed.stretch(listener.at, listener.wanted)
                listener.at = stretch.through
                if stretch.announcements:
                    return stretch.announcements, stretch.through
                if not stretch.more:
                    await feed.live.wait()
            await listener.wake.wait()
    except TimeoutError:
        pass
    if listener.cut is not None:
        return [], listener.at
    found = list(listener.queue)
    return found, found[-1].cursor if found else feed.place(listener)
