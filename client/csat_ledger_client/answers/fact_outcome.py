"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class Receipt(Answer):
    """A signed promise that an event comes into the log, as `record --receipts` keeps it and `verify-receipt` reads it."""

    event: str
    """The event's stored bytes."""
    fact: str
    """The fact's id."""
    receipt: str
    """The signed note: `csat-ledger/receipt/v1`."""


class FactOutcome(Answer):
    """What became of a fact."""

    id: str | None
    """The fact's id; null where none could be read, or what stands there may not be told."""
    status: Literal["accepted", "duplicate", "refused", "put-off"] | str
    """`duplicate`: recorded before; `put-off`: no rule refuses it, and it has to be sent again later."""
    position: int
    """Where its event stands in the ledger; 0 where it has none."""
    receipt: Receipt | None = None
    """The receipt of a fact that is in the ledger; only where the service signs receipts."""
    code: str | None = None
    """Why it was not recorded: a code that never changes."""
    sentence: str | None = None
    """The same in words."""
    field: str | None = None
    """The member of the fact that it is about; only where it is one."""
    line: int | None = None
    """The line of ndjson, counted from 1; only where no id could be read. With `stopping`: the first that was not
    taken.
    """
    retry_ms: int | None = None
    """After so many milliseconds to send from that line on again; only with `stopping`."""
