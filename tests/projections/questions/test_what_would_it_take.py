"""What is supposed of a score is what the score is once facts have made it so; and enough is enough, and no less is."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import UnknownDesignation
from projections.capability.score_reader import ScoreReader
from projections.questions.answer import plain
from projections.questions.what_would_it_take import MORE, WhatWouldItTake, what_would_it_take
from tests.console.designation_story import AREA, close, opened, qualified, restated, usage
from tests.ledger.programmes.capability.book import micros
from tests.oracle.capability.histories import history
from tests.oracle.capability_from_text.histories import histories
from tests.oracle.capability_from_text.score import METRICS, state
from tests.oracle.survey.time import stamp
from tests.projections.capability.support import NOW, ScoreBook, dense_history, score_book, some_instant
from tests.support.real_book import some_folder
from tests.support.soak import scaled

UNITS = {
    "net-adds": "now",
    "intermediate": "people",
    "advanced": "people",
    "usage-growth": "percent",
    "deployments": "now",
}


def further_facts(random: Random, told: ScoreBook, key: tuple[str, str], at: datetime) -> list[dict[str, Any]]:
    """Facts that add customers, deployments, usage and people to what counts at an instant."""
    edition, score = told.oracle.edition(key[1], at), state(told.oracle, *key, at)
    assert edition is not None
    common = {"membership": key[0], "area": key[1], "occurred_at": stamp(NOW)}
    facts: list[dict[str, Any]] = []
    for tier in ("intermediate", "advanced"):
        facts += [
            {"type": "record-certificate", "certificate": f"more-{tier}-{n}", "person": f"more-{n}", "code": "x", "tier": tier,
             "valid_from": (at - timedelta(days=1)).date().isoformat()}
            for n in range(random.choice([0, 1, 2, 5]))
        ]  # fmt: skip
    if score["month"] is not None:
        report = {"month": score["month"]}
        sold = edition["net_adds"]
        for n in range(random.choice([0, 1, 2, 5])):
            cents = sold["threshold_cents"][score["track"]]
            facts.append({"type": "report-revenue", **report, "customer": f"sold-{n}", "workload": "retail",
                          "amount_cents": cents, "association": sold["associations"][0]})  # fmt: skip
        for n in range(random.choice([0, 1, 2, 5, 30])):
            workload, rate = random.choice(sorted(edition["rates"].items()))
            least = edition["deployments"]["threshold_mcv"][score["track"]] * 1_000
            units = max(1, -(-least // rate["rate_milli"]) - random.choice([0, 0, 1]))
            facts.append({"type": "report-usage", **report, "customer": f"used-{n}", "workload": workload, "units": units,
                          "association": rate["associations"][0]})  # fmt: skip
    return [{**common, **fact, "id": f"more-{number}"} for number, fact in enumerate(facts)]


def numbers(metric: str, score: dict[str, Any]) -> int:
    """How much of its unit a metric has; 0 where nothing is compared."""
    return int(score["metrics"][metric][UNITS[metric]] or 0)


def check_supposed(told: ScoreBook, random: Random) -> str:
    """Supposes what facts then do; says what became of it."""
    key = random.choice(sorted(told.oracle.designations()))
    end = len(told.oracle.accepted)
    at, known = some_instant(random, told.oracle, *key, end), told.position_of(end)
    before = state(told.oracle, *key, at)
    if before["edition"] is None:
        return "no edition"
    told.tell(further_facts(random, told, key, at))
    after = state(told.oracle, *key, at)
    if after["track"] != before["track"]:
        return "another track"
    more: dict[Any, int] = {metric: numbers(metric, after) - numbers(metric, before) for metric in METRICS}
    with told.reader() as reader:
        found = what_would_it_take(reader, *key, micros(at), known, more)
    assert (found.centipoints, found.qualified) == (before["centipoints"], before["qualified"])
    assert (found.supposed_centipoints, found.supposed_qualified) == (after["centipoints"], after["qualified"])
    for metric, one in found.metrics.items():
        points = (before["metrics"][metric]["centipoints"], after["metrics"][metric]["centipoints"])
        assert (one.centipoints, one.supposed_centipoints) == points, metric
    assert found.supposed_zero == tuple(one for one in METRICS if not after["metrics"][one]["centipoints"])
    return "same" if after["centipoints"] == before["centipoints"] else "more"


def check_enough(reader: ScoreReader, key: tuple[str, str], at_us: int, random: Random) -> Counter[bool | None]:
    """One less than enough is not, and neither is a metric's maximum where nothing is said to be; counts of each."""
    amounts: dict[Any, int] = {metric: random.choice([0, 0, 1, 3, 40]) for metric in METRICS}
    found = what_would_it_take(reader, *key, at_us, None, amounts)
    seen: Counter[bool | None] = Counter()

    def supposed(more: dict[Any, int]) -> WhatWouldItTake:
        return what_would_it_take(reader, *key, at_us, None, more)

    for metric, one in found.metrics.items():
        for least, others in ((one.alone, {}), (one.beside_others, amounts)):
            seen[None if least is None else least > 0] += 1
            if least is None:
                assert not supposed({**others, metric: one.to_maximum or 0}).supposed_qualified
                continue
            assert supposed({**others, metric: least}).supposed_qualified
            assert least == 0 or not supposed({**others, metric: least - 1}).supposed_qualified
        most = one.to_maximum
        if most is None:
            assert supposed({metric: 10**12}).metrics[metric].supposed_centipoints == one.centipoints
            continue
        full = supposed({metric: most}).metrics[metric].supposed_centipoints
        assert full == supposed({metric: most + 1_000}).metrics[metric].supposed_centipoints
        assert most == 0 or supposed({metric: most - 1}).metrics[metric].supposed_centipoints < full
    return seen


