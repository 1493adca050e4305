"""The demo's last part: a decision is sealed, leaves as evidence, and is verified; then one byte is changed.

The key is made from a text that stands below, so that everybody sees the same output, and nobody should trust it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from console.cli.commands.audit import print_report
from console.cli.exits import Failure
from console.cli.output import Output, plural
from console.cli.proof_files import proving, write_answer
from console.demo.folder import PROOF
from ledger.programmes.survey.events import membership_stream

if TYPE_CHECKING:
    from console.wiring import Ledger
    from ledger.proof.log.bundle import Bundle
    from ledger.proof.log.verify import Report

ORIGIN: Final = "demo.example/renewals"
KEY_TEXT: Final = b"the key of the demo, which everybody knows"
FINDINGS_SHOWN: Final = 4


def prove(output: Output, ledger: Ledger, folder: Path, membership: str, renewal_date: str) -> None:
    """Proves the last decision on a renewal, in `folder`/proof, and shows what becomes of a changed byte.

    The ledger has to be in SQLite, and the renewal decided.
    """
    with proving():
        from ledger.proof.log.verify import verify
        from ledger.seal.evidence import collect_evidence
        from ledger.seal.folder import LogFolder

        place = _fresh(folder / PROOF)
        log = LogFolder(place / "log")
        policy_data = _keys_and_policy(place)
        _title(output, "A proof for who does not trust the ledger's host")
        _seal(output, ledger, log)
        bundle = collect_evidence(ledger.store, log, membership, renewal_date)
        evidence = place / f"{membership}.json"
        write_answer(evidence, bundle.encoded())
        write_answer(place / "decision.tlog-proof", bundle.tlog_proof.encoded())
        _say(
            output,
            f"evidence: {evidence} has {len(bundle.stream.events)} events of {membership} and "
            f"{evidence.stat().st_size:,} bytes, and no word about a person",
        )
        _print_verdict(output, "verify", verify(evidence.read_bytes(), policy_data))
        _change_a_byte(output, Path(ledger.store.name), place, bundle, policy_data)


def _change_a_byte(output: Output, book: Path, place: Path, bundle: Bundle, policy_data: bytes) -> None:
    """What audit and verify say after one byte of one event was changed in a copy of the database."""
    from ledger.proof.log.policy import parse_policy
    from ledger.proof.log.verify import verify
    from ledger.proof.registry import PROOF_PROGRAMMES
    from ledger.seal.audit import audit
    from ledger.seal.folder import LogFolder
    from ledger.store.sqlite import SQLiteStore

    number, entry, changed = _forgery(bundle)
    copy = place / "changed.db"
    position = _write_copy(book, copy, membership_stream(bundle.membership), number, changed)
    at = next(i for i, (one, other) in enumerate(zip(entry, changed, strict=True)) if one != other)
    _title(output, "One byte changed in a copy of the database, past everything that guards it")
    _say(output, f"position {position}, byte {at}: {chr(entry[at])!r} became {chr(changed[at])!r} in {copy}")
    store = SQLiteStore(copy)
    try:
        report = audit(store, LogFolder(place / "log"), parse_policy(policy_data), PROOF_PROGRAMMES, workers=1)
    finally:
        store.close()
    if output.as_json:
        output.json(report.answer())
    else:
        output.text("\naudit of the copy:")
        more = len(report.findings) - FINDINGS_SHOWN
        del report.findings[FINDINGS_SHOWN:]
        print_report(output, report)
        if more > 0:
            output.text(f"… and {plural(more, 'difference')} more that follow from it")
    value = json.loads(bundle.encoded())
    value["stream"]["events"][number - 1]["entry"] = changed.decode("utf-8")
    _say(output, "")
    _print_verdict(
        output, "verify, of evidence with the changed event", verify(json.dumps(value).encode(), policy_data)
    )


def _seal(output: Output, ledger: Ledger, log: Any) -> None:
    from ledger.proof.log.strictjson import base64_text
    from ledger.seal.sealer import open_sealer

    with open_sealer(ledger.store, log, [_key()]) as sealer:
        sealed = sealer.seal()
    if output.as_json:
        output.json(sealed.answer())
    _say(
        output,
        f"seal: {plural(sealed.sealed, 'event')} in {log.root}, a log of {sealed.size:,} entries\n"
        f"      root {base64_text(sealed.root)}",
    )


def _forgery(bundle: Bundle) -> tuple[int, bytes, bytes]:
    """The last response before the decision, and the same with its customer renamed by one letter: (seq, old, new)."""
    begin = b'"customer_org":"'
    for number in range(bundle.decision - 1, 0, -1):
        entry = bundle.stream.events[number - 1].entry
        if b'"type":"ResponseReceived"' in entry:
            at = entry.index(begin) + len(begin)
            return number, entry, entry[:at] + bytes([entry[at] ^ 1]) + entry[at + 1 :]
    raise Failure("failed", f"found no response of {bundle.membership}, expected a decision that rests on some")


def _write_copy(book: Path, copy: Path, stream: str, seq: int, changed: bytes) -> int:
    """Copies the database and changes the one event; its position."""
    source, target = sqlite3.connect(book), sqlite3.connect(copy)
    try:
        source.backup(target)
        triggers = target.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (trigger,) in triggers:
            target.execute(f"DROP TRIGGER {trigger}")
        where = "originator_id = ? AND originator_version = ?"
        target.execute(f"UPDATE events SET state = ? WHERE {where}", (changed, stream, seq))
        target.commit()
        position: int = target.execute(f"SELECT position FROM events WHERE {where}", (stream, seq)).fetchone()[0]
        return position
    finally:
        source.close()
        target.close()


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
        decision = report.decision
        output.text(
            f"  the renewal on {decision['renewal_date']} is {decision['outcome']}: {decision['counted']} responses of "
            f"{plural(decision['organisations'], 'organisation')} count, by the verifier's own reckoning too"
        )


def _fresh(place: Path) -> Path:
    """An empty folder; what an earlier demo left there is removed, and nothing else."""
    if place.exists():
        if not (place / "policy.json").exists() or ORIGIN not in (place / "policy.json").read_text():
            raise Failure("usage", f"found {place}, which no demo made")
        shutil.rmtree(place)
    place.mkdir(parents=True)
    return place


def _key() -> Any:
    from ledger.proof.log.note import ED25519, SignerKey

    return SignerKey(ORIGIN, ED25519, sha256(KEY_TEXT).digest())


def _keys_and_policy(place: Path) -> bytes:
    """The demo's key as files, and a policy that trusts it."""
    key = _key()
    policy = {
        "origin": ORIGIN,
        "logs": [{"vkey": str(key.verifier), "from": 0, "to": None}],
        "witnesses": [],
        "quorum": 0,
    }
    data = json.dumps(policy, indent=1).encode() + b"\n"
    (place / "policy.json").write_bytes(data)
    (place / "log.vkey").write_text(f"{key.verifier}\n")
    (place / "log.key").touch(mode=0o600)
    (place / "log.key").write_text(f"{key.encoded()}\n")
    return data


def _title(output: Output, text: str) -> None:
    _say(output, f"\n{text}\n{'-' * len(text)}")


def _say(output: Output, text: str) -> None:
    if not output.as_json:
        output.text(text)
