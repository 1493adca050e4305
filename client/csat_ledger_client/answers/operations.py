"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class Missing(Answer):
    """Something that the service lacks."""

    code: str
    """What it is; it never changes."""
    sentence: str
    """What was found."""


class OperationsSign(Answer):
    """One thing that is watched."""

    sign: str
    """Which: `lag` (positions), `gaps` (positions), `late-reviews` (seconds), `streams-set-aside`, `streams-parked`,
    `refusals` (facts), `sealing-age` (seconds since a checkpoint, where there is more to seal), `webhook-parked`
    (memberships), `webhook-oldest` (seconds).
    """
    value: int
    """How much of it there is, whole."""
    state: Literal["ok", "look", "act"] | str
    """`ok`; `look`: it is not as it should be; `act`: somebody has to do something."""
    todo: str
    """What there is to do where it is not ok."""


class Operations(Answer):
    """How a service stands."""

    at: str
    """When that was so."""
    ready: bool
    """Whether it can answer and record."""
    missing: tuple[Missing, ...]
    """What it lacks; empty where it is ready."""
    signs: tuple[OperationsSign, ...]
    """What is watched; a sign that this process cannot know of is not among them."""
