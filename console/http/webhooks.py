"""Webhooks over HTTP: an admin has all of them, a subscriber its own (DESIGN 11), by the subject of its token.

A webhook that is registered here has a secret that is made here: shown once, in the answer, and kept in a file of its own
(`CSAT_LEDGER_WEBHOOK_SECRETS`, 0600) that the sender reads. Into private networks none is sent that was registered here:
that is for who has a shell on the machine (`csat-ledger webhook add --allow-private`). What is not one's own is not there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from console.cli.options import POSITION_DIGITS_MAX
from console.cli.output import json_text
from console.http.bodies import JSON, ModelT, media_type, read_as, read_body
from console.http.door import caller_for
from console.http.parameters import Parameter, read_values
from console.http.problems import Problem, forbidden
from console.webhook_rules import made_folder
from consumers.errors import UnknownWebhook
from consumers.webhooks import registry
from consumers.webhooks.secrets import make_secret_file
from consumers.webhooks.shown import all_shown, all_waiting
from consumers.webhooks.target import URL_CHARACTERS_MAX
from ledger.errors import BadInput, StoreUnreachable
from ledger.membership import MEMBERSHIP_ID
from ledger.programmes.registry import PROGRAMMES
from ledger.store.base import Store
from projections.questions.answer import Position

if TYPE_CHECKING:
    from console.http.app import Service

PATH: Final = "/v1/webhooks"
ONE: Final = f"{PATH}/{{webhook}}"
SUBJECT_MAX: Final = 200
OWN_MAX: Final = 5
"""So many webhooks one subscriber may have."""
ID_PATTERN: Final = f"^wh-[0-9a-f]{{{2 * registry.ID_BYTES}}}$"

Endpoint = Callable[[Request], Awaitable[Response]]
At = Annotated[int, Field(ge=0, lt=10**POSITION_DIGITS_MAX)]


def _of_announcements(schema: dict[str, Any]) -> None:
    schema["items"] = {"type": "string", "enum": sorted(PROGRAMMES.announcements)}


class NewWebhook(BaseModel):
    """A webhook to be registered."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Annotated[str, Field(min_length=9, max_length=URL_CHARACTERS_MAX, pattern="^https://")] = Field(
        description="Where announcements are sent to: https alone, on port 443 or one from 1024 on."
    )
    types: Annotated[list[str], Field(max_length=10)] = Field(
        default_factory=list,
        description="The types of announcements; none: all.",
        json_schema_extra=_of_announcements,
    )
    after: At | None = Field(default=None, description="It starts after this position; null: at the end of the ledger.")


