"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class MonthStanding(Answer):
    """How many there were at the end of a month, or at the instant asked for in the last one."""

    month: str
    """YYYY-MM."""
    eligible: int
    """Memberships that were eligible."""
    qualified: int
    """Designations that were qualified."""


class Overview(Answer):
    """How many stand where, as it was announced."""

    at: str
    """The instant asked about."""
    known_at: int
    """The position of the ledger up to which something is known."""
    memberships: int
    """Memberships of the survey programme that are known."""
    eligible: int
    """How many of them are eligible at that instant."""
    designations: int
    """Designations of the capability programme that are known."""
    qualified: int
    """How many of them are qualified at that instant."""
    complete: bool
    """Whether all that time alone changes by that instant was announced, and so is counted: false where nobody reviews,
    and where the instant lies ahead of what is known.
    """
    overdue: int | None
    """Renewals before the day of that instant that nobody has decided; null where they are fewer than five, but some,
    and the programme's owner asks.
    """
    months: tuple[MonthStanding, ...]
    """The same over time, from the first month in which there was one; at most fifty years."""
