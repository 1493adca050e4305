"""Bearer tokens: JWTs (RFC 7519) that an issuer signed, checked against its public keys (RFC 7517).

The algorithms are pinned to those with a key pair; `iss`, `aud`, `exp` must be there and right, `nbf` and `iat` right where
they are there. Roles stand in the claim `roles`, a list; for partners `memberships`, a list, says whose they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from console.http.problems import Problem
from console.http.roles import Caller
from ledger.errors import BadInput
from ledger.membership import can_be_membership

ALGORITHMS: Final = ("ES256", "ES384", "ES512", "Ed25519", "EdDSA", "RS256", "PS256")
LEEWAY_S: Final = 30
TOKEN_BYTES_MAX: Final = 8_192
JWKS_BYTES_MAX: Final = 1 << 18
KEYS_MAX: Final = 50
NAMES_MAX: Final = 1_000
CHECKED_MAX: Final = 1_000
"""So many tokens are remembered, by their hashes, whose signatures were checked: that takes longer than most answers."""
PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_BEARER: Final = re.compile(rb"(?i:bearer) +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+) *")


class Verifier:
    """Checks tokens of one issuer for one audience; `clock` gives microseconds since 1970."""

    def __init__(self, keys: KeySet, issuer: str, audience: str, clock: Callable[[], int]) -> None:
        self._keys = keys
        self._checked: dict[bytes, dict[str, Any]] = {}
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: clock() // 1_000_000,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
        )

    def caller(self, authorizations: list[bytes]) -> Caller:
        """Who asks, by the values of the header Authorization. Raises Problem (401); a token is in no message."""
        if not authorizations:
            raise unauthorized("found no token, expected the header `Authorization: Bearer …`", None)
        (value, *others) = authorizations
        found = _BEARER.fullmatch(value) if len(value) <= TOKEN_BYTES_MAX and not others else None
        if found is None:
            raise unauthorized("found no bearer token in the header Authorization, expected one", "invalid_request")
        try:
            claims = self._signed_claims(found[1])
            self._claims.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise unauthorized(
                "found a token that does not hold, expected one of this issuer, for this audience, whose time it is",
                "invalid_token",
            ) from None
        memberships = frozenset(name for name in _names(claims, "memberships") if can_be_membership(name))
        subject = claims.get("sub")
        who = subject if isinstance(subject, str) else None
        return Caller(_names(claims, "roles"), memberships, who, int(claims["exp"]), _pseudonym(claims))

    def _signed_claims(self, token: bytes) -> dict[str, Any]:
        """The claims of a token whose signature holds, which is checked once; whether they hold now is for the caller."""
        digest = sha256(token).digest()
        known = self._checked.get(digest)
        if known is not None:
            return known
        claims: Any = jwt.decode(token, self._keys, algorithms=list(ALGORITHMS)).claims
        if not isinstance(claims, dict):
            raise ValueError
        while len(self._checked) >= CHECKED_MAX:
            del self._checked[next(iter(self._checked))]
        self._checked[digest] = claims
        return claims


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


def load_jwks(path: Path) -> KeySet:
    """The public keys in a file. Raises BadInput, also for one that holds a secret."""
    try:
        with path.open("rb") as file:
            content = file.read(JWKS_BYTES_MAX + 1)
    except OSError as error:
        raise BadInput(f"{path}: found {error.strerror}, expected a file of public keys (a JWKS)") from None
    if len(content) > JWKS_BYTES_MAX:
        raise BadInput(f"{path}: found more than {JWKS_BYTES_MAX:,} bytes, expected a JWKS")
    try:
        keys: Any = orjson.loads(content)["keys"]
        if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise BadInput(f'{path}: found no JWKS, expected {{"keys": […]}}') from None
    if any(not PRIVATE_MEMBERS.isdisjoint(key) for key in keys):
        raise BadInput(f"{path}: found a secret key among the keys, expected public keys alone")
    if not 1 <= len(keys) <= KEYS_MAX:
        raise BadInput(f"{path}: found {len(keys)} keys, expected 1 to {KEYS_MAX}")
    try:
        return KeySet.import_key_set({"keys": keys})
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path}: found a key that cannot be used: {error}") from None
