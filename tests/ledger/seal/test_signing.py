"""What a key signed last is more than what any folder says: it never signs two histories."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import LogForked, SealerBusy, WrongKey
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.merkle import EMPTY_ROOT
from ledger.proof.log.note import ED25519, parse_note
from ledger.proof.log.signer import sign_note
from ledger.seal.folder import LogFolder
from ledger.seal.keyfiles import load_signer, make_key_files, memory_of
from ledger.seal.recovery import compare
from ledger.seal.sealer import Sealed, open_sealer
from ledger.seal.signing import FileMemory, KeySigner
from tests.console.support import response
from tests.contracts.backends import BACKENDS
from tests.ledger.seal.support import LOG_KEY, NEW_KEY, Ledger, a_ledger, sqlite_ledger


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A book that is not sealed yet, on each backend."""
    with a_ledger(request.param, request.param.place(request), tmp_path / "log") as made:
        yield made


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    path = tmp_path / "log.signed"
    path.touch()
    return path


def seal(ledger: Ledger, memory: Path, folder: LogFolder | None = None) -> Sealed:
    with open_sealer(ledger.store, folder or ledger.folder, [KeySigner(LOG_KEY, FileMemory(memory))]) as sealer:
        return sealer.seal()


def late(number: int) -> list[dict[str, object]]:
    return [response(number, "Late", "2011-01-05T00:00:00Z")]


