"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class Unanswered(Answer):
    """A line that could not be answered."""

    error: str
    """The code of what is wrong."""
    line: int
    """The number of the line, counted from 1 on."""
    sentence: str
    """What was found, and what was expected."""
