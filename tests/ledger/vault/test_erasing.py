"""Who is erased is gone: from answers at once, from the files in the end, wherever a process dies; and the book says so."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.erasures import BookOfWriter, book_of
from console.wiring import open_ledger
from ledger.answers import Answers
from ledger.errors import AnotherBook, StoreUnreachable, SubjectErased, UnknownSubject
from ledger.vault import erasing, erasures, postgres
from ledger.vault.access_log import Access, entries
from ledger.vault.addresses import normalise
from ledger.vault.columns import columns
from ledger.vault.contact import Contact
from ledger.vault.database import SQLiteVault, VaultDatabase
from ledger.vault.erasing import asked_before, erase, erased, finish, heed, replay
from ledger.vault.exports import exports, new_export, note_export
from ledger.vault.responses import Responses, Said
from ledger.vault.uploading import upload
from ledger.vault.vault import Vault
from tests.ledger.vault.support import ACCESS, ANNA, BERT, KEYS, NOW_US, Counted, Place, dies_at, line, people

LATER_US = NOW_US + 60_000_000
ASKED = Access(NOW_US, "clerk", "request 31")


def clock() -> int:
    return LATER_US


@contextmanager
def book_at(path: Path) -> Iterator[BookOfWriter]:
    """A real book, with nothing but its first events."""
    with open_ledger(str(path), lambda: NOW_US, create=True) as ledger:
        book = book_of(ledger)
        book.begin()
        yield book


@pytest.fixture
def book(tmp_path: Path) -> Iterator[BookOfWriter]:
    with book_at(tmp_path / "book.db") as found:
        yield found


def told(book: BookOfWriter) -> list[tuple[str, str]]:
    """What the book says of erasures: (type, subject)."""
    rows = book._store.read_stream("log")
    return [(row.type, orjson.loads(row.stored)["data"]["subject"]) for row in rows]


def kept(vault: Vault, *lines: Any) -> list[str]:
    return [one.subject for one in vault.keep("m-1", lines, NOW_US)]


def everything(database: VaultDatabase) -> str:
    """All rows of what is kept of people."""
    with database.reading() as transaction:
        return repr([transaction.query(f"SELECT * FROM {table}") for table in ("contacts", "data_keys", "links")])


def sealed(place: Place, subject: str) -> list[bytes]:
    """The bytes that are kept of a subject: its boxes, its wrapped key, and what it is found by."""
    with place.raw() as raw:
        ((*boxes, address, details),) = raw(
            "SELECT email, name, phone, language, address, details FROM contacts WHERE subject = ?", subject
        )
        ((key,),) = raw("SELECT wrapped FROM data_keys WHERE holder = ?", f"subject/{subject}")
    return [bytes(one) for one in (*boxes, key) if one is not None] + [address.encode(), details.encode()]


def answer(vault: Vault, fact: str, invitation: str) -> None:
    """A response with a comment that names an invitation, and is kept."""
    said = Said(fact, "m-1", f"r-{fact}", False, invitation, Answers((9, None, None, 7), {}), f"comment of {fact}")
    responses = Responses(vault)
    ((how, mac),) = responses.pend([said], NOW_US, lambda _facts: ())
    assert how == "new"
    responses.conclude({fact: (said, mac)}, (), (), NOW_US)


def sealed_response(place: Place, fact: str) -> list[bytes]:
    """The bytes that are kept of a response: its boxes, its wrapped key, and the digests of it."""
    with place.raw() as raw:
        ((answers, comment, mac),) = raw("SELECT answers, comment, mac FROM answers WHERE fact = ?", fact)
        ((invitation,),) = raw("SELECT invitation FROM links WHERE fact = ?", fact)
        ((key,),) = raw("SELECT wrapped FROM data_keys WHERE holder = ?", f"response/{fact}")
    return [bytes(one) for one in (answers, comment, invitation, key)] + [mac.encode()]


def files_of(place: Place) -> list[Path]:
    """The files in which the vault's tables and their indexes lie: in SQLite with the log and its index."""
    if place.backend.name == "sqlite":
        return sorted(Path(place.where).parent.glob("people.db*"))
    with place.raw() as raw:
        raw("CHECKPOINT")
        ((folder,),) = raw("SELECT current_setting('data_directory')")
        found = raw("SELECT pg_relation_filepath(oid) FROM pg_class WHERE pg_relation_filepath(oid) IS NOT NULL")
    return [Path(folder) / path for (path,) in found]


