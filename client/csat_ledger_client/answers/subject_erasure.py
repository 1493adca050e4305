"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class ExportToWithdraw(Answer):
    """An export that had the subject in it, and is outside the vault."""

    export: str
    """Its id."""
    at: str
    """When it was made."""
    actor: str
    """Who made it."""
    what: str
    """What was handed out: contacts, comments, results, report."""


class SubjectErasure(Answer):
    """A subject of whom the vault keeps nothing any more."""

    subject: str
    """The reference."""
    outcome: Literal["erased", "erased-before"] | str
    """Whether it was erased now, or had been before."""
    requested_at: str
    """When it was asked for."""
    completed_at: str
    """When it was over."""
    exports: tuple[ExportToWithdraw, ...]
    """The exports that listed it, to be removed by whoever has them."""
