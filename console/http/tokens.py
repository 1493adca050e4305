"""Bearer tokens: JWTs (RFC 7519) that an issuer signed, checked against its public keys (RFC 7517).

The algorithms are pinned to those with a key pair; `iss`, `aud`, `exp` must be there and right, `nbf` and `iat` right where
they are there. Roles stand in the claim `roles`, a list; for partners `memberships`, a list, says whose they are.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson
from joserfc import jws, jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, MissingClaimError
from joserfc.jwk import KeySet

from console.http.jwks import FixedKeys, Keys
from console.http.problems import RETRY_AFTER_S, Problem
from console.http.roles import Caller
from ledger.membership import can_be_membership

ALGORITHMS: Final = ("ES256", "ES384", "ES512", "Ed25519", "EdDSA", "RS256", "PS256")
LEEWAY_S: Final = 30
TOKEN_BYTES_MAX: Final = 8_192
NAMES_MAX: Final = 1_000
CHECKED_MAX: Final = 1_000
"""So many tokens are remembered, by their hashes, whose signatures were checked: that takes longer than most answers."""
LEARNING_MAX: Final = 32
"""So many requests wait for the issuer's keys at once."""
CLAIMS: Final = {
    "iss": "that of this service's issuer (--issuer)",
    "aud": "that of this service (--audience)",
    "exp": "an instant in seconds since 1970 that is ahead",
    "nbf": "an instant that has come",
    "iat": "an instant that is not ahead",
}
"""The claims that are looked at, and what each has to be."""
_BEARER: Final = re.compile(rb"(?i:bearer) +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+) *")


class _Checked(NamedTuple):
    """A token whose signature and claims were checked, and from when on until when it holds, in seconds."""

    caller: Caller
    since_s: float
    until_s: float