def in_files(place: Place, secrets: Sequence[bytes]) -> int:
    """How many of some bytes stand in a file of the vault."""
    content = [path.read_bytes() for path in files_of(place) if path.exists()]
    return sum(any(secret in one for one in content) for secret in secrets)


def test_an_erased_subject_is_shown_found_and_exported_to_nobody_and_the_others_stay(
    place: Place, book: BookOfWriter
) -> None:
    with place.vault() as vault:
        anna, bert = kept(vault, line(2, ANNA), line(3, BERT))
        erase(vault, book, [anna], ASKED, clock)
        with pytest.raises(SubjectErased, match=r"erased at 2012-01-01T00:01:00\.000000Z"):
            vault.show(anna, ACCESS)
        assert vault.find([normalise(ANNA.email)], ACCESS) == [[]]
        assert vault.subjects("m-1", [anna, bert]) == {bert}
        assert [held.subject for held in vault.read("m-1", [("invitation", anna), ("invitation", bert)], ACCESS)] == [
            bert
        ]
        assert vault.show(bert, ACCESS).contact == BERT
        assert anna not in everything(vault.database)
    assert told(book) == [("ErasureRequested", anna), ("ErasureCompleted", anna)]


def test_what_the_book_says_has_the_reference_and_nothing_of_who_asked_and_why(
    place: Place, book: BookOfWriter
) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
        erase(vault, book, [anna], ASKED, clock)
        entry = list(entries(vault.database, anna))[-1]
        assert entry[1:] == (NOW_US, "clerk", "erased", anna, "request 31")
    for row in book._store.read_stream("log"):
        event = orjson.loads(row.stored)
        assert event["data"] == {"subject": anna}
        assert (event["fact"].split(":")[2], event["actor"]) == (anna, "csat-ledger")
        assert b"clerk" not in row.stored
        assert b"request" not in row.stored.replace(b"erasure-requested", b"")


def test_the_bytes_are_in_the_files_before_and_in_none_of_them_after(place: Place, book: BookOfWriter) -> None:
    with place.vault() as vault:
        subjects = kept(vault, line(2, ANNA), *people(400, 10))
        gone = [subjects[0], *subjects[1:400:2]]
        # Rows that grew and shrank may leave older boxes in the gaps of pages.
        older = [secret for subject in gone[:50] for secret in sealed(place, subject)]
        longer = [line(n, Contact(f"person-{n}@example.org", "N" * (n % 190 + 1))) for n in range(10, 410)]
        kept(vault, *longer)
        secrets = [secret for subject in gone for secret in sealed(place, subject)]
        assert in_files(place, secrets) == len(secrets)
        erase(vault, book, gone, ASKED, clock)
        assert in_files(place, [*secrets, *older]) == 0
        stays = [secret for subject in subjects[2:400:2] for secret in sealed(place, subject)]
        assert in_files(place, stays) == len(stays)


def test_an_unknown_subject_is_an_error_and_then_nobody_is_erased(place: Place, book: BookOfWriter) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
        for subjects in (["s-1"], [anna, "s-1"]):
            with pytest.raises(UnknownSubject, match="s-1"):
                erase(vault, book, subjects, ASKED, clock)
        assert vault.show(anna, ACCESS).contact == ANNA
        assert told(book) == []
        assert [entry.action for entry in entries(vault.database)] == ["shown"]


def test_erased_again_it_stays_erased_since_the_first_time(place: Place, book: BookOfWriter) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
        erase(vault, book, [anna], ASKED, clock)
        erase(vault, book, [anna], Access(NOW_US + 1, "another", "again"), lambda: LATER_US + 1)
        (one,) = erased(vault, [anna])
        assert (one.requested_us, one.completed_us) == (NOW_US, LATER_US)
        assert len(told(book)) == 2
        assert len(list(entries(vault.database, anna))) == 1


