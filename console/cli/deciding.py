"""Recording a decision of whatever programme: once for each state of its subject's stream, also where several decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ledger.errors import LedgerError, Refused
from ledger.event import Event
from ledger.instants import format_instant
from ledger.programmes.registry import PROGRAMMES

if TYPE_CHECKING:
    from console.wiring import Ledger

ACTOR: Final = "csat-ledger"
TRIES_MAX: Final = 5


def record_decision(ledger: Ledger, stream: str, about: str, fact: dict[str, Any], unknown: LedgerError) -> Event:
    """Records a fact that asks for a decision, at the ledger's now; returns the decision as it stands in the book.

    `about` names what is decided: the fact's id is made of it and of how many events the stream has, so that who sends this
    twice by accident decides once. Raises Refused, and `unknown` where the stream has no events.
    """
    from ledger.programmes.registry import own_fact

    for tries in range(1, TRIES_MAX + 1):
        seq = ledger.store.last_seq(stream)
        if seq == 0:
            raise unknown
        whole = {"id": f"{ACTOR}:{about}:{seq}", "occurred_at": format_instant(ledger.clock()), "actor": ACTOR, **fact}
        (outcome,) = ledger.writer.record([own_fact(whole)])
        if outcome.status in ("accepted", "duplicate"):
            (row,) = ledger.store.read_feed(outcome.position - 1, 1)
            return PROGRAMMES.decode(row.stored, row.position)
        if outcome.code != "id-reused" or tries == TRIES_MAX:
            break  # else another process decided on this very state in the meantime: look again
    raise Refused(outcome.code or "", outcome.sentence or "")
