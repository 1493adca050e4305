"""Keys: their files, and how one hands over to the next."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from console.cli.main import main
from ledger.errors import WrongKey
from ledger.proof.log.errors import MalformedError, ProofError, TamperedError
from ledger.proof.log.keys import check_rotation, new_key, rotation_data
from ledger.proof.log.note import COSIGNATURE_V1, ED25519, parse_note
from ledger.proof.log.policy import open_checkpoint
from ledger.proof.log.signer import SignerKey
from ledger.seal.keyfiles import load_signer, load_verifier, make_key_files
from ledger.seal.rotation import record_rotations, rotations
from tests.console.support import response
from tests.ledger.seal.support import LOG_KEY, NEW_KEY, WITNESS_KEY, Ledger, policy, policy_bytes, sqlite_ledger


def spans(switch: int | None, *, old_to: int | None = None) -> dict[str, Any]:
    """A policy's keys: the old one from the beginning, the new one from `switch` on."""
    return {
        "logs": [
            {"vkey": str(LOG_KEY.verifier), "from": 0, "to": old_to},
            {"vkey": str(NEW_KEY.verifier), "from": switch, "to": None},
        ]
    }


def signers(ledger: Ledger) -> list[bytes]:
    signed = ledger.folder.checkpoint()
    assert signed
    return [signature.key_id for signature in parse_note(signed)[1]]


@pytest.mark.parametrize(("kind", "stem"), [(ED25519, "log"), (COSIGNATURE_V1, "witness")])
def test_key_files_are_for_their_owner_alone_and_never_written_over(tmp_path: Path, kind: int, stem: str) -> None:
    made = make_key_files(tmp_path, "some.example/name", kind)
    assert (made.key.name, made.vkey.name) == (f"{stem}.key", f"{stem}.vkey")
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert load_signer(made.key, kind).verifier == load_verifier(made.vkey) == made.verifier
    with pytest.raises(WrongKey, match="never written over"):
        make_key_files(tmp_path, "some.example/name", kind)


