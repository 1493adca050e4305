"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class EligibilityChange(Answer):
    """A change of a membership's eligibility; it replaces all that was announced of it from `effective_at` on."""

    position: int
    """Where the announcement stands in the ledger."""
    membership: str
    """The membership."""
    cause: Literal["response", "evaluation", "expiry", "void", "membership", "organisation", "rulebook"] | str
    """What changed it."""
    counted: int
    """Responses applied then, at `location`."""
    edition: str | None
    """The edition of the rules in force then; null before the first."""
    effective_at: str
    """The exact instant from which on it holds."""
    location: str | None
    """The satisfied location with the highest count, else the one with the highest count."""
    organisations: int
    """Organisations with a response that counted there."""
    previous: bool
    """What held before."""
    revises: bool
    """Whether it changes what was announced, or should have been, before."""
    satisfied: bool
    """Whether the requirement is met from then on."""
    via: Literal["responses", "evaluations"] | str | None
    """By what it is met; null where it is not."""
    fact: str | None
    """The id of the fact that caused it; null where time alone did."""
    seq: int
    """The announcement's place in its stream."""


class DesignationChange(Answer):
    """A designation becomes qualified, or is no more; it replaces all that was announced of it from `effective_at` on."""

    position: int
    """Where the announcement stands in the ledger."""
    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    cause: Literal["report", "close", "certificate", "expiry", "scorebook"] | str
    """What changed it."""
    centipoints: int
    """The score from then on, in hundredths of points."""
    edition: str | None
    """The scorebook edition in force then; null before the first."""
    effective_at: str
    """The exact instant from which on it holds."""
    metrics: dict[str, int]
    """The points of each metric, in hundredths."""
    month: str | None
    """The last month closed by then, YYYY-MM; null where none was."""
    previous: bool
    """What held before."""
    qualified: bool
    """Whether it is qualified from then on."""
    revises: bool
    """Whether it changes what was announced, or should have been, before."""
    track: Literal["enterprise", "smb"] | str
    """Whose thresholds apply."""
    fact: str | None
    """The id of the fact that caused it; null where time alone did."""
    seq: int
    """The announcement's place in its stream."""


class ChangesPage(Answer):
    """A page of the feed."""

    changes: tuple[EligibilityChange | DesignationChange, ...]
    """What was announced, in the order of the ledger; none where nothing came in time."""
    next: str
    """The cursor from which to go on, as `after`. It moves on also where nothing that is wanted was announced."""


class CutOff(Answer):
    """Why a stream ends here; whoever goes on hands in the last `id` that came."""

    reason: (
        Literal[
            "slow",
            "token-expired",
            "stopping",
            "renew",
            "position-unknown",
            "broken-history",
            "store-unreachable",
            "fault",
        ]
        | str
    )
    """`slow`: taken too slowly; `token-expired`: come with another token; `stopping`: the service ends, come again;
    `renew`: it has lasted long enough, come again; `position-unknown`: the book is another one, or an older copy;
    `broken-history`: an announcement cannot be read; `store-unreachable`, `fault`: the service cannot go on now.
    """
    sentence: str
    """The same in words."""


class PositionReached(Answer):
    """Where the feed stands: up to here there is nothing else that is wanted."""

    position: int
    """The position; the event's id is its cursor."""
