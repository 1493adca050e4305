"""A host with the key that rewrites a designation in a book of both programmes: what it seals again is refuted.

Everything that an announcement or a decision says is tried in turn. Of a fact or an edition, which only a source knows to
be true, it is refuted where the rules would have made something else of it (`test_a_changed_fact_…`); that it was changed
at all is what the log's witnesses are for (`test_book_attacks`).
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ledger.audit.audit import AuditReport
from ledger.instants import parse_instant
from ledger.programmes.registry import fact_from_object
from tests.contracts.backends import BACKENDS
from tests.ledger.seal.support import Clocked, a_ledger
from tests.ledger.seal.test_organisation_attacks import History, sealed_again
from tests.oracle.capability_from_text.form import is_well_formed
from tests.oracle.survey.time import instant, stamp
from tests.support.capability_story import SMALL_ONES, WORKED_EXAMPLE, Story
from tests.support.real_book import real_book, some_folder
from tests.support.soak import scaled

ANNOUNCEMENT, DECISION, EDITION = "DesignationChanged", "DesignationDecided", "ScorebookPublished"
CONSEQUENCES = (ANNOUNCEMENT, DECISION)
STREAMS = ("designation-m-1/business-applications", "designation-m-2/data-and-ai")


@pytest.fixture(scope="module")
def history() -> History:
    """A survey with its decision, then two designations; as it is sealed."""
    with some_folder() as folder, a_ledger(BACKENDS[0], str(folder / "book.db"), folder / "log") as ledger:
        story = Story(Clocked(ledger.store))
        for told in (*WORKED_EXAMPLE, *SMALL_ONES):
            story.tell(*told)
        ledger.seal()
        assert ledger.audit().verdict == "confirmed"
        return [(row.stream, json.loads(row.stored)) for row in ledger.store.read_feed(0, 1_000)]


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[Callable[[History], AuditReport]]:
    """The audit of a book with another history, sealed with the right key."""
    with a_ledger(BACKENDS[0], str(tmp_path / "book.db"), tmp_path / "log", []) as ledger:
        count = 0

        def audited(rewritten: History) -> AuditReport:
            nonlocal count
            count += 1
            return sealed_again(ledger, tmp_path / str(count), rewritten).audit()

        yield audited


def of_type(history: History, *types: str) -> list[int]:
    """Where the events of designations of some types stand, and the editions of their areas."""
    return [place for place, (_, event) in enumerate(history) if event["type"] in types]


def places_in(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every figure of an event's data."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield way
        return
    for key, one in inner:
        yield from places_in(one, (*way, key))


def spoilt(value: Any) -> Any:
    """Something else of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if value is None:
        return "2024-01"
    if isinstance(value, str) and value.isdigit():
        return str(int(value) + 1)
    if isinstance(value, str) and "T" in value and value.endswith("Z"):
        return stamp(instant(value) + (instant("2024-01-01T00:00:00.000001Z") - instant("2024-01-01T00:00:00Z")))
    return OTHERS.get(value, f"{value}x")


OTHERS = {
    "qualified": "not-qualified", "not-qualified": "qualified", "no-edition": "not-qualified", "smb": "enterprise",
    "enterprise": "smb", "report": "close", "close": "report", "certificate": "report", "scorebook": "report",
    "expiry": "certificate", "cpor": "dpor", "pal": "csp-1", "csp-1": "pal", "csp-2": "cpor",
    "intermediate": "advanced", "advanced": "intermediate",
}  # fmt: skip


def changed(history: History, place: int, way: tuple[Any, ...]) -> History:
    """The history with one figure of one event spoilt."""
    event = deepcopy(history[place][1])
    inner = event["data"]
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = spoilt(inner[way[-1]])
    return [*history[:place], (history[place][0], event), *history[place + 1 :]]


