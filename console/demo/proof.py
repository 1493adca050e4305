"""The demo's proofs: what was decided is sealed, leaves the house as evidence, and is verified without the house.

The key is made from a text that stands below, so that everybody sees the same output, and nobody should trust it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from console.cli.exits import Failure
from console.cli.output import Output, plural, short
from console.cli.points import named, points
from console.cli.proof_files import proving, write_answer
from console.demo.folder import PROOF
from console.demo.forgery import change_a_byte
from console.demo.stage import say, title
from ledger.programmes.capability.events import designation_stream
from ledger.programmes.survey.events import membership_stream

if TYPE_CHECKING:
    from console.wiring import Ledger
    from ledger.proof.log.bundle import Bundle
    from ledger.proof.log.report import Report
    from ledger.proof.programme import ProofProgramme

ORIGIN: Final = "demo.example/renewals"
KEY_TEXT: Final = b"the key of the demo, which everybody knows"
LOG: Final = "log"
POLICY: Final = "policy.json"
OLD_CHECKPOINT: Final = "checkpoint-of-2015"


def prove(output: Output, ledger: Ledger, folder: Path, membership: str, renewal_date: str) -> None:
    """Proves the last decision on a renewal, in `folder`/proof made anew, and shows what becomes of a changed byte.

    The ledger has to be in SQLite, and the renewal decided.
    """
    with proving():
        from ledger.proof.survey.programme import Survey

        place = _fresh(folder / PROOF)
        _write_keys_and_policy(place)
        proof = _Proof(output, ledger, place)
        title(output, "A proof for who does not trust the ledger's host")
        proof.seal()
        bundle = proof.verify(Survey(), membership_stream(membership), membership, renewal_date)
        title(output, "One byte changed in a copy of the database, past everything that guards it")
        forged = change_a_byte(output, Path(ledger.store.name), place, bundle, proof.policy_data)
        say(output, "")
        _print_verdict(output, "verify, of evidence with the changed event", forged)


def prove_designations(
    output: Output, ledger: Ledger, folder: Path, area: str, decided: Sequence[tuple[str, str]]
) -> None:
    """Seals what came since `prove`, and proves the last decision on each (membership, anniversary) in an area."""
    with proving():
        from ledger.proof.capability.programme import Capability

        proof = _Proof(output, ledger, folder / PROOF)
        title(output, "The same log, seven years on: both decisions proven")
        proof.seal_on()
        for membership, anniversary in decided:
            proof.verify(Capability(), designation_stream(membership, area), membership, anniversary)


class _Proof:
    """A book, and the folder in which its log, the policy and the evidence lie."""

    def __init__(self, output: Output, ledger: Ledger, place: Path) -> None:
        from ledger.seal.folder import LogFolder

        self._output = output
        self._ledger = ledger
        self._place = place
        self._log = LogFolder(place / LOG)
        self.policy_data = (place / POLICY).read_bytes()

    def seal(self) -> None:
        """Seals all that is in the book."""
        from ledger.proof.log.strictjson import base64_text
        from ledger.seal.keyfiles import memory_of
        from ledger.seal.sealer import open_sealer
        from ledger.seal.signing import FileMemory, KeySigner

        signer = KeySigner(_key(), FileMemory(memory_of(self._place / "log.key")))
        with open_sealer(self._ledger.store, self._log, [signer]) as sealer:
            sealed = sealer.seal()
        if self._output.as_json:
            self._output.json(sealed.answer())
        say(
            self._output,
            f"seal: {plural(sealed.sealed, 'event')} in {self._log.root}, a log of {sealed.size:,} entries",
            f"      root {base64_text(sealed.root)}",
        )

    def seal_on(self) -> None:
        """Seals what came since the last checkpoint, keeps that one, and shows that the log still begins with it."""
        from ledger.proof.log.policy import parse_policy
        from ledger.seal.evidence import prove_consistency

        old = (self._log.root / "checkpoint").read_bytes()
        (self._place / OLD_CHECKPOINT).write_bytes(old)
        self.seal()
        new = (self._log.root / "checkpoint").read_bytes()
        proved = prove_consistency(old, new, self._log, parse_policy(self.policy_data))
        if self._output.as_json:
            self._output.json(proved.answer())
        say(
            self._output,
            f"consistency: the log of {proved.old.size:,} entries that was sealed before is a prefix of it, by a proof of "
            f"{len(proved.proof)} hashes",
        )

    def verify(self, programme: ProofProgramme, stream: str, membership: str, on: str) -> Bundle:
        """Writes the evidence for the last decision in a stream on what `on` says, and verifies the file."""
        from ledger.proof.log.verify import verify
        from ledger.proof.registry import PROOF_PROGRAMMES
        from ledger.seal.evidence import collect_evidence, decided_alone

        bundle = collect_evidence(self._ledger.store, self._log, programme, stream, on)
        evidence = self._place / f"{membership}.json"
        write_answer(evidence, bundle.encoded())
        write_answer(evidence.with_suffix(".tlog-proof"), decided_alone(bundle, self._log).encoded())
        say(
            self._output,
            f"evidence: {evidence} has {len(bundle.events)} events of {membership} and "
            f"{evidence.stat().st_size:,} bytes, and no word about a person",
        )
        _print_verdict(self._output, "verify", verify(evidence.read_bytes(), self.policy_data, PROOF_PROGRAMMES))
        return bundle


def _print_verdict(output: Output, label: str, report: Report) -> None:
    if output.as_json:
        output.text(report.encoded())
        return
    output.text(f"{label}: {report.verdict}")
    if report.difference:
        output.text(f"  {report.difference['what']}")
        output.text(f"  found:    {report.difference['found']}")
        output.text(f"  expected: {report.difference['expected']}")
    elif report.decision:
        told = _renewal if "renewal_date" in report.decision else _anniversary
        output.text(f"  {told(report.decision)}, by the verifier's own reckoning too")


def _renewal(decision: dict[str, Any]) -> str:
    return (
        f"the renewal on {decision['renewal_date']} is {decision['outcome']}: {decision['counted']} responses of "
        f"{plural(decision['organisations'], 'organisation')} count"
    )


def _anniversary(decision: dict[str, Any]) -> str:
    """What a decision on a designation says; where it is not qualified, what was at best."""
    anniversary, first, best = decision["anniversary"], decision["at_first"], decision["best"]
    if first is not None:
        at = short(decision["first_qualified_at"])
        return f"the anniversary {anniversary} is qualified: {points(first['centipoints'])} points at {at}"
    zero = [name for name, metric in best["metrics"].items() if not metric["centipoints"]]
    lacks = f" and nothing for {named(zero)}" if zero else ""
    return (
        f"the anniversary {anniversary} is {decision['outcome']}: {points(best['centipoints'])} points at best{lacks}"
    )


def _fresh(place: Path) -> Path:
    """An empty folder; what an earlier demo left there is removed, and nothing else."""
    if place.exists():
        if not (place / POLICY).exists() or ORIGIN not in (place / POLICY).read_text():
            raise Failure("usage", f"found {place}, which no demo made")
        shutil.rmtree(place)
    place.mkdir(parents=True)
    return place


def _key() -> Any:
    from ledger.proof.log.note import ED25519
    from ledger.proof.log.signer import SignerKey

    return SignerKey(ORIGIN, ED25519, sha256(KEY_TEXT).digest())


def _write_keys_and_policy(place: Path) -> None:
    """The demo's key as files, and a policy that trusts it."""
    from ledger.seal.keyfiles import make_policy_file, memory_of

    key = _key()
    make_policy_file(place, key.verifier)
    (place / "log.vkey").write_text(f"{key.verifier}\n")
    (place / "log.key").touch(mode=0o600)
    (place / "log.key").write_text(f"{key.encoded()}\n")
    memory_of(place / "log.key").touch(mode=0o600)
