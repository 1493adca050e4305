"""A downstream service: keeps in its own database who is eligible, and how often that changed; each change exactly once.

    python -m tests.consumers.example_downstream kafka:9092 crm.db

It may be killed at any moment, and two of it may run at once: the note that a change was seen, and its effect, are one
transaction.
"""

import os
import sqlite3
import sys

from consumers.broker.kafka import Broker
from consumers.effects import Effects
from consumers.subscriber import EligibilitySubscriber


def main(bootstrap: str, database: str) -> None:
    connection = sqlite3.connect(database, timeout=30)
    connection.execute("CREATE TABLE IF NOT EXISTS partner (id TEXT PRIMARY KEY, eligible INTEGER, changes INTEGER)")
    effects = Effects(connection, "crm")
    broker = Broker(bootstrap, prefix=os.environ.get("CSAT_LEDGER_TOPIC_PREFIX", ""))
    for delivery in EligibilitySubscriber(broker, start=effects.start()).deliveries():
        change = delivery.message
        with effects.once(delivery) as fresh:
            if fresh:
                connection.execute(
                    "INSERT INTO partner VALUES (?, ?, 1) ON CONFLICT (id) DO UPDATE"
                    " SET eligible = excluded.eligible, changes = changes + 1",
                    (change.membership, change.satisfied),
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
