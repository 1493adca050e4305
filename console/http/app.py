"""The application: the routes of `console.http.routes`, facts, batches, health; behind the door (`console.http.door`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match
from starlette.routing import Route as Served

from console.cli.output import json_text
from console.http.asking import FOR_EVER, FOR_NOW, Answered, admit, answer, known_now, resolved
from console.http.batch import ROUTE as BATCH
from console.http.batch import Question as BatchQuestion
from console.http.batch import answer_batch, read_batch
from console.http.bodies import JSON, NDJSON, is_array, media_type, read_body, read_elements
from console.http.changes import PATH as CHANGES
from console.http.changes import ask_changes
from console.http.dispatch import App, Dispatch, Endpoint
from console.http.door import Door, caller_for, caller_of
from console.http.evidence import PROOFS, EvidenceDesk
from console.http.evidence import ROUTES as EVIDENCE
from console.http.fact_stream import FactStream
from console.http.fan_out import FanOut
from console.http.figures import CONTENT_TYPE
from console.http.foreign_bodies import refuse_no_single_fact
from console.http.intake import Intake, outcome_json, single
from console.http.limits import Limits
from console.http.log import PATH as LOG
from console.http.log import ServedLog
from console.http.long_answer import LongAnswer
from console.http.metrics import scrape
from console.http.openapi import document
from console.http.operations import BOUNDS, operations, operations_without_store
from console.http.operations import PATH as OPERATIONS_PATH
from console.http.operations import ROUTE as OPERATIONS
from console.http.parameters import Parameter, read_values
from console.http.people import ROUTES as PEOPLE
from console.http.people import PeopleDesk
from console.http.problems import MEDIA_TYPE, Problem, fault, forbidden, problem_of
from console.http.reading import Following, Readers
from console.http.refusals import PATH as RETRY_PATH
from console.http.refusals import ROUTE as RETRY
from console.http.refusals import read_wanted, retry
from console.http.refused import Refused
from console.http.roles import NO_ROLE
from console.http.routes import READING, Asked, Route
from console.http.spool import Room, Spool
from console.http.tokens import Verifier
from console.http.vault_desk import PATHS as VAULT
from console.http.vault_desk import VaultDesk
from console.http.watched import Watched
from console.http.webhooks import webhook_routes
from console.http.whole import Whole
from console.wiring import Clock
from ledger.errors import LedgerError
from ledger.instants import month_begin_us

if TYPE_CHECKING:
    from console.pages.front import Front

PATIENCE_S: Final = 5.0
"""So long a read waits for what it must see."""
POSITION: Final = "Ledger-Position"
MIN_POSITION: Final = "Min-Position"


@dataclass(frozen=True, slots=True)
class Service:
    """What the application is made of."""

    readers: Readers
    following: Following
    intake: Intake
    feed: FanOut
    clock: Clock
    watched: Watched
    log: ServedLog
    evidence: EvidenceDesk
    people: PeopleDesk
    vault: VaultDesk
    webhook_secrets: Path | None = None
    """The folder of the secrets that are made for webhooks; None: none are registered here."""
    limits: Limits = field(default_factory=Limits)
    refused: Refused = field(default_factory=Refused)
    """How often access was refused; for metrics."""
    room: Room = field(default_factory=lambda: Room(Limits().spool_mib << 20))
    """For answers that wait for their clients."""

    def end(self) -> None:
        """Has all streams end: told why, and when to come again. For the event loop."""
        self.feed.end()
        self.intake.end()


def application(
    service: Service,
    verifier: Verifier,
    complain: Callable[[str], None],
    on_fault: Callable[[BaseException], None],
    front: Front | None = None,
) -> App:
    """The service as an ASGI application, with pages where there is a front."""

    def path(at: str, method: str, endpoint: Endpoint, name: str) -> BaseRoute:
        return Served(at, partial(_guarded, on_fault, endpoint), methods=[method], name=name)

    paths = [
        *(path(route.path, "GET", partial(_ask, service, route), route.name) for route in READING),
        path("/v1/status:batch", "POST", partial(_ask_batch, service), BATCH),
        path("/v1/facts", "POST", partial(_take_facts, service), "facts"),
        path(CHANGES, "GET", partial(ask_changes, service), "changes"),
        path(RETRY_PATH, "POST", partial(_retry, service), RETRY),
        *(path(one.path, one.method, one.endpoint, one.name) for one in webhook_routes(service)),
        *(
            path(at, "GET", partial(_prove, service, name, parameters), name)
            for name, at, _, parameters in (*EVIDENCE, *PROOFS)
        ),
        *(path(at, "GET", partial(_show_people, service, name), name) for name, at, _, _ in PEOPLE),
        *(path(at, method, partial(_ask_vault, service, name), name) for name, (at, method) in VAULT.items()),
        path(LOG, "GET", partial(_show_log, service), "log"),
        path("/openapi.json", "GET", _openapi, "openapi"),
        path("/livez", "GET", _live, "livez"),
        path("/readyz", "GET", partial(_ready, service), "readyz"),
        path("/metrics", "GET", partial(_metrics, service), "metrics"),
        path(OPERATIONS_PATH, "GET", partial(_operations, service), OPERATIONS),
        *(front.routes() if front is not None else ()),
    ]
    app = FastAPI(
        routes=paths,
        exception_handlers={HTTPException: partial(_not_there, paths, front)},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # The framework's own spans and logs may hold paths, bodies and what an exception says; ours hold none.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    dispatch = Dispatch(paths, app)
    if front is not None:
        front.api = dispatch
        front.behind = partial(_behind, service)
    return Door(
        dispatch, verifier, complain, on_fault,
        limits=service.limits, refused=service.refused, name_of=dispatch.name_of, pages=front,
    )  # fmt: skip


def _behind(service: Service) -> int:
    """How many positions the projections are behind the book, from where on somebody is to look at it; else 0."""
    behind = service.following.end - service.following.position
    return behind if behind >= BOUNDS["lag"].look else 0


async def _guarded(on_fault: Callable[[BaseException], None], endpoint: Endpoint, request: Request) -> Response:
    """Answers with a problem whatever goes wrong. The sentence of what is no matter of the caller is for the log alone."""
    try:
        return await endpoint(request)
    except Problem as problem:
        return _problem(problem)
    except LedgerError as error:
        found = problem_of(error)
        if found.status >= 500:
            on_fault(error)
        return _problem(found)
    except (TimeoutError, ClientDisconnect):
        raise
    except Exception as error:
        on_fault(error)
        return _problem(fault())


async def _ask(service: Service, route: Route, request: Request) -> Response:
    caller = caller_for(request.scope, route.name)
    values = read_values(route.parameters, request.path_params, request.scope["query_string"])
    if "cursor" in values and len(values) > 1 + ("limit" in values):
        raise Problem(
            400, "bad-input", "found a cursor beside other parameters, expected it beside limit alone", "cursor"
        )
    sight, values, memberships = admit(caller, route.name, values)
    if sight.at_months:
        values = {"at": month_begin_us(service.clock()), **values}
    least = _min_position(request)
    known = known_now(values)
    if known is None:
        known = await service.readers.ask(lambda ledger: resolved(ledger, values))
    positions, settled = known.positions, known.settled
    await _reached(service, max(least, known.last))
    asked = Asked({**values, **_without_cursor(positions)}, service.clock(), memberships, caller.who)
    spool = Spool(service.room)
    with _Still() as still:
        found = await service.readers.ask(lambda ledger: answer(ledger, route, asked, sight, settled, spool, still))
    return _answered(found, request, service.limits.stream_idle_s)


class _Still:
    """Tells a thread whether anybody waits for what it answers: nobody does once this is left."""

    __slots__ = ("_waits",)

    def __init__(self) -> None:
        self._waits = True

    def __enter__(self) -> _Still:
        return self

    def __exit__(self, *_: object) -> None:
        self._waits = False

    def __call__(self) -> bool:
        return self._waits


def _without_cursor(positions: Mapping[str, int]) -> dict[str, int]:
    return {name: position for name, position in positions.items() if name != "cursor"}


async def _ask_batch(service: Service, request: Request) -> Response:
    caller = caller_for(request.scope, BATCH)
    read_values((), {}, request.scope["query_string"])
    media = media_type(request)
    lines = await read_elements(await read_body(request, service.limits.body_bytes), media, service.limits.elements)
    least = _min_position(request)
    with _Still() as still:
        questions = await service.readers.ask(lambda ledger: read_batch(ledger, caller, lines, still))
        known = [one.known or 0 for one in questions if isinstance(one, BatchQuestion)]
        await _reached(service, max([least, *known]))
        now_us = service.clock()
        found, position = await service.readers.ask(lambda ledger: answer_batch(ledger, now_us, questions, still))
    return _many(found, media, {POSITION: str(position)})


async def _take_facts(service: Service, request: Request) -> Response:
    source = f"http:{caller_for(request.scope, 'facts').pseudonym}"
    read_values((), {}, request.scope["query_string"])
    media = media_type(request)
    if media == NDJSON:
        return FactStream(service.intake, source, service.room, service.limits.stream_idle_s)
    body = await read_body(request, service.limits.body_bytes)
    if not is_array(body):
        refuse_no_single_fact(body)
        status, outcome = single(await service.intake.take_one(body, source))
        return _json(outcome_json(outcome), {POSITION: str(outcome.position)}, status)
    elements = await read_elements(body, media, service.limits.elements)
    outcomes = await service.intake.take([element for _, element in elements], source)
    position = max((outcome.position for outcome in outcomes), default=0)
    return _many([outcome_json(one) for one in outcomes], media, {POSITION: str(position)})


async def _retry(service: Service, request: Request) -> Response:
    caller_for(request.scope, RETRY)
    read_values((), {}, request.scope["query_string"])
    media_type(request, (JSON,))
    wanted = read_wanted(await read_body(request, service.limits.body_bytes))
    found = await retry(service.readers, service.intake, service.clock, wanted)
    return _json(json_text(found).encode(), {POSITION: str(found.position)})


async def _prove(service: Service, name: str, parameters: tuple[Parameter, ...], request: Request) -> Response:
    return await service.evidence.get(name, parameters, request)


async def _ask_vault(service: Service, name: str, request: Request) -> Response:
    return await service.vault.answer(name, request)


async def _show_people(service: Service, name: str, request: Request) -> Response:
    return await service.people.get(name, request)


async def _show_log(service: Service, request: Request) -> Response:
    return await service.log.get(request)


async def _openapi(request: Request) -> Response:
    if not caller_of(request.scope).known_role():
        raise forbidden(NO_ROLE)
    read_values((), {}, request.scope["query_string"])
    return _json(document(), {})


async def _live(request: Request) -> Response:
    read_values((), {}, request.scope["query_string"])
    return _json(b'{"alive":true}', {"Cache-Control": "no-store"})


async def _ready(service: Service, request: Request) -> Response:
    read_values((), {}, request.scope["query_string"])
    found = service.watched.health()
    return _json(json_text(found).encode(), {"Cache-Control": "no-store"}, 200 if found.ready else 503)


async def _metrics(service: Service, request: Request) -> Response:
    caller_for(request.scope, "metrics")
    read_values((), {}, request.scope["query_string"])
    return Response(
        await scrape(service.readers, service.watched), headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE
    )


async def _operations(service: Service, request: Request) -> Response:
    caller_for(request.scope, OPERATIONS)
    read_values((), {}, request.scope["query_string"])
    code = "store-unreachable"
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await service.readers.ask(lambda ledger: operations(ledger, service.watched))
    except TimeoutError:
        found = operations_without_store(service.watched, code)
    except LedgerError as error:  # what says how it stands is answered most of all where something is amiss
        found = operations_without_store(service.watched, problem_of(error).code)
    return _json(json_text(found).encode(), {"Cache-Control": "no-store"})


def _min_position(request: Request) -> int:
    found = request.headers.getlist(MIN_POSITION)
    if not found:
        return 0
    text = found[0]
    if len(found) > 1 or not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Problem(400, "bad-input", f"found {text[:40]!r}, expected a whole number from 0 on, once", MIN_POSITION)
    return int(text)


async def _reached(service: Service, position: int) -> None:
    if service.following.position >= position:
        return
    try:
        async with asyncio.timeout(PATIENCE_S):
            await service.following.reached(position)
    except TimeoutError:
        raise Problem(
            504, "position-not-reached",
            f"found position {service.following.position}, expected {position} within {PATIENCE_S:g} seconds",
            MIN_POSITION,
        ) from None  # fmt: skip


def _answered(found: Answered, request: Request, idle_s: float) -> Response:
    headers = {POSITION: str(found.position), "Cache-Control": FOR_NOW}
    if found.etag is not None:
        headers |= {"ETag": found.etag, "Cache-Control": FOR_EVER}
        said = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if found.etag in said or "*" in said:
            return Response(status_code=304, headers=headers | {"Vary": "Authorization"})
    if isinstance(found.body, bytes):
        return _json(found.body, headers)
    return LongAnswer(found.body, headers | {"Content-Type": JSON}, idle_s)


def _json(body: bytes, headers: dict[str, str], status: int = 200) -> Response:
    return Whole(body, JSON, headers, status)


def _many(found: list[bytes], media: str, headers: dict[str, str]) -> Response:
    """Answers to the elements of an array, or to the lines of ndjson."""
    if media == NDJSON:
        return Whole(b"".join(one + b"\n" for one in found), NDJSON, headers)
    return _json(b"[" + b",".join(found) + b"]", headers)


def _problem(problem: Problem) -> Response:
    return Whole(problem.body(), MEDIA_TYPE, problem.headers, problem.status)


async def _not_there(routes: Sequence[BaseRoute], front: Front | None, request: Request, error: Exception) -> Response:
    """What the framework itself finds: no such route, or not with this method.

    It names the methods of the first route of a path alone, and a path may have one for each.
    """
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (404, None)
    code, page = "not-found", "found no such page"
    if status == 405:
        there = {name for one in routes if one.matches(request.scope)[0] is Match.PARTIAL for name in _methods(one)}
        code, headers = "method-not-allowed", {"Allow": ", ".join(sorted(there))}
        page = f"found another method than a page has, expected {headers['Allow']}"
    if front is not None and front.has(request.url.path):
        return front.not_shown(request, Problem(status, code, page, headers=headers))
    return _problem(Problem(status, code, "found no such route or method; /openapi.json has them", headers=headers))


def _methods(route: BaseRoute) -> Collection[str]:
    return (route.methods or ()) if isinstance(route, Served) else ()