class Verifier:
    """Checks tokens of one issuer for one audience; `clock` gives microseconds since 1970."""

    def __init__(self, keys: Keys | KeySet, issuer: str, audience: str, clock: Callable[[], int]) -> None:
        self.keys = FixedKeys(keys) if isinstance(keys, KeySet) else keys
        self._clock = clock
        self._checked: dict[bytes, _Checked] = {}
        self._checked_by = self.keys.current()
        self._learning = 0
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: clock() // 1_000_000,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
        )

    def known(self, authorizations: list[bytes]) -> Caller | None:
        """Who asks, where this token was found to hold before and does so now; costs no signature check."""
        if len(authorizations) != 1 or len(authorizations[0]) > TOKEN_BYTES_MAX:
            return None
        key = _key_of(authorizations[0])
        if self.keys.current() is not self._checked_by:  # what a key signed that was taken away holds no more
            self._checked.clear()
            self._checked_by = self.keys.current()
        found = None if key is None else self._checked.get(key)
        now_s = self._clock() // 1_000_000
        return found.caller if found is not None and found.since_s <= now_s < found.until_s else None

    def caller(self, authorizations: list[bytes]) -> Caller:
        """Who asks, by the values of the header Authorization. Raises Problem (401); a token is in no message."""
        if not authorizations:
            raise unauthorized("found no token, expected the header `Authorization: Bearer …`", None)
        known = self.known(authorizations)
        if known is not None:
            return known
        found = _bearer(authorizations)
        if found is None:
            raise _no_token(authorizations)
        keys = self.keys.current()
        if keys is None:
            raise _keys_unknown()
        try:
            claims: Any = jwt.decode(found, keys, registry=_HEADERS).claims
            if not isinstance(claims, dict):
                raise ValueError
            self._claims.validate(claims)
            checked = _checked(claims)
        except ClaimError as error:  # the signature holds: whoever has the token is told what its issuer made wrong
            raise unauthorized(_claim_told(error), "invalid_token") from None
        except (JoseError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise unauthorized(
                "found a token that none of this service's keys has signed as it is, expected one of its issuer",
                "invalid_token",
            ) from None
        while len(self._checked) >= CHECKED_MAX:
            del self._checked[next(iter(self._checked))]
        self._checked[sha256(found).digest()] = checked
        return checked.caller

    async def learned(self, authorizations: list[bytes]) -> bool:
        """Whether other keys were had, of a token that names a key which was not known: then it may hold after all.

        Raises Problem (503) where many wait for that already: while an issuer takes its time they would be all the requests
        that may be under way, and need no token that holds for it.
        """
        found = _bearer(authorizations)
        name = None if found is None else _key_named(found)
        if name is None:
            return False
        if self._learning >= LEARNING_MAX:
            raise _keys_unknown()
        self._learning += 1
        try:
            return await self.keys.learn(name)
        finally:
            self._learning -= 1


def headers_registry(bytes_max: int) -> jws.JWSRegistry:
    """How the header of a token is looked at: further members of its issuer's own are no matter of ours (RFC 7515, 4), but for
    those that it calls critical; its size has the bound of the whole token."""
    registry = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    registry.max_header_length = bytes_max
    return registry


_HEADERS: Final = headers_registry(TOKEN_BYTES_MAX)


def _keys_unknown() -> Problem:
    return Problem(
        503,
        "keys-unknown",
        "found no keys of the issuer at present: ask again later",
        headers={"Retry-After": RETRY_AFTER_S},
    )


def _key_of(authorization: bytes) -> bytes | None:
    """By what a token is remembered: the same however many spaces stand around it, else one token would take all places."""
    return sha256(authorization[7:].strip(b" ")).digest() if authorization[:7].lower() == b"bearer " else None


def _no_token(authorizations: list[bytes]) -> Problem:
    """What is wrong with a header in which there is no JWT; nothing of it is shown."""
    if len(authorizations) > 1:
        said = f"found the header Authorization {len(authorizations)} times, expected it once"
    elif len(authorizations[0]) > TOKEN_BYTES_MAX:
        said = f"found a header Authorization of {len(authorizations[0]):,} bytes, expected {TOKEN_BYTES_MAX:,} at most"
    elif authorizations[0][:7].lower() == b"bearer ":
        said = "found a bearer token that is no JWT, expected three parts of base64url with a dot between them"
        return unauthorized(said, "invalid_token")
    else:
        said = "found no bearer token in the header Authorization, expected `Bearer` and a token"
    return unauthorized(said, "invalid_request")


def _claim_told(error: ClaimError) -> str:
    """What is wrong with a claim of a token whose signature holds."""
    if isinstance(error, ExpiredTokenError):
        return "found a token whose time is over (its claim exp), expected one that holds now: get a new one"
    if isinstance(error, MissingClaimError):
        return f"found a token without the claim {error.claim}, expected one with iss, aud and exp"
    expected = CLAIMS.get(error.claim, "another")
    return f"found a token with a claim {error.claim} that does not hold here and now, expected {expected}"


def _bearer(authorizations: list[bytes]) -> bytes | None:
    """The token in the header; None where there is none, or more than one."""
    (value, *others) = authorizations or (b"",)
    found = _BEARER.fullmatch(value) if len(value) <= TOKEN_BYTES_MAX and not others else None
    return None if found is None else found[1]


def _key_named(token: bytes) -> str | None:
    """The key that a token's header names; nothing else of that header is looked at (`jku`, `x5u`, `jwk`)."""
    head = token.partition(b".")[0]
    try:
        said: Any = orjson.loads(urlsafe_b64decode(head + b"=" * (-len(head) % 4)))
    except ValueError:
        return None
    name = said.get("kid") if isinstance(said, dict) else None
    return name if isinstance(name, str) else None


def _checked(claims: dict[str, Any]) -> _Checked:
    """What is kept of claims that hold now. Times are numbers: the registry has seen to that."""
    memberships = frozenset(name for name in _names(claims, "memberships") if can_be_membership(name))
    roles = _names(claims, "roles")
    said = claims.get("sub")
    subject = said if isinstance(said, str) else None
    who = sha256(orjson.dumps([subject, sorted(roles)])).hexdigest()[:32]
    caller = Caller(roles, memberships, subject, int(claims["exp"]), _pseudonym(claims), who)
    since_s = max((float(claims[name]) for name in ("nbf", "iat") if name in claims), default=0.0)
    return _Checked(caller, since_s - LEEWAY_S, float(claims["exp"]) + LEEWAY_S)


def unauthorized(detail: str, error: str | None) -> Problem:
    """401, with the header that says what is asked for (RFC 6750)."""
    challenge = 'Bearer realm="csat-ledger"' + (f', error="{error}"' if error else "")
    return Problem(401, "unauthorized", detail, "Authorization", {"WWW-Authenticate": challenge})


def _names(claims: dict[str, Any], claim: str) -> frozenset[str]:
    found = claims.get(claim, [])
    if not isinstance(found, list) or len(found) > NAMES_MAX:
        return frozenset()
    return frozenset(name for name in found if isinstance(name, str))


def _pseudonym(claims: dict[str, Any]) -> str:
    """16 hex digits of SHA-256 over issuer and subject; `unknown` where the token names no subject."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        return "unknown"
    return sha256(orjson.dumps([str(claims["iss"]), subject])).hexdigest()[:16]
