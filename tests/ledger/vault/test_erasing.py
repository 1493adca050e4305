"""Who is erased is gone from every answer at once, and the book says so by reference alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from console.erasures import BookOfWriter
from ledger.errors import SubjectErased, UnknownSubject
from ledger.vault import erasing, erasures
from ledger.vault.access_log import Access, entries
from ledger.vault.addresses import normalise
from ledger.vault.contact import Contact
from ledger.vault.erasing import asked_before, erase, erased
from ledger.vault.exports import exports, new_export, note_export
from ledger.vault.uploading import upload
from tests.ledger.vault.erasing_support import (
    ASKED,
    LATER_US,
    clock,
    everything,
    kept,
    told,
)
from tests.ledger.vault.support import ACCESS, ANNA, BERT, NOW_US, Place, line, people


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
