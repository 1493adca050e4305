"""A witness that looks: it mirrors a log, and cosigns only what its monitor confirms, up to the very size it is asked for.

So no checkpoint gets its cosignature under which a stream has two ends, or one that goes another way than before; a heads
entry that is not the one that follows from the entries; an event out of its place or a fact twice; an announcement or a
decision that does not follow; or a time that goes back, or lies ahead of the witness's clock. What the monitor derived is on
disk before the cosignature is given.

What a log's monitor keeps is in a folder of its own within the witness's memory (`state_folder`).

What it cannot derive within `PATIENCE_S` it goes on with in the background, and answers that it may be asked
again. What is found once is held against the log for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

from ledger.errors import SealError
from ledger.monitor.memory import origin_in
from ledger.monitor.monitor import Monitor, identity_of
from ledger.monitor.proven import NotNow
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.policy import Policy
from ledger.proof.log.signer import SignerKey
from ledger.seal.witness import Answer, Witness, origin_hash

STATE: Final = "monitored"
PATIENCE_S: Final = 5.0
"""So long a request waits for its entries to be derived; the sealer waits twice as long for the answer."""
POLL_S: Final = 0.5
SAID_MAX: Final = 3
"""So many differences a refusal names."""


def state_folder(memory: Path, policy: Policy) -> Path:
    """Where a log's monitor keeps its state in a witness's memory: in `monitored`, in a folder called as the log's file.

    The state that an earlier version of the program left in `monitored` itself, for the one log that it served, goes on to
    be used for that log.
    """
    folder = memory / STATE
    found = origin_in(folder)
    is_of_this = found is not None and found.startswith(identity_of(policy.origin))
    return folder if is_of_this else folder / origin_hash(policy.origin)


class CheckingWitness(Witness):
    """Cosigns checkpoints of one log that its monitor confirms."""

    looks = True

    def __init__(
        self, signer: SignerKey, policy: Policy, folder: Path, clock_s: Callable[[], int], monitor: Monitor
    ) -> None:
        super().__init__(signer, policy, folder, clock_s)
        self._monitor = monitor
        self._one_at_a_time = Lock()
        self._target: Checkpoint | None = None
        """What was asked for and is not derived yet."""
        self._stopped = Event()
        self._mirror: Thread | None = None
        self._on_fault: Callable[[Exception], None] | None = None

    def start_mirror(self, on_fault: Callable[[Exception], None] | None = None) -> None:
        """Has a thread go on, between requests, with what was asked for.

        What goes wrong in it that nothing of the log explains is told to `on_fault`, the first time; it goes on with what is
        asked for next.
        """
        self._on_fault = on_fault
        self._mirror = Thread(target=self._go_on, daemon=True)
        self._mirror.start()

    def close(self) -> None:
        """Lets another witness use the folders, once the thread has ended its step."""
        self._stopped.set()
        if self._mirror is not None:
            self._mirror.join()
        with self._one_at_a_time:
            self._monitor.close()
        super().close()

    def saw(self, checkpoint: Checkpoint, signed: bytes) -> None:
        """Two checkpoints of one size are held against the log, whichever is asked for."""
        with self._one_at_a_time:
            self._monitor.see(checkpoint, signed)

    def refusal(self, checkpoint: Checkpoint) -> Answer | None:
        """Why the checkpoint is not cosigned, or not yet; None where the monitor confirms it."""
        end_s = time.monotonic() + PATIENCE_S
        self._target = checkpoint
        try:
            while time.monotonic() < end_s:
                if self._step(checkpoint):
                    self._target = None
                    return self._judged(checkpoint)
        except NotNow as why:
            self._target = None
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"not confirmed: {why}\n")
        except (SealError, OSError) as error:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"not confirmed yet: the log cannot be read ({error})\n")
        found = f"found {self._monitor.size} of {checkpoint.size} entries derived so far, expected all"
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"not confirmed yet: {found}\n")

    def _go_on(self) -> None:
        while not self._stopped.is_set():
            target = self._target
            if target is None:
                self._stopped.wait(POLL_S)
                continue
            try:
                is_done = self._step(target)
            except (NotNow, SealError, OSError):
                is_done = True  # said to who asks again
            except Exception as error:  # the thread must not end: the witness would be behind for ever, and say nothing
                is_done = True
                on_fault, self._on_fault = self._on_fault, None
                if on_fault is not None:
                    on_fault(error)
            if is_done and self._target == target:
                self._target = None

    def _step(self, checkpoint: Checkpoint) -> bool:
        with self._one_at_a_time:
            return self._monitor.advance(checkpoint)

    def _judged(self, checkpoint: Checkpoint) -> Answer | None:
        with self._one_at_a_time:
            findings = [*self._monitor.findings(), *self._monitor.check_keys()]
        if not findings:
            return None
        said = "".join(f"{one.what}: found {one.found}, expected {one.expected}\n" for one in findings[:SAID_MAX])
        words = f"not confirmed: {len(findings)} differences up to size {checkpoint.size}, among them\n{said}"
        return Answer(HTTPStatus.FORBIDDEN, words)
