"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class ResponseSeen(Answer):
    """What a partner sees of a response. It has no repr of its own, so that no log shows it."""

    response: str | None
    """The response; null where it is anonymous: then its comment alone is shown, which was cleared."""
    invitation: str | None
    """The invitation that it answers; null where it names none, or is anonymous."""
    comment: str | None
    """The comment; null where there is none."""


class ResponsesPage(Answer):
    """Some of what a partner sees of its responses."""

    responses: tuple[ResponseSeen, ...]
    """Comments of anonymous responses that were cleared, on the first page; then the others, by their ids."""
    next: str | None
    """What to ask for with `after` for the next page; null where this is the last."""
