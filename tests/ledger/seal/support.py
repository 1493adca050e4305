"""A small book on any backend, its log, and who trusts it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ledger.audit.audit import AuditReport, audit
from ledger.instants import BEGINNING_US, parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.proof.log.bundle import Bundle
from ledger.proof.log.note import COSIGNATURE_V1, ED25519
from ledger.proof.log.policy import Policy, parse_policy
from ledger.proof.log.report import Report
from ledger.proof.log.signer import SignerKey
from ledger.proof.log.verify import verify
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.proof.survey.programme import Survey
from ledger.seal.evidence import collect_evidence
from ledger.seal.folder import LogFolder
from ledger.seal.sealer import Cosigner, Sealed, open_sealer
from ledger.seal.witness import Witness
from ledger.seal.witness_http import Witnesses
from ledger.store.base import Store, WriteTransaction
from ledger.writing.writer import Writer
from tests.console.support import Fact, fact, met, response
from tests.contracts.backends import Backend, Execute
from tests.support.capability_story import FEW, Story
from tests.support.signing import Unbound

LOG_KEY = SignerKey("ledger.example/renewals", ED25519, bytes(range(32)))
NEW_KEY = SignerKey("ledger.example/renewals", ED25519, bytes(range(1, 33)))
WITNESS_KEY = SignerKey("auditor.example/w1", COSIGNATURE_V1, b"w" * 32)
NOW_US = parse_instant("2012-01-01T00:00:00Z")
WITNESSED_S = 1_700_000_000
RENEWAL = "2011-03-01"


def policy_bytes(**changed: Any) -> bytes:
    """The policy that trusts the log's key, as a file holds it."""
    value = {
        "origin": LOG_KEY.name,
        "logs": [{"vkey": str(LOG_KEY.verifier), "from": 0, "to": None}],
        "witnesses": [],
        "quorum": 0,
    }
    return json.dumps(value | changed).encode()


def policy(**changed: Any) -> Policy:
    """The policy that trusts the log's key."""
    return parse_policy(policy_bytes(**changed))


def witnessed(quorum: int = 1) -> dict[str, Any]:
    """What a policy says that wants the witness."""
    return {"witnesses": [str(WITNESS_KEY.verifier)], "quorum": quorum}


def sample_facts() -> list[Fact]:
    """Two memberships that are met, one of them with a decision; a voiding, evaluations, and late facts."""
    return [
        *met("m-1"),
        *met("m-2"),
        response(77, "Lindomar", "2010-05-02T10:00:00Z", "m-2"),
        fact("void-response", "m-2-void", "2010-07-01T00:00:00Z", "m-2", response="m-2-r-3", reason="fraud"),
        *(
            fact("record-evaluation", f"m-2-ev-{n}", "2010-08-01T00:00:00Z", "m-2", evaluation=f"e-{n}")
            for n in range(3)
        ),
        decision("m-1"),
    ]


def decision(membership: str, number: int = 1) -> Fact:
    """A decision on the renewal."""
    at = f"2011-03-{number:02d}T12:00:00Z"
    return fact("decide-renewal", f"{membership}-decide-{number}", at, membership, renewal_date=RENEWAL)


class Beside(Witnesses):
    """The sealer's side of the protocol, with a witness in this very process."""

    def __init__(self, witness: Witness, quorum: int = 1, **asks: Any) -> None:
        """`asks` is what the policy says, where it is not that of the sample's witness."""
        super().__init__(["http://witness"], policy(**(witnessed(quorum) | asks)))
        self._witness = witness
        self.reachable = True

    def _post(self, url: str, body: bytes, _asked: Any) -> tuple[int, str, bytes]:
        if not self.reachable:
            raise ConnectionRefusedError(url)
        answer = self._witness.add_checkpoint(body)
        return answer.status, answer.content_type, answer.body.encode()


def a_witness(folder: Path, **changed: Any) -> Witness:
    """A witness of the log, with its memory in a folder."""
    return Witness(WITNESS_KEY, policy(**changed), folder, lambda: WITNESSED_S)


