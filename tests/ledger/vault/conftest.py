from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.erasures import BookOfWriter
from tests.ledger.vault.erasing_support import book_at
from tests.ledger.vault.support import BACKENDS, Backend, Place


@pytest.fixture(params=BACKENDS, ids=lambda backend: str(backend.name))
def place(request: pytest.FixtureRequest) -> Place:
    """Somewhere for a vault, in each database."""
    backend: Backend = request.param
    return Place(backend, backend.place(request))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[BookOfWriter]:
    with book_at(tmp_path / "book.db") as found:
        yield found
