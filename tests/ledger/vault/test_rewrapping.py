"""Rotation: every data key goes over to the new key, whenever the process that does it dies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from ledger.errors import VaultDamaged, VaultKeyMismatch
from ledger.vault import rewrapping
from ledger.vault.addresses import normalise
from ledger.vault.keys import Keyring, VaultKey
from ledger.vault.rewrapping import rewrap
from ledger.vault.vault import Vault
from tests.ledger.vault.support import (
    ACCESS,
    ANNA,
    BOTH_KEYS,
    KEYS,
    NOW_US,
    OTHER_KEYS,
    Counted,
    Place,
    dies_at,
    line,
    people,
)


def filled(place: Place, count: int = 7) -> list[str]:
    """The subjects of a vault with so many people, and Anna."""
    with place.vault() as vault:
        return [one.subject for one in vault.keep("m-1", [*people(count), line(99, ANNA)], NOW_US)]


def under(place: Place) -> dict[str, int]:
    """How many data keys are wrapped under each key."""
    with place.raw() as raw:
        return dict(raw("SELECT kek, count(*) FROM data_keys GROUP BY kek"))


def test_all_data_keys_go_over_and_the_old_key_opens_nothing_any_more(place: Place) -> None:
    subjects = filled(place)
    seen: list[tuple[int, int | None]] = []
    with place.vault(BOTH_KEYS, create=False) as vault:
        done = rewrap(vault, lambda done, total: seen.append((done, total)))
    assert (done.key, done.rewrapped, done.data_keys, done.retired) == (OTHER_KEYS.current.id, 9, 9, (KEYS.current.id,))
    assert seen[-1] == (9, 9)
    assert under(place) == {OTHER_KEYS.current.id: 9}
    with pytest.raises(VaultKeyMismatch), place.vault(KEYS, create=False):
        pass
    with place.vault(OTHER_KEYS, create=False) as vault:
        assert vault.show(subjects[-1], ACCESS).contact == ANNA


def test_the_blind_index_survives_so_an_address_is_found_and_known_again(place: Place) -> None:
    subjects = filled(place)
    with place.vault(BOTH_KEYS, create=False) as vault:
        invitation = vault.index.invitation("m-1", subjects[-1])
        rewrap(vault)
    with place.vault(OTHER_KEYS, create=False) as vault:
        assert [one.subject for one in vault.find([normalise(ANNA.email)], ACCESS)[0]] == [subjects[-1]]
        assert [one.how for one in vault.keep("m-1", [line(2, ANNA)], NOW_US)] == ["known"]
        assert vault.index.invitation("m-1", subjects[-1]) == invitation


def test_again_it_changes_nothing(place: Place) -> None:
    filled(place)
    with place.vault(BOTH_KEYS, create=False) as vault:
        rewrap(vault)
        assert rewrap(vault).rewrapped == 0


def test_once_it_has_begun_nothing_is_sealed_under_the_old_key(place: Place) -> None:
    filled(place)
    with place.vault(KEYS, create=False) as before, place.vault(BOTH_KEYS, create=False) as vault:
        rewrap(vault)
        with pytest.raises(VaultKeyMismatch):
            before.keep("m-1", people(1, 50), NOW_US)
    assert under(place) == {OTHER_KEYS.current.id: 9}


def test_it_never_goes_back_to_a_key_that_was_rotated_away(place: Place) -> None:
    filled(place)
    with place.vault(BOTH_KEYS, create=False) as vault:
        rewrap(vault)
    turned = Keyring(BOTH_KEYS.keys[::-1], "turned round")
    with place.vault(turned, create=False) as vault, pytest.raises(VaultKeyMismatch, match="rotated away"):
        rewrap(vault)
    assert under(place) == {OTHER_KEYS.current.id: 9}


def test_with_a_key_missing_or_a_damaged_data_key_it_says_so_and_loses_nothing(place: Place) -> None:
    subjects = filled(place)
    third = Keyring([VaultKey(bytes(32)), KEYS.current], "a third")
    with place.raw() as raw:
        (whole,) = raw("SELECT wrapped FROM data_keys WHERE holder = ?", f"subject/{subjects[0]}")[0]
        raw("UPDATE data_keys SET kek = 'fedcba9876543210' WHERE holder = ?", f"subject/{subjects[0]}")
    with place.vault(third, create=False) as vault, pytest.raises(VaultKeyMismatch, match="fedcba9876543210"):
        rewrap(vault)
    assert under(place) == {KEYS.current.id: 8, "fedcba9876543210": 1}
    with place.raw() as raw:
        raw(
            "UPDATE data_keys SET kek = ?, wrapped = ? WHERE holder = ?",
            KEYS.current.id,
            b"\1" * 90,
            f"subject/{subjects[0]}",
        )
    with place.vault(third, create=False) as vault, pytest.raises(VaultDamaged, match=subjects[0]):
        rewrap(vault)
    with place.raw() as raw:
        raw("UPDATE data_keys SET wrapped = ? WHERE holder = ?", whole, f"subject/{subjects[0]}")
    with place.vault(third, create=False) as vault:
        rewrap(vault)
        assert len(list(vault.read("m-1", [("shown", one) for one in subjects], ACCESS))) == 8


def test_whenever_it_dies_everything_can_be_read_and_the_next_one_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrapping, "BATCH", 3)
    subjects = filled(place)
    deaths = 0

    def work(passes: Callable[[], None]) -> None:
        with closing(Counted(place.backend.opened(place.where), passes)) as database:
            rewrap(Vault(database, BOTH_KEYS))  # type: ignore[arg-type]

    seen = set()
    while dies_at(deaths, work):
        deaths += 1
        seen.add(tuple(sorted(under(place).items())))
        with place.vault(BOTH_KEYS, create=False) as vault:
            assert len(list(vault.read("m-1", [("shown", one) for one in subjects], ACCESS))) == 8
    assert deaths > 5
    assert len(seen) > 1
    assert under(place) == {OTHER_KEYS.current.id: 9}
