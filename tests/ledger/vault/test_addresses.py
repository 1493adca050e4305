"""Mail addresses in the one form that is compared."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.vault.addresses import ADDRESS_CHARACTERS_MAX, NoAddress, normalise


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("anna@example.org", "anna@example.org"),
        ("anna@EXAMPLE.Org", "anna@example.org"),
        ("Anna@example.org", "Anna@example.org"),
        ("Anna@Bücher.Example", "Anna@xn--bcher-kva.example"),
        ("anna@XN--BCHER-KVA.example", "anna@xn--bcher-kva.example"),
        ("anna@bu\u0308cher.example", "anna@xn--bcher-kva.example"),
        ("mo\u0308ller@example.org", "möller@example.org"),
        ("anna@ｅｘａｍｐｌｅ。org", "anna@example.org"),
        ("anna@faß.example", "anna@xn--fa-hia.example"),
        ("a.n.n.a+list@example.org", "a.n.n.a+list@example.org"),
        ("o'neil/x=y@sub.example.co", "o'neil/x=y@sub.example.co"),
        ("用户@例え.jp", "用户@xn--r8jz45g.jp"),
    ],
)
def test_the_domain_is_brought_into_one_form_and_the_mailbox_is_left_as_it_is(given: str, found: str) -> None:
    assert normalise(given) == found


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "anna", "anna@", "@example.org", "anna@localhost", "anna@example..org", "anna@.example.org",
        "anna@example.org.", ".anna@example.org", "anna.@example.org", "an..na@example.org", "an na@example.org",
        '"anna b"@example.org', "anna@[192.0.2.1]", "anna@192.0.2.1", "anna@-example.org", "anna@example-.org",
        "anna@exa mple.org", "anna@exa_mple.org", "a@b@example.org", "anna@example.org\n", "anna\0@example.org",
        "anna@xn--\u00fc.example", "anna@xn--a.example", "an\u200bna@example.org", "an\u202ena@example.org",
        "anna@ex\u200bample.org\u2028", f"{'a' * 65}@example.org", f"anna@{'a' * 64}.org", f"anna@{'a.' * 130}org",
        f"{'ü' * 40}@example.org", "anna@\ud800.org", "\udcff@example.org",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(NoAddress) as raised:
        normalise(text)
    assert len(text) < 4 or text not in str(raised.value)


@given(st.text(max_size=300))
@example("a@ß.example")
@example("a@xn--zca.example")
def test_any_text_has_one_form_or_none_and_its_form_has_the_same_form(text: str) -> None:
    try:
        found = normalise(text)
    except NoAddress:
        return
    assert normalise(found) == found
    assert len(found) <= ADDRESS_CHARACTERS_MAX
    local, _, domain = found.rpartition("@")
    assert domain.isascii()
    assert domain == domain.lower()
    assert local


@given(
    local=st.from_regex(r"[A-Za-z0-9+]{1,20}", fullmatch=True),
    domain=st.from_regex(r"[a-z]{1,9}\.[a-z]{2,5}", fullmatch=True),
)
def test_the_case_of_the_domain_makes_no_difference_and_that_of_the_mailbox_does(local: str, domain: str) -> None:
    assert normalise(f"{local}@{domain.upper()}") == normalise(f"{local}@{domain}") == f"{local}@{domain}"
    assert normalise(f"{local.swapcase()}@{domain}") == f"{local.swapcase()}@{domain}"