def test_exports_that_listed_a_subject_are_named_so_that_they_can_be_withdrawn(
    place: Place, book: BookOfWriter
) -> None:
    with place.vault() as vault:
        anna, bert = kept(vault, line(2, ANNA), line(3, BERT))
        spring, reminders = new_export(), new_export()
        note_export(vault, Access(NOW_US, "clerk", "spring run"), "contacts", spring, "m-1", subjects=[anna, bert])
        note_export(vault, Access(NOW_US + 5, "clerk", "x"), "contacts", reminders, "m-1", subjects=[anna])
        erase(vault, book, [anna, bert], ASKED, clock)
        first, second = erased(vault, [anna, bert])
        assert [tuple(one) for one in first.exports] == [
            (spring, NOW_US, "clerk", "contacts"), (reminders, NOW_US + 5, "clerk", "contacts")
        ]  # fmt: skip
        assert [one.export for one in second.exports] == [spring]
        assert [one.export for one in exports(vault.database, to_withdraw=True)] == [spring, reminders]


def test_who_comes_back_by_a_new_list_is_somebody_else(place: Place, book: BookOfWriter) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
        erase(vault, book, [anna], ASKED, clock)
        facts: list[bytes] = []
        upload(vault, "m-1", [line(2, ANNA)], NOW_US, lambda _some, lines: facts.append(lines))
        (found,) = vault.find([normalise(ANNA.email)], ACCESS)[0]
        assert found.subject != anna
        (consent,) = [orjson.loads(one) for one in b"".join(facts).splitlines()]
        assert (consent["type"], consent["subject"]) == ("record-consent", found.subject)
        assert vault.index.invitation("m-1", found.subject) != vault.index.invitation("m-1", anna)
        with pytest.raises(SubjectErased):
            vault.show(anna, ACCESS)


def test_from_the_moment_it_is_asked_for_nothing_is_shown_sealed_or_taken(place: Place, book: BookOfWriter) -> None:
    with place.vault() as vault:
        anna, bert = kept(vault, line(2, ANNA), line(3, BERT))
        erasing.belong_to(vault, book)
        erasures.request(vault.database, [anna], ASKED, erasing.known_subjects)
        with pytest.raises(SubjectErased, match="not over"):
            vault.show(anna, ACCESS)
        assert vault.find([normalise(ANNA.email)], ACCESS) == [[]]
        assert list(vault.read("m-1", [("invitation", anna)], ACCESS)) == []
        assert [entry.action for entry in entries(vault.database)] == ["erased"]
        moved = line(2, Contact(ANNA.email, "Anna Q"), consent="withdrawn")
        outcomes: list[Any] = []
        facts: list[bytes] = []
        upload(
            vault,
            "m-1",
            [moved, line(3, BERT)],
            NOW_US,
            lambda some, lines: (outcomes.extend(some), facts.append(lines)),
        )
        assert [one.code or one.outcome for one in outcomes] == ["being-erased", "known"]
        assert b"withdraw-consent" in b"".join(facts)
        assert [held.subject for held in vault.read("m-1", [("shown", bert)], ACCESS)] == [bert]
        assert asked_before(vault, [anna, bert]) == {anna: None}


def test_a_subject_asked_for_while_it_is_read_is_left_out_and_no_damage(place: Place, book: BookOfWriter) -> None:
    with place.vault() as vault:
        subjects = kept(vault, *people(5))
        opened = vault._opened

        def meanwhile(wanted: Sequence[str]) -> Any:
            with place.vault(create=False) as another:
                erase(another, book, subjects[:2], ASKED, clock)
            return opened(wanted)

        vault._opened = meanwhile  # type: ignore[method-assign]
        found = list(vault.read("m-1", [("invitation", one) for one in subjects], ACCESS))
        assert [one.subject for one in found] == subjects[2:]


def test_a_line_that_repeats_an_address_erased_meanwhile_is_refused_without_a_subject(
    place: Place, book: BookOfWriter
) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
        erase(vault, book, [anna], ASKED, clock)
        assert vault.standing("m-1", [line(3, ANNA)]) == [None]


