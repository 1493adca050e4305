"""Every event has a salt of its own, which nobody can foresee unless the book is made up."""

from __future__ import annotations

from base64 import b64decode

import orjson
import pytest

from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.sqlite import SQLiteStore
from ledger.writing import salts
from ledger.writing.salts import DRAWN_AT_ONCE, SystemSalts, foreseeable_salts
from ledger.writing.writer import Writer
from tests.console.support import met
from tests.support.real_book import some_folder


def test_a_salt_is_16_bytes_in_canonical_base64_and_none_is_given_twice() -> None:
    salt_of = SystemSalts()
    given = [salt_of(position) for position in range(3 * DRAWN_AT_ONCE + 1)]
    assert {len(b64decode(salt, validate=True)) for salt in given} == {16}
    assert {len(salt) for salt in given} == {24}
    assert len(set(given)) == len(given)


def test_salts_are_those_of_the_systems_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(salts.os, "urandom", lambda size: bytes(range(16)) * (size // 16))
    assert SystemSalts()(1) == "AAECAwQFBgcICQoLDA0ODw=="


def test_foreseeable_salts_depend_on_seed_and_position_alone() -> None:
    one, same, other = foreseeable_salts("a"), foreseeable_salts("a"), foreseeable_salts("b")
    assert [one(1), one(2)] == [same(1), same(2)]
    assert len({one(1), one(2), other(1), other(2)}) == 4


def test_two_books_of_the_same_facts_have_no_salt_in_common() -> None:
    assert not set(stored_salts()) & set(stored_salts())


def stored_salts() -> list[str]:
    """The salts of a small book, each once."""
    with some_folder() as folder:
        store = SQLiteStore(folder / "book.db")
        writer = Writer(store, lambda: 1_577_836_800_000_000, PROGRAMMES)
        writer.record([fact_from_object(fact) for fact in met()])
        given = [orjson.loads(row.stored)["salt"] for row in store.read_feed(0, 100)]
        store.close()
    assert len(given) > 12
    assert len(set(given)) == len(given)
    return given
