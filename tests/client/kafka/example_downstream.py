"""A downstream service: keeps in its own database who is eligible and who is qualified, each change exactly once.

    python -m tests.client.kafka.example_downstream kafka:9092 crm.db

It may be killed at any moment, and two of it may run at once: the note that a change was seen, and its effect, are one
transaction.
"""

import os
import sqlite3
import sys

from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.kafka.effects import Effects
from csat_ledger_client.kafka.subscriber import Subscriber
from csat_ledger_client.messages.capability import DesignationChanged
from csat_ledger_client.messages.survey import EligibilityChanged

STANDING = (
    "INSERT INTO standing VALUES (?, ?, ?, 1) ON CONFLICT (partner, area) DO UPDATE"
    " SET holds = excluded.holds, changes = changes + 1"
)


def main(bootstrap: str, database: str) -> None:
    connection = sqlite3.connect(database, timeout=30)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS standing"
        " (partner TEXT, area TEXT, holds INTEGER, changes INTEGER, PRIMARY KEY (partner, area))"
    )
    effects = Effects(connection, "crm")
    broker = Broker(bootstrap, prefix=os.environ.get("CSAT_LEDGER_TOPIC_PREFIX", ""))
    for delivery in Subscriber(broker, start=effects.start()).deliveries():
        with effects.once(delivery) as fresh:
            if not fresh:
                continue
            match delivery.message:
                case EligibilityChanged() as change:
                    connection.execute(STANDING, (change.membership, "survey", change.satisfied))
                case DesignationChanged() as change:
                    connection.execute(STANDING, (change.membership, change.area, change.qualified))


if __name__ == "__main__":
    main(*sys.argv[1:])
