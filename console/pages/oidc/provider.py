"""A provider as its discovery document tells of it: where it is asked, its keys, and the tokens that it gives for a code.

The document is fetched when somebody signs in, and again after an hour; keys after five minutes, and at once when a token
names one that is not known, or holds by none of them, every ten seconds at most. Whoever comes while something is fetched
waits with the first, and what failed is not asked for again for two seconds. Every address in the document is https, or on
the loopback where the provider itself is there: no document leads this service to its own machine.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote_plus, urlsplit

import orjson
from authlib.common.errors import AuthlibBaseError
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.client import OAuth2Client
from joserfc.jwk import KeySet

from console.http.jwks import JWKS_BYTES_MAX, LEARN_S, keys_of
from console.pages.oidc.asking import ANSWER_BYTES_MAX, Asking, Session
from console.pages.oidc.failed import Failed, away, shown, wrong
from console.pages.oidc.flow import Flow
from console.pages.oidc.settings import Oidc, require_url
from ledger.errors import BadInput

DISCOVERY: Final = "/.well-known/openid-configuration"
DISCOVERY_FRESH_S: Final = 3_600.0
KEYS_FRESH_S: Final = 300.0
AGAIN_S: Final = 2.0
BASIC, POST, NONE = "client_secret_basic", "client_secret_post", "none"
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider says of itself."""

    authorization: str
    """Where a browser is sent."""
    token: str
    jwks: str
    end_session: str | None
    """Where somebody signs out of the provider."""
    says_iss: bool
    """Whether each answer says whose it is (RFC 9207)."""
    auth_method: str
    """How this client shows who it is."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was good for."""

    id_token: str
    access_token: str | None


class _Kept(Generic[Value]):
    """What is fetched for all who want it, and kept for a while."""

    def __init__(self, fetch: Callable[[], Value], asking: Asking, fresh_s: float, again_s: float) -> None:
        self._fetch = fetch
        self._asking = asking
        self._fresh_s = fresh_s
        self._again_s = again_s
        self._value: Value | None = None
        self._failure: Failed | None = None
        self._good_s = self._asked_s = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def get(self) -> Value:
        """It, fetched where it is not at hand or no longer fresh. Raises Failed."""
        if self._value is not None and time.monotonic() < self._good_s + self._fresh_s:
            return self._value
        return await self.newer(self._again_s)

    async def newer(self, than_s: float) -> Value:
        """It, fetched anew where it was not asked for within that time. Raises Failed."""
        if (self._task is None or self._task.done()) and time.monotonic() >= self._asked_s + than_s:
            self._asked_s = time.monotonic()
            self._task = asyncio.create_task(self._fetched())
        if self._task is not None:
            await asyncio.shield(self._task)
        if self._failure is not None:
            raise Failed(self._failure.status, self._failure.code, self._failure.detail, self._failure.why)
        assert self._value is not None
        return self._value

    async def _fetched(self) -> None:
        try:
            self._value = await self._asking.run(self._fetch)
            self._good_s, self._failure = time.monotonic(), None
        except Failed as failure:
            self._failure = failure


