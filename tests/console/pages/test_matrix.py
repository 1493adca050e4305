"""Every page as every role may see it, scripts on and off, on a phone and on a desk, dark and light, over every book.

Pairs of these are all tried (or the whole product, when soaking), within a bounded time, in another order each time.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.cookiejar import Cookie
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from allpairspy import AllPairs
from playwright.sync_api import Browser, StorageState, StorageStateCookie

from console.http.embedded import Embedded
from console.http.roles import ROLES, Caller
from console.pages.registry import PAGES
from tests.console.http.support import service_on_a_port
from tests.console.pages.books import Book, empty, hard, large, ordinary
from tests.console.pages.looking import unusable, wrong_with
from tests.console.pages.support import NARROW, WIDE, Visitor, signed_in, visiting
from tests.support.soak import SOAK

BOUND_S = 3_600 if SOAK else 75
SEED = int(os.environ.get("CSAT_LEDGER_TEST_SEED", time.time_ns() % 1_000_000))
BOOKS = {"ordinary": ordinary, "hard": hard, "empty": empty, "large": large}
SIGN_IN = ("sign-in", "/console/sign-in", None)


class Look(NamedTuple):
    """One way to look at a page."""

    page: tuple[str, str, str | None]
    """Name, path, and the role, None for nobody."""
    book: str
    scripts: bool
    narrow: bool
    dark: bool


def seen_by_roles() -> list[tuple[str, str, str | None]]:
    """Each page with each role that may see it."""
    callers = {role: Caller(frozenset({role}), frozenset({"m-1"})) for role in ROLES}
    pages = [page for page in PAGES if not page.hands_over]
    found = [(page.name, page.path, role) for page in pages for role, caller in callers.items() if page.is_for(caller)]
    return [SIGN_IN, *found]


def looks() -> list[Look]:
    """What is tried, in the order of the seed."""
    factors: list[list[Any]] = [seen_by_roles(), list(BOOKS), [True, False], [True, False], [True, False]]
    rows = product(*factors) if SOAK else AllPairs(factors)
    found = [Look(*row) for row in rows]
    random.Random(SEED).shuffle(found)
    return found


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[str, Book]]]:
    """A service over each of the books."""
    with ExitStack() as stack:
        found = {}
        for name, make in BOOKS.items():
            folder = Path(tmp_path_factory.mktemp(name))
            book = make(folder)
            log = folder / "log"
            embedded = Embedded(tiles=log if log.exists() else None)
            url = stack.enter_context(
                service_on_a_port(
                    book.store, embedded=embedded, pages=True, vault=book.vault, rate_without_token="9999/second"
                )
            )
            found[name] = (url, book)
        yield found


def test_every_page_is_fit_to_be_seen_by_everybody_everywhere(
    browser: Browser, services: dict[str, tuple[str, Book]]
) -> None:
    print(f"CSAT_LEDGER_TEST_SEED={SEED}")
    started_s, found, tried = time.monotonic(), [], 0
    sessions = Sessions(browser)
    wanted = looks()
    for look in wanted:
        if time.monotonic() - started_s > BOUND_S:
            break
        tried += 1
        url, book = services[look.book]
        found += [f"{look}: {one}" for one in problems_of(sessions, look, url, book)]
    print(f"{tried} of {len(wanted)} looks in {time.monotonic() - started_s:.0f} s")
    assert not found, "\n".join(found)
    assert tried > len(PAGES)


class Sessions:
    """Keeps who has signed in where, which was done without a browser: with one it takes as long as looking."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self._states: dict[tuple[str, str], StorageState] = {}

    def of(self, url: str, role: str, membership: str) -> StorageState:
        if (url, role) not in self._states:
            with signed_in(url, role, membership) as client:
                self._states[url, role] = {"cookies": [cookie_of(one) for one in client.cookies.jar], "origins": []}
        return self._states[url, role]


def cookie_of(cookie: Cookie) -> StorageStateCookie:
    """A cookie as a browser keeps it until it ends."""
    assert cookie.value is not None
    return {
        "name": cookie.name, "value": cookie.value, "domain": cookie.domain, "path": cookie.path, "expires": -1,
        "httpOnly": True, "secure": cookie.secure, "sameSite": "Lax",
    }  # fmt: skip


def problems_of(sessions: Sessions, look: Look, url: str, book: Book) -> list[str]:
    """What is wrong with a page as it is looked at."""
    _, path, role = look.page
    state = None if role is None else sessions.of(url, role, book.membership)
    with visiting(
        sessions.browser,
        url,
        viewport=NARROW if look.narrow else WIDE,
        color_scheme="dark" if look.dark else "light",
        java_script_enabled=look.scripts,
        storage_state=state,
    ) as visitor:
        status = visitor.go(path.format(**book.parameters))
        lacks = look.page[0].startswith("own-report") and book.vault is None
        fine = (200,) if not lacks and (book.there or ("{" not in path and role != "partner")) else (200, 404)
        found = [] if status in fine else [f"status {status}: {visitor.page.inner_text('main')[:200]}"]
        if role is not None and "/console/sign-in" in visitor.page.url:
            found.append("nobody is signed in")
        found += wrong_with(visitor.page)
        if look.scripts:
            found += unusable(visitor.page)
        found += kept(visitor)
        found += [f"the console says: {one}" for one in visitor.complaints if not (status == 404 and "404" in one)]
        visitor.complaints.clear()
        return found


def kept(visitor: Visitor) -> list[str]:
    """Whether the page is the same after a reload, and when somebody comes back to it."""
    page, address = visitor.page, visitor.page.url
    before = page.inner_text("main")
    page.reload()
    if page.inner_text("main") != before:
        return ["another page after a reload"]
    visitor.go("/console/sign-in?next=/console/board")
    page.go_back()
    if page.url != address or page.inner_text("main") != before:
        return ["another page when one comes back to it"]
    return []
