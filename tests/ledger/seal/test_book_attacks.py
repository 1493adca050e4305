"""Attacks on the book itself, by who may do everything with the database: triggers are dropped first.

The book holds both programmes: a survey with its decision, and after it a designation, announced, revised and decided.

Each has to be found by the audit, which names what was changed; and sealing must not go on.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.audit import AuditReport
from ledger.errors import BookChanged, LogForked, SealError
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import FIRST_PREV
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.strictjson import canonical
from ledger.seal.evidence import prove_consistency
from ledger.store.base import NewRow, Row
from tests.console.support import response
from tests.contracts.backends import BACKENDS, Backend, Execute
from tests.ledger.monitor.support import watch
from tests.ledger.proof.book import verify
from tests.ledger.seal.support import (
    WITNESS_KEY,
    Beside,
    Ledger,
    a_ledger,
    a_witness,
    decision,
    keep_due,
    policy,
    policy_bytes,
    record_designation,
    witnessed,
)
from tests.ledger.seal.test_organisation_attacks import known_by

COLUMNS = "position, originator_id, originator_version, topic, state"
BYTES_OF_EACH = 6


class Attacked:
    """A sealed ledger, and a way into its database past everything that guards it."""

    def __init__(self, ledger: Ledger, backend: Backend, execute: Execute) -> None:
        self.ledger = ledger
        self.table = backend.events
        self._sqlite = backend.name == "sqlite"
        self._execute = execute

    def run(self, statement: str) -> None:
        self._execute(statement)

    def blob(self, data: bytes) -> str:
        return f"X'{data.hex()}'" if self._sqlite else f"decode('{data.hex()}', 'hex')"

    def write(self, position: int, data: bytes) -> None:
        self.run(f"UPDATE EVENTS SET state = {self.blob(data)} WHERE position = {position}")

    def rows(self) -> list[Row]:
        return self.ledger.store.read_feed(0, 1_000_000)

    def rewrite(self, events: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Another history from the first event on, with every chain in order: (stream, event without prev and seq)."""
        self.run("DELETE FROM EVENTS")
        heads: dict[str, tuple[int, str]] = {}
        facts: set[str] = set()
        rows = []
        for position, (stream, event) in enumerate(events, 1):
            seq, prev = heads.get(stream, (0, FIRST_PREV))
            stored = canonical(event | {"seq": seq + 1, "prev": prev, "stream": stream})
            heads[stream] = (seq + 1, leaf_hash(stored).hex())
            rows.append(NewRow(position, stream, seq + 1, event["type"], stored, *known_by(event, facts)))
        with self.ledger.store.writing() as transaction:
            transaction.append(rows)
            keep_due(transaction)

    def history(self) -> list[tuple[str, dict[str, Any]]]:
        """What `rewrite` takes, as it stands now."""
        return [(row.stream, json.loads(row.stored)) for row in self.rows()]


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def attacked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Attacked]:
    backend: Backend = request.param
    place = backend.place(request)
    with a_ledger(backend, place, tmp_path / "log") as ledger, ledger.unguarded() as execute:
        record_designation(ledger)
        ledger.seal()
        attack = Attacked(ledger, backend, execute)
        assert ledger.audit().verdict == "confirmed"
        yield attack


def require_found(attack: Attacked, *words: str, verdict: str = "tampered") -> None:
    """The audit finds it and says where; nothing is sealed on top of it."""
    report = attack.ledger.audit()
    assert report.verdict == verdict, report.findings
    told = "\n".join(f"{finding.what}: {finding.found} / {finding.expected}" for finding in report.findings)
    for word in words:
        assert word in told, told
    with pytest.raises(SealError):
        attack.ledger.seal()


def require_monitored(forged: Ledger, audited: AuditReport) -> None:
    """Where book and log agree, who sees the log alone finds what who has the book finds."""
    seen = watch(forged.folder, forged.folder.root.parent / "monitored")
    assert seen.verdict == audited.verdict, (seen.findings, audited.findings)


def test_any_changed_byte_of_any_event_is_found(attacked: Attacked) -> None:
    drawn = random.Random(20110301)
    changes = 0
    for row in attacked.rows():
        places = {0, len(row.stored) - 1, *(drawn.randrange(len(row.stored)) for _ in range(BYTES_OF_EACH - 2))}
        if attacked.table != "events" and row.position % 4:
            continue
        for place in sorted(places):
            spoilt = bytearray(row.stored)
            spoilt[place] ^= 1 << drawn.randrange(8)
            attacked.write(row.position, bytes(spoilt))
            report = attacked.ledger.audit()
            assert report.verdict == "tampered"
            assert any(f.what == f"position {row.position}: {row.stream}/{row.seq}" for f in report.findings)
            with pytest.raises(BookChanged, match=f"position {row.position}\\b"):
                attacked.ledger.seal()
            changes += 1
        attacked.write(row.position, row.stored)
    assert attacked.ledger.audit().verdict == "confirmed"
    print(f"{changes} changed bytes found")


