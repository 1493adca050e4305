"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from pydantic import Field

from csat_ledger_client.answers.answer import Answer


class RollingPoint(Answer):
    """How a membership stood from an instant on."""

    at: str
    """From when on."""
    counted: int
    """Responses applied at the location with the highest count."""
    organisations: int
    """Organisations with a response that counts there."""
    min_responses: int | None
    """Responses that the edition in force asks for; null before the first edition."""
    satisfied: bool
    """Whether the requirement is met."""


class Rolling(Answer):
    """The rolling count of a membership between two instants."""

    membership: str
    """The membership."""
    name: str
    """The partner's name."""
    at: str
    """The instant asked about; it is told, whatever else is."""
    from_: str = Field(alias="from")
    """The first instant that is told."""
    to: str
    """The last."""
    known_at: int
    """The position of the ledger up to which something is known."""
    exact: bool
    """Whether every change is a point; else points are as far apart, and what lies between two may be otherwise."""
    points: tuple[RollingPoint, ...]
    """How it stood, the earliest first."""
