"""What a provider may answer that does not hold: each time nobody is signed in, a page says so, and the log says why."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

from tests.console.pages.oidc_support import (
    CLIENT,
    SECRET,
    SESSION,
    Liar,
    Pages,
    flows_in,
    pages_behind,
    signed,
    signing_in,
)

OTHER = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})


def test_a_provider_that_says_what_is_right_signs_in(behind: Pages, liar: Liar) -> None:
    browser, answer = signing_in(behind, liar)
    assert answer.status_code == 303, answer.text
    assert behind.who(browser).roles == {"auditor"}
    assert behind.told == []
    assert liar.posted["code_verifier"]
    assert "client_secret" not in liar.posted
    assert liar.posted["authorization"] == "Basic Y29uc29sZSUzQTE6YSUyQmIlMjVjJTNBZCtl"  # console%3A1:a%2Bb%25c%3Ad+e


def none_of(claims: dict[str, Any], liar: Liar) -> str:
    """A token that nobody signed."""
    return signed(claims, OctKey.generate_key(256), alg="none", kid="one")


def shared(claims: dict[str, Any], liar: Liar) -> str:
    """One that is signed with what both know."""
    return signed(claims, OctKey.import_key(SECRET * 4), alg="HS256", kid="one")


def public_as_secret(claims: dict[str, Any], liar: Liar) -> str:
    """One that is signed with the public key, as if it were a secret."""
    return signed(
        claims, OctKey.import_key(liar.key.as_pem(private=False).replace(b"-----", b"")), alg="HS256", kid="one"
    )


def by_another(claims: dict[str, Any], liar: Liar) -> str:
    """One of another key of the same name."""
    return signed(claims, OTHER)


def with_its_own_key(claims: dict[str, Any], liar: Liar) -> str:
    """One that brings the key by which it is to be checked."""
    return signed(claims, OTHER, jwk=OTHER.as_dict(private=False), jku="https://evil.example/jwks")


@pytest.mark.parametrize("sign", [none_of, shared, public_as_secret, by_another, with_its_own_key])
def test_a_token_that_the_provider_did_not_sign_is_none(
    behind: Pages, liar: Liar, sign: Callable[[dict[str, Any], Liar], str]
) -> None:
    liar.sign = lambda claims: sign(claims, liar)
    refused(behind, liar, "none of the provider's keys has signed")


IN_AN_HOUR = 3_600
HASH = "aY8nyKkwNdtM4j7pTi0OIQ"
"""Of another access token."""


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://other.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"iss": ["https://other.example"]}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": [CLIENT, "another"]}, "azp"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"exp": 1_000_000_000}, "exp"),
        ({"exp": "ahead"}, "exp"),
        ({"exp": float("nan")}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": None}, "exp"),
        ({"iat": 10_000_000_000}, "iat"),
        ({"iat": None}, "iat"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "a\nb"}, "sub"),
        ({"at_hash": HASH}, "at_hash"),
        ({"at_hash": 7}, "at_hash"),
    ],
)
def test_a_claim_that_does_not_hold_signs_nobody_in(
    behind: Pages, liar: Liar, claims: dict[str, Any], why: str
) -> None:
    liar.claims = claims
    refused(behind, liar, f"whose claim {why} ")


@pytest.mark.parametrize(
    ("claims", "both"),
    [
        ({"iss": "https://other.example"}, "found 'https://other.example', expected 'http://127.0.0.1:"),
        ({"aud": ["another\n", "third"]}, r"found ['another\n', 'third'], expected 'console:1'"),
        ({"azp": None, "aud": [CLIENT, "another"]}, "found nothing, expected 'console:1'"),
        ({"exp": 1_000_000_000}, "found 1000000000, expected a time after "),
        ({"iat": 10_000_000_000}, "found 10000000000, expected a time up to "),
        ({"nbf": 10_000_000_000}, "found 10000000000, expected a time up to "),
    ],
)
def test_the_log_says_what_was_found_in_a_claim_and_what_was_expected(
    behind: Pages, liar: Liar, claims: dict[str, Any], both: str
) -> None:
    liar.claims = claims
    refused(behind, liar, both)


def test_the_log_says_nothing_of_who_somebody_is(behind: Pages, liar: Liar) -> None:
    for claims in ({"sub": "ada\n"}, {"nonce": "drawn"}, {"at_hash": "hash"}):
        liar.claims = claims
        signing_in(behind, liar)
        assert not any(value in behind.told[-1] for value in ("ada", "drawn", "'hash'"))


def test_what_is_nested_in_a_claim_is_a_page_and_a_line_as_well(behind: Pages, liar: Liar) -> None:
    plain = liar.sign

    def nested(depth: int, claims: dict[str, Any]) -> str:
        said = orjson.dumps(claims).replace(b'"auditor"', b"[" * depth + b"]" * depth)
        return jws.serialize_compact({"alg": "ES256", "kid": "one"}, said, liar.key)

    for depth in range(500, 1_000, 20):
        liar.sign = partial(nested, depth)
        assert signing_in(behind, liar)[1].status_code in (403, 502)
    assert {one.split(": ")[1] for one in behind.told} == {"no-role", "provider-wrong"}
    liar.sign = plain
    assert signing_in(behind, liar)[1].status_code == 303


def refused(behind: Pages, liar: Liar, why: str) -> None:
    """Nobody is signed in; the log alone says why."""
    browser, answer = signing_in(behind, liar)
    assert (answer.status_code, SESSION in browser.cookies) == (502, False)
    assert "provider-wrong" in answer.text
    assert not flows_in(browser.cookies)
    assert len(behind.told) == 1
    assert behind.told[0].startswith("sign-in: provider-wrong: ")
    assert why in behind.told[0]
    assert why not in answer.text


@pytest.mark.parametrize("header", [{"x5c": ["A" * 3_000]}, {"x5t": "A", "x5t#S256": "A" * 600}])
def test_a_header_may_be_as_long_as_a_token(behind: Pages, liar: Liar, header: dict[str, Any]) -> None:
    liar.sign = lambda claims: signed(claims, liar.key, **header)
    browser, answer = signing_in(behind, liar)
    assert answer.status_code == 303, behind.told
    assert behind.who(browser) is not None


def test_a_header_that_is_nested_is_none(behind: Pages, liar: Liar) -> None:
    liar.sign = lambda _: f"{urlsafe_b64encode(b'[' * 9_000).decode()}.AAAA.AAAA"
    refused(behind, liar, "an ID token that is none")


@pytest.mark.parametrize("status", [302, 400, 401, 404, 500])
def test_tokens_that_come_with_an_error_are_none(behind: Pages, liar: Liar, status: int) -> None:
    liar.statuses["/token_endpoint"] = status
    browser, answer = signing_in(behind, liar)
    assert answer.status_code == 503
    assert SESSION not in browser.cookies
    assert behind.told == [f"sign-in: provider-away: {liar.issuer}/token_endpoint: an answer with the status {status}"]


def test_a_nonce_among_others_is_none(behind: Pages, liar: Liar) -> None:
    sign = liar.sign
    liar.sign = lambda claims: sign(claims | {"nonce": [claims["nonce"], "another"]})
    refused(behind, liar, "whose claim nonce ")


def test_a_token_that_has_just_ended_begins_no_session(behind: Pages, liar: Liar) -> None:
    liar.claims = {"exp": int(time.time()) - 5}
    refused(behind, liar, "whose claim exp ")


@pytest.mark.parametrize(
    "claims", [{"aud": [CLIENT]}, {"aud": [CLIENT, "another"], "azp": CLIENT}, {"at_hash": "bSKYhMEmi7CrMtjaMV0P5Q"}]
)
def test_what_is_unusual_and_right_is_taken(behind: Pages, liar: Liar, claims: dict[str, Any]) -> None:
    liar.claims = claims
    browser, answer = signing_in(behind, liar)
    assert answer.status_code == 303, behind.told
    assert behind.who(browser) is not None


@pytest.mark.parametrize(
    "roles", [None, "auditor", {"auditor": True}, [["auditor"]], 7, True, [], ["Auditor", "root"], ["auditor"] * 1_001]
)
def test_a_claim_of_roles_that_is_no_list_of_them_lets_nobody_in(behind: Pages, liar: Liar, roles: Any) -> None:
    liar.claims = {"roles": roles}
    browser, answer = signing_in(behind, liar)
    assert answer.status_code == 403
    assert "no-role" in answer.text
    assert SESSION not in browser.cookies
    (told,) = behind.told
    kinds = {None: "nothing", "auditor": "a text", 7: "a number", True: "true or false"}
    found = repr(roles)[:150] if isinstance(roles, list) else "an object" if isinstance(roles, dict) else kinds[roles]
    assert told.startswith(f"sign-in: no-role: the claim roles of an ID token: found {found}, expected a list of")


@pytest.mark.parametrize(
    ("memberships", "found"),
    [("m-1", set()), ({"m-1": 1}, set()), (["m-1", 7, None, "", "a/b", "x" * 999, ["m-2"]], {"m-1"}), (None, set())],
)
def test_a_claim_of_memberships_that_is_no_list_of_them_names_none(
    behind: Pages, liar: Liar, memberships: Any, found: set[str]
) -> None:
    liar.claims = {"roles": ["partner", 7, "nobody"], "memberships": memberships}
    browser, _ = signing_in(behind, liar)
    caller = behind.who(browser)
    assert (caller.roles, caller.memberships) == ({"partner"}, found)


def test_more_memberships_than_a_cookie_holds_are_told(behind: Pages, liar: Liar) -> None:
    liar.claims = {"roles": ["partner"], "memberships": [f"membership-{number}" for number in range(400)]}
    browser, answer = signing_in(behind, liar)
    assert answer.status_code == 403
    assert "too-many-memberships" in answer.text
    assert SESSION not in browser.cookies


def test_memberships_are_a_partners_and_keep_nobody_else_out(behind: Pages, liar: Liar) -> None:
    liar.claims = {"roles": ["auditor"], "memberships": [f"membership-{number}" for number in range(400)]}
    browser, answer = signing_in(behind, liar)
    assert answer.status_code == 303
    assert behind.who(browser).memberships == frozenset()
    liar.claims = {"roles": ["auditor", "partner"], "memberships": ["m-1"]}
    browser, _ = signing_in(behind, liar)
    assert behind.who(browser).memberships == {"m-1"}


def test_claims_may_have_other_names(tmp_path: Path, liar: Liar) -> None:
    liar.claims = {"roles": ["admin"], "https://x.example/r": ["partner"], "of": ["m-7"]}
    with pages_behind(tmp_path, liar.issuer, roles_claim="https://x.example/r", memberships_claim="of") as behind:
        browser, _ = signing_in(behind, liar)
        caller = behind.who(browser)
    assert (caller.roles, caller.memberships) == ({"partner"}, {"m-7"})


def test_a_session_lasts_no_longer_than_the_id_token_nor_than_a_day_of_work(behind: Pages, liar: Liar) -> None:
    for life_s, least, most in ((600, 550, 600), (10**9, 8 * 3_600 - 60, 8 * 3_600)):
        liar.claims = {"exp": int(time.time()) + life_s}
        _, answer = signing_in(behind, liar)
        (session,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(SESSION)]
        assert least < int(session.split("Max-Age=")[1].split(";")[0]) <= most
