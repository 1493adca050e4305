"""What a vault does, in each database that can keep it; and what it says of each thing that somebody can do to it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.errors import (
    AnotherBook,
    StoreOutdated,
    StoreUnreachable,
    UnknownSubject,
    VaultDamaged,
    VaultError,
    VaultKeyMismatch,
    VaultSwapped,
)
from ledger.vault import vault as vault_module
from ledger.vault.access_log import Access, entries
from ledger.vault.addresses import normalise
from ledger.vault.contact import Contact
from ledger.vault.rewrapping import rewrap
from ledger.vault.tables import ADDED, VERSION
from ledger.vault.vault import Vault
from tests.ledger.vault.support import (
    ACCESS,
    ANNA,
    BACKENDS,
    BERT,
    BOTH_KEYS,
    NOW_US,
    OTHER_KEYS,
    Place,
    Raw,
    line,
    people,
)


def kept(vault: Vault, *lines: object, membership: str = "m-1") -> list[str]:
    """The subjects of lines."""
    return [one.subject for one in vault.keep(membership, lines, NOW_US)]  # type: ignore[arg-type]


def shown(vault: Vault, subject: str) -> Contact:
    return vault.show(subject, ACCESS).contact


def test_what_was_taken_in_is_read_again_also_after_it_was_closed(place: Place) -> None:
    with place.vault() as vault:
        subjects = kept(vault, line(2, ANNA), line(3, BERT))
        assert len(set(subjects)) == 2
    with place.vault(create=False) as vault:
        found = list(vault.read("m-1", [("shown", one) for one in reversed(subjects)], ACCESS))
        assert [one.subject for one in found] == subjects[::-1]
        assert [(one.contact, one.customer_org, one.membership) for one in found] == [
            (BERT, "Brontegard", "m-1"),
            (ANNA, "Brontegard", "m-1"),
        ]


def test_more_than_one_transaction_takes_are_read_in_the_order_in_which_they_were_asked_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_module, "CHUNK", 500)
    with place.vault() as vault:
        subjects = kept(vault, *people(1_203))[::-1]
        found = list(vault.read("m-1", [("invitation", one) for one in subjects], ACCESS))
        assert [one.subject for one in found] == subjects
        assert vault.handed_out("invitation", subjects) == set(subjects)
        assert vault.handed_out("reminder", subjects) == set()


def test_the_same_line_again_is_known_another_detail_is_a_change_and_what_is_left_out_is_gone(place: Place) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
        assert [one.how for one in vault.keep("m-1", [line(2, ANNA)], NOW_US)] == ["known"]
        moved = Contact("anna.moeller@EXAMPLE.org", "Anna Möller-Quill")
        (changed,) = vault.keep("m-1", [line(2, moved, "BRONTEGARD")], NOW_US)
        assert (changed.how, changed.subject, changed.customer_org) == ("changed", anna, "Brontegard")
        assert shown(vault, anna) == moved


def test_a_contact_under_another_organisation_is_left_as_it_is(place: Place) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2, ANNA))
        (found,) = vault.keep("m-1", [line(2, Contact(ANNA.email, "Somebody"), "Lindomar")], NOW_US)
        assert (found.how, found.subject, found.customer_org) == ("other-organisation", anna, "Brontegard")
        assert shown(vault, anna) == ANNA


def test_one_address_on_the_lists_of_two_partners_is_two_subjects_and_both_are_found(place: Place) -> None:
    with place.vault() as vault:
        (first,), (second,) = kept(vault, line(2)), kept(vault, line(2, ANNA, "Lindomar"), membership="m-2")
        assert first != second
        assert vault.memberships() == ["m-1", "m-2"]
        asked = [normalise("anna.moeller@Example.ORG"), normalise("nobody@example.org")]
        found, nobody = vault.find(asked, ACCESS)
        assert {(one.subject, one.membership, one.customer_org) for one in found} == {
            (first, "m-1", "Brontegard"),
            (second, "m-2", "Lindomar"),
        }
        assert nobody == []
        assert sorted(entry.subject for entry in entries(vault.database)) == sorted([first, second])


def test_a_subject_that_nobody_has_and_one_of_another_membership_are_unknown_and_leave_no_entry(place: Place) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2))
        with pytest.raises(UnknownSubject):
            vault.show("s-1", ACCESS)
        with pytest.raises(UnknownSubject):
            list(vault.read("m-2", [("shown", anna)], ACCESS))
        assert list(entries(vault.database)) == []


def test_an_entry_stands_in_the_log_before_anything_is_handed_out(place: Place) -> None:
    with place.vault() as vault:
        (anna,) = kept(vault, line(2))
        with place.raw() as raw:
            raw("UPDATE contacts SET email = phone")
        with pytest.raises(VaultError):
            vault.show(anna, Access(NOW_US, "clerk", "request 12"))
        (entry,) = entries(vault.database)
        assert entry[1:] == (NOW_US, "clerk", "shown", anna, "request 12")


def test_the_log_is_read_by_subject_and_from_an_instant_on_and_in_pages(place: Place) -> None:
    with place.vault() as vault:
        first, second = kept(vault, *people(2))
        for at_us, count in ((NOW_US, 1_100), (NOW_US + 1, 3)):
            list(vault.read("m-1", [("shown", first)] * count, Access(at_us, "clerk", "a test")))
        vault.show(second, Access(NOW_US + 2, "clerk", "a test"))
        found = list(entries(vault.database))
        assert len(found) == 1_104
        assert [one.id for one in found] == sorted(one.id for one in found)
        assert [one.subject for one in entries(vault.database, second)] == [second]
        assert len(list(entries(vault.database, first, NOW_US + 1))) == 3


FORBIDDEN = {
    "sqlite": [
        "UPDATE access_log SET reason = 'another'",
        "DELETE FROM access_log",
        "INSERT OR REPLACE INTO access_log SELECT id, at_us, 'nobody', action, subject, reason FROM access_log",
    ],
    "postgres": [
        "UPDATE access_log SET reason = 'another'",
        "DELETE FROM access_log",
        "TRUNCATE access_log",
        "SET session_replication_role = replica; DELETE FROM access_log",
        "INSERT INTO access_log OVERRIDING SYSTEM VALUE SELECT id, at_us, 'nobody', action, subject, reason FROM access_log "
        "ON CONFLICT (id) DO UPDATE SET actor = 'nobody'",
    ],
}


def test_the_database_refuses_to_change_the_access_log(place: Place) -> None:
    with place.vault() as vault:
        vault.show(kept(vault, line(2))[0], ACCESS)
        for statement in FORBIDDEN[place.backend.name]:
            with place.raw() as raw, pytest.raises(place.backend.refusals, match="the access log is append-only"):
                raw(statement)
        assert [entry.actor for entry in entries(vault.database)] == ["clerk"]


def _copy_row(raw: Raw, anna: str, bert: str) -> None:
    row = raw("SELECT email, name, phone, language FROM contacts WHERE subject = ?", anna)[0]
    raw("UPDATE contacts SET email = ?, name = ?, phone = ?, language = ? WHERE subject = ?", *row, bert)


def _copy_row_and_key(raw: Raw, anna: str, bert: str) -> None:
    _copy_row(raw, anna, bert)
    (wrapped,) = raw("SELECT wrapped FROM data_keys WHERE holder = ?", f"subject/{anna}")[0]
    raw("UPDATE data_keys SET wrapped = ? WHERE holder = ?", wrapped, f"subject/{bert}")


def _swap_fields(raw: Raw, _anna: str, bert: str) -> None:
    raw("UPDATE contacts SET name = email WHERE subject = ?", bert)


def _move_to_membership(raw: Raw, _anna: str, bert: str) -> None:
    raw("UPDATE contacts SET membership = 'm-2' WHERE subject = ?", bert)


def _move_to_organisation(raw: Raw, _anna: str, bert: str) -> None:
    raw("UPDATE contacts SET customer_org = 'Lindomar' WHERE subject = ?", bert)


def _put_version_back(raw: Raw, _anna: str, bert: str) -> None:
    raw("UPDATE contacts SET version = version - 1 WHERE subject = ?", bert)


SWAPS = [_copy_row, _copy_row_and_key, _swap_fields, _move_to_membership, _move_to_organisation, _put_version_back]


@pytest.mark.parametrize("swap", SWAPS, ids=lambda swap: str(swap.__name__).strip("_"))
def test_what_was_put_in_the_place_of_another_is_named_so_and_nothing_is_shown(
    place: Place, swap: Callable[[Raw, str, str], None]
) -> None:
    with place.vault() as vault:
        anna, bert = kept(vault, line(2, ANNA), line(3, BERT))
        with place.raw() as raw:
            swap(raw, anna, bert)
        with pytest.raises(VaultSwapped, match=bert) as raised:
            shown(vault, bert)
        assert not any(word in str(raised.value) for word in ("Anna", "Bert", "@"))
        assert shown(vault, anna) == ANNA


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE contacts SET address = 'x' WHERE subject = ?", "blind index"),
        ("UPDATE contacts SET email = ? WHERE subject = ?", "checksum"),
        ("DELETE FROM data_keys WHERE holder = 'subject/' || ?", "no erasure of it is recorded"),
        ("UPDATE data_keys SET wrapped = ? WHERE holder = 'subject/' || ?", "data key"),
    ],
    ids=["blind index", "box", "no data key", "wrapped"],
)
def test_what_is_damaged_is_named_so_and_never_taken_for_erased(place: Place, statement: str, named: str) -> None:
    with place.vault() as vault:
        anna, bert = kept(vault, line(2, ANNA), line(3, BERT))
        with place.raw() as raw:
            raw(statement, *([b"\1" * 99] * (statement.count("?") - 1)), bert)
        with pytest.raises(VaultDamaged, match=named):
            shown(vault, bert)
        assert shown(vault, anna) == ANNA


@pytest.mark.parametrize("detail", ["name", "phone", "language"])
def test_a_detail_that_was_taken_away_is_damage(place: Place, detail: str) -> None:
    """There is no box that does not open: the digest of the whole contact tells."""
    with place.vault() as vault:
        (subject,) = kept(vault, line(2, ANNA))
        with place.raw() as raw:
            raw(f"UPDATE contacts SET {detail} = NULL")
        with pytest.raises(VaultDamaged, match=f"subject {subject}: .* other details"):
            shown(vault, subject)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE contacts SET customer_org = X'41'",
        "UPDATE contacts SET membership = X'6D2D31'",
        "UPDATE contacts SET version = 'one'",
        "UPDATE contacts SET details = X'41'",
        "UPDATE contacts SET subject = X'41'",
        "UPDATE data_keys SET kek = X'41'",
        "UPDATE vault_meta SET value = X'41' WHERE name = 'key'",
        "UPDATE vault_meta SET value = X'41' WHERE name = 'vault'",
    ],
)
def test_columns_of_another_type_are_damage_whoever_reads_them(tmp_path: Path, statement: str) -> None:
    """SQLite keeps anything in a column."""
    place = Place(BACKENDS[0], str(tmp_path / "people.db"))
    with place.vault() as vault:
        (subject,) = kept(vault, line(2, ANNA))
    with place.raw() as raw:
        raw(statement)
    ask = (
        lambda vault: shown(vault, subject),
        lambda vault: list(vault.find([normalise(ANNA.email)], ACCESS)),
        lambda vault: kept(vault, line(2, Contact(ANNA.email, "Another"))),
        lambda vault: vault.memberships(),
        rewrap,
    )
    told = 0
    for one in ask:
        try:
            with place.vault(create=False) as vault:
                one(vault)
        except VaultDamaged:
            told += 1
        except (UnknownSubject, VaultSwapped):  # what stands there is found by no text, or belongs elsewhere
            pass
    assert told


def test_what_may_be_null_is_no_damage(tmp_path: Path) -> None:
    """An export of responses names no subject, and a data key that is missing is told of as such."""
    place = Place(BACKENDS[0], str(tmp_path / "people.db"))
    with place.vault() as vault:
        (subject,) = kept(vault, line(2, ANNA))
        with vault.database.writing() as transaction:
            transaction.execute(
                "INSERT INTO exports (export, at_us, actor, what, membership, subject) VALUES ('e', 1, 'a', 'w', 'm-1', NULL)"
            )
            assert transaction.query("SELECT subject, membership FROM exports") == [(None, "m-1")]
            transaction.execute("DELETE FROM data_keys WHERE holder = ?", (f"subject/{subject}",))
        with pytest.raises(VaultDamaged, match="found no data key"):
            shown(vault, subject)


@pytest.mark.parametrize("name", ["key", "vault"])
def test_a_vault_that_lost_an_id_is_damaged_and_not_made_anew(place: Place, name: str) -> None:
    with place.vault() as vault:
        kept(vault, line(2, ANNA))
    with place.raw() as raw:
        raw("DELETE FROM vault_meta WHERE name = ?", name)
    with pytest.raises(VaultDamaged, match=r"found no id of the key|without its id"), place.vault() as vault:
        kept(vault, line(3, BERT))
    with place.raw() as raw:
        assert raw("SELECT count(*) FROM vault_meta WHERE name = ?", name) == [(0,)]


def test_other_keys_than_those_of_the_vault_are_a_mismatch_and_open_nothing(place: Place) -> None:
    with place.vault() as vault:
        kept(vault, line(2))
    with pytest.raises(VaultKeyMismatch, match="nothing is erased by that"), place.vault(OTHER_KEYS, create=False):
        pass
    with place.vault(BOTH_KEYS, create=False) as vault:
        with pytest.raises(VaultKeyMismatch, match="rewrap"):
            vault.keep("m-1", [line(3, BERT)], NOW_US)
        assert vault.find([normalise(ANNA.email)], ACCESS)[0]


def test_a_data_key_under_a_key_that_is_not_at_hand_is_a_mismatch_and_not_erased(place: Place) -> None:
    with place.vault() as vault:
        anna, bert = kept(vault, line(2, ANNA), line(3, BERT))
        with place.raw() as raw:
            raw("UPDATE data_keys SET kek = '0123456789abcdef' WHERE holder = ?", f"subject/{bert}")
        with pytest.raises(VaultKeyMismatch, match="0123456789abcdef"):
            shown(vault, bert)
        assert shown(vault, anna) == ANNA


def test_rows_of_another_vault_under_the_same_keys_do_not_open(place: Place) -> None:
    with place.vault() as vault:
        kept(vault, line(2))
    with place.raw() as raw:
        raw("UPDATE vault_meta SET value = '00' WHERE name = 'vault'")
    with pytest.raises(VaultSwapped), place.vault(create=False):
        pass


def test_without_a_vault_nothing_is_made_unless_that_is_asked_for(place: Place) -> None:
    with pytest.raises(StoreUnreachable, match="vault migrate"), place.vault(create=False):
        pass
    with place.vault() as vault:
        first = vault.id
    with place.vault() as vault:
        assert vault.id == first


def _set_version(place: Place, version: int) -> None:
    with place.raw() as raw:
        if place.backend.name == "sqlite":
            raw(f"PRAGMA user_version = {version}")
        else:
            raw("UPDATE vault_meta SET value = ? WHERE name = 'tables'", str(version))


def _as_made_by(place: Place, version: int) -> list[str]:
    """Makes a vault one of an older version; the tables that it lost."""
    later = [statement for of, added in ADDED.items() if of > version for statement in added]
    tables = [statement.split()[2] for statement in later if statement.startswith("CREATE TABLE")]
    with place.raw() as raw:
        for table in reversed(tables):
            raw(f"DROP TABLE {table}")
    _set_version(place, version)
    return tables


def test_tables_of_another_version_are_not_used(place: Place) -> None:
    with place.vault():
        pass
    _set_version(place, 9)
    with pytest.raises(StoreOutdated, match=f"version 9, expected {VERSION}"), place.vault():
        pass


def test_older_tables_are_used_once_they_were_migrated(place: Place) -> None:
    with place.vault() as vault:
        (subject,) = kept(vault, line(2, ANNA))
    tables = _as_made_by(place, 1)
    with pytest.raises(StoreOutdated, match=r"version 1, expected .*vault migrate"), place.vault(create=False):
        pass
    for found in (1, VERSION):
        with place.vault() as vault:
            assert vault.database.found_version == found
            assert shown(vault, subject) == ANNA
    with place.raw() as raw:
        assert all(raw(f"SELECT count(*) FROM {table}") == [(0,)] for table in tables)


WITHOUT_GUARD = {
    "sqlite": ["DROP TRIGGER access_log_no_delete"],
    "postgres": ["ALTER TABLE access_log DISABLE TRIGGER access_log_is_append_only"],
}


def test_a_guard_of_the_access_log_that_was_taken_away_is_found_and_mended(place: Place) -> None:
    with place.vault() as vault:
        assert vault.database.unguarded() == []
        vault.show(kept(vault, line(2))[0], ACCESS)
        with place.raw() as raw:
            for statement in WITHOUT_GUARD[place.backend.name]:
                raw(statement)
            raw("DELETE FROM access_log WHERE actor = 'nobody'")
        (wrong,) = vault.database.unguarded()
        assert "of the access log" in wrong
        assert vault.database.mend() == [wrong]
        assert vault.database.unguarded() == []
        with place.raw() as raw, pytest.raises(place.backend.refusals, match="append-only"):
            raw("DELETE FROM access_log")


def test_a_vault_is_used_with_one_book(place: Place) -> None:
    with place.vault() as vault:
        vault.belong_to("aa" * 32)
        vault.belong_to("aa" * 32)
        with pytest.raises(AnotherBook, match="begins with bbbb"):
            vault.belong_to("bb" * 32)


def test_two_that_take_the_same_list_in_at_once_make_each_contact_once(place: Place) -> None:
    with place.vault():
        pass

    def takes(start: int) -> list[str]:
        with place.vault(create=False) as vault:
            lines = people(400)
            return [
                one for at in range(start, start + 400, 40) for one in kept(vault, *lines[at % 400 : at % 400 + 40])
            ]

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(takes, (0, 200)))
    assert set(both[0]) == set(both[1])
    assert len(set(both[0])) == 400
