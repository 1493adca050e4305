"""The key of `serve --dev`: one's own machine's, in a file beside the store, with which `csat-ledger token` signs.

It is a P-256 key as a JWK, `<store>.dev-key` of mode 0600, made by whichever of the two commands needs it first.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.wiring import DEV_KEY_ENDING
from ledger.errors import BadInput
from ledger.store.sqlite_files import real_path
from ledger.store.urls import is_postgres

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

ISSUER: Final = "csat-ledger:dev"
AUDIENCE: Final = "csat-ledger"
"""For whom tokens are, unless a service says otherwise."""
FILE_BYTES_MAX: Final = 4_096
_OTHERS: Final = 0o077


def dev_key_path(where: str) -> Path:
    """Where the key of a store lies. Raises BadInput for one that is in no file."""
    if is_postgres(where):
        raise BadInput("found a ledger in PostgreSQL, expected one in a file: --dev is for one's own machine")
    return Path(f"{real_path(where)}{DEV_KEY_ENDING}")


def dev_key(path: Path) -> ECKey:
    """The key in the file, which is made where there is none. Raises BadInput for one that others may read."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    try:
        if not path.exists():
            _keep(path, ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}))
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for until somebody writes into it
            raise BadInput(f"{path}: found no file, expected the key of `serve --dev`; remove it for another")
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            content = file.read(FILE_BYTES_MAX)
    except OSError as error:
        raise BadInput(f"{path}: found {error.strerror}, expected the key of `serve --dev`, or room for it") from None
    if found.st_mode & _OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        raise BadInput(f"{path}: found mode {mode:04o}, expected 0600: others may make tokens with it")
    if found.st_uid not in (0, os.geteuid()):  # in a folder such as /tmp anybody may have put it there before
        raise BadInput(f"{path}: found a key of user {found.st_uid}, expected one's own: he may make tokens with it")
    try:
        key = ECKey.import_key(_object(content))
        if not key.is_private:
            raise ValueError
    except (JoseError, ValueError, TypeError, KeyError):
        raise BadInput(f"{path}: found no key, expected one that `serve --dev` made; remove it for another") from None
    key.ensure_kid()
    return key


def dev_token(
    key: ECKey, audience: str, roles: Collection[str], memberships: Collection[str], now_s: int, expires_s: int
) -> str:
    """A token for some roles, and for some memberships, that holds for so many seconds from an instant on."""
    from joserfc import jwt

    claims = {"iss": ISSUER, "sub": "dev", "aud": audience, "iat": now_s, "nbf": now_s, "exp": now_s + expires_s}
    said = {"roles": sorted(roles)} | ({"memberships": sorted(memberships)} if memberships else {})
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims | said, key)


def _object(content: bytes) -> dict[str, str | list[str]]:
    import orjson

    found = orjson.loads(content)
    if not isinstance(found, dict):
        raise TypeError
    return found


def _keep(path: Path, key: ECKey) -> None:
    """Writes the key whole, and not over one that another process has made meanwhile."""
    import orjson

    part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(key.as_dict(private=True)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
