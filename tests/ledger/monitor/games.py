"""A seeded game: a host that may lie, against a checking witness, a monitor, and two auditors who exchange what they hold.

The host has the key of its log and an honest book, which it seals in pieces. In some round it may begin to lie (`LIES`): about
the streams, in the map, in what follows, in times, or by showing different logs to different people. It publishes what the
witness cosigned, and where the witness does not cosign, the checkpoint as it is.

The auditors' policy asks for the witness; the monitor goes by the entries alone. Who objects writes it down; in a game
without a lie nobody may, whatever else happens: pieces that end within a transaction, rounds that are missed, a witness or a
monitor that is started anew, a log that cannot be reached.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ledger.errors import LogUnreachable
from ledger.instants import parse_instant
from ledger.monitor.monitor import Monitor
from ledger.monitor.witness import CheckingWitness
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.errors import ProofError
from ledger.proof.log.heads import parse_heads_entry
from ledger.proof.log.map import verify_head
from ledger.proof.log.map_tree import MapTree
from ledger.proof.log.merkle import leaf_hash, verify_consistency, verify_inclusion
from ledger.proof.log.merkle_tree import consistency_proof, inclusion_proof
from ledger.proof.log.policy import open_checkpoint
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.console.support import fact, met, response
from tests.ledger.monitor.forging import HostLog, Said, history_of
from tests.ledger.monitor.lies import LIES, NOW_US, Host
from tests.ledger.monitor.support import VERSION
from tests.ledger.seal.support import WITNESS_KEY, WITNESSED_S, policy, witnessed
from tests.oracle.capability.histories import history

HONEST_SHARE = 0.3


def a_book(seed: int, folder: Path) -> list[Said]:
    """An honest book of both programmes: transactions of one fact or several, some of them refused; announced and decided."""
    drawn = Random(seed)
    facts = [*met("m-1"), *met("m-2")]
    for number in range(40):
        month, day, membership = drawn.randint(1, 9), drawn.randint(1, 28), drawn.choice(["m-1", "m-2"])
        at = f"2010-{month:02d}-{day:02d}T10:00:00Z"
        what = drawn.random()
        if what < 0.6:
            facts.append(response(100 + number, drawn.choice(["Brontegard", "Lindomar", "Third"]), at, membership))
        elif what < 0.8:
            voided = f"{membership}-r-{drawn.randint(1, 10)}"
            at = f"2010-10-{day:02d}T10:00:00Z"
            facts.append(fact("void-response", f"void-{number}", at, membership, response=voided, reason="fraud"))
        else:
            at = f"2011-03-{day:02d}T10:00:00Z"
            facts.append(fact("decide-renewal", f"decide-{number}", at, membership, renewal_date="2011-03-01"))
    facts += history(drawn, 50)
    for number in range(2):
        facts.insert(drawn.randrange(20, len(facts)), edition(number))
    store = SQLiteStore(folder / f"{seed}.db")
    clock_us = parse_instant("2025-02-01T00:00:00Z")
    with closing(store), closing(Writer(store, lambda: clock_us, PROGRAMMES, rehearsal=True)) as writer:
        while facts:
            some = drawn.choice([1, 1, 2, 5])
            writer.record([fact_from_object(one) for one in facts[:some]])
            del facts[:some]
            clock_us += drawn.choice([0, 1, 10_000_000])
        writer.review()
        return history_of(store)


def edition(number: int) -> dict[str, object]:
    """A rulebook edition of the past, under which less is needed."""
    return {
        "type": "publish-rulebook", "id": f"edition-{number}", "occurred_at": "2010-01-01T00:00:00Z",
        "edition": f"late-{number}", "effective_from": f"2010-0{number + 5}-01T00:00:00Z", "min_responses": 9 - number,
        "per_org_cap": 8, "min_organisations": 2, "window_months": 12, "min_evaluations": 10, "pool_locations": False,
    }  # fmt: skip


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


@dataclass
class Auditor:
    """Keeps the last checkpoint that the policy trusts, with the end of a stream that it proves."""

    name: str
    held: tuple[Checkpoint, HostLog] | None = None

    def look(self, host: Host) -> str | None:
        """Takes the published checkpoint if it is trusted, extends the last, and proves a stream's end; else says why not."""
        log = host.to(self.name)
        if not log.notes:
            return None
        try:
            checkpoint = open_checkpoint(log.notes[-1], policy(**witnessed())).checkpoint
            covered = log.copy()
            covered.entries = log.entries[: checkpoint.size]
            if self.held is not None:
                require_one_log(self.held, (checkpoint, covered))
            require_end(checkpoint, covered)
        except (ProofError, LookupError) as error:  # no proof can be given of what is gone
            return f"{self.name}: {error!r}"
        self.held = checkpoint, covered
        return None

    def exchange(self, other: Auditor) -> str | None:
        """Whether what the two hold can be of one log."""
        if self.held is None or other.held is None:
            return None
        try:
            require_one_log(*sorted((self.held, other.held), key=lambda held: held[0].size))
        except ProofError as error:
            return f"{self.name} and {other.name}: {error}"
        return None


