"""A seeded game: a host that may lie, against a checking witness, a monitor that holds receipts, and two auditors.

The host has the key of its log and an honest book, which it seals in pieces, and for whose facts it hands out receipts before
it seals them. In some round it may begin to lie (`LIES`): about the streams, in the map, in what follows, in times, by
showing different logs to different people; or only to those who hold receipts (`LIES_IN_RECEIPTS`). It publishes what the
witness cosigned, and where the witness does not cosign, the checkpoint as it is.

The auditors hold evidence of decisions; the policy of one asks for the witness, the other goes by the log's signature alone;
and they exchange checkpoints. The monitor goes by the entries, and holds against them what was promised. Who objects writes
it down: `monitor` for what it finds in the log, `receipts` for what it finds by receipts, `quorum` where the witness did not
cosign. In a game without a lie nobody may, whatever else happens: pieces that end within a transaction, rounds that are
missed, a witness or a monitor that is started anew, a log that cannot be reached, a file of receipts that is being written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from ledger.errors import LogUnreachable
from ledger.instants import SECOND_US
from ledger.monitor.monitor import Monitor
from ledger.monitor.report import ReceiptCounts
from ledger.monitor.witness import CheckingWitness
from ledger.proof.programme import programme_of
from ledger.proof.registry import PROOF_PROGRAMMES
from tests.ledger.monitor.auditors import Auditor, decided_streams
from tests.ledger.monitor.forging import HostLog, Said
from tests.ledger.monitor.lies import PROMISE_S, Host, Lie
from tests.ledger.monitor.lies_in_receipts import ALL_LIES, LIES_IN_RECEIPTS
from tests.ledger.monitor.support import VERSION
from tests.ledger.proof.receipts.support import receipts_member
from tests.ledger.seal.support import WITNESS_KEY, policy, policy_bytes, witnessed

HONEST_SHARE = 0.3
BELIEVED = witnessed() | {"receipts": receipts_member(within_s=PROMISE_S)}
NOT_IN_THE_ENTRIES = ("two_logs", "rolled_back")
"""What only who saw the other log can find."""
SAYS = {"receipt for": "receipts", "line ": "receipts", "cosignatures": "quorum"}
"""By how a finding of the monitor begins."""


class Unsteady(HostLog):
    """What is shown of a log, to whom, over a line that may be down."""

    def __init__(self, host: Host, whom: str) -> None:
        super().__init__()
        self._host, self._whom = host, whom
        self.is_down = False

    def read_path(self, path: str, max_bytes: int) -> bytes | None:
        if self.is_down:
            raise LogUnreachable("the line is down")
        return self._host.to(self._whom).read_path(path, max_bytes)


class Holders:
    """Those who hand in facts keep their receipts in two files, which a monitor reads while they are being written."""

    def __init__(self, folder: Path, drawn: Random) -> None:
        self.files = [folder / "r-1.jsonl", folder / "r-2.jsonl"]
        self.held: set[bytes] = set()
        self._drawn = drawn
        self._unwritten = [b"", b""]
        for file in self.files:
            file.touch()

    def take(self, lines: list[bytes], *, whole: bool) -> None:
        """Each line goes into one of the files or both; the last one perhaps not to its end, unless all is to be whole."""
        drawn = self._drawn
        for line in lines:
            self.held.add(line)
            for number in drawn.choice([(0,), (1,), (0, 1)]):
                self._unwritten[number] += line
        lines.clear()
        for number, file in enumerate(self.files):
            rest = self._unwritten[number]
            end = len(rest) if whole or drawn.random() < 0.5 else drawn.randint(0, len(rest))
            with file.open("ab") as more:
                more.write(rest[:end])
            self._unwritten[number] = rest[end:]


class Game:
    """One game; `objections` are what anybody said against the log, `lie` is empty where the host is honest."""

    def __init__(
        self,
        seed: int,
        told: list[Said],
        promised: list[tuple[int, bytes]],
        folder: Path,
        lies: Sequence[Lie] = ALL_LIES,
    ) -> None:
        self.objections: list[str] = []
        self.receipts: ReceiptCounts | None = None
        """What the monitor said of them last."""
        self._folder = folder
        self._drawn = drawn = Random(seed)
        self._lie = None if drawn.random() < HONEST_SHARE else drawn.choice(lies)
        log = HostLog()
        begun = drawn.randint(len(told) // 4, len(told) * 3 // 4)
        log.take(told[:begun])
        log.heads()
        self._host = Host(log, told[begun:], drawn, promised=list(promised))
        self.holders = Holders(folder, drawn)
        self._auditors = [Auditor("auditor-1", policy_bytes(**witnessed())), Auditor("auditor-2", policy_bytes())]
        self._had_evidence = False
        self._lines = {whom: Unsteady(self._host, whom) for whom in ("witness", "monitor")}
        self._witness: CheckingWitness | None = None
        self._monitor: Monitor | None = None

    @property
    def lie(self) -> str:
        """What the host lied about; empty where it is honest."""
        return "" if self._lie is None else self._host.lie or self._lie.__name__

    @property
    def must_object(self) -> set[str]:
        """Who has to have objected, whoever else did."""
        if self._lie is None:
            return set()
        if self._lie in LIES_IN_RECEIPTS:
            return {"receipts"}
        must = {"witness", "auditor-1"}
        if self.lie not in NOT_IN_THE_ENTRIES:
            must.add("monitor")
        forked_at = self._host.forked_at
        if forked_at is not None and all(one.held and one.held[0].size > forked_at for one in self._auditors):
            must.add("auditor-1 and auditor-2")
        if self._is_in_evidence() or (self.lie == "swapped_edition" and self._had_evidence):
            must.add("auditor-2")
        return must

    def _is_in_evidence(self) -> bool:
        """Whether the lie is in the chain of a stream on which a decision rests."""
        streams = decided_streams(self._host.to("auditor-2"))
        owners = {stream: programme_of(PROOF_PROGRAMMES, stream) for stream in streams}
        return any(
            owner is not None and self._host.spoilt in (stream, owner.rules_stream(stream))
            for stream, owner in owners.items()
        )

    @property
    def objectors(self) -> set[str]:
        """Who objected."""
        return {said.partition(":")[0] for said in self.objections}

    def play(self) -> None:
        """Some rounds, with a lie in one of them or none, and at the end an honest transaction that closes the last one."""
        drawn = self._drawn
        rounds = drawn.randint(2, 4)
        lies_in = drawn.randint(1, rounds - 1)
        try:
            for number in range(rounds):
                if number:
                    if self._lie is not None and number == lies_in:
                        self._had_evidence = self._auditors[1].held is not None
                        self._lie(self._host)
                    else:
                        self._grow()
                self._round()
            self._close_and_look()
        finally:
            self._restart(always=True)

    def _grow(self) -> None:
        if some := self._host.some():
            self._host.log.take(some)
            self._host.log.heads()

    def _round(self, *, all_look: bool = False) -> None:
        drawn, host = self._drawn, self._host
        for line in self._lines.values():
            line.is_down = not all_look and drawn.random() < 0.1
        for whom in dict.fromkeys(("witness", *host.shown)):
            self._ask(host.to(whom))
        host.hand_out(host.log.events + drawn.choice([0, 0, 3, 10]))
        self.holders.take(host.handed, whole=all_look)
        if all_look or drawn.random() < 0.7:
            self._look()
        for auditor in self._auditors:
            if (all_look or drawn.random() < 0.7) and (said := auditor.look(host, drawn, everywhere=all_look)):
                self.objections.append(said)
        if said := self._auditors[0].exchange(self._auditors[1]):
            self.objections.append(said)
        self._restart()

    def _ask(self, log: HostLog) -> None:
        """Asks for a cosignature, and publishes with it, or without where that is refused and not only put off."""
        signed = log.signed()
        answer = log.ask(self._the_witness(), signed)
        if answer.status == 200:
            log.notes += [*log.waiting, signed + answer.body.encode()]
            log.waiting.clear()
        elif self._lines["witness"].is_down:
            log.waiting.append(signed)
        else:
            self.objections.append(f"witness: {answer.status} {answer.body}")
            log.notes.append(signed)

    def _look(self) -> None:
        if self._monitor is None:
            self._monitor = Monitor(
                self._lines["monitor"],
                policy(**BELIEVED), PROOF_PROGRAMMES, self._folder / "monitor", VERSION,
                lambda: self._host.now_us, self.holders.files,
            )  # fmt: skip
        if not self._host.to("monitor").notes:
            return
        try:
            report = self._monitor.round()
        except LogUnreachable:
            assert self._lines["monitor"].is_down
            return
        self.receipts = report.receipts
        assert (report.verdict == "confirmed") == (not report.findings)
        for finding in report.findings:
            who = next((who for begins, who in SAYS.items() if finding.what.startswith(begins)), "monitor")
            self.objections.append(f"{who}: {finding}")

    def _the_witness(self) -> CheckingWitness:
        if self._witness is None:
            folder = self._folder / "witness"
            monitor = Monitor(
                self._lines["witness"],
                policy(),
                PROOF_PROGRAMMES,
                folder / "monitored",
                VERSION,
                lambda: self._host.now_us,
            )
            self._witness = CheckingWitness(
                WITNESS_KEY, policy(), folder, lambda: self._host.now_us // SECOND_US, monitor
            )
        return self._witness

    def _restart(self, *, always: bool = False) -> None:
        if self._witness is not None and (always or self._drawn.random() < 0.3):
            self._witness.close()
            self._witness = None
        if self._monitor is not None and (always or self._drawn.random() < 0.3):
            self._monitor.close()
            self._monitor = None

    def _close_and_look(self) -> None:
        """All that is left of the book, one transaction more, and everybody looks."""
        host = self._host
        for log in {id(log): log for log in (host.log, *host.shown.values())}.values():
            if log is host.log:
                log.take(host.left)
            if "membership-m-2" in log.ends:
                log.take([host.extra("closing", recorded_at="2025-02-21T00:00:00.000000Z")])
            log.heads()
        self._round(all_look=True)
