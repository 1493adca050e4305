"""What is told once stays as it was told: no row of these tables is changed, taken away or put in another's place."""

from __future__ import annotations

import pytest

from ledger.vault.guards import GUARDED
from tests.ledger.vault.support import Place

ROWS = {
    "published_closings": "'2010-06', 7, 1",
    "published_cells": "'membership', 'm-1', '', '', '2010-06', 'overall', 1, 7, 1, 5, '[1]', 0",
    "published_places": "'m-1', 'data', 'reseller', '2010-Q2', 'overall', 'upper-quarter', 7, 1",
    "published_groups": "'m-1', '2010-Q2', 'data', 'reseller'",
}


def test_every_published_table_but_the_releases_is_guarded() -> None:
    assert set(ROWS) == set(GUARDED) - {"access_log"}


@pytest.mark.parametrize("table", ROWS)
def test_what_was_published_is_neither_changed_nor_taken_away(place: Place, table: str) -> None:
    with place.vault(), place.raw() as raw:
        raw(f"INSERT INTO {table} VALUES ({ROWS[table]})")
    first = GUARDED[table].key[0]
    changes = [f"UPDATE {table} SET {first} = 'x'", f"DELETE FROM {table}"]
    changes += [f"INSERT OR REPLACE INTO {table} VALUES ({ROWS[table]})"] if place.backend.name == "sqlite" else []
    changes += [f"TRUNCATE {table}"] if place.backend.name == "postgres" else []
    for change in changes:
        with place.raw() as raw, pytest.raises(place.backend.refusals, match="append-only"):
            raw(change)
    with place.raw() as raw:
        assert raw(f"SELECT count(*) FROM {table}") == [(1,)]


@pytest.mark.parametrize("table", ROWS)
def test_a_guard_that_was_never_made_or_taken_away_is_found_and_made_anew(place: Place, table: str) -> None:
    gone = {
        "sqlite": f"DROP TRIGGER {table}_no_update",
        "postgres": f"DROP TRIGGER {table}_is_append_only ON {table}",
    }
    with place.vault() as vault:
        assert vault.database.unguarded() == []
        with place.raw() as raw:
            raw(gone[place.backend.name])
        (wrong,) = vault.database.unguarded()
        assert GUARDED[table].name in wrong
        assert vault.database.mend() == [wrong]
        assert vault.database.unguarded() == []
