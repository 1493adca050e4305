"""Which provider one signs in at, and what these pages are to it: read from the settings, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from console.settings import PREFIX, Settings
from ledger.errors import BadInput
from ledger.seal.http_client import Place

VARIABLES: Final = f"{PREFIX}CONSOLE_OIDC_"
CALLBACK: Final = "/console/sign-in/callback"
NAME_MAX: Final = 200
SECRET_BYTES_MAX: Final = 4_096
URL_MAX: Final = 2_000


class Address(NamedTuple):
    """A URL in parts."""

    scheme: str
    netloc: str
    path: str
    query: str


@dataclass(frozen=True, slots=True)
class Oidc:
    """A provider, and these pages as its client."""

    issuer: str
    """As the provider writes it, to the letter."""
    client_id: str
    url: str
    """Where browsers find these pages: scheme, host and port."""
    secret: str | None = field(default=None, repr=False)
    """None: a public client, which has PKCE alone."""
    scope: str = "openid"
    roles_claim: str = "roles"
    memberships_claim: str = "memberships"

    @property
    def secure(self) -> bool:
        """Whether browsers come over https."""
        return self.url.startswith("https:")

    @property
    def callback(self) -> str:
        """Where the provider sends browsers back to; the provider has to know it."""
        return self.url + CALLBACK

    @property
    def host(self) -> str:
        """What people may know the provider by."""
        return urlsplit(self.issuer).netloc

    @property
    def name(self) -> str:
        """What tells this provider and client from others, in sessions."""
        return sha256(f"{self.issuer}\0{self.client_id}".encode()).hexdigest()[:16]


def is_named(settings: Settings) -> bool:
    """Whether any setting names a provider, though it may be too little."""
    return any(
        (
            settings.console_oidc_issuer,
            settings.console_oidc_client_id,
            settings.console_oidc_client_secret_file,
            settings.console_oidc_url,
        )
    )


def read_oidc(settings: Settings) -> Oidc:
    """The provider that the settings name. Raises BadInput that names the variable."""
    issuer = _needed("ISSUER", settings.console_oidc_issuer)
    client_id = _needed("CLIENT_ID", settings.console_oidc_client_id)
    url = _needed("URL", settings.console_oidc_url)
    require_url(issuer, f"{VARIABLES}ISSUER: ", loopback=True)
    if urlsplit(issuer).query:
        raise BadInput(f"{VARIABLES}ISSUER: found {issuer!r}, expected a URL without a query")
    parts = require_url(url, f"{VARIABLES}URL: ", loopback=True)
    if parts.path.strip("/") or parts.query:
        raise BadInput(f"{VARIABLES}URL: found {url!r}, expected no path: the pages lie beneath /console of their host")
    scope = settings.console_oidc_scope.split()
    if "openid" not in scope or not all(map(_is_plain, scope)) or len(settings.console_oidc_scope) > NAME_MAX:
        raise BadInput(
            f"{VARIABLES}SCOPE: found {settings.console_oidc_scope[:80]!r}, expected words, openid among them"
        )
    for name, value in (
        ("CLIENT_ID", client_id),
        ("ROLES_CLAIM", settings.console_oidc_roles_claim),
        ("MEMBERSHIPS_CLAIM", settings.console_oidc_memberships_claim),
    ):
        if not value.isprintable() or len(value) > NAME_MAX:
            raise BadInput(f"{VARIABLES}{name}: found {value[:80]!r}, expected up to {NAME_MAX} characters that print")
    return Oidc(
        issuer,
        client_id,
        f"{parts.scheme}://{parts.netloc.lower()}",
        _secret(settings.console_oidc_client_secret_file),
        " ".join(scope),
        settings.console_oidc_roles_claim,
        settings.console_oidc_memberships_claim,
    )


def require_url(url: str, what: str, *, loopback: bool) -> Address:
    """An address of https in parts; where the loopback is allowed, http:// there, too. Raises BadInput, which begins with
    `what`, for anything else, for one that names a user, and for one with a fragment."""
    expected = f"expected an https:// URL{', or an http:// one on the loopback' if loopback else ''}"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise BadInput(f"{what}found {url[:200]!r}, {expected}") from None
    plain = url.isascii() and url.isprintable() and not set(url) & set(' \\"<>^`{|}') and len(url) <= URL_MAX
    place = Place(parts.scheme == "https", parts.netloc, parts.path)
    good = parts.scheme == "https" or (parts.scheme == "http" and loopback and not place.in_the_open)
    if not good or not plain or not parts.hostname or "@" in parts.netloc or "#" in url:
        raise BadInput(f"{what}found {url[:200]!r}, {expected}")
    return Address(parts.scheme, parts.netloc, parts.path, parts.query)


def _needed(name: str, value: str | None) -> str:
    if not value:
        needed = ", ".join(f"{VARIABLES}{one}" for one in ("ISSUER", "CLIENT_ID", "URL"))
        raise BadInput(f"{VARIABLES}{name}: found nothing, expected it beside the others: {needed}")
    return value


def _is_plain(word: str) -> bool:
    return word.isascii() and word.isprintable() and not set(word) & {'"', "\\"}


def _secret(file: str | None) -> str | None:
    """The secret in a file, without the line's end. Raises BadInput, which shows nothing of it."""
    if file is None:
        return None
    name = f"{VARIABLES}CLIENT_SECRET_FILE: {file}"
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(SECRET_BYTES_MAX + 1)
        secret = content.decode("ascii").strip()
    except OSError as error:
        raise BadInput(f"{name}: found {error.strerror}, expected a file with the client's secret") from None
    except UnicodeDecodeError:
        secret = ""
    if not secret or len(content) > SECRET_BYTES_MAX or not secret.isprintable():
        raise BadInput(f"{name}: found no secret, expected one line of ASCII of {SECRET_BYTES_MAX:,} bytes at most")
    return secret
