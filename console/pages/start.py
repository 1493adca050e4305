"""The first page of a role that has no page of its own: what it may do, and where that is done."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import orjson

from console.http.openapi import document
from console.http.roles import TABLE, Role
from console.pages.rendering import Shown
from console.pages.visiting import Visit


class Duty(NamedTuple):
    """What a role is for, in a sentence, and the commands that do the same on the machine of the ledger."""

    sentence: str
    commands: tuple[tuple[str, str], ...]


DUTIES: Final[dict[Role, Duty]] = {
    "operator": Duty(
        "You hand facts in, see to those that were refused, and read answers for a stated reason. "
        "None of it is done on a page: programs do it through the service, people with csat-ledger.",
        (
            ("record FILE", "records facts, JSON lines, each once"),
            ("refusals", "facts that were refused, and why"),
            ("record --retry", "takes refused facts again"),
            ("contacts export", "lists who is to be invited or reminded"),
        ),
    ),
    "subscriber": Duty(
        "You are told each change of eligibility and of qualification, once and in order, from any point on. "
        "Programs listen: to the feed of changes, or by webhooks of your own.",
        (
            ("changes", "the feed of changes, as a stream"),
            ("webhook add URL", "registers a webhook, to which announcements are sent"),
        ),
    ),
    "admin": Duty(
        "You keep webhooks, erase people from the vault, and see who read whom. You see no events, and nothing of what is "
        "in the vault. It is done through the service, or with csat-ledger beside the ledger.",
        (
            ("webhook list", "the webhooks, and how far behind each is"),
            ("erase SUBJECT", "erases a person from the vault, with the answers that lead to it"),
            ("access-report", "who read which person, when and why"),
            ("vault", "makes the vault, and rotates its keys"),
        ),
    ),
}
"""Of roles that see nothing on pages but what is for everybody."""


class Asked(NamedTuple):
    """A route of the service as a role has it."""

    method: str
    path: str
    summary: str


async def start(visit: Visit) -> Shown:
    """For each of the caller's roles that has no page of its own."""
    roles = [role for role in DUTIES if role in visit.caller.roles]
    found = [(role, DUTIES[role], routes_of(role)) for role in roles]
    return Shown("start.html.j2", {"title": "What you may do", "found": found})


@cache
def routes_of(role: Role) -> tuple[Asked, ...]:
    """What a role may ask the service, as the table of roles and the OpenAPI document say it."""
    paths = orjson.loads(document())["paths"]
    return tuple(
        Asked(method.upper(), path, operation["summary"])
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation["operationId"] in TABLE[role]
    )