@pytest.mark.parametrize("event_type", CONSEQUENCES)
def test_everything_that_is_announced_and_decided_is_rechecked(
    history: History, judge: Callable[[History], AuditReport], event_type: str
) -> None:
    tried: set[tuple[Any, ...]] = set()
    for place in reversed(of_type(history, event_type)):
        for way in places_in(history[place][1]["data"]):
            if way in tried:
                continue
            report = judge(changed(history, place, way))
            assert report.verdict == "refuted", (history[place], way)
            assert any(finding.found != finding.expected for finding in report.findings)
            tried.add(way)
    assert len(tried) > {ANNOUNCEMENT: 13, DECISION: 40}[event_type]


def test_an_announcement_left_out_told_twice_or_told_late_is_refuted(
    history: History, judge: Callable[[History], AuditReport]
) -> None:
    late = 0
    for place in of_type(history, ANNOUNCEMENT):
        one = history[place]
        rest = [*history[:place], *history[place + 1 :]]
        assert judge(rest).verdict == "refuted", one
        assert judge([*history[: place + 1], one, *history[place + 1 :]]).verdict == "refuted", one
        of_stream = [number for number, (stream, _) in enumerate(rest) if stream == one[0] and number >= place]
        if of_stream:
            after = of_stream[0] + 1
            assert judge([*rest[:after], one, *rest[after:]]).verdict == "refuted", one
            late += 1
    assert late > 3


def test_a_decision_left_out_is_missed_by_the_next_one_and_one_told_twice_is_refuted(
    history: History, judge: Callable[[History], AuditReport]
) -> None:
    missed = 0
    decided = of_type(history, DECISION)
    for place in decided:
        stream, event = history[place]
        again = [
            other for other in decided if other > place and history[other][0] == stream
            and history[other][1]["data"]["anniversary"] == event["data"]["anniversary"]
        ]  # fmt: skip
        if again:
            assert judge([*history[:place], *history[place + 1 :]]).verdict == "refuted", event
            missed += 1
        double = deepcopy(event)
        double["data"]["revision"] += 1
        double["fact"] = "forged"
        assert judge([*history[: place + 1], (stream, double), *history[place + 1 :]]).verdict == "refuted", event
    assert missed > 3


def test_an_edition_taken_out_or_published_without_its_consequences_is_refuted(
    history: History, judge: Callable[[History], AuditReport]
) -> None:
    for place in of_type(history, EDITION):
        name = history[place][1]["data"]["edition"]
        expected = "confirmed" if name == "next" else "refuted"  # it takes effect after all that was announced
        assert judge([*history[:place], *history[place + 1 :]]).verdict == expected, name
    place = of_type(history, EDITION)[-1]
    stream, event = history[place]
    data = event["data"] | {"edition": "forged", "effective_from": "2024-03-01T00:00:00.000000Z"}
    assert judge([*history, (stream, event | {"data": data, "fact": "forged"})]).verdict == "refuted"


def test_an_event_moved_to_another_designation_is_refuted(
    history: History, judge: Callable[[History], AuditReport]
) -> None:
    for event_type in (*CONSEQUENCES, "MonthClosed", "CertificateEnded", "DesignationOpened"):
        place = of_type(history, event_type)[0]
        stream, event = history[place]
        other = STREAMS[stream == STREAMS[0]]
        assert judge([*history[:place], (other, event), *history[place + 1 :]]).verdict == "refuted", event_type


def test_a_designation_that_is_cut_off_is_the_logs_affair_and_one_that_was_never_opened_is_refuted(
    history: History, judge: Callable[[History], AuditReport]
) -> None:
    without = [one for one in history if one[0] != STREAMS[1]]
    assert judge(without).verdict == "confirmed"  # sealed anew it is another log: no checkpoint of the old one fits
    place = next(number for number, one in enumerate(history) if one[0] == STREAMS[1])
    assert history[place][1]["type"] == "DesignationOpened"
    assert judge([*history[:place], *history[place + 1 :]]).verdict == "refuted"


