"""What downstream services of a CSAT ledger install: facts in, questions, and what changes.

    from csat_ledger_client import Ledger

    with Ledger("https://ledger.example", token) as ledger:
        print(ledger.status("m-1").satisfied)

    csat_ledger_client.answers      the answers over HTTP, a class for each
    csat_ledger_client.errors       every error, and what it means
    csat_ledger_client.messages     what is announced, as it comes over Kafka
    csat_ledger_client.kafka        the subscriber over Kafka, and exactly-once effects         extra `kafka`
    csat_ledger_client.webhooks     verify_webhook                                              extra `webhooks`
    csat_ledger_client.receipts     verify_receipt                                              extra `proof`

Nothing but what is used is imported: neither httpx for a subscriber over Kafka, nor Kafka for a question.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from csat_ledger_client.http.changes import Change
    from csat_ledger_client.http.ledger import Ledger, Question
    from csat_ledger_client.http.recording import Recorded
    from csat_ledger_client.receipts import verify_receipt
    from csat_ledger_client.webhooks import verify_webhook

__all__ = ["Change", "Ledger", "Question", "Recorded", "verify_receipt", "verify_webhook"]

_WHERE = {
    "Change": "http.changes",
    "Ledger": "http.ledger",
    "Question": "http.ledger",
    "Recorded": "http.recording",
    "verify_receipt": "receipts",
    "verify_webhook": "webhooks",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
