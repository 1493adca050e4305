"""The counts of the past, kept while responses come late and go, and names are joined and separated: by brute force."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from ledger.proof.log.event import add_months, format_instant
from ledger.proof.survey import past, recheck
from ledger.proof.survey.past import Past, Steps, fewer
from ledger.proof.survey.recheck import check_stream
from ledger.proof.survey.replay import Membership, Response, Rulebook
from ledger.proof.survey.rules import Counts, enough_responses, status
from tests.ledger.proof.book import Book, us
from tests.ledger.proof.survey.test_recheck import DAY_US, in_log_order

SEEDS = range(30)
BEGIN_US = us("2010-01-01")
NOW = "2014-01-01"


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that many parts are passed over, and split."""
    monkeypatch.setattr(past, "PART_MAX", 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_steps_are_the_sums_of_what_was_added(seed: int) -> None:
    drawn, steps = random.Random(seed), Steps()
    added: list[tuple[int, int, int, int]] = []
    for _ in range(40):
        from_us, to_us = sorted(drawn.sample(range(60), 2))
        added.append((from_us, to_us, drawn.randrange(-2, 3), drawn.randrange(-2, 3)))
        steps.add(*added[-1])
        expected = [
            tuple(sum(one[figure] for one in added if one[0] <= at < one[1]) for figure in (2, 3)) for at in range(60)
        ]
        assert [steps.at(at) for at in range(60)] == expected
        first, last = sorted(drawn.sample(range(60), 2))
        found = list(steps.between(first, last, lambda *_: True))
        assert [(counts, at) for begin, end, *counts in found for at in range(begin, end)] == [
            ([*expected[at]], at) for at in range(first, last)
        ]
        least = drawn.randrange(-3, 4)
        high = steps.between(first, last, lambda _low, _other, high, _high_other: high >= least)  # noqa: B023
        seen = {at for begin, end, *_ in high for at in range(begin, end)}
        assert seen >= {at for at in range(first, last) if expected[at][0] >= least}


@pytest.mark.parametrize("seed", SEEDS)
def test_stretches_with_fewer_than_a_limit_are_those_of_brute_force(seed: int) -> None:
    drawn = random.Random(seed)
    for _ in range(30):
        lives = [(at, at + drawn.randrange(1, 12)) for at in (drawn.randrange(40) for _ in range(drawn.randrange(14)))]
        received, expiries = sorted(at for at, _ in lives), sorted(to for _, to in lives)
        limit, (from_us, to_us) = drawn.randrange(1, 5), sorted(drawn.sample(range(50), 2))
        found = list(fewer(received, expiries, limit, from_us, to_us))
        assert [at for begin, end in found for at in range(begin, end)] == [
            at for at in range(from_us, to_us) if sum(begin <= at < end for begin, end in lives) < limit
        ]
        assert all(end <= begin for (_, end), (begin, _) in pairwise(found))


def instants(membership: Membership, rulebook: Rulebook) -> list[int]:
    """All at which a count can change."""
    found = {edition.effective_us for edition in rulebook.editions}
    for response in membership.by_time:
        found |= {response.received_us}
        found |= {add_months(response.received_us, edition.window_months) for edition in rulebook.editions}
    return sorted(found)


def places_enough(counts: Counts, rulebook: Rulebook, at_us: int) -> int:
    edition = rulebook.at(at_us)
    return sum(enough_responses(edition, *count) for count in counts.values()) if edition else 0


def told(drawn: random.Random) -> Iterator[tuple[Book, str]]:
    """A book that grows by a response, a voiding, a join or a separation at a time."""
    book = Book()
    for number in range(drawn.randrange(1, 4)):
        book.publish(f"e{number}", format_instant(BEGIN_US + number * drawn.randrange(300) * DAY_US),
                     min_responses=drawn.randrange(1, 5), min_organisations=drawn.randrange(1, 3),
                     per_org_cap=drawn.randrange(1, 4), window_months=drawn.choice([1, 2, 6, 13]),
                     pool_locations=drawn.random() < 0.3)  # fmt: skip
    stream = book.enrol("m-1", locations=["x", "y"])
    names, pairs = list[str](), list[tuple[str, str]]()
    for i in range(60):
        match drawn.randrange(8):
            case 0 | 1 if names:
                book.void(stream, names.pop(drawn.randrange(len(names))), NOW)
            case 2 if pairs:
                book.separate(stream, *pairs.pop(drawn.randrange(len(pairs))), NOW)
            case 2 | 3:
                one, other = drawn.sample([f"org-{n}" for n in range(5)], 2)
                organisations = book.membership(stream).organisations
                if organisations.key(one) == organisations.key(other):
                    continue
                pairs.append((one, other))
                book.join(stream, one, other, NOW)
            case _:
                names.append(f"r{i}")
                day_us = drawn.choice([28, 29, 30, 31, drawn.randrange(400)]) * DAY_US  # months are of various lengths
                at = format_instant(BEGIN_US + day_us + drawn.randrange(3) * DAY_US // 3)
                book.respond(stream, f"r{i}", at, f"org-{drawn.randrange(5)}", drawn.choice(["x", "x", "y"]))
        yield book, stream


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_kept_is_what_is_counted_anew_and_where_enough_changes_is_told(seed: int) -> None:
    drawn = random.Random(seed)
    membership, rulebook, kept, seen = Membership(), Rulebook(), None, 0
    for book, stream in told(drawn):
        events = in_log_order(book, stream)
        for event in events[seen:]:
            if event.stream != stream:
                rulebook.publish(event)
                continue
            before: dict[int, Counts] = {}
            if kept is not None:
                before = {at: kept.counts(at) for at in instants(membership, rulebook)}
            regrouping = membership.apply(event)
            if kept is None:
                continue
            changes = []
            if regrouping is not None:
                moved = [r for r in membership.responses_of(regrouping.moved) if r.response not in membership.void]
                changes = kept.regroup(regrouping, moved)
            elif "response" in event.data:
                response = membership.responses[event.data["response"]]
                key = membership.organisations.key(response.customer_org)
                changes = kept.change(response, key, 1 if event.type == "ResponseReceived" else -1)
            doubted = kept.doubtful(changes)
            for at, counts_before in before.items():
                was, now = (places_enough(counts, rulebook, at) for counts in (counts_before, kept.counts(at)))
                assert (was > 0) == (now > 0) or (doubted and doubted[0] <= at <= doubted[1])
        seen = len(events)
        kept = kept or Past(membership, rulebook)
        for at in instants(membership, rulebook):
            if rulebook.at(at):
                assert status(membership, rulebook, at, kept.counts(at)) == status(membership, rulebook, at)


@pytest.mark.parametrize("months", [0, 1, 11, 12, 13, 24])
def test_as_many_are_within_a_window_as_are_found_there(months: int) -> None:
    """Received about the days on which months and years of any length end."""
    membership = Membership()
    days = [us("2010-12-25") + day * DAY_US + more for day in range(800) for more in (-1, 0, 1)]
    membership.by_time = [Response(day, number, f"r-{number}", "org", "x") for number, day in enumerate(sorted(days))]
    for day in range(400, 1200):
        at = us("2010-12-25") + day * DAY_US
        assert membership.number_within(months, at) == sum(1 for _ in membership.received_within(months, at))


def test_what_cannot_change_satisfied_is_not_in_doubt() -> None:
    """One more over the cap, one of a location beside one that has enough, one that leaves too few anyway."""
    book = Book()
    book.publish("e", "2010-01-01", min_responses=2, min_organisations=1, per_org_cap=2, window_months=12)
    stream = book.enrol("m-1", locations=["x", "y"])
    for number, (day, location) in enumerate((("01", "x"), ("01", "x"), ("03", "y"), *3 * [("04", "x")])):
        book.respond(stream, f"r-{number}", f"2010-02-{day}", "org", location)
    membership, rulebook = book.membership(stream), book.rulebook()
    kept = Past(membership, rulebook)

    def doubted(received: str, location: str, change: int) -> tuple[int, int] | None:
        response = Response(us(received), 99, "new", "org", location)
        return kept.doubtful(kept.change(response, "org", change))

    assert doubted("2010-02-02", "x", 1) is None
    assert doubted("2010-02-03", "y", 1) is None
    assert doubted("2010-02-03", "y", -1) is None
    assert doubted("2010-02-04", "x", -1) is None
    assert doubted("2010-02-02", "x", -1) is None
    assert doubted("2010-02-01", "x", -1) == (us("2010-02-01"), us("2010-02-04"))


def test_late_facts_of_a_long_stream_go_over_few_responses(monkeypatch: pytest.MonkeyPatch) -> None:
    """By operations, not by the clock: of many locations, none of which ever has enough."""
    looked = 0
    received_within = Membership.received_within

    def counting(self: Membership, months: int, instant_us: int) -> Iterator[Response]:
        nonlocal looked
        for response in received_within(self, months, instant_us):
            looked += 1
            yield response

    monkeypatch.setattr(Membership, "received_within", counting)
    book = Book()
    names = [f"l{number}" for number in range(50)]
    stream = book.enrol("m-1", locations=names)
    book.append(stream, "MembershipUpdated", NOW, {"competencies": []})
    events, drawn = in_log_order(book, stream), random.Random(7)
    template = in_log_order(book, stream)[-1]._replace(type="ResponseReceived")
    for i in range(600):
        data = {"response": f"r{i}", "customer_org": f"o{i % 5}", "location": drawn.choice(names)}
        when = us("2010-02-01") + drawn.randrange(4 * 365 * 24) * DAY_US // 24
        data |= {"answer_token": None, "anonymous": False}
        events.append(template._replace(seq=len(events), occurred_us=when, data=data))
    assert check_stream(events).differences == []
    assert looked < 40 * 600


def test_a_check_that_keeps_the_past_can_be_put_away_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a monitor does at the end of a round (`ledger.monitor.kept_streams`)."""
    monkeypatch.setattr(recheck, "SWEPT_MAX", 0)
    book = Book()
    book.publish("e", "2010-01-01", min_responses=2, min_organisations=1, per_org_cap=2, window_months=12)
    stream = book.enrol("m-1")
    for number, day in enumerate(("05", "03", "01", "04", "02")):
        book.respond(stream, f"r-{number}", f"2010-02-{day}", f"org-{number % 2}")
    events = in_log_order(book, stream)
    check = recheck.StreamCheck()
    for event in events:
        check.take(event)
        check = pickle.loads(pickle.dumps(check))
    check.finish()
    assert check._past is not None
    assert check.differences == check_stream(events).differences
