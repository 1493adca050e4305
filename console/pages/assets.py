"""What pages need beside themselves: one style sheet, two scripts, one picture; each under an address that has its hash.

So a browser keeps it for ever, and asks anew when it is another. The style sheet is all of `static/css`, the script all of
`static/js`, in the order of their names; `htmx.min.js` is htmx 2.0.8 as its authors publish it.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

BENEATH: Final = "/console/static/"
FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that is the same for everybody."""

    address: str
    media_type: str
    plain: bytes
    packed: bytes
    """By gzip."""


@cache
def assets() -> dict[str, Asset]:
    """Every asset by its name."""
    static = files("console.pages") / "static"
    return {
        "console.css": _asset("console", "css", "text/css; charset=utf-8", _joined(static / "css")),
        "console.js": _asset("console", "js", "text/javascript; charset=utf-8", _joined(static / "js")),
        "htmx.js": _asset("htmx", "js", "text/javascript; charset=utf-8", (static / "htmx.min.js").read_bytes()),
        "icon.svg": _asset("icon", "svg", "image/svg+xml", (static / "icon.svg").read_bytes()),
    }


@cache
def by_address() -> dict[str, Asset]:
    """Every asset by its path."""
    return {asset.address: asset for asset in assets().values()}


def address_of(name: str) -> str:
    """The path of an asset, for templates."""
    return assets()[name].address


def _joined(folder: Traversable) -> bytes:
    parts = sorted((part for part in folder.iterdir() if part.is_file()), key=lambda part: part.name)
    return b"\n".join(part.read_bytes() for part in parts)


def _asset(name: str, ending: str, media_type: str, plain: bytes) -> Asset:
    address = f"{BENEATH}{name}.{sha256(plain).hexdigest()[:16]}.{ending}"
    return Asset(address, media_type, plain, gzip.compress(plain, 9, mtime=0))
