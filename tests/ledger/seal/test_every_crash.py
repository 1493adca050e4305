"""A sealer that dies before or after each thing it writes, while its witness comes and goes: every such moment, one by one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import QuorumMissing
from ledger.monitor.report import MonitorReport
from ledger.proof.log.checkpoint import parse_checkpoint
from ledger.proof.log.note import parse_note
from ledger.seal import folder as folder_module
from ledger.seal.folder import LogFolder
from ledger.seal.sealer import open_sealer
from ledger.seal.signing import FileMemory, KeySigner
from tests.ledger.monitor.support import watch
from tests.ledger.seal.support import LOG_KEY, Beside, Ledger, a_witness, sqlite_ledger, witnessed
from tests.ledger.seal.test_sealer import many, require_sound

VISITS = (True, False, False, True)
"""Whether the witness is there, round by round; with each the book grows."""


class Death(BaseException):
    """The process ends here."""


class Mortal:
    """Counts what is written, and dies at one of these moments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moments = 0
        self.dies_at: int | None = None
        for owner, name in (
            (folder_module, "_append"),
            (LogFolder, "_replace"),
            (FileMemory, "keep"),
            (Path, "unlink"),
        ):
            monkeypatch.setattr(owner, name, self._guarded(getattr(owner, name)))

    def _guarded(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*given: Any, **named: Any) -> Any:
            self._pass()
            written = write(*given, **named)
            self._pass()
            return written

        return guarded

    def _pass(self) -> None:
        moment, self.moments = self.moments, self.moments + 1
        if moment == self.dies_at:
            raise Death


def sealed(ledger: Ledger, memory: Path, witness: Beside) -> None:
    """One process that seals until nothing is left to do, or until its witness is not there."""
    with (
        suppress(QuorumMissing),
        open_sealer(ledger.store, ledger.folder, [KeySigner(LOG_KEY, FileMemory(memory))], witness) as sealer,
    ):
        sealer.seal()


def test_whenever_a_sealer_dies_the_log_is_sound_and_its_history_is_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mortal = Mortal(monkeypatch)
    deaths = moments = 0
    while deaths == 0 or moments > deaths:  # the first life is told of no death, and counts the moments
        place = tmp_path / str(deaths)
        place.mkdir()
        with sqlite_ledger(place) as ledger:
            mortal.moments, mortal.dies_at = 0, deaths - 1 if deaths else None
            moments = max(moments, live_through(ledger, place, mortal))
        deaths += 1
    assert moments > 40


def live_through(ledger: Ledger, place: Path, mortal: Mortal) -> int:
    """All rounds, and what then must hold; how many moments there were."""
    memory = place / "log.signed"
    memory.touch()
    witness = Beside(a_witness(place / "witness"))
    for number, witness.reachable in enumerate(VISITS):
        ledger.record(many(2, 2 * number))
        try:
            sealed(ledger, memory, witness)
        except Death:
            assert {one.verdict for one in ledger.audit(**witnessed()).findings} <= {"incomplete"}
            sealed(ledger, memory, witness)
        if not witness.reachable:
            require_calm(ledger, watch(ledger.folder, place / "state", **witnessed()))
    moments, mortal.dies_at = mortal.moments, None
    ledger.record(many(1, 100))
    sealed(ledger, memory, witness)
    final = require_sound(ledger)
    sizes = [parse_checkpoint(parse_note(note)[0]).size for note in ledger.folder.history()]
    assert sizes == sorted(sizes)
    assert sizes[-1] == final.size
    assert len(set(sizes)) >= len(VISITS) + 1  # what was signed and never published is among them
    report = ledger.audit(**witnessed())
    assert report.verdict == "confirmed", report.findings
    watched = watch(ledger.folder, place / "state", **witnessed())
    assert watched.verdict == "confirmed", watched.findings
    return moments


def require_calm(ledger: Ledger, watched: MonitorReport) -> None:
    """Checkpoints that are signed, and wait for a witness, are held against nobody."""
    found = [*ledger.audit(**witnessed()).findings, *watched.findings]
    assert not found, found