def test_an_error_names_the_position_and_both_hashes(attacked: Attacked) -> None:
    row = attacked.rows()[6]
    changed = row.stored.replace(b"Brontegard", b"Bronteyard")
    attacked.write(row.position, changed)
    with pytest.raises(BookChanged) as refused:
        attacked.ledger.seal()
    for word in (f"position {row.position}:", leaf_hash(row.stored).hex(), leaf_hash(changed).hex()):
        assert word in str(refused.value)


def test_no_evidence_leaves_a_book_that_was_changed(attacked: Attacked) -> None:
    row = next(row for row in attacked.rows() if row.stream == "membership-m-1" and row.type == "ResponseReceived")
    attacked.write(row.position, row.stored.replace(b"Brontegard", b"Bronteyard"))
    with pytest.raises(BookChanged, match="inclusion proof"):
        attacked.ledger.evidence()


def test_two_swapped_events(attacked: Attacked) -> None:
    one, two = attacked.rows()[8:10]
    attacked.write(one.position, two.stored)
    attacked.write(two.position, one.stored)
    require_found(attacked, f"position {one.position}", f"position {two.position}")


def test_two_swapped_positions(attacked: Attacked) -> None:
    for old, new in ((9, 10_000), (10, 9), (10_000, 10)):
        attacked.run(f"UPDATE EVENTS SET position = {new} WHERE position = {old}")
    require_found(attacked, "position 9:", "position 10:")


def test_an_event_deleted_in_the_middle(attacked: Attacked) -> None:
    attacked.run("DELETE FROM EVENTS WHERE position = 12")
    require_found(attacked, "position 12: no event")


def test_an_event_deleted_and_the_others_renumbered(attacked: Attacked) -> None:
    attacked.run("DELETE FROM EVENTS WHERE position = 12")
    for position in range(13, attacked.ledger.store.max_position() + 1):
        attacked.run(f"UPDATE EVENTS SET position = {position - 1} WHERE position = {position}")
    require_found(attacked, "position 12:")


def test_the_tail_of_a_stream_cut_off(attacked: Attacked) -> None:
    cut = [row for row in attacked.rows() if row.stream == "membership-m-2"][-3:]
    for row in cut:
        attacked.run(f"DELETE FROM EVENTS WHERE position = {row.position}")
    require_found(attacked, *(f"position {row.position}: no event" for row in cut))


def test_the_tail_of_the_log_cut_off(attacked: Attacked) -> None:
    last = attacked.ledger.store.max_position()
    attacked.run(f"DELETE FROM EVENTS WHERE position > {last - 4}")
    require_found(attacked, *(f"position {position}: no event" for position in range(last - 3, last + 1)))


def test_everything_deleted(attacked: Attacked) -> None:
    attacked.run("DELETE FROM EVENTS")
    require_found(attacked, "position 1: no event")


def test_positions_renumbered(attacked: Attacked) -> None:
    attacked.run("UPDATE EVENTS SET position = position + 1000")
    attacked.run("UPDATE EVENTS SET position = position - 999")
    require_found(attacked, "position 1: no event")


def test_an_event_inserted_between(attacked: Attacked) -> None:
    row = attacked.rows()[5]
    attacked.run(f"INSERT INTO EVENTS ({COLUMNS}) VALUES (-5, 'membership-m-9', 1, '{row.type}', "
                 f"{attacked.blob(row.stored)})")  # fmt: skip
    report = attacked.ledger.audit()
    assert report.verdict == "tampered"
    assert any(finding.what == "position -5" for finding in report.findings)


def test_an_event_appended_past_the_writer(attacked: Attacked) -> None:
    """A second first event of a stream, a jump in a stream, an event of another stream, and what is no event at all."""
    last = attacked.ledger.store.max_position()
    row = attacked.rows()[-1]
    for stream, seq, stored in (
        ("membership-m-9", 1, row.stored),
        (row.stream, 99, row.stored),
        ("membership-m-9", 1, b'{"heads":"","size":0,"through":0,"type":"heads","v":1}'),
        ("membership-m-9", 1, b'{"actor":null}'),
        ("membership-m-9", 1, b"\xff"),
        ("membership-m-9", 1, b""),
    ):
        attacked.run(f"INSERT INTO EVENTS ({COLUMNS}) VALUES ({last + 1}, '{stream}', {seq}, 'X', "
                     f"{attacked.blob(stored)})")  # fmt: skip
        require_found(attacked, f"position {last + 1}")
        attacked.run(f"DELETE FROM EVENTS WHERE position = {last + 1}")


