"""What the sealer writes: a log in which every checkpoint is complete, whatever happened on the way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.errors import BookChanged, LogDamaged, NotSealed, SealerBusy, WrongKey
from ledger.proof.log import merkle, merkle_tree
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.heads import is_heads_entry, parse_heads_entry
from ledger.proof.log.note import ED25519, parse_note
from ledger.proof.log.policy import open_checkpoint
from ledger.proof.log.signer import SignerKey, format_note
from ledger.proof.log.tiles import parse_path, tile_data, tiles_between
from ledger.seal.folder import LogFolder
from ledger.seal.growth import Growth
from ledger.seal.sealer import open_sealer
from ledger.store.sqlite import SQLiteStore
from tests.console.support import Fact, enrolment, fact, response
from tests.ledger.proof.log.test_merkle import stored_log
from tests.ledger.seal.support import LOG_KEY, NEW_KEY, Ledger, decision, policy, sqlite_ledger
from tests.support.signing import Unbound


def checkpoint_of(ledger: Ledger) -> Checkpoint:
    """The published checkpoint, which has to meet the policy."""
    signed = ledger.folder.checkpoint()
    assert signed is not None
    return open_checkpoint(signed, policy()).checkpoint


def entries_of(folder: LogFolder, size: int) -> list[bytes]:
    return list(folder.read_entries(0, size))


def require_sound(ledger: Ledger) -> Checkpoint:
    """Every file that the published checkpoint needs is there, and is what the entries make it."""
    checkpoint = checkpoint_of(ledger)
    entries = entries_of(ledger.folder, checkpoint.size)
    stored = stored_log([merkle.leaf_hash(entry) for entry in entries])
    assert merkle_tree.root_of_leaves(map(merkle.leaf_hash, entries)) == checkpoint.root
    for tile in tiles_between(0, checkpoint.size):
        data = ledger.folder.read_tile(tile)
        if tile.level >= 0:
            assert data[: tile.width * 32] == tile_data(tile, lambda indexes: [stored[i] for i in indexes]), tile.path
    rows = [row.stored for row in ledger.store.read_feed(0, 1_000_000)]
    events = [entry for entry in entries if not is_heads_entry(entry)]
    assert events == rows[: len(events)]
    assert parse_heads_entry(entries[-1]).through == len(events)
    return checkpoint


def many(number: int, start: int = 0) -> list[Fact]:
    """Facts in number."""
    return [fact("record-consent", f"c-{n}", "2010-09-01T00:00:00Z", subject=f"s-{n}", customer_org="Brontegard")
            for n in range(start, start + number)]  # fmt: skip


def test_a_book_is_sealed_in_feed_order_and_the_log_ends_in_heads(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        sealed = ledger.seal()
        checkpoint = require_sound(ledger)
        assert (sealed.size, sealed.root) == (checkpoint.size, checkpoint.root)
        assert sealed.sealed == ledger.store.max_position() == checkpoint.size - 1
        assert ledger.verdict().verdict == "confirmed"


def test_without_new_events_nothing_is_logged_and_nothing_is_signed_anew(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        first = ledger.seal()
        before = ledger.folder.checkpoint()
        again = ledger.seal()
        assert (again.size, again.root, again.sealed) == (first.size, first.root, 0)
        assert ledger.folder.checkpoint() == before
        assert len(ledger.folder.history()) == 1


def test_an_empty_book_has_an_empty_log(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path, []) as ledger:
        assert ledger.seal().root == merkle.EMPTY_ROOT
        assert checkpoint_of(ledger).size == 0


@pytest.mark.parametrize("limit", [1, 7, 254, 255, 256, 257, 1000])
def test_checkpoints_after_any_number_of_events_lead_to_sound_logs(tmp_path: Path, limit: int) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.record(many(600 if limit > 100 else 30))
        with open_sealer(ledger.store, ledger.folder, [Unbound(LOG_KEY)]) as sealer:
            while sealer.seal(limit).sealed == limit:
                pass
        require_sound(ledger)
        assert ledger.audit().verdict == "confirmed"
        roots = [parse_checkpoint(parse_note(signed)[0]) for signed in ledger.folder.history()]
        entries = entries_of(ledger.folder, roots[-1].size)
        for checkpoint in roots:
            assert merkle_tree.root_of_leaves(map(merkle.leaf_hash, entries[: checkpoint.size])) == checkpoint.root
            assert is_heads_entry(entries[checkpoint.size - 1])


def test_the_cache_is_only_a_cache(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        state = tmp_path / "log" / ".sealer" / "state"
        good = state.read_bytes()
        for spoilt in (None, b"", b"x", good[:-5], good.replace(b"membership-m-1", b"membership-m-9")):
            if spoilt is None:
                state.unlink()
            else:
                state.write_bytes(spoilt)
            number = ledger.store.max_position()
            ledger.record(many(1, number))
            ledger.seal()
            require_sound(ledger)
            assert ledger.verdict().verdict == "confirmed"
            assert ledger.audit().verdict == "confirmed"


def test_a_cache_of_another_log_is_not_believed(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        old = (tmp_path / "log" / ".sealer" / "state").read_bytes()
        ledger.record(many(5))
        ledger.seal()
        (tmp_path / "log" / ".sealer" / "state").write_bytes(old)
        ledger.record(many(5, 5))
        ledger.seal()
        require_sound(ledger)


def test_what_was_promised_is_published_though_the_book_has_grown(tmp_path: Path) -> None:
    """A sealer that died after signing: its checkpoint may have been seen, so the log goes on through it."""
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        first = ledger.folder.checkpoint()
        ledger.record(many(3))
        ledger.seal()
        promised = ledger.folder.checkpoint()
        assert first
        assert promised
        (tmp_path / "log" / "checkpoint").write_bytes(first)
        ledger.folder.promise(promised)
        ledger.record(many(3, 3))
        ledger.seal()
        require_sound(ledger)
        sizes = [parse_checkpoint(parse_note(signed)[0]).size for signed in (first, promised)]
        assert checkpoint_of(ledger).size == sizes[1] + 4
        assert ledger.folder.pending() is None


def test_files_beyond_the_checkpoint_are_written_anew(tmp_path: Path) -> None:
    """A sealer that died before signing: the next one logs heads elsewhere, and its tiles take their place."""
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        shutil.copytree(tmp_path / "log", tmp_path / "before")
        ledger.record(many(700))
        with open_sealer(ledger.store, ledger.folder, [Unbound(LOG_KEY)]) as sealer:
            while sealer.seal(100).sealed:
                pass
        for name in ("checkpoint", "checkpoints.jsonl", ".sealer/state"):
            shutil.copy(tmp_path / "before" / name, tmp_path / "log" / name)
        ledger.seal()
        require_sound(ledger)
        assert ledger.audit().verdict == "confirmed"


def test_a_line_of_the_history_that_a_crash_cut_off_is_replaced(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        ledger.record(many(1))
        ledger.seal()
        path = tmp_path / "log" / "checkpoints.jsonl"
        whole = path.read_bytes()
        path.write_bytes(whole[:-9])
        assert len(ledger.folder.history()) == 1
        ledger.seal()
        assert path.read_bytes() == whole


def test_there_is_one_sealer(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger, open_sealer(ledger.store, ledger.folder, [Unbound(LOG_KEY)]):
        with pytest.raises(SealerBusy, match="sealer"):
            ledger.seal()
        other = Ledger(ledger.store, tmp_path / "elsewhere")
        with pytest.raises(SealerBusy, match="of this book"):
            other.seal()


def test_other_names_of_the_folder_and_of_the_book_give_no_second_sealer(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger, open_sealer(ledger.store, ledger.folder, [Unbound(LOG_KEY)]):
        (tmp_path / "same").symlink_to(ledger.folder.root)
        (tmp_path / "same.db").symlink_to(Path(ledger.store.name))
        for name in (tmp_path / "same", ledger.folder.root / ".." / ledger.folder.root.name):
            with pytest.raises(SealerBusy), open_sealer(ledger.store, LogFolder(name), [Unbound(LOG_KEY)]):
                pass
        again = SQLiteStore(tmp_path / "same.db")
        with (
            pytest.raises(SealerBusy, match="of this book"),
            open_sealer(again, LogFolder(tmp_path / "other"), [Unbound(LOG_KEY)]),
        ):
            pass
        again.close()


def test_another_key_or_another_name_is_refused(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        with pytest.raises(WrongKey, match="overlap"):
            ledger.seal(NEW_KEY)
        with pytest.raises(WrongKey, match="signed by"):
            ledger.seal(SignerKey("ledger.example/other", ED25519, LOG_KEY.seed))
        assert ledger.seal().sealed == 0


def test_a_checkpoint_that_is_not_of_these_tiles_stops_the_sealer(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        text = Checkpoint(LOG_KEY.name, checkpoint_of(ledger).size, bytes(32)).text
        (tmp_path / "log" / "checkpoint").write_bytes(format_note(text, [LOG_KEY.sign(text.encode())]))
        with pytest.raises(LogDamaged, match="root of the tiles"):
            ledger.seal()
        (tmp_path / "log" / "checkpoint").write_bytes(b"nonsense")
        with pytest.raises(LogDamaged, match="checkpoint"):
            ledger.seal()


@pytest.mark.parametrize("what", ["tile/0", "tile/entries"])
def test_missing_tiles_stop_the_sealer(tmp_path: Path, what: str) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        shutil.rmtree(tmp_path / "log" / what)
        with pytest.raises(LogDamaged, match="found no such file"):
            ledger.seal()


def test_a_book_that_goes_on_from_another_history_is_refused(tmp_path: Path) -> None:
    """The tail is compared first, and then every new event with the head of its stream."""
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
    (tmp_path / "book.db").unlink()
    for leftover in tmp_path.glob("book.db-*"):
        leftover.unlink()
    with sqlite_ledger(tmp_path, many_other()) as ledger, pytest.raises(BookChanged, match="position") as refused:
        ledger.seal()
    assert "leaf hash" in str(refused.value) or "expected the" in str(refused.value)
    assert "with a folder and a key of its own" in str(refused.value)


@pytest.mark.parametrize("left", [3, 200])
def test_what_is_said_of_an_older_book_names_the_events_that_it_has(tmp_path: Path, left: int) -> None:
    with sqlite_ledger(tmp_path, [*enrolment("m-1"), *many(left)]) as ledger:
        there = ledger.store.max_position()
    shutil.copyfile(tmp_path / "book.db", tmp_path / "older.db")
    with sqlite_ledger(tmp_path, many(700, left)) as ledger:
        ledger.seal()
        sealed = ledger.store.max_position()
    shutil.copyfile(tmp_path / "older.db", tmp_path / "book.db")
    expected = f"found {there} events in the book, expected the {sealed} that are sealed"
    with sqlite_ledger(tmp_path, []) as older, pytest.raises(BookChanged, match=expected):
        older.seal()


def many_other() -> list[Fact]:
    return [*enrolment("m-1"), *(response(n, "Other", "2010-03-01T00:00:00Z") for n in range(60))]


def test_growth_gives_the_files_that_the_format_asks_for() -> None:
    growth, files = Growth(), {}
    entries = [b"entry %d" % n for n in range(70_000)]
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    for start in range(0, len(entries), 999):
        files.update(growth.extend(entries[start : start + 999], leaves[start : start + 999]))
    files.update(growth.partial())
    assert set(files) == set(tiles_between(0, len(entries)))
    assert growth.root() == merkle_tree.root_of_leaves(leaves)
    restored = Growth.restore(len(entries), lambda tile: files[tile])
    assert restored.root() == growth.root()
    assert restored.partial() == growth.partial()
    assert {parse_path(tile.path) for tile in files} == set(files)


def test_partial_tiles_go_once_the_full_one_is_published(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        with open_sealer(ledger.store, ledger.folder, [Unbound(LOG_KEY)]) as sealer:
            for number in range(40):
                ledger.record(many(20, 20 * number))
                sealer.seal()
        size = require_sound(ledger).size
        partial = {path.parent.name for path in (tmp_path / "log" / "tile").rglob("*.p/*")}
        assert partial == {f"{size // 256:03d}.p", "000.p"}
        assert not (tmp_path / "log" / "tile" / "0" / "000.p").exists()
        assert ledger.audit().verdict == "confirmed"


def test_nothing_secret_and_nothing_temporary_is_left(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
    paths = [path.relative_to(tmp_path / "log").as_posix() for path in (tmp_path / "log").rglob("*") if path.is_file()]
    assert [path for path in paths if path.startswith(".sealer/tmp")] == []
    for path in paths:
        assert LOG_KEY.seed not in (tmp_path / "log" / path).read_bytes()
    assert list((tmp_path / "log" / ".sealer" / "tmp").iterdir()) == []


def test_a_decision_after_sealing_waits_for_the_next_round(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        ledger.record([response(40, "Late", "2011-01-05T00:00:00Z"), decision("m-1", 2)])
        with pytest.raises(NotSealed, match="seal first"):
            ledger.evidence()
        ledger.seal()
        report = ledger.verdict()
        assert (report.verdict, report.decision and report.decision["revision"]) == ("confirmed", 2)