# Facts: the audit finds something exactly where the writer would have made something else of the changed fact


def accepted_facts() -> list[tuple[Any, str]]:
    """Facts of the story that are accepted, with the clock at which each is told."""
    with real_book() as book:
        story = Story(book)
        for told in (*WORKED_EXAMPLE, *SMALL_ONES):
            story.tell(*told)
    refused = {name.split()[-1] for name in story.refusals}
    return [(fact, now) for fact, now in story.told if fact is not None and fact["id"] not in refused]


def told_again(told: list[tuple[Any, str]]) -> History:
    """What the writer makes of facts, each told in a transaction of its own."""
    with some_folder() as folder, a_ledger(BACKENDS[0], str(folder / "book.db"), folder / "log", []) as ledger:
        clocked = Clocked(ledger.store)
        for fact, now in told:
            clocked.now_us = parse_instant(now)
            clocked.record([fact_from_object(fact)])
        return [(row.stream, json.loads(row.stored)) for row in ledger.store.read_feed(0, 1_000)]


def consequences(history: History) -> list[tuple[str, Any]]:
    """Which facts were accepted, and what stands announced and decided in each designation, in its order."""
    said = [(stream, event["data"]) for stream, event in history if event["type"] in CONSEQUENCES]
    accepted = [("", event["fact"]) for _, event in history if event["type"] != ANNOUNCEMENT]
    return [*accepted, *sorted(said, key=lambda one: one[0])]


def others(key: Any, value: Any) -> list[Any]:
    """What a figure of a fact might be instead, and still be well formed."""
    if key in ("units", "amount_cents"):
        return [value + 1, max(0, value - 1), 0]
    if isinstance(value, int):
        return [value + 1, max(1, value - 1), 1]
    if key == "month":
        return ["2023-01", "2024-01", "2023-08"]
    if key in ("occurred_at", "closed_at", "effective_from"):
        return [spoilt(value), "2024-05-15T00:00:00.000000Z"]
    if key in ("valid_from", "valid_until", "on", "anniversary"):
        return ["2024-02-28", "2024-05-01"]
    return [spoilt(value)]


def mutants(told: list[tuple[Any, str]]) -> Iterator[tuple[int, Any]]:
    """Every other fact that might have been told, with the place of the one in whose stead."""
    for place, (fact, _) in enumerate(told):
        if fact["type"] == "decide-designation":
            continue
        for way in places_in(fact):
            if way[0] in ("id", "type", "area", "membership"):
                continue
            for value in others(way[-1], way_to(fact, way)):
                other = deepcopy(fact)
                way_to(other, way[:-1])[way[-1]] = value
                if is_well_formed(other):
                    yield place, other


def way_to(value: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        value = value[key]
    return value


def test_a_changed_fact_is_refuted_exactly_where_the_writer_would_have_made_something_else_of_it(
    judge: Callable[[History], AuditReport],
) -> None:
    seed = time.time_ns() % 10**9
    print(f"seed {seed}")
    facts = accepted_facts()
    true = told_again(facts)
    expected = consequences(true)
    found: Counter[str] = Counter()
    tried = list(mutants(facts))
    for place, other in Random(seed).sample(tried, min(scaled(60), len(tried))):
        again = told_again([*facts[:place], (other, facts[place][1]), *facts[place + 1 :]])
        own = [event for _, event in again if event["fact"] == other["id"] and event["type"] not in CONSEQUENCES]
        if not own:
            found["refused by the writer"] += 1
            continue
        forged = [
            (stream, own[0] if event["fact"] == other["id"] and event["type"] not in CONSEQUENCES else event)
            for stream, event in true
        ]
        verdict = judge(forged).verdict
        assert verdict == ("confirmed" if consequences(again) == expected else "refuted"), other
        found[verdict] += 1
    print(dict(found))
    assert found["confirmed"] > 10
    assert found["refuted"] > 10
