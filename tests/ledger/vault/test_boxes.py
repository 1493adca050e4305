"""A box opens in its own place, unchanged, under its own key, and nowhere else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import VaultDamaged, VaultSwapped
from ledger.vault.boxes import BOX_BYTES_MIN, NONCE_ENDS, PLACE_ENDS, open_box, place_of, seal

KEY = AESGCM(bytes(range(32)))
PLACE = place_of("v", "subject/s-1", "email", "1", "m-1", "Brontegard")
NAMES = st.lists(st.text(max_size=9), min_size=1, max_size=4)


@given(plain=st.binary(max_size=300), names=NAMES)
def test_a_box_gives_back_what_was_sealed(plain: bytes, names: list[str]) -> None:
    place = place_of(*names)
    assert open_box(KEY, place, seal(KEY, place, plain), "it") == plain


@given(here=NAMES, there=NAMES)
def test_places_of_other_names_are_other_places(here: list[str], there: list[str]) -> None:
    assert (place_of(*here) == place_of(*there)) == (here == there)


@given(plain=st.binary(max_size=40), data=st.data())
def test_a_box_with_any_bit_turned_is_damaged(plain: bytes, data: st.DataObject) -> None:
    box = bytearray(seal(KEY, PLACE, plain))
    place = data.draw(st.integers(0, len(box) - 1))
    box[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(VaultDamaged):
        open_box(KEY, PLACE, bytes(box), "it")


@given(box=st.binary(max_size=BOX_BYTES_MIN + 20))
def test_any_other_bytes_are_damaged(box: bytes) -> None:
    with pytest.raises(VaultDamaged):
        open_box(KEY, PLACE, box, "it")


@given(length=st.integers(0, 80))
def test_a_box_that_breaks_off_is_damaged(length: int) -> None:
    box = seal(KEY, PLACE, b"Anna")
    with pytest.raises(VaultDamaged):
        open_box(KEY, PLACE, box[: min(length, len(box) - 1)], "it")


@pytest.mark.parametrize("place", range(6))
def test_a_box_of_another_place_is_swapped_and_the_message_has_nothing_of_it(place: int) -> None:
    names = ["v", "subject/s-1", "email", "1", "m-1", "Brontegard"]
    names[place] += "x"
    with pytest.raises(VaultSwapped, match=r"^email of subject s-1: ") as raised:
        open_box(KEY, PLACE, seal(KEY, place_of(*names), b"anna@example.org"), "email of subject s-1")
    assert "anna" not in str(raised.value)


def test_a_box_whose_place_was_written_over_with_a_right_checksum_does_not_open_either() -> None:
    from zlib import crc32

    forged = bytearray(seal(KEY, place_of("elsewhere"), b"anna@example.org"))
    forged[5:PLACE_ENDS] = seal(KEY, PLACE, b"")[5:PLACE_ENDS]
    forged[1:5] = crc32(bytes(forged[5:])).to_bytes(4, "big")
    with pytest.raises(VaultDamaged, match="its key does not open"):
        open_box(KEY, PLACE, bytes(forged), "it")


def test_another_key_opens_nothing() -> None:
    with pytest.raises(VaultDamaged, match="its key does not open"):
        open_box(AESGCM(bytes(32)), PLACE, seal(KEY, PLACE, b"x"), "it")


def test_no_nonce_is_used_twice() -> None:
    boxes = [seal(KEY, PLACE, b"the same") for _ in range(1_000)]
    assert len({box[PLACE_ENDS:NONCE_ENDS] for box in boxes}) == len(boxes)
