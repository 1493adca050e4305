"""What becomes of one changed byte in a copy of the demo's database: the audit and the verifier both find it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.commands.audit import print_report
from console.cli.exits import Failure
from console.cli.output import Output, plural
from console.demo.stage import say

if TYPE_CHECKING:
    from ledger.proof.log.bundle import Bundle
    from ledger.proof.log.report import Report

FINDINGS_SHOWN: Final = 4


def change_a_byte(output: Output, book: Path, place: Path, bundle: Bundle, policy_data: bytes) -> Report:
    """Prints what the audit says after one byte of one event was changed in a copy of the database `book`.

    `place` has the log in `log`, and takes the copy. Returns what the verifier says of evidence with that byte changed.
    """
    from ledger.audit.audit import audit
    from ledger.proof.log.policy import parse_policy
    from ledger.proof.log.verify import verify
    from ledger.proof.registry import PROOF_PROGRAMMES
    from ledger.seal.folder import LogFolder
    from ledger.store.sqlite import SQLiteStore

    number, entry, changed = _forgery(bundle)
    copy = place / "changed.db"
    position = _write_copy(book, copy, bundle.subject, number, changed)
    at = next(i for i, (one, other) in enumerate(zip(entry, changed, strict=True)) if one != other)
    say(output, f"position {position}, byte {at}: {chr(entry[at])!r} became {chr(changed[at])!r} in {copy}")
    store = SQLiteStore(copy)
    try:
        report = audit(store, LogFolder(place / "log"), parse_policy(policy_data), PROOF_PROGRAMMES, workers=1)
    finally:
        store.close()
    if output.as_json:
        output.json(report.answer())
    else:
        output.text("", "audit of the copy:")
        more = len(report.findings) - FINDINGS_SHOWN
        del report.findings[FINDINGS_SHOWN:]
        print_report(output, report)
        if more > 0:
            output.text(f"… and {plural(more, 'difference')} more that follow from it")
    value = json.loads(bundle.encoded())
    value["streams"][bundle.subject]["events"][number - 1]["entry"] = changed.decode("utf-8")
    return verify(json.dumps(value).encode(), policy_data, PROOF_PROGRAMMES)


def _forgery(bundle: Bundle) -> tuple[int, bytes, bytes]:
    """The last response before the decision, and the same with its customer renamed by one letter: (seq, old, new)."""
    begin = b'"customer_org":"'
    for number in range(bundle.decision - 1, 0, -1):
        entry = bundle.events[number - 1].entry
        if b'"type":"ResponseReceived"' in entry:
            at = entry.index(begin) + len(begin)
            return number, entry, entry[:at] + bytes([entry[at] ^ 1]) + entry[at + 1 :]
    raise Failure("failed", f"found no response in {bundle.subject}, expected a decision that rests on some")


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
