"""The errors of the roles alone. Those that they share with subscribers are of `csat_ledger_client.errors`.

LedgerError
├── RelayStopped        the relay must not go on: the feed has a hole, or Kafka does not hold what was relayed
└── UnknownWebhook      a webhook that is not registered
"""

from __future__ import annotations

from ledger.errors import LedgerError


class RelayStopped(LedgerError):
    """The relay must not go on: the feed has a hole, or Kafka does not hold what was relayed of this book."""


class UnknownWebhook(LedgerError):
    """A webhook that is not registered."""

    code = "unknown-webhook"
