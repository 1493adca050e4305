"""Commits of transactions that end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from csat_ledger_client.errors import BrokerUnreachable

if TYPE_CHECKING:
    from kafka import KafkaProducer

COMMIT_TIMEOUT_S: Final = 12.0
"""The library has no limit for it: a commit never returns when the broker is lost under it."""


class Undecided(BrokerUnreachable):
    """A call to the broker did not return in time: what it was to do may be done or not."""


def commit(producer: KafkaProducer, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
    """Commits the transaction. Raises Undecided where the broker has not answered in time: it may be done or not.

    What `commit_transaction` does, but for its wait, which has no end and would hold a thread for ever.
    """
    result = producer._transaction_manager.begin_commit()
    producer._sender.wakeup()
    if not result.wait(timeout_ms=timeout_s * 1_000):
        raise Undecided(f"the commit did not return within {timeout_s:g} s")