class Replay(BaseModel):
    """From where on a webhook is sent again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    after: At = Field(
        description="All announcements after this position are sent again; what is parked is tried again."
    )
    membership: Annotated[str, Field(pattern=f"^{MEMBERSHIP_ID.pattern}$")] | None = Field(
        default=None, description="Of this membership alone; null: of all."
    )


@dataclass(frozen=True, slots=True)
class WebhookMade:
    """A webhook that was registered, and its secret, which is shown once."""

    id: str
    """Its id."""
    secret: str
    """What its deliveries are signed with (Standard Webhooks): `whsec_` and base64."""
    position: Position
    """It starts after this position of the ledger."""


@dataclass(frozen=True, slots=True)
class WebhookStarts:
    """From where on a webhook is sent again."""

    id: str
    """Its id."""
    after: Position
    """All announcements after this position are sent again."""
    before: Position
    """The position that it had reached."""


def _text(text: str) -> str:
    """An id of whatever form: one that is none is not known."""
    return text


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise BadInput(f"found {text[:40]!r}, expected true or false")
    return text == "true"


WEBHOOK: Final = Parameter(
    "webhook",
    "The webhook.",
    {"type": "string", "pattern": ID_PATTERN},
    _text,
    "wh-0123456789ab",
    "path",
    required=True,
)
PARKED: Final = Parameter("parked", "Only what is parked; default: false.", {"type": "boolean"}, _flag, True)


class WebhookRoute(NamedTuple):
    """One of the routes; `name` is that of the table of roles and of the OpenAPI document."""

    path: str
    method: str
    endpoint: Endpoint
    name: str


def webhook_routes(service: Service) -> list[WebhookRoute]:
    """The routes of webhooks."""
    routes = (
        (PATH, "GET", _list, "webhooks"),
        (PATH, "POST", _register, "webhook-register"),
        (ONE, "DELETE", _remove, "webhook-remove"),
        (f"{ONE}/waiting", "GET", _waiting, "webhook-waiting"),
        (f"{ONE}/replay", "POST", _replay, "webhook-replay"),
    )
    return [WebhookRoute(path, method, partial(asked, service), name) for path, method, asked, name in routes]


async def _list(service: Service, request: Request) -> Response:
    owner = _owner(request, "webhooks")
    read_values((), {}, request.scope["query_string"])
    found = await service.readers.ask(lambda ledger: all_shown(ledger.store, owner, over_http=True))
    return json_answer("[" + ",".join(map(json_text, found)) + "]")


async def _register(service: Service, request: Request) -> Response:
    owner = _owner(request, "webhook-register")
    read_values((), {}, request.scope["query_string"])
    wanted = await read_model(request, NewWebhook)
    if unknown := set(wanted.types) - set(PROGRAMMES.announcements):
        raise Problem(400, "bad-input", f"found the type {min(unknown)[:60]!r}, expected an announcement's", "types")
    now_us = service.clock()
    folder = service.webhook_secrets
    if folder is None:
        raise Problem(503, "webhook-secrets-missing", "found no folder for secrets, expected the operator to name one")
    made = await service.readers.ask(lambda ledger: _registered(ledger.store, wanted, owner, folder, now_us))
    return json_answer(json_text(made), 201)


def _registered(store: Store, wanted: NewWebhook, owner: str | None, folder: Path, now_us: int) -> WebhookMade:
    """Makes the secret first: a webhook without one could send nothing. Raises Problem."""
    start = registry.start_after(store, wanted.after)
    webhook = registry.Webhook(
        registry.new_id(), wanted.url, tuple(dict.fromkeys(wanted.types)), "", False, owner or "", now_us, start
    )
    try:
        file = made_folder(folder) / f"{webhook.id}.secret"
        secret = make_secret_file(file)
    except BadInput as error:
        raise StoreUnreachable(str(error)) from None  # where secrets lie is for the log alone
    try:
        own_max = registry.WEBHOOKS_MAX if owner is None else OWN_MAX
        registry.add(store, registry.with_secret(webhook, file), own_max)
    except BadInput as error:
        file.unlink(missing_ok=True)
        raise Problem(400, "bad-input", str(error), "url") from None
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return WebhookMade(webhook.id, secret, start.position)


async def _remove(service: Service, request: Request) -> Response:
    owner = _owner(request, "webhook-remove")
    name = read_values((WEBHOOK,), request.path_params, request.scope["query_string"])["webhook"]

    def remove(store: Store) -> None:
        found = _own(store, name, owner)
        registry.remove(store, name)
        if service.webhook_secrets is not None and Path(found.secret_file).parent == service.webhook_secrets:
            Path(found.secret_file).unlink(missing_ok=True)  # it was made here, and signs nothing any more

    await service.readers.ask(lambda ledger: remove(ledger.store))
    return Response(status_code=204)


async def _waiting(service: Service, request: Request) -> Response:
    owner = _owner(request, "webhook-waiting")
    values = read_values((WEBHOOK, PARKED), request.path_params, request.scope["query_string"])
    found = await service.readers.ask(
        lambda ledger: all_waiting(
            ledger.store,
            [_own(ledger.store, values["webhook"], owner)],
            parked=values.get("parked", False),
            over_http=True,
        )
    )
    return json_answer("[" + ",".join(map(json_text, found)) + "]")


async def _replay(service: Service, request: Request) -> Response:
    owner = _owner(request, "webhook-replay")
    name = read_values((WEBHOOK,), request.path_params, request.scope["query_string"])["webhook"]
    wanted = await read_model(request, Replay)
    now_us = service.clock()

    def replay(store: Store) -> int:
        _own(store, name, owner)
        try:
            return registry.replay(store, name, wanted.after, now_us, wanted.membership)
        except BadInput as error:
            raise Problem(400, "bad-input", str(error), "after") from None

    before = await service.readers.ask(lambda ledger: replay(ledger.store))
    return json_answer(json_text(WebhookStarts(name, wanted.after, before)))


def _owner(request: Request, route: str) -> str | None:
    """Whose webhooks are meant: None for all. Raises Problem (403) for who may not ask, or has no name."""
    caller = caller_for(request.scope, route)
    if not all(sight.own for sight in caller.sights(route)):
        return None
    subject = caller.subject or ""
    if not (1 <= len(subject) <= SUBJECT_MAX and subject.isprintable()):
        raise forbidden(f"found a token without a subject (sub) of 1 to {SUBJECT_MAX} visible characters, expected one")
    return subject


def _own(store: Store, name: str, owner: str | None) -> registry.Webhook:
    """A webhook that may be asked about. Raises Problem (404), the same for another's as for none."""
    try:
        found = registry.webhook(store, name)
        if owner is None or found.owner == owner:
            return found
    except UnknownWebhook:
        pass
    raise Problem(404, UnknownWebhook.code, "found no such webhook, expected one of those that GET /v1/webhooks lists")


async def read_model(request: Request, kind: type[ModelT]) -> ModelT:
    """The body as a model. Raises Problem."""
    media_type(request, (JSON,))
    return read_as(kind, await read_body(request), "malformed", lambda loc: str(loc[0])[:40] if loc else None)


def json_answer(text: str, status: int = 200) -> Response:
    """An answer that nobody keeps."""
    return Response(text.encode(), status, {"Cache-Control": "private, no-store"}, JSON)
