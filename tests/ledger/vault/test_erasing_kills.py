"""Wherever a process that erases dies, the next one goes on, and nothing is over while something is left."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from console.erasures import BookOfWriter
from ledger.errors import SubjectErased
from ledger.vault import erasures
from ledger.vault.columns import columns
from ledger.vault.erasing import erase, erased, heed, replay
from ledger.vault.vault import Vault
from tests.ledger.vault.erasing_support import (
    ASKED,
    LATER_US,
    Backup,
    answer,
    book_at,
    clock,
    everything,
    in_files,
    kept,
    sealed,
    sealed_response,
    told,
)
from tests.ledger.vault.support import ACCESS, KEYS, NOW_US, Counted, Place, dies_at, people


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
