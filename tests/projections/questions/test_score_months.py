"""The score of each month is what `score` says of it, as known now and as known then; and what differs was restated."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from ledger.book import position_at
from ledger.errors import UnknownDesignation
from ledger.instants import format_instant, parse_instant
from projections.capability.score_reader import ScoreReader
from projections.questions.score import score
from projections.questions.score_months import KnownScore, score_months
from tests.console.designation_story import AREA, qualified, restated
from tests.oracle.capability.histories import history
from tests.projections.capability.support import ScoreBook, score_book


def known_score(reader: ScoreReader, key: tuple[str, str], at: str, known: int) -> KnownScore | None:
    try:
        found = score(reader, *key, parse_instant(at), known)
    except UnknownDesignation:
        return None
    points = {metric: one["centipoints"] for metric, one in found.metrics.items()}  # type: ignore[index]
    return KnownScore(found.known_at, found.centipoints, found.qualified, points)


def check(told: ScoreBook, random: Random) -> Counter[str]:
    """Holds the months of each designation against `score`, whatever was recorded when."""
    seen: Counter[str] = Counter()
    with told.reader() as reader:

        def then(at_us: int) -> int:
            """As if each month had taught a few events more."""
            return min(
                reader.position, max(0, (at_us - parse_instant("2023-01-01T00:00:00Z")) * 3 // (86_400_000_000 * 30))
            )

        for key in told.oracle.designations():
            known = random.choice([None, reader.position, reader.position * 3 // 4])
            try:
                found = score_months(reader, *key, then, parse_instant("2024-12-15T00:00:00Z"), known, 30)
            except UnknownDesignation:
                continue
            assert [one.at[:7] for one in found.months][::29] == ["2022-07", "2024-12"]
            assert len(found.months) == 30
            for one in found.months:
                assert one.now == known_score(reader, key, one.at, found.known_at)
                assert one.then == known_score(reader, key, one.at, min(found.known_at, then(parse_instant(one.at))))
                kind = "unknown" if one.then is None else "restated" if one.restated else "same"
                seen[kind] += 1
                if one.then is not None:
                    same = (one.then.metrics, one.then.qualified) == (one.now.metrics, one.now.qualified)
                    assert one.restated is not same
    return seen


def test_each_month_is_what_the_score_says_of_it_then_and_now(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    for seed in range(5):
        random, folder = Random(seed), tmp_path / str(seed)
        folder.mkdir()
        with score_book(folder) as told:
            told.tell(list(history(random, 40)), random)
            seen += check(told, random)
    assert seen.keys() == {"unknown", "restated", "same"}, seen


def test_a_restatement_is_seen_at_the_months_that_it_changes_and_at_no_other(tmp_path: Path) -> None:
    with score_book(tmp_path) as told:
        told.tell([*qualified(), restated()])
        before = told.positions[-2]
        with told.reader() as reader:
            at_us = parse_instant("2024-10-05T00:00:00Z")
            found = score_months(
                reader, "m-1", AREA, lambda at_us: before if at_us < parse_instant("2024-09-01T00:00:01Z") else reader.position,
                at_us, None, 5,
            )  # fmt: skip
            with pytest.raises(UnknownDesignation):
                score_months(reader, "m-2", AREA, lambda _: 0, at_us)
    assert [(one.at[:7], one.restated, one.now.centipoints) for one in found.months] == [
        ("2024-06", False, 2_700), ("2024-07", True, 4_400), ("2024-08", True, 4_400), ("2024-09", True, 4_400),
        ("2024-10", False, 4_400),
    ]  # fmt: skip
    assert [one.then.centipoints for one in found.months if one.then] == [2_700, 7_400, 7_400, 7_400, 4_400]


def test_months_begin_with_the_calendar_and_positions_are_those_of_the_book(tmp_path: Path) -> None:
    with score_book(tmp_path) as told:
        told.tell(qualified())
        with told.reader() as reader:
            at_us = parse_instant("0001-03-01T00:00:00Z")
            early = score_months(reader, "m-1", AREA, lambda at_us: position_at(told.book.store, at_us), at_us)
    assert [one.at[:7] for one in early.months] == ["0001-01", "0001-02", "0001-03"]
    assert {one.then for one in early.months} == {None}
    assert early.at == format_instant(at_us)
