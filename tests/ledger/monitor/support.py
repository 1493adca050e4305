"""A monitor on a log, and one that is started anew for each round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.monitor.monitor import Monitor
from ledger.monitor.report import MonitorReport
from ledger.monitor.witness import CheckingWitness
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.seal.log_reader import LogReader
from tests.ledger.seal.support import WITNESS_KEY, WITNESSED_S, policy

VERSION = "test"


@contextmanager
def a_monitor(
    log: LogReader,
    state: Path,
    clock_us: Callable[[], int] | None = None,
    version: str = VERSION,
    files: Sequence[Path] = (),
    **changed: Any,
) -> Iterator[Monitor]:
    """A monitor with its state in a folder, and files of receipts."""
    monitor = Monitor(log, policy(**changed), PROOF_PROGRAMMES, state, version, clock_us, files)
    try:
        yield monitor
    finally:
        monitor.close()


def watch(log: LogReader, state: Path, **changed: Any) -> MonitorReport:
    """One round of a monitor that goes on from the state, or begins."""
    with a_monitor(log, state, **changed) as monitor:
        return monitor.round()


@contextmanager
def a_checking_witness(
    log: LogReader, folder: Path, clock_us: Callable[[], int] | None = None
) -> Iterator[CheckingWitness]:
    """A witness that looks, with its memory and its monitor's state in a folder."""
    monitor = Monitor(log, policy(), PROOF_PROGRAMMES, folder / "monitored", VERSION, clock_us)
    witness = CheckingWitness(WITNESS_KEY, policy(), folder, lambda: WITNESSED_S, monitor)
    try:
        yield witness
    finally:
        witness.close()
