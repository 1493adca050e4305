"""The published tables in both databases: a closing is kept whole or not at all, once; versions are read as of a position."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.vault import published
from ledger.vault.published import PublishedRows, Values
from tests.ledger.vault.support import Counted, Place, dies_at

COUNTS = (0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3)


def cell(membership: str, measure: str, version: int, position: int, scope: str = "membership") -> Values:
    counts = () if measure == "responses" else COUNTS
    return (scope, membership, "", "", "2010-Q1", measure, version, position, 5, 5, counts, 0)


def release(number: int, *responses: str) -> Values:
    return (number, "overall", "m-1", "2010-Q1", "", "", "", False, COUNTS, responses)


def keep(rows: PublishedRows, month: str, position: int, *cells: Values, releases: tuple[Values, ...] = ()) -> bool:
    place = ("m-1", "data", "reseller", month, "overall", "upper-quarter", position, 5)
    return rows.keep((month, position, 5), releases, cells, [place], [("m-1", month, "data", "reseller")])


def test_what_is_kept_is_read_as_it_was(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "PAGE", 2)
    with place.vault() as vault:
        rows = PublishedRows(vault.database)
        cells = [cell(f"m-{number}", measure, 1, 10) for number in range(3) for measure in ("overall", "responses")]
        releases = tuple(release(number, f"r-{number}", "r-x") for number in range(1, 6))
        assert keep(rows, "2010-03", 10, *cells, releases=releases)
        assert rows.closings() == [("2010-03", 10, 5)]
        assert list(rows.cells(["membership"], None, None)) == cells
        assert list(rows.cells(["membership"], "m-1", None)) == cells[2:4]
        assert list(rows.cells(["peer-group"], None, None)) == []
        assert list(rows.releases()) == list(releases)
        assert list(rows.places("m-1", None)) == list(rows.places(None, 10))
        assert list(rows.places(None, 9)) == []
        assert rows.groups("m-1") == rows.groups() == [("m-1", "2010-03", "data", "reseller")]


def test_the_last_version_by_a_position_is_read(place: Place) -> None:
    with place.vault() as vault:
        rows = PublishedRows(vault.database)
        assert keep(rows, "2010-03", 10, cell("m-1", "overall", 1, 10), releases=(release(1, "r-1", "r-2"),))
        assert keep(rows, "2010-06", 20, cell("m-1", "overall", 2, 20), releases=(release(1, "r-1"),))
        assert [row[6] for row in rows.cells(["membership"], "m-1", None)] == [2]
        assert [row[6] for row in rows.cells(["membership"], "m-1", 19)] == [1]
        assert list(rows.cells(["membership"], None, 9)) == []
        assert list(rows.releases()) == [release(1, "r-1")]


def test_a_month_is_closed_once_and_none_before_it_after(place: Place) -> None:
    with place.vault() as vault:
        rows = PublishedRows(vault.database)
        assert keep(rows, "2010-03", 10, cell("m-1", "overall", 1, 10))
        assert not keep(rows, "2010-03", 11, cell("m-2", "overall", 1, 11))
        assert not keep(rows, "2010-02", 11, cell("m-2", "overall", 1, 11))
        assert [row[1] for row in rows.cells(["membership"], None, None)] == ["m-1"]


def test_a_version_is_never_written_over(place: Place) -> None:
    with place.vault() as vault:
        rows = PublishedRows(vault.database)
        assert keep(rows, "2010-03", 10, cell("m-1", "overall", 1, 10))
        with pytest.raises(Exception, match=r"(?i)unique|append-only"):
            keep(rows, "2010-06", 20, cell("m-1", "overall", 1, 20))
        assert [closing[0] for closing in rows.closings()] == ["2010-03"]


def test_killed_at_any_moment_a_closing_is_there_or_not(place: Place) -> None:
    moment, seen = 0, set()
    while True:

        def close(passes: Any) -> None:
            with place.vault(create=False) as vault:
                keep(PublishedRows(Counted(vault.database, passes)), "2010-03", 10, cell("m-1", "overall", 1, 10),
                     releases=(release(1, "r-1"),))  # fmt: skip

        with place.vault() as vault:
            before = bool(PublishedRows(vault.database).closings())
        if before:
            break
        killed = dies_at(moment, close)
        with place.vault(create=False) as vault:
            rows = PublishedRows(vault.database)
            kept = (
                bool(rows.closings()),
                bool(list(rows.releases())),
                bool(list(rows.cells(["membership"], None, None))),
            )
        assert len(set(kept)) == 1
        seen.add(kept[0])
        moment += 1
        if not killed:
            break
    assert seen == {False, True}
    assert moment > 5