@pytest.mark.parametrize(
    "change",
    ["originator_id = 'membership-m-7'", "originator_version = 77", "topic = 'ConsentGiven'"],
)
def test_columns_that_say_something_else_than_the_bytes(attacked: Attacked, change: str) -> None:
    attacked.run(f"UPDATE EVENTS SET {change} WHERE position = 9")
    report = attacked.ledger.audit()
    assert report.verdict == "tampered"
    assert any("position 9" in finding.what for finding in report.findings)


def test_columns_of_another_type(attacked: Attacked) -> None:
    if attacked.table != "events":
        return  # PostgreSQL's columns have types
    for change in ("state = 'text'", "state = 5", "originator_version = 'x'", "topic = X'00'", "originator_id = X'00'"):
        before = attacked.rows()[8]
        attacked.run(f"UPDATE EVENTS SET {change} WHERE position = 9")
        assert attacked.ledger.audit().verdict == "tampered", change
        attacked.run(f"UPDATE EVENTS SET originator_id = '{before.stream}', originator_version = {before.seq}, "
                     f"topic = '{before.type}', state = {attacked.blob(before.stored)} WHERE position = 9")  # fmt: skip
    assert attacked.ledger.audit().verdict == "confirmed"


@pytest.mark.parametrize(
    "change",
    [
        "originator_version = 'x'",
        "originator_version = -5",
        "originator_version = 2147483647",
        "originator_id = CAST(X'ff' AS TEXT)",
        "originator_id = 'no-membership'",
        "topic = CAST(X'fe' AS TEXT)",
        "state = zeroblob(70000)",
    ],
)
def test_the_last_event_of_a_stream_with_what_no_program_would_write(attacked: Attacked, change: str) -> None:
    """The audit says so, and does not end in an error of its own."""
    if attacked.table != "events":
        if "'x'" in change or "CAST" in change:
            return  # PostgreSQL's columns have types
        change = change.replace("zeroblob(70000)", "decode(repeat('00', 70000), 'hex')")
    last = [row for row in attacked.rows() if row.stream == "membership-m-2"][-1]
    attacked.run(f"UPDATE EVENTS SET {change} WHERE position = {last.position}")
    report = attacked.ledger.audit()
    assert report.verdict == "tampered"
    assert any(f"position {last.position}" in finding.what for finding in report.findings)