def test_what_was_signed_is_remembered_before_it_is_anywhere_else(
    ledger: Ledger, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash right after the signature: the next sealer publishes what was signed, though more has come meanwhile."""
    with monkeypatch.context() as dying:
        dying.setattr(LogFolder, "promise", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            seal(ledger, memory)
    signed = parse_checkpoint(parse_note(memory.read_bytes())[0])
    assert ledger.folder.checkpoint() is None
    ledger.record(late(60))
    sealed = seal(ledger, memory)
    assert sealed.size > signed.size
    assert ledger.audit().verdict == "confirmed"
    sizes = [parse_checkpoint(parse_note(one)[0]).size for one in ledger.folder.history()]
    assert sizes == [signed.size, sealed.size]


@pytest.mark.parametrize("lost", ["checkpoint", "everything but tiles", "everything"])
def test_a_folder_that_lost_files_makes_no_second_history(
    ledger: Ledger, tmp_path: Path, memory: Path, lost: str
) -> None:
    first = seal(ledger, memory)
    ledger.record(late(60))
    second = seal(ledger, memory)
    root = ledger.folder.root
    if lost == "everything":
        shutil.rmtree(root)
    else:
        (root / "checkpoint").unlink()
        if lost == "everything but tiles":
            shutil.rmtree(root / ".sealer")
            (root / "checkpoints.jsonl").unlink()
    ledger.record(late(61))
    if lost == "everything":
        with pytest.raises(LogForked, match="which the key signed"):
            seal(ledger, memory)
        assert ledger.folder.checkpoint() is None
        return
    third = seal(ledger, memory)
    assert first.size < second.size < third.size
    assert any(parse_checkpoint(parse_note(one)[0]).size == second.size for one in ledger.folder.history())


def test_an_older_folder_put_back_is_gone_on_from_what_was_signed_or_not_at_all(
    ledger: Ledger, tmp_path: Path, memory: Path
) -> None:
    """An insider, or a restore, puts an older checkpoint back and cuts the history."""
    seal(ledger, memory)
    shutil.copytree(ledger.folder.root, tmp_path / "older")
    ledger.record(late(60))
    newer = seal(ledger, memory)
    for name in ("checkpoint", "checkpoints.jsonl"):
        shutil.copy(tmp_path / "older" / name, ledger.folder.root / name)
    ledger.record(late(61))
    assert seal(ledger, memory).size > newer.size
    assert ledger.audit().verdict == "confirmed"
    with pytest.raises(LogForked, match="recover-signer"):
        seal(ledger, memory, LogFolder(tmp_path / "older"))


def test_a_second_folder_gets_no_log_under_the_same_key(ledger: Ledger, tmp_path: Path, memory: Path) -> None:
    seal(ledger, memory)
    with pytest.raises(LogForked):
        seal(ledger, memory, LogFolder(tmp_path / "second"))


def test_another_book_under_the_same_key_is_refused(tmp_path: Path, memory: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        seal(ledger, memory)
    (tmp_path / "other").mkdir()
    with sqlite_ledger(tmp_path / "other") as other:
        other.record(late(60))
        with pytest.raises(LogForked):
            seal(other, memory)
        assert other.folder.checkpoint() is None


@pytest.mark.parametrize("content", [None, b"", b"not a note\n"])
def test_a_key_without_its_memory_signs_nothing_for_a_folder_that_it_signed(
    ledger: Ledger, memory: Path, content: bytes | None
) -> None:
    sealed = seal(ledger, memory)
    before = ledger.folder.checkpoint()
    memory.unlink() if content is None else memory.write_bytes(content)
    ledger.record(late(60))
    with pytest.raises((LogForked, WrongKey), match="recover-signer"):
        seal(ledger, memory)
    assert ledger.folder.checkpoint() == before
    found = compare(LOG_KEY, memory, ledger.folder)
    assert (found.remembered, found.folder.size, found.fork) == (None, sealed.size, None)
    FileMemory(memory).keep(found.note)
    assert seal(ledger, memory).size > sealed.size


def test_a_memory_of_another_key_is_no_memory(ledger: Ledger, memory: Path) -> None:
    memory.write_bytes(sign_note(Checkpoint(NEW_KEY.name, 0, EMPTY_ROOT).text, NEW_KEY))
    with pytest.raises(WrongKey, match="memory of the key"):
        seal(ledger, memory)


def test_two_processes_do_not_sign_with_one_key(memory: Path) -> None:
    with FileMemory(memory).held(), pytest.raises(SealerBusy, match="another sealer"), FileMemory(memory).held():
        pass


def test_a_signer_signs_no_text_but_checkpoints_and_rotations(memory: Path) -> None:
    signer = KeySigner(LOG_KEY, FileMemory(memory))
    for text in (Checkpoint(LOG_KEY.name, 0, EMPTY_ROOT).text.encode(), b"", b"csat-ledger/key-rotated/v1"):
        with pytest.raises(WrongKey):
            signer.sign(text)


def test_recovery_says_where_the_folder_contradicts_the_memory(ledger: Ledger, tmp_path: Path, memory: Path) -> None:
    seal(ledger, memory)
    shutil.copytree(ledger.folder.root, tmp_path / "older")
    ledger.record(late(60))
    newer = seal(ledger, memory)
    found = compare(LOG_KEY, memory, LogFolder(tmp_path / "older"))
    assert found.remembered is not None
    assert (found.remembered.size, found.folder.size < newer.size) == (newer.size, True)
    assert found.fork is not None
    with pytest.raises(WrongKey):
        compare(NEW_KEY, memory, ledger.folder)
    nothing = compare(LOG_KEY, memory, LogFolder(tmp_path / "lost"))
    assert (nothing.remembered, nothing.folder, nothing.note) == (found.remembered, None, None)
    assert f"expected size {newer.size:,}" in str(nothing.fork)


def test_a_key_has_one_memory_whatever_links_lead_to_it(tmp_path: Path) -> None:
    made = make_key_files(tmp_path / "keys", LOG_KEY.name, ED25519)
    links = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        links.append(tmp_path / name / "log.key")
        links[-1].symlink_to(made.key)
        (tmp_path / name / "log.signed").symlink_to(memory_of(made.key))
    assert {memory_of(link) for link in links} == {memory_of(made.key)}
    note = sign_note(Checkpoint(LOG_KEY.name, 0, EMPTY_ROOT).text, load_signer(made.key, ED25519))
    FileMemory(tmp_path / "a" / "log.signed").keep(note)
    assert FileMemory(tmp_path / "b" / "log.signed").read() == note == memory_of(made.key).read_bytes()
    with FileMemory(memory_of(links[0])).held(), pytest.raises(SealerBusy), FileMemory(memory_of(links[1])).held():
        pass


def test_a_key_with_two_names_is_no_key(tmp_path: Path) -> None:
    made = make_key_files(tmp_path / "keys", LOG_KEY.name, ED25519)
    (tmp_path / "second.key").hardlink_to(made.key)
    for path in (made.key, tmp_path / "second.key"):
        with pytest.raises(WrongKey, match="hard links"):
            load_signer(path, ED25519)