@pytest.mark.parametrize("room", range(5))
@pytest.mark.parametrize("more", [(), ("--witness",), ("--receipts",)])
def test_a_full_disk_leaves_no_half_of_a_key_and_the_same_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, more: tuple[str, ...]
) -> None:
    arguments = ["keygen", "--name", "some.example/name", "--out", str(tmp_path / "keys"), *more]
    left, fsync = [room], os.fsync

    def until_full(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", until_full)
        if main(arguments) == 0:  # less room than that is needed
            return
    assert list((tmp_path / "keys").iterdir()) == []
    assert main(arguments) == 0


def test_keys_differ() -> None:
    assert new_key("a").seed != new_key("a").seed


def test_files_that_are_no_key_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "k"
    for content in (b"", b"nonsense\n", b"\xff\n", LOG_KEY.encoded().encode()[:-3], WITNESS_KEY.encoded().encode()):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(WrongKey) as refused:
            load_signer(path, ED25519)
        assert LOG_KEY.encoded() not in str(refused.value)
    path.write_text(LOG_KEY.encoded())
    path.chmod(0o640)
    with pytest.raises(WrongKey, match="0600"):
        load_signer(path, ED25519)
    with pytest.raises(WrongKey):
        load_signer(tmp_path / "none", ED25519)
    with pytest.raises(WrongKey):
        make_key_files(tmp_path, "two words", ED25519)


def test_a_rotation_is_signed_by_both(tmp_path: Path) -> None:
    data = rotation_data(LOG_KEY, NEW_KEY)
    assert check_rotation(data, "event") == (LOG_KEY.verifier, NEW_KEY.verifier)
    old_line, new_line = data["statement"].splitlines(keepends=True)[-2:]
    third = SignerKey(LOG_KEY.name, ED25519, b"3" * 32)
    for forged in (
        data | {"old": data["new"]},
        data | {"new": str(third.verifier)},
        data | {"statement": data["statement"].replace(old_line, "")},
        data | {"statement": data["statement"].replace(new_line, "")},
        data | {"statement": rotation_data(NEW_KEY, LOG_KEY)["statement"]},
        data | {"more": 1},
        {},
    ):
        with pytest.raises(ProofError):
            check_rotation(forged, "event")
    with pytest.raises(MalformedError):
        rotation_data(LOG_KEY, LOG_KEY)
    with pytest.raises(MalformedError):
        rotation_data(LOG_KEY, SignerKey("other", ED25519, b"o" * 32))


def test_a_key_hands_over_with_an_overlap(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal(LOG_KEY)
        saved = ledger.evidence().encoded()
        (position,) = record_rotations(ledger.store, ledger.writer, [LOG_KEY, NEW_KEY])
        assert position == ledger.store.max_position()
        assert record_rotations(ledger.store, ledger.writer, [LOG_KEY, NEW_KEY]) == []
        assert rotations(ledger.store) == [(LOG_KEY.verifier, NEW_KEY.verifier)]
        overlap = ledger.seal(LOG_KEY, NEW_KEY).size
        assert signers(ledger) == [LOG_KEY.verifier.key_id, NEW_KEY.verifier.key_id]
        for trusted in ({}, spans(overlap), spans(overlap, old_to=overlap + 1)):
            assert ledger.verdict(**trusted).verdict == "confirmed"
        ledger.record([response(60, "Late", "2011-01-05T00:00:00Z")])
        ledger.seal(NEW_KEY)
        trusted = spans(overlap, old_to=overlap + 1)
        assert ledger.verdict(**trusted).verdict == "confirmed"
        assert ledger.verdict().verdict == "unverifiable"
        assert ledger.audit(**trusted).verdict == "confirmed", ledger.audit(**trusted).findings
        from tests.ledger.proof.book import verify

        assert verify(saved, policy_bytes(**trusted)).verdict == "confirmed"


def test_a_key_holds_for_its_sizes_alone(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal(LOG_KEY)
        record_rotations(ledger.store, ledger.writer, [LOG_KEY, NEW_KEY])
        overlap = ledger.seal(LOG_KEY, NEW_KEY).size
        ledger.record([response(60, "Late", "2011-01-05T00:00:00Z")])
        ledger.seal(LOG_KEY)
        trusted = spans(overlap, old_to=overlap + 1)
        assert ledger.verdict(**trusted).verdict == "unverifiable"
        assert ledger.audit(**trusted).verdict == "unverifiable"
        too_early = spans(overlap + 5, old_to=overlap)
        signed = ledger.folder.history()[1]
        with pytest.raises(ProofError, match="holds at this size"):
            open_checkpoint(signed, policy(**too_early))


def test_the_audit_wants_every_key_to_have_been_introduced(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal(LOG_KEY, NEW_KEY)
        report = ledger.audit(**spans(0))
        assert report.verdict == "incomplete"
        assert "no rotation to it" in report.findings[0].found


def test_a_rotation_that_is_not_signed_is_found(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        data = rotation_data(LOG_KEY, NEW_KEY)
        ledger.writer.note("KeyRotated", data | {"new": str(WITNESS_KEY.verifier)}, "forged")
        stranger = SignerKey(LOG_KEY.name, ED25519, b"3" * 32)
        ledger.writer.note("KeyRotated", rotation_data(stranger, NEW_KEY), "strange")
        ledger.seal()
        report = ledger.audit()
        assert report.verdict == "tampered"
        assert len(report.findings) == 2
        assert rotations(ledger.store) == [(stranger.verifier, NEW_KEY.verifier)]


def test_the_statement_is_no_checkpoint() -> None:
    statement = rotation_data(LOG_KEY, NEW_KEY)["statement"].encode()
    with pytest.raises((MalformedError, TamperedError)):
        open_checkpoint(statement, policy())
    assert json.loads(policy_bytes())["origin"] == LOG_KEY.name
