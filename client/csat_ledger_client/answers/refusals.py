"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Any

from csat_ledger_client.answers.answer import Answer


class RefusedFact(Answer):
    """A fact that was refused, as it is kept beside the book."""

    number: int
    """What tells refusals apart; later ones have higher numbers."""
    id: str | None
    """The fact's id; null where none could be read."""
    type: str | None
    """Its type; null where none that is known could be read."""
    membership: str | None
    """Its membership; null where none could be read."""
    code: str
    """Why it was refused last: a code that never changes."""
    sentence: str
    """The same in words."""
    field: str | None
    """The member of the fact that it is about; null where it is none, or several."""
    source: str
    """Where it came from last: `file:NAME`, `http:PSEUDONYM`, or `kafka:TOPIC/PARTITION/OFFSET`."""
    first_refused_at: str
    """When it was refused first."""
    refused_at: str
    """When it was refused last."""
    times: int
    """How often it was refused."""
    original: dict[str, Any] | None
    """The fact, without what may not be kept; null where nothing of it is, or where it is in the book by now."""
    whole: bool
    """Whether `original` is all that was handed in, so that it can be taken again."""
    resolved: int | None
    """Where the fact's event stands in the ledger by now; null where it has none."""


class RefusalsPage(Answer):
    """Some refused facts, newest first, and where the next page begins."""

    refusals: tuple[RefusedFact, ...]
    """The refused facts."""
    next: str | None
    """The cursor of the next page; null where there is none."""


class RefusalCount(Answer):
    """How often facts were refused with a code."""

    code: str
    """The code."""
    facts: int
    """Refused facts that are kept now, were refused with it last, and are meant."""
    times: int
    """How often these were refused, whatever the code."""
    refused_at: str | None
    """When the last of them was refused; null where there are none."""
    given: int
    """How often the code was given since the ledger keeps refusals, whatever was asked for; and so are these three:"""
    resolved: int
    """Facts refused with it that were taken again, and are in the book."""
    dropped: int
    """Facts that were dropped because there were too many."""
    expired: int
    """Facts that were deleted for their age."""


class RefusalCounts(Answer):
    """Counts of refusals by code."""

    codes: tuple[RefusalCount, ...]
    """A line for each code, by its name."""


Refusals = RefusalsPage | RefusalCounts