class Provider:
    """Asks the provider that the settings name."""

    def __init__(
        self, oidc: Oidc, asking: Asking | None = None, learn_s: float = LEARN_S, again_s: float = AGAIN_S
    ) -> None:
        """For a key that is not known it is asked once in `learn_s`; after a failure again when `again_s` have passed."""
        self._oidc = oidc
        self._asking = asking or Asking()
        self._learn_s = learn_s
        self._again_s = again_s
        self._metadata = _Kept(self._discovered, self._asking, DISCOVERY_FRESH_S, again_s)
        self._keys: tuple[str, _Kept[KeySet]] | None = None

    async def metadata(self) -> Metadata:
        """What it says of itself. Raises Failed."""
        return await self._metadata.get()

    async def address(self, flow: Flow) -> str:
        """Where a browser begins a sign-in. Raises Failed."""
        metadata = await self.metadata()
        client = self._client(metadata)
        address, _ = client.create_authorization_url(
            metadata.authorization, state=flow.state, code_verifier=flow.verifier, nonce=flow.nonce
        )
        return str(address)

    async def tokens(self, code: str, flow: Flow) -> Tokens:
        """What the provider gives for a code. Raises Failed."""
        metadata = await self.metadata()
        return await self._asking.run(lambda: self._exchanged(metadata, code, flow))

    async def keys(self, name: str | None) -> KeySet:
        """Its keys, the one of this name among them where the provider has it. Raises Failed."""
        url = (await self.metadata()).jwks
        if self._keys is None or self._keys[0] != url:
            self._keys = url, _Kept(lambda: self._fetched_keys(url), self._asking, KEYS_FRESH_S, self._again_s)
        keys = await self._keys[1].get()
        if name is None or any(key.kid == name for key in keys):
            return keys
        return await self.newer_keys()

    async def newer_keys(self) -> KeySet:
        """Its keys, fetched anew if they may be: a provider may have put another in the place of one. Raises Failed."""
        assert self._keys is not None
        return await self._keys[1].newer(self._learn_s)

    def sign_out_address(self, metadata: Metadata) -> str | None:
        """Where somebody signs out of the provider; None where it has no such place."""
        if metadata.end_session is None:
            return None
        return str(add_params_to_uri(metadata.end_session, [("client_id", self._oidc.client_id)]))

    def close(self) -> None:
        """Ends what asks."""
        self._asking.close()

    def _client(self, metadata: Metadata) -> OAuth2Client:
        client = OAuth2Client(
            Session(self._asking),
            client_id=self._oidc.client_id,
            client_secret=self._oidc.secret,
            token_endpoint_auth_method=metadata.auth_method,
            scope=self._oidc.scope,
            redirect_uri=self._oidc.callback,
            code_challenge_method="S256",
        )
        client.register_client_auth_method((BASIC, _basic))
        return client

    def _discovered(self) -> Metadata:
        url = self._oidc.issuer.rstrip("/") + DISCOVERY
        content = self._asking.get(url, ANSWER_BYTES_MAX)
        try:
            return metadata_of(content, self._oidc)
        except BadInput as error:
            raise wrong(f"{url}: {error}") from None

    def _fetched_keys(self, url: str) -> KeySet:
        content = self._asking.get(url, JWKS_BYTES_MAX)
        try:
            return keys_of(content, url)
        except BadInput as error:
            raise wrong(str(error)) from None

    def _exchanged(self, metadata: Metadata, code: str, flow: Flow) -> Tokens:
        try:
            found = self._client(metadata).fetch_token(
                metadata.token, grant_type="authorization_code", code=code, code_verifier=flow.verifier
            )
            id_token, access_token = found.get("id_token"), found.get("access_token")
        except AuthlibBaseError as error:
            raise _refused(str(error.error)) from None
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            raise wrong(
                f"{metadata.token}: no answer that can be read ({type(error).__name__})"
            ) from None  # its words may hold the code
        if not isinstance(id_token, str):
            raise wrong(f"{metadata.token}: an answer without an ID token: is openid among the scopes?")
        return Tokens(id_token, access_token if isinstance(access_token, str) else None)


def metadata_of(content: bytes, oidc: Oidc) -> Metadata:
    """What a discovery document says. Raises BadInput for one that is of another provider, or leads elsewhere."""
    try:
        said: Any = orjson.loads(content)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise BadInput("found no JSON object, expected a discovery document")
    if said.get("issuer") != oidc.issuer:
        raise BadInput(f"found the issuer {str(said.get('issuer'))[:200]!r}, expected {oidc.issuer!r}")
    issuer = urlsplit(oidc.issuer)
    addresses = {}
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"):
        url = said.get(name)
        if not isinstance(url, str):
            if name != "end_session_endpoint":
                raise BadInput(f"found no {name}, expected an address")
            continue
        require_url(url, f"{name}: ", loopback=issuer.scheme == "http")
        if _is_here(urlsplit(url).hostname) and not _is_here(issuer.hostname):
            raise BadInput(f"{name}: found {url[:200]!r}, expected no address on the service's own machine")
        addresses[name] = url
    _require_listed(said, "response_types_supported", "code")
    _require_listed(said, "code_challenge_methods_supported", "S256")
    return Metadata(
        addresses["authorization_endpoint"],
        addresses["token_endpoint"],
        addresses["jwks_uri"],
        addresses.get("end_session_endpoint"),
        said.get("authorization_response_iss_parameter_supported") is True,
        _auth_method(said, oidc),
    )


def _is_here(host: str | None) -> bool:
    """Whether a host is by its name the machine itself."""
    name = (host or "").rstrip(".")
    try:
        address = ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback or (mapped or address).is_unspecified


def _require_listed(said: dict[str, Any], name: str, wanted: str) -> None:
    """Where a provider lists what it can do, that must be among it."""
    found = said.get(name)
    if isinstance(found, list) and wanted not in found:
        raise BadInput(f"{name}: found no {wanted}, expected it among them")


def _auth_method(said: dict[str, Any], oidc: Oidc) -> str:
    if oidc.secret is None:
        return NONE
    listed = said.get("token_endpoint_auth_methods_supported")
    if listed is None:
        listed = [BASIC]
    for method in (BASIC, POST):
        if isinstance(listed, list) and method in listed:
            return method
    raise BadInput(f"found neither {BASIC} nor {POST}, expected one for a client with a secret")


def _basic(client: Any, _method: str, url: str, headers: dict[str, str], body: str) -> tuple[str, dict[str, str], str]:
    """A client's name and secret, each encoded as in a form (RFC 6749, 2.3.1): either may hold a colon."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    return url, headers | {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}, body


def _refused(error: str) -> Failed:
    """Why a provider gives no tokens for a code."""
    if error == "invalid_grant":
        return Failed(400, "code-refused", "found a code that the provider does not take, or no longer: sign in again")
    if error in ("temporarily_unavailable", "server_error"):
        return away(f"the provider says {error}")
    return wrong(f"the provider gives no tokens: {shown(error)}")
