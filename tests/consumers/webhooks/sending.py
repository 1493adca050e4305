"""A sender as a process of its own, to be killed: python -m tests.consumers.webhooks.sending STORE"""

from __future__ import annotations

import sys
import time

from console.wiring import open_store
from consumers.webhooks.sender import Sender
from tests.consumers.webhooks.support import quick


def main(where: str) -> None:
    store = open_store(where, create=False)
    with Sender(store, lambda: time.time_ns() // 1_000, quick()) as sender:
        while True:
            time.sleep(sender.step())


if __name__ == "__main__":
    main(sys.argv[1])
