"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class NextChange(Answer):
    """When `satisfied` flips next if nothing more arrives."""

    at: str
    """The instant from which on it is otherwise."""
    satisfied: bool
    """What it is from then on."""


class BoardRow(Answer):
    """One membership on the board."""

    membership: str
    """The membership."""
    name: str
    """The partner's name."""
    state: Literal["losing", "eligible", "not-eligible"] | str
    """`losing`: eligible, and no more within the time asked for; `eligible`; `not-eligible`."""
    at: str
    """The instant from which the board is seen."""
    known_at: int
    """The position of the ledger up to which something is known."""
    required: bool
    """Whether the requirement binds: an edition is in force and the level is gold."""
    satisfied: bool
    """Whether the requirement is met."""
    via: Literal["responses", "evaluations"] | str | None
    """By what it is met; null where it is not."""
    counted: int
    """Responses applied at the location with the highest count."""
    organisations: int
    """Organisations with a response that counts there."""
    next_change: NextChange | None
    """The next instant at which `satisfied` flips if nothing more arrives; null if there is none."""
    why: str | None
    """What takes the eligibility away at the next change, in a few words; null where nothing does."""


class BoardPage(Answer):
    """Some memberships of the board, by their ids, and where the next page begins."""

    memberships: tuple[BoardRow, ...]
    """The memberships that were looked for; none is left out up to where the page ends."""
    next: str | None
    """The cursor of the next page, which may have others; null where there are none."""