@settings(max_examples=scaled(25), deadline=None, suppress_health_check=[*HealthCheck])
@given(histories(), st.randoms(use_true_random=False))
def test_what_is_supposed_is_the_score_of_a_book_in_which_it_is_so(facts: list[Any], random: Random) -> None:
    with some_folder() as folder, score_book(folder) as told:
        told.tell(facts)
        if told.oracle.designations():
            check_supposed(told, random)


def test_in_books_of_many_reports_too_and_not_of_nothing(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    for seed in range(8):
        random, folder = Random(seed), tmp_path / str(seed)
        folder.mkdir()
        with score_book(folder, 3) as told:
            told.tell(dense_history(random, 40))
            seen[check_supposed(told, random)] += 1
    assert seen["more"] >= 3, seen


def test_enough_is_enough_and_one_less_is_not(tmp_path: Path) -> None:
    seen: Counter[bool | None] = Counter()
    for seed in range(12):
        random, folder = Random(seed), tmp_path / str(seed)
        folder.mkdir()
        with score_book(folder, 3) as told:
            told.tell(dense_history(random, 40) if seed % 2 else list(history(random, 40)))
            for key in told.oracle.designations():
                with told.reader() as reader:
                    for _ in range(4):
                        at = some_instant(random, told.oracle, *key, len(told.oracle.accepted))
                        seen += check_enough(reader, key, micros(at), random)
    assert seen.keys() == {None, False, True}, seen


def test_the_partner_of_the_story_lacks_what_a_restatement_took_and_no_metric_alone_gives_it_back(
    tmp_path: Path,
) -> None:
    with score_book(tmp_path) as told:
        told.tell([*qualified(), restated()])
        at_us = micros(datetime.fromisoformat("2024-09-02T00:00:00+00:00"))
        with told.reader() as reader:
            now = what_would_it_take(reader, "m-1", AREA, at_us)
            before = what_would_it_take(reader, "m-1", AREA, at_us, told.positions[-2])
            both = what_would_it_take(reader, "m-1", AREA, at_us, None, {"deployments": 3, "intermediate": 2})
            with pytest.raises(UnknownDesignation):
                what_would_it_take(reader, "m-1", AREA, at_us, 0)
    assert (now.centipoints, now.supposed_missing_centipoints, now.supposed_zero) == (4_400, 2_600, ("usage-growth",))
    assert {metric: one["alone"] for metric, one in plain(now)["metrics"].items()} == dict.fromkeys(METRICS)
    assert now.metrics["usage-growth"].to_maximum is None  # the base is gone: no percent brings points
    assert [now.metrics[metric].to_maximum for metric in ("net-adds", "intermediate", "advanced", "deployments")] == [
        2,
        2,
        0,
        3,
    ]
    assert (before.qualified, before.metrics["deployments"].alone) == (True, 0)
    assert (both.supposed_centipoints, both.supposed_qualified) == (4_400 + 1_200 + 800, False)
    assert MORE.keys() == now.metrics.keys()


def test_percents_that_are_supposed_are_those_that_further_usage_brings(tmp_path: Path) -> None:
    """27,500 against 25,000 a year before are 10 %; each further percent is worth 250, or 1,250 units."""
    told_before = [
        *opened(),
        usage("usage-1", "2023-06-20T00:00:00Z", "c-1", "2023-05", 125_000),
        usage("usage-2", "2024-06-18T00:00:00Z", "c-1", "2024-05", 137_500),
        close(),
    ]
    at_us = micros(datetime.fromisoformat("2024-07-01T00:00:00+00:00"))
    with score_book(tmp_path) as told:
        told.tell(told_before)
        known = told.positions[-1]
        for number, (units, percent) in enumerate([(1_250, 1), (4_999, 4), (1, 5), (20_000, 21)]):
            told.tell([usage(f"more-{number}", "2024-07-01T00:00:00Z", f"further-{number}", "2024-05", units)])
            with told.reader() as reader:
                now = what_would_it_take(reader, "m-1", AREA, at_us)
                supposed = what_would_it_take(reader, "m-1", AREA, at_us, known, {"usage-growth": percent})
            assert (supposed.centipoints, supposed.metrics["usage-growth"].to_maximum) == (1_000, 20)
            assert supposed.supposed_centipoints == now.centipoints == min(3_000, 1_000 + 100 * percent)