def test_wherever_it_dies_it_goes_on_and_is_never_over_while_something_is_left(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "BATCH", 2)
    many = 3
    with place.vault() as vault, book_at(tmp_path / "empty.db") as book:
        subjects = kept(vault, *people(many + 2))
        heed(vault, book, NOW_US)
        for number, subject in enumerate(subjects[1:], 1):
            answer(vault, f"f-{number}", vault.index.invitation("m-1", subject))
    gone, stays = subjects[:many], subjects[many:]
    secrets = [secret for subject in gone for secret in sealed(place, subject)]
    secrets += [secret for number in range(1, many) for secret in sealed_response(place, f"f-{number}")]
    backup, path = Backup(place), tmp_path / "book.db"
    seen = set()

    def work(passes: Callable[[], None]) -> None:
        with book_at(path) as book, closing(Counted(place.backend.opened(place.where), passes)) as database:
            vault = Vault(database, KEYS)  # type: ignore[arg-type]
            erase(vault, _Counting(book, passes), gone, ASKED, clock)

    def check(vault: Vault, book: BookOfWriter) -> None:
        with vault.database.reading() as transaction:
            steps = dict(transaction.query("SELECT subject, step FROM erasures"))
        in_book, left = told(book), everything(vault.database)
        assert len(list(vault.read("m-1", [("shown", one) for one in stays], ACCESS))) == 2
        for subject, step in steps.items():
            seen.add(step.split()[0])
            with pytest.raises(SubjectErased):
                vault.show(subject, ACCESS)
            assert step == "requested" or ("ErasureRequested", subject) in in_book
            assert step in ("requested", "noted") or f"subject/{subject}" not in left
        responses = columns(vault)  # never one that cannot be opened
        assert {one.fact for one in responses} >= {f"f-{number}" for number in range(many, many + 2)}
        over = {subject for kind, subject in in_book if kind == "ErasureCompleted"}
        assert over <= steps.keys()
        assert not any(subject in left for subject in over)
        assert not over or (in_files(place, secrets) == 0 and len(responses) == 2)

    moment, died = 0, True
    while died:
        backup.restore()
        shutil.copy(tmp_path / "empty.db", path)
        died = dies_at(moment, work)
        with place.vault(create=False) as vault, book_at(path) as book:
            check(vault, book)
            if moment % 2:
                replay(vault, book, clock)
            with vault.database.reading() as transaction:
                asked = [one for one in gone if one in erasures.among(transaction, gone)]
            if asked != gone or not moment % 2:
                erase(vault, book, gone, ASKED, clock)
            check(vault, book)
            assert sorted(told(book)) == sorted(
                (kind, subject) for subject in gone for kind in ("ErasureRequested", "ErasureCompleted")
            )
            assert [one.completed_us for one in erased(vault, gone)] == [LATER_US] * many
            assert in_files(place, secrets) == 0
        moment += 1 if place.backend.name == "sqlite" else 4  # it is the same program, and a server takes its time
    assert moment > 40
    assert place.backend.name != "sqlite" or seen == {
        "requested",
        "noted",
        "keyless",
        "emptied",
        "cleaning",
        "cleaned",
        "completed",
    }


class _Counting:
    """A book that says when it is about to be told of erasures, and when it has been."""

    def __init__(self, book: BookOfWriter, passes: Callable[[], None]) -> None:
        self._book = book
        self._passes = passes
        self.first_hash = book.first_hash
        self.erasures = book.erasures
        self.invitations = book.invitations

    def requested(self, subjects: Sequence[str]) -> None:
        self._passes()
        self._book.requested(subjects)
        self._passes()

    def completed(self, subjects: Sequence[str]) -> None:
        self._passes()
        self._book.completed(subjects)
        self._passes()


def test_many_go_in_one_go_and_the_database_is_written_anew_once(
    place: Place, book: BookOfWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "BATCH", 3)
    with place.vault() as vault:
        subjects = kept(vault, *people(20))
        scrubbed: list[int] = []
        scrub = vault.database.scrub
        monkeypatch.setattr(vault.database, "scrub", lambda: (scrubbed.append(1), scrub()))
        done: list[tuple[int, int | None]] = []
        erase(vault, book, subjects, ASKED, clock, lambda one, all_: done.append((one, all_)))
        assert scrubbed == [1]
        assert done[-1] == (20, 20)
        assert vault.memberships() == []
    assert len(told(book)) == 40


