"""Which logs some readers read, as the published checkpoint of each says: asked of all at once, and for so long at most."""

from __future__ import annotations

import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from ledger.errors import SealError
from ledger.proof.log.checkpoint import parse_checkpoint
from ledger.proof.log.errors import ProofError
from ledger.proof.log.note import parse_note
from ledger.seal.log_reader import LogReader

PATIENCE_S: Final = 10.0
"""So long all of them together have for an answer."""


def origins_of(logs: Sequence[LogReader], patience_s: float = PATIENCE_S) -> list[str | None]:
    """The origin of each log; None where it has no checkpoint that can be read now. No signature is verified."""
    answers: SimpleQueue[tuple[int, str | None]] = SimpleQueue()
    for number, log in enumerate(logs):
        Thread(target=_ask, args=(number, log, answers), daemon=True).start()
    found: list[str | None] = [None] * len(logs)
    end_s = time.monotonic() + patience_s
    for _ in logs:
        try:
            number, origin = answers.get(timeout=max(0.0, end_s - time.monotonic()))
        except Empty:
            break
        found[number] = origin
    return found


def _ask(number: int, log: LogReader, answers: SimpleQueue[tuple[int, str | None]]) -> None:
    origin = None
    try:
        if (signed := log.checkpoint()) is not None:
            origin = parse_checkpoint(parse_note(signed)[0]).origin
    except (SealError, ProofError, OSError):
        pass  # whoever reads the log for more than its name says what is wrong
    finally:
        answers.put((number, origin))
