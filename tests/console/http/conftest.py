from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.http.embedded import Embedded
from tests.console.http.support import Served, make_book, make_vault, publish, seal, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service over a book of both programmes, to which nothing is added, over its vault and its log."""
    store = tmp_path_factory.mktemp("http") / "ledger.db"
    place = make_vault(store)
    make_book(store, place)
    publish(store, place)
    seal(store, store.parent / "log")
    with serving(store, Embedded(tiles=store.parent / "log"), vault=place) as found:
        yield found


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Served]:
    """A service over a book without a fact."""
    with serving(tmp_path / "ledger.db") as found:
        yield found
