"""A browser for the tests of a module, and a service for those of a process: a book of both programmes, with a vault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from console.http.embedded import Embedded
from tests.console.http.support import make_book, make_vault, publish, seal, service_on_a_port
from tests.console.pages.oidc_support import Liar, Pages, lying, pages_behind
from tests.console.pages.support import browsing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser. What drives it keeps an event loop in this thread, in which no other test could run one meanwhile."""
    with browsing() as found:
        yield found


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service with pages, which no test writes to."""
    store = Path(tmp_path_factory.mktemp("pages")) / "ledger.db"
    place = make_vault(store)
    make_book(store, place)
    publish(store, place)
    seal(store, store.parent / "log")
    embedded = Embedded(tiles=store.parent / "log")
    with service_on_a_port(
        store, embedded=embedded, pages=True, vault=place, rate_without_token="1000000/second"
    ) as url:
        yield url


@pytest.fixture
def liar() -> Iterator[Liar]:
    """A provider that says what it is told to say."""
    with lying() as found:
        yield found


@pytest.fixture
def behind(tmp_path: Path, liar: Liar) -> Iterator[Pages]:
    """Pages that believe it."""
    with pages_behind(tmp_path, liar.issuer) as found:
        yield found
