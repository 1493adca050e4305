"""Commits of transactions that end."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from csat_ledger_client.errors import BrokerUnreachable

if TYPE_CHECKING:
    from kafka import KafkaProducer, TopicPartition

COMMIT_TIMEOUT_S: Final = 12.0
"""The library has no limit for it: a commit never returns when the broker is lost under it."""


class Undecided(BrokerUnreachable):
    """A call to the broker did not return in time: what it was to do may be done or not."""


def commit(producer: KafkaProducer, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
    """Commits the transaction. Raises Undecided where the broker has not answered in time: it may be done or not.

    What `commit_transaction` does, but for its wait, which has no end and would hold a thread for ever.
    """
    _await(producer, producer._transaction_manager.begin_commit(), timeout_s)


def end_in(
    producer: KafkaProducer, places: Collection[TopicPartition], *, committed: bool, timeout_s: float = COMMIT_TIMEOUT_S
) -> None:
    """Commits or aborts a transaction that names partitions and holds nothing.

    Its mark there ends whatever transaction of the same transactional id is open in them. Raises Undecided as `commit` does.
    """
    transactions = producer._transaction_manager
    producer.begin_transaction()
    for place in places:
        transactions.maybe_add_partition_to_transaction(place)
    # What is only noted to be added is forgotten by an abort.
    transactions._enqueue_request(transactions._add_partitions_to_transaction_handler())
    _await(producer, transactions.begin_commit() if committed else transactions.begin_abort(), timeout_s)


def _await(producer: KafkaProducer, result: Any, timeout_s: float) -> None:
    producer._sender.wakeup()
    if not result.wait(timeout_ms=timeout_s * 1_000):
        raise Undecided(f"the commit did not return within {timeout_s:g} s")
