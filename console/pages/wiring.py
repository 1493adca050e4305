"""The pages of a service: wired of their key, the way to sign in, and the routes that they ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Final

from console.http.dev_key import dev_key
from console.http.observed import route_names
from console.pages.front import Front
from console.pages.sessions import Sessions
from console.pages.sign_in import SignIn
from console.wiring import CONSOLE_KEY_ENDING
from ledger.errors import BadInput
from ledger.store.sqlite_files import real_path
from ledger.store.urls import is_postgres

if TYPE_CHECKING:
    from console.pages.oidc.provider import Provider
    from console.pages.oidc.settings import Oidc

CODE_BYTES: Final = 12
KEY_VARIABLE: Final = "CSAT_LEDGER_CONSOLE_KEY_FILE"


def front_of(
    where: str,
    key_file: str | None,
    clock: Callable[[], int],
    on_fault: Callable[[BaseException], None],
    code: str | None = None,
) -> Front:
    """The pages over a service, with the development sign-in. Raises BadInput where their key cannot be had.

    `code` signs in; None: one that is drawn.
    """
    sessions = Sessions(dev_key(console_key_path(where, key_file)), clock, secure=False, dev=True)
    return Front(sessions, SignIn(code or token_urlsafe(CODE_BYTES)), clock, on_fault, _paths())


def front_behind(
    oidc: Oidc,
    where: str,
    key_file: str | None,
    clock: Callable[[], int],
    on_fault: Callable[[BaseException], None],
    complain: Callable[[str], None],
    provider: Provider | None = None,
) -> Front:
    """The pages over a service at which one signs in at a provider. Raises BadInput where their key cannot be had.

    `complain` is told why signing in fails, where no visitor can mend it. `provider` asks the provider;
    None: as it is asked by default.
    """
    from console.pages.oidc.sign_in import ProviderSignIn

    key = dev_key(console_key_path(where, key_file))
    sessions = Sessions(key, clock, secure=oidc.secure, provider=oidc.name)
    sign_in = ProviderSignIn(oidc, sessions.secret(f"flows of {oidc.name}"), clock, complain, provider)
    return Front(sessions, sign_in, clock, on_fault, _paths())


def console_key_path(where: str, key_file: str | None) -> Path:
    """Where the key of sessions lies: beside a ledger in a file where nothing else is said. Raises BadInput for none."""
    if key_file is not None:
        return Path(key_file)
    if is_postgres(where):
        raise BadInput(f"found a ledger in PostgreSQL and no {KEY_VARIABLE}, expected the file of the sessions' key")
    return Path(f"{real_path(where)}{CONSOLE_KEY_ENDING}")


def _paths() -> dict[str, str]:
    """The path of each route of the API that is asked with GET, by its name."""
    return {name: path for (path, method), name in route_names().items() if method == "GET"}