def without_void(history: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    return [(stream, event) for stream, event in history if event["type"] != "ResponseVoided"]


def test_a_rewritten_book_does_not_fit_the_sealed_one(attacked: Attacked) -> None:
    attacked.rewrite(without_void(attacked.history()))
    require_found(attacked, "position ")


def test_a_rewritten_and_resealed_book_is_caught_by_the_witness_and_by_a_saved_checkpoint(
    attacked: Attacked, tmp_path: Path
) -> None:
    """The host holds the right key and throws the old log away: alone with its database the new one looks sound."""
    ledger = attacked.ledger
    witness = a_witness(tmp_path / "witness")
    ledger.seal(cosigner=Beside(witness))
    saved = ledger.folder.checkpoint()
    saved_evidence = ledger.evidence().encoded()
    assert saved
    attacked.rewrite(without_void(attacked.history()))
    forged = Ledger(ledger.store, tmp_path / "forged")
    with pytest.raises(LogForked, match=r"cut|another history"):
        forged.seal(cosigner=Beside(witness))
    assert forged.folder.checkpoint() is None
    forged.seal()
    report = forged.audit()
    assert report.verdict in ("confirmed", "refuted")
    require_monitored(forged, report)
    assert forged.verdict(**witnessed()).verdict == "incomplete"
    new = forged.folder.checkpoint()
    assert new
    for old in (saved, saved_evidence):
        with pytest.raises(ProofError, match=r"consistency proof|smaller new tree"):
            prove_consistency(old, new, forged.folder, policy())


def test_an_old_checkpoint_replayed(attacked: Attacked, tmp_path: Path) -> None:
    ledger = attacked.ledger
    witness = a_witness(tmp_path / "witness")
    ledger.seal(cosigner=Beside(witness))
    old = ledger.folder.checkpoint()
    ledger.record([response(60, "Late", "2011-01-05T00:00:00Z"), decision("m-1", 2)])
    ledger.seal(cosigner=Beside(witness))
    saved, after = ledger.folder.checkpoint(), ledger.evidence().encoded()
    assert old
    assert saved
    (ledger.folder.root / "checkpoint").write_bytes(old)
    assert any(finding.what == "published checkpoint" for finding in ledger.audit().findings)
    history = ledger.folder.root / "checkpoints.jsonl"
    remembered = history.read_bytes().splitlines(keepends=True)
    for shortened in (b"", b"".join(remembered[1:])):
        history.write_bytes(shortened)
        assert any(finding.what == "history of checkpoints" for finding in ledger.audit().findings)
    # With the end of the history and what came later gone too, only who saved something can tell.
    history.write_bytes(b"".join(remembered[:-1]))
    last = ledger.store.max_position()
    attacked.run(f"DELETE FROM EVENTS WHERE position > {last - 2}")
    assert ledger.audit().verdict == "confirmed"
    with pytest.raises(ProofError, match="smaller new tree"):
        prove_consistency(saved, old, ledger.folder, policy())
    with pytest.raises(ProofError, match="smaller new tree"):
        prove_consistency(after, old, ledger.folder, policy())
    ledger.writer.close()
    ledger.record([response(61, "Late", "2011-01-06T00:00:00Z")])
    with pytest.raises(LogForked):
        ledger.seal(cosigner=Beside(witness))


def forge(change: Callable[[dict[str, Any]], object], kind: str) -> Callable[[Attacked], None]:
    def apply(attack: Attacked) -> None:
        history = attack.history()
        for _, event in history:
            if event["type"] == kind:
                change(event["data"])
                break
        attack.rewrite(history)

    return apply


@pytest.mark.parametrize(
    ("name", "attack"),
    [
        ("another outcome", forge(lambda data: data.update(outcome="not-met"), "RenewalDecided")),
        ("one response more", forge(lambda data: data.update(counted=11), "RenewalDecided")),
        ("another announcement", forge(lambda data: data.update(counted=11), "EligibilityChanged")),
        ("another edition", forge(lambda data: data.update(min_responses=11), "RulebookPublished")),
        ("a response received twice", forge(lambda data: data.update(response="m-1-r-2"), "ResponseReceived")),
    ],
)
def test_a_forgery_sealed_with_the_right_key_is_refuted(
    attacked: Attacked, tmp_path: Path, name: str, attack: Callable[[Attacked], None]
) -> None:
    attack(attacked)
    forged = Ledger(attacked.ledger.store, tmp_path / "forged")
    forged.seal()
    report = forged.audit()
    assert report.verdict == "refuted", (name, report.findings)
    assert report.findings[0].found != report.findings[0].expected
    require_monitored(forged, report)


def test_a_forged_decision_is_refuted_by_the_verifier(attacked: Attacked, tmp_path: Path) -> None:
    forge(lambda data: data.update(outcome="not-met"), "RenewalDecided")(attacked)
    forged = Ledger(attacked.ledger.store, tmp_path / "forged")
    forged.seal()
    report = forged.verdict()
    assert report.verdict == "refuted"
    assert report.decision is not None
    assert report.recomputed is not None
    assert (report.decision["outcome"], report.recomputed["outcome"]) == ("not-met", "met")


def test_announcements_left_out_are_refuted(attacked: Attacked, tmp_path: Path) -> None:
    history = attacked.history()
    left = [(stream, event) for stream, event in history if event["type"] != "EligibilityChanged"]
    assert len(left) < len(history)
    attacked.rewrite(left)
    forged = Ledger(attacked.ledger.store, tmp_path / "forged")
    forged.seal()
    report = forged.audit()
    assert report.verdict == "refuted"
    assert any("history announced after" in finding.what for finding in report.findings)
    require_monitored(forged, report)


def test_a_stream_that_is_no_memberships_is_refuted(attacked: Attacked, tmp_path: Path) -> None:
    history = attacked.history()
    attacked.rewrite([*history, ("elsewhere", history[-1][1])])
    forged = Ledger(attacked.ledger.store, tmp_path / "forged")
    forged.seal()
    report = forged.audit()
    assert any(finding.what == "stream 'elsewhere'" for finding in report.findings)
    require_monitored(forged, report)


def test_the_bundle_of_another_membership_and_keys_in_a_bundle(attacked: Attacked) -> None:
    value = json.loads(attacked.ledger.evidence().encoded())
    assert verify(canonical(value), policy_bytes()).verdict == "confirmed"
    other = value | {"subject": "membership-m-2"}
    other["streams"] = {
        "programme": value["streams"]["programme"],
        "membership-m-2": value["streams"]["membership-m-1"],
    }
    assert verify(canonical(other), policy_bytes()).verdict == "tampered"
    assert verify(canonical(value | {"logs": [str(WITNESS_KEY.verifier)]}), policy_bytes()).verdict == "unverifiable"


def test_tiles_changed_beside_a_sound_book(attacked: Attacked, tmp_path: Path) -> None:
    for path in sorted((attacked.ledger.folder.root / "tile").rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            path.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
            assert attacked.ledger.audit().verdict == "tampered", path
            path.unlink()
            report = attacked.ledger.audit()
            assert report.verdict == "incomplete", path
            assert any(path.name in finding.what for finding in report.findings)
            assert watch(attacked.ledger.folder, tmp_path / path.name).verdict == "incomplete"
            path.write_bytes(data)
    assert attacked.ledger.audit().verdict == "confirmed"
