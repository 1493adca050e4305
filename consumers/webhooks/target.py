"""The URL of a webhook: what it may be, and the parts of it that a request is made of.

    target("https://partner.example/hooks?site=3", private=False)

https alone, on port 443 or one from 1024 on; where private networks are allowed http too, on any port. No name and
password in it, which would end up in logs; no fragment, which is never sent.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from ledger.errors import BadInput

URL_CHARACTERS_MAX: Final = 2_048
DEFAULT_PORTS: Final = {"https": 443, "http": 80}
UNPRIVILEGED: Final = 1_024
"""Below this are mail, terminals and the like, which a request to a wrong port could be taken for something by."""


class Target(NamedTuple):
    """Where a request goes."""

    scheme: str
    host: str
    """A name or an address, without the brackets of IPv6."""
    port: int
    netloc: str
    """What the header Host says."""
    path: str
    """With the query."""

    @property
    def shown(self) -> str:
        """Where it goes, as logs and lists say it: without path and query, in which some put a secret."""
        return f"{self.scheme}://{self.netloc}"


def target(url: str, *, private: bool) -> Target:
    """The parts of a webhook's URL. Raises BadInput; what may be a password is in no message."""
    if len(url) > URL_CHARACTERS_MAX or not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise BadInput(
            f"found a URL of {len(url):,} characters, expected at most {URL_CHARACTERS_MAX:,}, ASCII without spaces and "
            "backslashes (a name in other letters in its xn-- form, %-codes in the path)"
        )
    parts = _split(url)
    if "@" in parts.netloc:
        raise BadInput("found a URL with a name or password in it, expected none: who sends is told by the signature")
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise BadInput("found a URL that is none of a web server, expected https://HOST/PATH")
    if parts.scheme == "http" and not private:
        raise BadInput("found an http:// URL, expected https:// unless private networks are allowed (--allow-private)")
    if "#" in url:
        raise BadInput("found a URL with a fragment (#), expected none: it would not be sent")
    if "%" in parts.hostname:
        raise BadInput("found a URL with a zone or a %-code in its host, expected a name or an address")
    port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    if port == 0 or (not private and port != DEFAULT_PORTS[parts.scheme] and port < UNPRIVILEGED):
        raise BadInput(
            f"found port {port}, expected {DEFAULT_PORTS[parts.scheme]}, or one from {UNPRIVILEGED} on, unless private "
            "networks are allowed (--allow-private)"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port, parts.netloc.lower(), path)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise BadInput("found a URL that cannot be read, expected https://HOST/PATH") from None
    return parts
