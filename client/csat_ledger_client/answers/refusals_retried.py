"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class RefusalsRetried(Answer):
    """What came of refused facts that were taken again."""

    accepted: int
    """Facts recorded."""
    duplicates: int
    """Facts that were in the book already, those among them of which not all is kept."""
    refused: int
    """Facts refused again, which stay."""
    left: int
    """Refused facts that are meant and of which too little is kept: their sources have to send them again."""
    next: int | None
    """After which number the next request goes on; null where there is nothing more."""
    position: int
    """The highest position at which one of them stands; 0 where none does."""
