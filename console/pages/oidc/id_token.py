"""What a provider says of somebody: an ID token (OpenID Connect Core 3.1.3.7), checked to the last claim before any is used.

The algorithms are those of the API's tokens, never a shared secret and never none. `iss`, `aud`, `exp`, `iat`, `sub` and
`nonce` must be there and right, `azp` where there are several audiences, `at_hash` where it is there.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import ClaimError, JoseError
from joserfc.jwk import KeySet

from console.http.roles import ROLES
from console.http.tokens import LEEWAY_S, NAMES_MAX, headers_registry
from console.pages.oidc.failed import Failed, shown, wrong
from console.pages.oidc.provider import Tokens
from console.pages.oidc.settings import Oidc
from ledger.membership import can_be_membership

BYTES_MAX: Final = 16_384
SUBJECT_MAX: Final = 255
"""Characters (OpenID Connect Core, 2)."""
PARTNER: Final = "partner"
FOUND_MAX: Final = 150
"""So much of a claim stands in the log."""
KINDS: Final[dict[type, str]] = {str: "a text", dict: "an object", bool: "true or false"}
HEADERS: Final = headers_registry(BYTES_MAX)
HASHES: Final[dict[str, Callable[[bytes], Any]]] = {"256": sha256, "384": sha384, "512": sha512}


@dataclass(frozen=True, slots=True)
class Person:
    """Who signs in."""

    subject: str
    roles: frozenset[str]
    """Of those that there are; never none."""
    memberships: frozenset[str]
    """Of a partner; of others none."""
    until_s: int
    """When the ID token ends, in seconds since 1970."""


class Unsigned(Failed):
    """None of the keys at hand has signed a token as it is."""

    def __init__(self, why: str) -> None:
        said = wrong(why)
        super().__init__(said.status, said.code, said.detail, why)


def key_named(token: str) -> str | None:
    """The key that a token's header names; nothing else of that header is looked at. Raises Failed for no token."""
    if len(token) > BYTES_MAX or not token.isascii():
        raise wrong(f"an ID token that is none, or of more than {BYTES_MAX:,} bytes")
    try:
        name = jws.extract_compact(token.encode(), registry=HEADERS).headers().get("kid")
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise wrong(f"an ID token that is none: {error}") from None
    return name if isinstance(name, str) else None


def person_of(tokens: Tokens, keys: KeySet, oidc: Oidc, nonce: str, now_s: int) -> Person:
    """Who a token says has signed in. Raises Failed for a token that does not hold, and for who has no role; Unsigned where
    other keys may help."""
    try:
        token = jwt.decode(tokens.id_token, keys, registry=HEADERS)
        claims = token.claims
        _registered(oidc, nonce, now_s).validate(claims)
    except ClaimError as error:
        raise _claim_wrong(claims, error.claim, oidc, now_s) from None
    except (JoseError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise Unsigned(f"an ID token that none of the provider's keys has signed as it is: {error}") from None
    if claims["nonce"] != nonce:  # a list with the nonce in it is none
        raise _claim_wrong(claims, "nonce", oidc, now_s)
    if claims["exp"] <= now_s:  # without leeway: a session is to last until then
        raise _claim_wrong(claims, "exp", oidc, now_s)
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims.get("azp", None if len(audiences) > 1 else oidc.client_id) != oidc.client_id:
        raise _claim_wrong(claims, "azp", oidc, now_s)
    if "at_hash" in claims and not _is_hash(claims["at_hash"], tokens.access_token, str(token.header["alg"])):
        raise wrong("an ID token whose claim at_hash does not hold")
    subject = claims["sub"]
    if not subject or len(subject) > SUBJECT_MAX or not subject.isprintable():
        raise wrong(f"an ID token whose claim sub is no text of up to {SUBJECT_MAX} characters")
    return _person(claims, subject, oidc)


def _claim_wrong(claims: dict[str, Any], claim: str, oidc: Oidc, now_s: int) -> Failed:
    """What is wrong with a claim, for the log: what was found stands there but for what is somebody's own."""
    said = f"an ID token whose claim {claim} is not there or does not hold"
    expected = {
        "iss": repr(oidc.issuer), "aud": repr(oidc.client_id), "azp": repr(oidc.client_id),
        "exp": f"a time after {now_s}", "iat": f"a time up to {now_s}", "nbf": f"a time up to {now_s}",
    }.get(claim)  # fmt: skip
    return wrong(said if expected is None else f"{said}: found {_found(claims.get(claim))}, expected {expected}")


def _found(value: Any) -> str:
    return "nothing" if value is None else shown(repr(value), FOUND_MAX)


def _names_found(value: Any) -> str:
    """What stands in the place of names: these where it is a list. What else it is may be somebody's own, and is not shown."""
    return _found(value) if value is None or isinstance(value, list) else KINDS.get(type(value), "a number")


def _person(claims: dict[str, Any], subject: str, oidc: Oidc) -> Person:
    roles = _names(claims, oidc.roles_claim) & set(ROLES)
    if not roles:
        raise Failed(
            403, "no-role",
            f"you are signed in at {oidc.host}, but it gives you no role here: found none of {', '.join(ROLES)}, "
            "expected one: ask whoever gives out access",
            f"the claim {oidc.roles_claim} of an ID token: found {_names_found(claims.get(oidc.roles_claim))}, expected a list "
            f"of up to {NAMES_MAX:,} names, one of them {', '.join(ROLES[:-1])} or {ROLES[-1]}",
        )  # fmt: skip
    named = (
        _names(claims, oidc.memberships_claim) if PARTNER in roles else ()
    )  # to others they are nothing, and may be many
    return Person(subject, roles, frozenset(filter(can_be_membership, named)), int(claims["exp"]))


def _registered(oidc: Oidc, nonce: str, now_s: int) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        now=now_s,
        leeway=LEEWAY_S,
        iss={"essential": True, "value": oidc.issuer},
        aud={"essential": True, "value": oidc.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )


def _names(claims: dict[str, Any], claim: str) -> frozenset[str]:
    """The names in a list; of anything else none, and of a list that holds other things those that are names."""
    found = claims.get(claim)
    if not isinstance(found, list) or len(found) > NAMES_MAX:
        return frozenset()
    return frozenset(name for name in found if isinstance(name, str))


def _is_hash(found: Any, access_token: str | None, algorithm: str) -> bool:
    """Whether a hash is that of the access token: its left half, by the hash of the algorithm, SHA-512 with Ed25519."""
    if not isinstance(found, str) or access_token is None:
        return False
    digest = HASHES.get(algorithm[-3:], sha512)(access_token.encode()).digest()
    expected = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    return hmac.compare_digest(found.encode("utf-8", "replace"), expected)
