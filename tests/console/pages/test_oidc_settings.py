"""Which provider the settings name, and where its discovery document may lead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.pages.oidc.provider import metadata_of
from console.pages.oidc.settings import Oidc, is_named, read_oidc
from console.settings import Settings
from ledger.errors import BadInput

WHOLE = Settings(
    console_oidc_issuer="https://login.example/realm",
    console_oidc_client_id="console",
    console_oidc_url="https://ledger.example",
)
OIDC = Oidc("https://login.example", "console", "https://ledger.example", "secret")
LOCAL = Oidc("http://127.0.0.1:9000", "console", "http://localhost:8080")


def test_the_settings_name_a_provider_whole() -> None:
    assert not is_named(Settings())
    assert is_named(Settings(console_oidc_url="https://ledger.example"))
    found = read_oidc(
        replace(WHOLE, console_oidc_url="https://Ledger.example:8443/", console_oidc_scope="openid roles")
    )
    assert found == Oidc("https://login.example/realm", "console", "https://ledger.example:8443", None, "openid roles")
    assert found.callback == "https://ledger.example:8443/console/sign-in/callback"
    assert found.secure
    assert not read_oidc(replace(WHOLE, console_oidc_url="http://127.0.0.1:8080")).secure


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer", None),
        ("issuer", "login.example"),
        ("issuer", "http://login.example"),
        ("issuer", "http://127.0.0.1.login.example"),
        ("issuer", "https://user@login.example"),
        ("issuer", "https://login.example?realm=1"),
        ("issuer", "https://login.example#a"),
        ("issuer", "https://login.example/a b"),
        ("issuer", "https://[::1"),
        ("issuer", "javascript:alert(1)"),
        ("client_id", None),
        ("client_id", "a\nb"),
        ("url", None),
        ("url", "http://ledger.example"),
        ("url", "https://ledger.example/ledger"),
        ("url", "https://ledger.example/?a=1"),
        ("scope", "roles"),
        ("scope", 'openid "'),
        ("roles_claim", "a\nb"),
        ("memberships_claim", "x" * 201),
        ("client_secret_file", "nowhere"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: str | None) -> None:
    with pytest.raises(BadInput, match=rf"CSAT_LEDGER_CONSOLE_OIDC_{name.upper()}: .*expected"):
        read_oidc(replace(WHOLE, **{f"console_oidc_{name}": value}))


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff", b"two\nlines", b"x" * 5_000])
def test_a_file_without_a_secret_shows_nothing_of_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=r"CLIENT_SECRET_FILE: .*found no secret") as raised:
        read_oidc(replace(WHOLE, console_oidc_client_secret_file=str(file)))
    assert "lines" not in str(raised.value)
    file.write_bytes(b"secret\n")
    found = read_oidc(replace(WHOLE, console_oidc_client_secret_file=str(file)))
    assert found.secret == "secret"
    assert "secret='" not in repr(found)


def said(oidc: Oidc, **other: Any) -> bytes:
    """A discovery document."""
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint")
    found = {"issuer": oidc.issuer} | {name: f"{oidc.issuer}/{name}" for name in names} | other
    return orjson.dumps({name: value for name, value in found.items() if value is not None})


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"issuer": "https://login.example/"}, "issuer"),
        ({"issuer": "https://LOGIN.example"}, "issuer"),
        ({"issuer": None}, "issuer"),
        ({"issuer": ["https://login.example"]}, "issuer"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"token_endpoint": "http://login.example/token"}, "token_endpoint"),
        ({"token_endpoint": "http://127.0.0.1:22/"}, "token_endpoint"),
        ({"jwks_uri": "http://localhost/keys"}, "jwks_uri"),
        ({"jwks_uri": "https://LOCALHOST.:8443/keys"}, "jwks_uri: .*own machine"),
        ({"token_endpoint": "https://127.0.0.2/"}, "token_endpoint: .*own machine"),
        ({"token_endpoint": "https://[::1]:8443/"}, "token_endpoint: .*own machine"),
        ({"token_endpoint": "https://[::ffff:127.0.0.1]/"}, "token_endpoint: .*own machine"),
        ({"end_session_endpoint": "https://0.0.0.0/"}, "end_session_endpoint: .*own machine"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"authorization_endpoint": "https://login.example/a\r\nSet-Cookie: a=b"}, "authorization_endpoint"),
        ({"authorization_endpoint": "https://login.example/#fragment"}, "authorization_endpoint"),
        ({"end_session_endpoint": 'https://login.example/"onclick='}, "end_session_endpoint"),
        ({"code_challenge_methods_supported": ["plain"]}, "S256"),
        ({"response_types_supported": ["id_token"]}, "code"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "client_secret_basic"),
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_refused(other: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        metadata_of(said(OIDC, **other), OIDC)


def test_a_discovery_document_says_where_the_provider_is_asked() -> None:
    found = metadata_of(said(OIDC, token_endpoint="https://api.example/token?v=2"), OIDC)
    assert (found.token, found.says_iss, found.auth_method) == (
        "https://api.example/token?v=2", False, "client_secret_basic",
    )  # fmt: skip
    posted = said(OIDC, token_endpoint_auth_methods_supported=["client_secret_post"], end_session_endpoint=None)
    assert metadata_of(posted, OIDC).auth_method == "client_secret_post"
    assert metadata_of(posted, OIDC).end_session is None
    assert metadata_of(said(LOCAL), LOCAL).auth_method == "none"
    unsaid = orjson.loads(said(OIDC)) | {"token_endpoint_auth_methods_supported": None}
    assert metadata_of(orjson.dumps(unsaid), OIDC).auth_method == "client_secret_basic"
    with pytest.raises(BadInput):
        metadata_of(said(LOCAL, jwks_uri="http://keys.example/"), LOCAL)
    here = replace(OIDC, issuer="https://localhost:8443")
    assert metadata_of(said(here), here).jwks == "https://localhost:8443/jwks_uri"
