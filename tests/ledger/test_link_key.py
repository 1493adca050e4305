"""The link key: tokens are those of the standard library's HMAC, and no message shows what they come from."""

from __future__ import annotations

import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import link_key
from ledger.fact import MembershipId, Reference
from ledger.link_key import ID_DIGITS, KEY_BYTES, HeldKey, LinkKey, NoKeys, foreseeable_key
from tests.support.link_key import KEY, SECRET, token_of

FORMS = [re.compile(kind.__metadata__[0].metadata[0].pattern) for kind in (MembershipId, Reference)]
names = st.tuples(*(st.from_regex(form, fullmatch=True) for form in FORMS))


@given(st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES), names)
def test_a_token_is_the_hmac_of_the_canonical_array(secret: bytes, pair: tuple[str, str]) -> None:
    assert LinkKey(secret).token(*pair) == token_of(*pair, secret)


@given(st.lists(names, min_size=2, max_size=2, unique=True))
def test_no_two_pairs_have_one_token(pairs: list[tuple[str, str]]) -> None:
    one, other = pairs
    assert KEY.token(*one) != KEY.token(*other)


def test_what_the_example_says_is_so() -> None:
    token = KEY.token("m-1", "i-7")
    assert re.search(rf'\["m-1","i-7"\]\s+->\s+{token}\n', link_key.__doc__ or "")
    assert re.fullmatch("[0-9a-f]{64}", token)


def test_the_id_is_no_token_and_tells_keys_apart() -> None:
    assert KEY.id == hmac.new(SECRET, b"csat-ledger link key", "sha256").hexdigest()[:ID_DIGITS]
    assert foreseeable_key("a").id == foreseeable_key("a").id != foreseeable_key("b").id


@pytest.mark.parametrize("length", [0, KEY_BYTES - 1, KEY_BYTES + 1])
def test_a_key_of_another_length_is_none(length: int) -> None:
    with pytest.raises(ValueError, match=f"found a link key of {length} bytes"):
        LinkKey(bytes(length))


def test_what_is_shown_of_a_key_is_not_its_bytes() -> None:
    shown = repr(KEY) + str(KEY) + repr(HeldKey(KEY))
    assert SECRET.hex() not in shown
    assert repr(SECRET) not in shown


def test_nowhere_there_is_no_key_and_none_is_made() -> None:
    keys = NoKeys("here")
    assert (keys.find(), keys.make(), keys.name) == (None, None, "here")