class Backup:
    """A vault as it was at a moment, and put back."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._tables = ("contacts", "data_keys", "erasures", "erased_links", "answers", "links", "vault_meta")
        with place.raw() as raw:
            self._rows = {table: raw(f"SELECT * FROM {table}") for table in self._tables}

    def restore(self) -> None:
        with self._place.raw() as raw:
            for table, rows in self._rows.items():
                raw(f"DELETE FROM {table}")
                for row in rows:
                    raw(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", *row)


def test_a_restored_vault_hides_whom_the_book_says_was_erased_and_replay_erases_them_again(
    place: Place, book: BookOfWriter
) -> None:
    with place.vault() as vault:
        anna, bert = kept(vault, line(2, ANNA), line(3, BERT))
        heed(vault, book, NOW_US)
    backup = Backup(place)
    with place.vault(create=False) as vault:
        erase(vault, book, [anna], ASKED, clock)
    backup.restore()
    with place.vault(create=False) as vault:
        assert vault.show(anna, ACCESS).contact == ANNA  # so it stands there, as long as the book was not asked
        assert heed(vault, book, LATER_US) == 1
        with pytest.raises(SubjectErased, match="not over"):
            vault.show(anna, ACCESS)
        assert vault.show(bert, ACCESS).contact == BERT
        ended: list[str] = []
        replay(vault, book, clock, ended=ended.extend)
        assert ended == [anna]
        assert anna not in everything(vault.database)
        assert heed(vault, book, LATER_US) == 0
        assert len(told(book)) == 2
        assert [entry.reason for entry in entries(vault.database, anna) if entry.action == "erased"] == [
            "request 31", "the book has this erasure: the vault was restored from before it"
        ]  # fmt: skip


def test_a_subject_of_which_a_restored_vault_has_nothing_is_erased_there_too_and_no_longer_unknown(
    place: Place, book: BookOfWriter
) -> None:
    with place.vault() as vault:
        kept(vault, line(3, BERT))
        heed(vault, book, NOW_US)
    backup = Backup(place)
    with place.vault(create=False) as vault:
        (anna,) = kept(vault, line(2, ANNA))
        erase(vault, book, [anna], ASKED, clock)
    backup.restore()
    with place.vault(create=False) as vault:
        replay(vault, book, clock)
        with pytest.raises(SubjectErased):
            vault.show(anna, ACCESS)


def test_a_restored_book_is_told_again(place: Place, tmp_path: Path) -> None:
    with book_at(tmp_path / "book.db"):
        pass
    shutil.copy(tmp_path / "book.db", tmp_path / "older.db")
    with place.vault() as vault:
        anna, bert, third = kept(vault, line(2, ANNA), line(3, BERT), *people(1))
        with book_at(tmp_path / "book.db") as book:
            erase(vault, book, [anna, bert], ASKED, clock)
        with book_at(tmp_path / "older.db") as book:
            # What the restored book says next stands where the other said something else: it is heeded all the same.
            erase(vault, book, [third], ASKED, clock)
            assert {subject for _, subject in told(book)} == {third}
            replay(vault, book, clock)
            assert {subject for _, subject in told(book)} == {anna, bert, third}
            assert len(told(book)) == 6


def test_a_mark_of_a_book_that_was_restored_starts_from_the_beginning(place: Place, tmp_path: Path) -> None:
    with book_at(tmp_path / "book.db"):
        pass
    shutil.copy(tmp_path / "book.db", tmp_path / "older.db")
    with place.vault() as vault, book_at(tmp_path / "book.db") as book:
        anna, bert = kept(vault, line(2, ANNA), line(3, BERT))
        erase(vault, book, [anna], ASKED, clock)
        heed(vault, book, NOW_US)
    backup = Backup(place)
    with place.vault(create=False) as vault, book_at(tmp_path / "older.db") as book:
        erase(vault, book, [bert], ASKED, clock)
    backup.restore()
    with place.vault(create=False) as vault, book_at(tmp_path / "older.db") as book:
        assert heed(vault, book, NOW_US) == 1
        with pytest.raises(SubjectErased):
            vault.show(bert, ACCESS)


def test_with_another_book_nothing_is_erased(place: Place, book: BookOfWriter, tmp_path: Path) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
        heed(vault, book, NOW_US)
        with book_at(tmp_path / "other.db") as other, pytest.raises(AnotherBook):
            erase(vault, other, [anna], ASKED, clock)
        assert vault.show(anna, ACCESS).contact == ANNA


def test_rows_that_came_back_past_this_program_are_erased_once_more(place: Place, book: BookOfWriter) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
    with place.raw() as raw:
        (row,) = raw("SELECT * FROM contacts")
    with place.vault(create=False) as vault:
        erase(vault, book, [anna], ASKED, clock)
        with place.raw() as raw:
            raw(f"INSERT INTO contacts VALUES ({','.join('?' * len(row))})", *row)
        with pytest.raises(SubjectErased):
            vault.show(anna, ACCESS)
        erase(vault, book, [anna], Access(LATER_US, "clerk", "again"), lambda: LATER_US + 7)
        assert anna not in everything(vault.database)
        (one,) = erased(vault, [anna])
        assert one.completed_us == LATER_US + 7


def test_while_a_reader_holds_what_was_erased_it_is_not_over(
    place: Place, book: BookOfWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "SCRUB_TIMEOUT_S", 0.3)
    monkeypatch.setattr("ledger.vault.database.LOCK_TIMEOUT_S", 0.3)
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
    secrets = sealed(place, anna)
    with place.vault(create=False) as vault, place.raw() as raw:
        if place.backend.name == "sqlite":
            raw("BEGIN")
        else:
            raw("BEGIN ISOLATION LEVEL REPEATABLE READ")
        raw("SELECT 1 FROM vault_meta")
        with pytest.raises(StoreUnreachable, match="do the same again"):
            erase(vault, book, [anna], ASKED, clock)
        assert told(book) == [("ErasureRequested", anna)]
        with pytest.raises(SubjectErased, match="not over"):
            vault.show(anna, ACCESS)
        raw("ROLLBACK")
        assert finish(vault, book, clock) == 1
    assert told(book)[-1] == ("ErasureCompleted", anna)
    assert in_files(place, secrets) == 0


def test_a_process_that_has_the_vault_open_goes_on_after_it_became_shorter_but_not_over_an_older_copy(
    tmp_path: Path, book: BookOfWriter
) -> None:
    path = tmp_path / "people.db"
    with closing(SQLiteVault(str(path), create=True)) as database:
        vault = Vault(database, KEYS, create=True)
        subjects = kept(vault, *people(2_000))
        with closing(SQLiteVault(str(path))) as second:
            other = Vault(second, KEYS)
            assert len(other.subjects("m-1", subjects)) == 2_000
            second._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert len(other.subjects("m-1", subjects)) == 2_000
            before = path.stat().st_size
            erase(vault, book, subjects[:1_900], ASKED, clock)
            assert path.stat().st_size < before
            assert other.subjects("m-1", subjects) == set(subjects[1_900:])
            kept(other, *people(3_000, 5_000))
            second._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert other.subjects("m-1", subjects[1_900:]) == set(subjects[1_900:])
            with closing(sqlite3.connect(tmp_path / "older.db")) as older:
                older.execute("CREATE TABLE t (a)")
            path.write_bytes((tmp_path / "older.db").read_bytes())
            with pytest.raises(StoreUnreachable, match="copied over"):
                other.subjects("m-1", subjects)


def test_no_statistics_of_sealed_columns_are_kept_by_the_server(postgres_url: str, book: BookOfWriter) -> None:
    place = Place(next(one for one in _backends() if one.name == "postgres"), postgres_url)
    with place.vault() as vault:
        kept(vault, *people(300))
        with place.raw() as raw:
            raw("ANALYZE contacts")
            raw("ANALYZE data_keys")
            sampled = {name for (name,) in raw("SELECT attname FROM pg_stats WHERE schemaname = 'vault'")}
    assert {"subject", "membership", "holder"} <= sampled
    assert sampled & {"email", "name", "phone", "language", "address", "details", "wrapped"} == set()


def _backends() -> list[Any]:
    from tests.ledger.vault.support import BACKENDS

    return BACKENDS


def test_a_role_that_does_not_own_the_tables_never_takes_them_for_rewritten(
    postgres_url: str, book: BookOfWriter
) -> None:
    place = Place(next(one for one in _backends() if one.name == "postgres"), postgres_url)
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
        with place.raw() as raw:
            raw("CREATE ROLE clerk")
            raw("GRANT USAGE ON SCHEMA vault TO clerk")
            raw("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA vault TO clerk")
            raw("GRANT ALL ON ALL SEQUENCES IN SCHEMA vault TO clerk")
            try:
                raw("GRANT clerk TO CURRENT_USER")
                with vault.database._connections.take() as connection:  # type: ignore[attr-defined]
                    connection.execute("SET ROLE clerk")
                with pytest.raises(StoreUnreachable, match="must own its tables"):
                    erase(vault, book, [anna], ASKED, clock)
                with vault.database._connections.take() as connection:  # type: ignore[attr-defined]
                    connection.execute("RESET ROLE")
                assert told(book) == [("ErasureRequested", anna)]
                assert finish(vault, book, clock) == 1
            finally:
                raw("DROP OWNED BY clerk")
                raw("DROP ROLE clerk")
