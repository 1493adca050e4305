"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class OrganisationCount(Answer):
    """The responses of one customer organisation that count at the instant (R2)."""

    received: int
    """How many count, before the cap."""
    applied: int
    """How many are applied: no more than the edition's cap."""
    names: tuple[str, ...] | None = None
    """The names of the organisation, the first known first; only where it has several."""


class LocationStatus(Answer):
    """One location, or `*` where the edition pools all locations (R11)."""

    satisfied: bool
    """Whether its responses suffice by themselves."""
    counted: int
    """Responses applied."""
    organisations: int
    """Organisations with a response that counts."""
    by_org: dict[str, OrganisationCount]
    """The organisations with a response that counts, by name."""


class NextChange(Answer):
    """When `satisfied` flips next if nothing more arrives."""

    at: str
    """The instant from which on it is otherwise. Some roles see its day alone."""
    satisfied: bool
    """What it is from then on."""


class Status(Answer):
    """The status of a membership at an instant, as known at a position."""

    membership: str
    """The membership."""
    at: str
    """The instant asked for."""
    known_at: int
    """The position of the ledger up to which something is known."""
    required: bool
    """Whether the requirement binds: an edition is in force and the level is gold."""
    satisfied: bool
    """Whether the requirement is met."""
    via: Literal["responses", "evaluations"] | str | None
    """By what it is met; null where it is not."""
    location: str | None
    """The satisfied location with the highest count, else the one with the highest count, ties by name."""
    counted: int
    """Responses applied at that location."""
    organisations: int
    """Organisations with a response that counts at that location."""
    edition: str | None
    """The edition of the rules that is in force; null before the first."""
    locations: dict[str, LocationStatus]
    """Every location by name."""
    evaluations: int
    """Evaluations that count."""
    next_change: NextChange | None
    """The next instant at which `satisfied` flips if nothing more arrives; null if there is none."""
    next_renewal: str | None
    """The renewal date that comes next; null if none is known."""