class Ledger:
    """A book and its log."""

    unguarded: Callable[[], AbstractContextManager[Execute]]
    """A connection to the book's database past all that guards the events; of what `a_ledger` opened."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = LogFolder(folder)
        self.writer = Writer(store, lambda: NOW_US, PROGRAMMES, rehearsal=True)

    def record(self, facts: Sequence[Fact]) -> None:
        """Records facts, all of which have to be accepted."""
        outcomes = self.writer.record([fact_from_object(one) for one in facts])
        assert {outcome.status for outcome in outcomes} <= {"accepted"}, outcomes

    def seal(self, *signers: SignerKey, cosigner: Cosigner | None = None, limit: int | None = None) -> Sealed:
        """One round of a sealer of its own."""
        with open_sealer(self.store, self.folder, [Unbound(key) for key in signers or [LOG_KEY]], cosigner) as sealer:
            return sealer.seal(limit)

    def audit(self, **changed: Any) -> AuditReport:
        """The audit."""
        return audit(self.store, self.folder, policy(**changed), PROOF_PROGRAMMES, workers=1)

    def evidence(self, membership: str = "m-1") -> Bundle:
        """The bundle of the decision."""
        return collect_evidence(self.store, self.folder, Survey(), f"membership-{membership}", RENEWAL)

    def verdict(self, membership: str = "m-1", **changed: Any) -> Report:
        """The verifier's report on the decision."""
        return verify(self.evidence(membership).encoded(), policy_bytes(**changed), PROOF_PROGRAMMES)

    def reopen(self, backend: Backend, place: str) -> None:
        """Nothing is remembered of the book."""
        self.store.close()
        self.store = backend.opened(place)
        self.writer = Writer(self.store, lambda: NOW_US, PROGRAMMES, rehearsal=True)


def keep_due(transaction: WriteTransaction) -> None:
    """What a host keeps who writes another history and does not want the audit to see it: everything is due at once."""
    transaction.save_due([(stream, BEGINNING_US) for stream in transaction.stream_names(limit=10_000)])


class Clocked:
    """A writer whose clock is set, on a book of any backend."""

    def __init__(self, store: Store) -> None:
        self.now_us = 0
        self.writer = Writer(store, lambda: self.now_us, PROGRAMMES, rehearsal=True)
        self.record = self.writer.record


def record_designation(ledger: Ledger) -> None:
    """A designation beside the survey: announced, revised and decided, under editions of its own area."""
    story = Story(Clocked(ledger.store))
    for told in FEW:
        story.tell(*told)
    assert {said.partition(":")[0] for said in story.refusals.values()} == {"designation-already-decided"}


@contextmanager
def unguarded(backend: Backend, place: str) -> Iterator[Execute]:
    """A connection to a book's database, whose triggers are gone; `EVENTS` in a statement is the table of the events."""
    with backend.raw(place) as execute:
        found = "SELECT name FROM sqlite_master WHERE type = 'trigger'" if backend.name == "sqlite" else (
            f"SELECT tgname FROM pg_trigger WHERE tgrelid = '{backend.events}'::regclass AND NOT tgisinternal"
        )  # fmt: skip
        for (name,) in execute(found):
            execute(f"DROP TRIGGER {name}" + ("" if backend.name == "sqlite" else f" ON {backend.events}"))
        yield lambda statement: execute(statement.replace("EVENTS", backend.events))


@contextmanager
def a_ledger(backend: Backend, place: str, folder: Path, facts: Sequence[Fact] | None = None) -> Iterator[Ledger]:
    """A book with facts, and an empty folder for its log."""
    ledger = Ledger(backend.opened(place), folder)
    ledger.unguarded = partial(unguarded, backend, place)
    try:
        if facts is None or facts:
            ledger.record(sample_facts() if facts is None else facts)
        yield ledger
    finally:
        ledger.store.close()


def sqlite_ledger(folder: Path, facts: Sequence[Fact] | None = None) -> Any:
    """The same in SQLite."""
    from tests.contracts.backends import BACKENDS

    return a_ledger(BACKENDS[0], str(folder / "book.db"), folder / "log", facts)