def require_one_log(old: tuple[Checkpoint, HostLog], new: tuple[Checkpoint, HostLog]) -> None:
    """The host proves consistency from the log that it showed for the newer one. Raises ProofError."""
    size, larger = old[0].size, new[0].size
    proof = tuple(consistency_proof(size, larger, new[1].hashes)) if 0 < size < larger else ()
    verify_consistency(size, old[0].root, larger, new[0].root, proof)


def require_end(checkpoint: Checkpoint, log: HostLog) -> None:
    """The rulebook ends, under the checkpoint, where the host says. Raises ProofError."""
    index = checkpoint.size - 1
    entry = log.entries[index]
    proof = inclusion_proof(index, checkpoint.size, log.hashes)
    verify_inclusion(leaf_hash(entry), index, checkpoint.size, proof, checkpoint.root)
    heads = parse_heads_entry(entry)
    ends = log.heads_by_name()
    verify_head(heads.root, "programme", ends["programme"], MapTree(ends).prove("programme"))


class Game:
    """One game; `objections` are what anybody said against the log, `lie` is empty where the host is honest."""

    def __init__(self, seed: int, told: list[Said], folder: Path) -> None:
        self.objections: list[str] = []
        self._folder = folder
        self._drawn = drawn = Random(seed)
        lie = None if drawn.random() < HONEST_SHARE else drawn.choice(LIES)
        self._lie = lie
        self.lie = "" if lie is None else lie.__name__
        log = HostLog()
        begun = drawn.randint(len(told) // 4, len(told) * 3 // 4)
        log.take(told[:begun])
        log.heads()
        self._host = Host(log, told[begun:], drawn)
        self._auditors = [Auditor("auditor-1"), Auditor("auditor-2")]
        self._lines = {whom: Unsteady(self._host, whom) for whom in ("witness", "monitor")}
        self._witness: CheckingWitness | None = None
        self._monitor: Monitor | None = None

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
        if all_look or drawn.random() < 0.7:
            self._look()
        for auditor in self._auditors:
            if (all_look or drawn.random() < 0.7) and (said := auditor.look(host)):
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
                policy(), PROOF_PROGRAMMES, self._folder / "monitor", VERSION,
                lambda: NOW_US,
            )  # fmt: skip
        if not self._host.to("monitor").notes:
            return
        try:
            report = self._monitor.round()
        except LogUnreachable:
            assert self._lines["monitor"].is_down
            return
        if report.verdict != "confirmed":
            self.objections.append(f"monitor: {report.findings}")

    def _the_witness(self) -> CheckingWitness:
        if self._witness is None:
            folder = self._folder / "witness"
            monitor = Monitor(
                self._lines["witness"], policy(), PROOF_PROGRAMMES, folder / "monitored", VERSION, lambda: NOW_US
            )
            self._witness = CheckingWitness(WITNESS_KEY, policy(), folder, lambda: WITNESSED_S, monitor)
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
