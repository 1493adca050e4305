"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class PersonRead(Answer):
    """A reading of a person."""

    entry: int
    """Its number in the access log; there may be gaps, of readings that were given up."""
    at: str
    """When."""
    actor: str
    """Who read."""
    action: str
    """What for: invitation, reminder, shown, found; of a response answers, comment, link, comment-cleared, comment-
    withheld; erased where the erasure was asked for.
    """
    subject: str
    """Whom, by reference; of a response `response/<membership>/<response>`, which names nobody."""
    reason: str
    """Why, in the reader's words."""


class AccessReportPage(Answer):
    """Some entries of the vault's access log."""

    entries: tuple[PersonRead, ...]
    """In their order."""
    next: int | None
    """What to ask for with `after` for the next page; null where this is the last."""
