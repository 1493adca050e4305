from __future__ import annotations

import pytest

from tests.ledger.vault.support import BACKENDS, Backend, Place


@pytest.fixture(params=BACKENDS, ids=lambda backend: str(backend.name))
def place(request: pytest.FixtureRequest) -> Place:
    """Somewhere for a vault, in each database."""
    backend: Backend = request.param
    return Place(backend, backend.place(request))
