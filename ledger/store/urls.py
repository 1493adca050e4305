"""Where a store is, in words that may stand in a message: a URL without what is secret in it."""

from __future__ import annotations

import re
from typing import Final

POSTGRES_SCHEMES: Final = ("postgresql://", "postgres://")
UNREADABLE: Final = (
    "found a URL that cannot be read, expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE "
    "with %-codes for the special characters of a password"
)

_SECRET_PARAMETER: Final = re.compile(r"([?&][^=&]*(?:password|secret)[^=&]*=)[^&]*", re.IGNORECASE)


def is_postgres(where: str) -> bool:
    """Whether a store is a PostgreSQL URL; anything else is a file."""
    return where.startswith(POSTGRES_SCHEMES)


def without_password(where: str) -> str:
    """A URL as it may stand in a message; a file's name as it is."""
    scheme, mark, rest = where.partition("://")
    if not mark:
        return where
    user, at, place = rest.rpartition("@")
    place = _SECRET_PARAMETER.sub(r"\1***", place)
    return f"{scheme}://{user.partition(':')[0]}{at}{place}"


def has_stray_at_sign(url: str) -> bool:
    """Whether an @ stands behind the host: then the password holds a / ? or #, and drivers take its rest for a host."""
    _, _, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return "@" in rest[len(authority) :].partition("?")[0]
