"""A whole stream recomputed: a writer by the letter of the rules is found right, and every change to it is found."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest

from ledger.proof.log.event import Event, add_months, format_instant, parse_event
from ledger.proof.survey import past, recheck
from ledger.proof.survey.programme import RULEBOOK
from ledger.proof.survey.recheck import Difference, StreamCheck, check_stream
from ledger.proof.survey.replay import Membership, Rulebook
from ledger.proof.survey.rules import status
from ledger.proof.survey.sweep import Flip, Sweep
from tests.ledger.proof.book import Book, us

DAY_US = 86_400_000_000
SEEDS = range(30)


def brute_force_flips(membership: Membership, rulebook: Rulebook, until: int) -> list[Flip]:
    """The status at every instant at which it could change, one after the other."""
    instants = {edition.effective_us for edition in rulebook.editions}
    instants |= {since for since, *_ in membership.learning}
    received = [response.received_us for response in membership.by_time] + [when for when, _ in membership.evaluations]
    instants |= set(received)
    for months in {edition.window_months for edition in rulebook.editions}:
        instants |= {add_months(when, months) for when in received}
    flips = []
    for when in sorted(instant for instant in instants if instant <= until):
        before, after = status(membership, rulebook, when - 1), status(membership, rulebook, when)
        if before.satisfied == after.satisfied:
            continue
        learning = membership.holds_learning(when - 1), membership.holds_learning(when)
        if rulebook.at(when - 1) != rulebook.at(when):
            cause = "rulebook"
        elif after.via == "responses":
            cause = "response"
        elif after.via == "evaluations":
            cause = "membership" if learning == (False, True) else "evaluation"
        else:
            cause = "membership" if learning == (True, False) else "expiry"
        flips.append(
            Flip(when, after.satisfied, before.satisfied, after.via, after.location, after.counted, after.organisations,
                 after.edition, cause)
        )  # fmt: skip
    return flips


def identity(flip: Flip) -> tuple[Any, ...]:
    """What of a flip is announced anew when it changes."""
    return flip.effective_us, flip.satisfied, flip.via, flip.location, flip.edition


class Writer:
    """Announces by the letter, with brute force: after each fact, review or edition."""

    def __init__(self, book: Book, stream: str) -> None:
        self.book = book
        self.stream = stream
        self.horizon = -(10**18)
        self.announced: list[Flip] = []

    def after(self, occurred: int, kind: str, *, fact: str | None = "f", compare: bool = False) -> None:
        """Announces what follows from the event just appended."""
        book, old = self.book, self.horizon
        self.horizon = max(old, occurred) if kind != "rulebook" else old
        true = brute_force_flips(book.membership(self.stream), book.rulebook(), self.horizon)
        if occurred <= old or compare:
            ours = {flip.effective_us: flip for flip in self.announced if flip.satisfied != flip.previous}
            theirs = {flip.effective_us: flip for flip in true if flip.effective_us <= old}
            for when in sorted({*ours, *theirs}):
                said, wanted = ours.get(when), theirs.get(when)
                if said is None or wanted is None or identity(said) != identity(wanted):
                    self._issue_from(when, wanted, true, kind, fact)
                    return
        for flip in true:
            if flip.effective_us > old:
                self._announce(flip, fact, revises=False)

    def _issue_from(self, when: int, wanted: Flip | None, true: list[Flip], kind: str, fact: str | None) -> None:
        if wanted is None:
            at = status(self.book.membership(self.stream), self.book.rulebook(), when)
            same = Flip(
                when, at.satisfied, at.satisfied, at.via, at.location, at.counted, at.organisations, at.edition, kind
            )
            self._announce(same, fact, revises=True)
        for flip in true:
            if flip.effective_us >= when:
                self._announce(flip, fact, revises=True)

    def _announce(self, flip: Flip, fact: str | None, *, revises: bool) -> None:
        self.announced = [said for said in self.announced if said.effective_us < flip.effective_us] + [flip]
        at = format_instant(flip.effective_us)
        self.book.append(self.stream, "EligibilityChanged", at, flip.data | {"revises": revises}, fact=fact)


def random_book(seed: int) -> tuple[Book, str]:
    """A busy membership: facts in order and late, voidings, reviews, and editions in the past and the future."""
    drawn = random.Random(seed)
    book = Book()
    book.publish("e", "2010-01-01", min_responses=3, per_org_cap=2, min_evaluations=2,
                 pool_locations=seed % 3 == 0, window_months=drawn.choice([2, 6, 12]))  # fmt: skip
    stream = book.enrol("m-1", competencies=["Learning"] if seed % 2 else [], locations=["x", "y"])
    writer = Writer(book, stream)
    now = us("2010-01-05")
    writer.after(now, "membership")
    responses: list[str] = []
    pairs: list[tuple[str, str]] = []
    for i in range(70):
        now += drawn.randrange(20) * DAY_US
        late = drawn.random() < 0.25
        when = now - drawn.randrange(1, 200) * DAY_US if late else now
        at = format_instant(when)
        match drawn.randrange(15):
            case 0:
                book.append(stream, "MembershipUpdated", at, {"competencies": drawn.choice([["Learning"], []])})
                writer.after(when, "membership")
            case 1 | 2:
                book.append(stream, "EvaluationReceived", at, {"evaluation": f"e{i}"})
                writer.after(when, "evaluation")
            case 3 | 4 if responses:
                book.void(stream, responses.pop(drawn.randrange(len(responses))), format_instant(now))
                writer.after(now, "void", compare=True)
            case 5:
                writer.after(now + 3 * DAY_US, "review", fact=None)
            case 6 if drawn.random() < 0.3:
                effective = now + drawn.randrange(-300, 300) * DAY_US
                figures = {"min_responses": drawn.randrange(1, 5), "window_months": drawn.choice([1, 6, 12])}
                book.publish(f"e{i}", format_instant(effective), pool_locations=drawn.random() < 0.5, **figures)
                writer.after(effective, "rulebook", fact="edition")
            case 7 if drawn.random() < 0.3:
                book.append(stream, "LocationAdded", at, {"location": drawn.choice([f"l{i}", f"z{i}"])})
                writer.after(when, "membership", compare=True)
            case 8 if now > us("2010-06-01"):
                date = format_instant(now)[:10]
                book.append(stream, "RenewalDateSet", format_instant(now), {"renewal_date": date})
                writer.after(now, "membership")
                book.decide(stream, date, format_instant(now))
                if drawn.random() < 0.5:  # a writer that knows that a decision changes no status may leave this out
                    writer.after(now, "membership")
            case 9 | 10 if pairs:
                pair = pairs.pop(drawn.randrange(len(pairs)))
                book.separate(stream, *drawn.choice([pair, pair[::-1]]), at)
                writer.after(when, "organisation", compare=True)
            case 9 | 10:
                organisations = book.membership(stream).organisations
                one, other = drawn.sample([f"org-{n}" for n in range(4)], 2)
                if organisations.key(one) != organisations.key(other):
                    pairs.append((one, other))
                    book.join(stream, one, other, at)
                    writer.after(when, "organisation", compare=True)
            case _:
                responses.append(f"r{i}")
                book.respond(stream, f"r{i}", at, f"org-{drawn.randrange(3)}", drawn.choice(["x", "x", "y"]))
                writer.after(when, "response")
    return book, stream


def in_log_order(book: Book, stream: str) -> list[Event]:
    entries = sorted([*book.streams[RULEBOOK], *book.streams[stream]], key=lambda entry: entry.index)
    return [parse_event(entry.entry) for entry in entries]


@cache
def events_of(seed: int) -> list[Event]:
    return in_log_order(*random_book(seed))


@pytest.fixture(params=[recheck.SWEPT_MAX, 0], ids=["swept", "kept"])
def swept_max(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """By sweeps of the past, and by its counts kept from the first sweep on."""
    monkeypatch.setattr(recheck, "SWEPT_MAX", request.param)
    monkeypatch.setattr(past, "PART_MAX", 8)
    return int(request.param)


@pytest.mark.usefixtures("swept_max")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_writer_by_the_letter_is_found_right(seed: int) -> None:
    events = events_of(seed)
    check = check_stream(events)
    assert check.differences == []
    assert check.announcements == sum(event.type == "EligibilityChanged" for event in events)
    assert check.decisions == sum(event.type == "RenewalDecided" for event in events)


def test_the_random_books_are_busy_enough_to_prove_something() -> None:
    announced = [e.data for seed in SEEDS for e in events_of(seed) if e.type == "EligibilityChanged"]
    assert len(announced) > 500
    assert sum(data["revises"] for data in announced) > 100
    assert sum(data["satisfied"] == data["previous"] for data in announced) > 10
    assert {data["cause"] for data in announced if data["satisfied"] != data["previous"]} == {
        "response", "evaluation", "membership", "expiry", "rulebook",
    }  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_flips_found_step_by_step_are_those_of_brute_force(seed: int) -> None:
    book, stream = random_book(seed)
    membership, rulebook = book.membership(stream), book.rulebook()
    until = us("2016-01-01")
    expected = brute_force_flips(membership, rulebook, until)
    assert Sweep(membership, rulebook, us("2009-01-01")).advance(until) == expected
    sweep, found = Sweep(membership, rulebook, us("2009-01-01")), []
    for when in range(us("2009-01-01"), until + 1, 37 * DAY_US):
        found += sweep.advance(when)
    assert found + sweep.advance(until) == expected


@pytest.mark.parametrize("microseconds", [-2, -1, 0, 1, 2])
def test_a_response_received_about_when_something_else_changes(microseconds: int) -> None:
    """Taken one at a time as they come in, the second as the first expires, the third as an edition takes effect."""
    book = Book()
    book.publish("one", "2010-01-01", min_responses=1, min_organisations=1, window_months=1)
    book.publish("two", "2010-06-01", min_responses=2, min_organisations=1, window_months=1)
    stream = book.enrol("m-1")
    first_us = us("2010-02-10T10:00:00.000000Z")
    book.respond(stream, "r-1", format_instant(first_us), "org-1")
    membership = book.membership(stream)
    sweep, found = Sweep(membership, book.rulebook(), us("2010-01-06")), list[Flip]()
    found += sweep.advance(first_us)
    for name, about_us in (("r-2", add_months(first_us, 1)), ("r-3", us("2010-06-01")), ("r-4", us("2010-06-02"))):
        event = book.respond(stream, name, format_instant(about_us + microseconds), "org-1")
        membership.apply(event)
        found += sweep.receive(membership.responses[name])
        assert (sweep.at_us, found) == (event.occurred_us, all_flips(book, stream, event.occurred_us))
    assert found + sweep.advance(us("2011-01-01")) == all_flips(book, stream, us("2011-01-01"))


def all_flips(book: Book, stream: str, until_us: int) -> list[Flip]:
    """What a new sweep finds."""
    return Sweep(book.membership(stream), book.rulebook(), us("2010-01-06")).advance(until_us)


def changed(data: dict[str, Any], key: str) -> dict[str, Any]:
    """The data with another value of the same type."""
    value = data[key]
    if isinstance(value, bool):
        return data | {key: not value}
    if isinstance(value, int):
        return data | {key: value + 1}
    if key == "effective_at":
        return data | {key: value.replace("00Z", "01Z")}
    return data | {key: "another"}


@pytest.mark.parametrize("seed", range(6))
def test_every_field_of_every_announcement_matters(seed: int) -> None:
    events = events_of(seed)
    for index, event in enumerate(events):
        if event.type != "EligibilityChanged":
            continue
        for key in event.data:
            if key == "revises" and not event.data[key]:
                continue  # that a first announcement revises nothing cannot be told from the stream alone
            spoilt = [*events[:index], event._replace(data=changed(event.data, key)), *events[index + 1 :]]
            if key == "revises":
                spoilt_check = check_stream(spoilt)
                assert all("revises" in difference.what for difference in spoilt_check.differences)
            else:
                assert check_stream(spoilt).differences, (key, event.where)


@pytest.mark.parametrize("seed", range(6))
def test_a_missing_a_repeated_and_an_invented_announcement_are_found(seed: int) -> None:
    events = events_of(seed)
    for index, event in enumerate(events):
        if event.type != "EligibilityChanged":
            continue
        repeated = check_stream([*events[: index + 1], event, *events[index + 1 :]]).differences
        assert repeated
        shift = {"effective_at": format_instant(event.occurred_us + 1)}
        invented = event._replace(occurred_us=event.occurred_us + 1, data=event.data | shift | {"revises": True})
        assert check_stream([*events[: index + 1], invented, *events[index + 1 :]]).differences, event.where
        facts = [e for e in events[:index] if e.type not in ("EligibilityChanged", "RulebookPublished")]
        if event.data["satisfied"] == event.data["previous"] or event.occurred_us > max(e.occurred_us for e in facts):
            continue  # nor can a review be told that found a flip which a later fact took away again
        if event.data["revises"] and event.data["counted"] == 0:
            continue  # such a one may only correct the name of a location that counts nothing
        assert check_stream([*events[:index], *events[index + 1 :]]).differences, event.where


@pytest.mark.parametrize("seed", range(6))
def test_a_forged_decision_is_found_in_its_stream(seed: int) -> None:
    events = events_of(seed)
    forged = 0
    for index, event in enumerate(events):
        if event.type != "RenewalDecided":
            continue
        spoilt = event._replace(data=event.data | {"counted": event.data["counted"] + 1})
        differences = check_stream([*events[:index], spoilt, *events[index + 1 :]]).differences
        assert [difference.what for difference in differences] == [f"{event.where}: counted"]
        forged += 1
    assert forged


def test_one_difference_is_reported_once() -> None:
    events = events_of(1)
    first = next(i for i, event in enumerate(events) if event.type == "EligibilityChanged")
    spoilt = [*events[:first], *events[first + 1 :]]
    assert 1 <= len(check_stream(spoilt).differences) <= 3


def test_malformed_announcements_are_differences_and_do_not_stop_the_check() -> None:
    events = events_of(1)
    first = next(i for i, event in enumerate(events) if event.type == "EligibilityChanged")
    good = events[first].data
    for data in (
        {},
        good | {"x": 1},
        good | {"satisfied": 1},
        good | {"counted": True},
        good | {"effective_at": "now"},
    ):
        check = check_stream([*events[:first], events[first]._replace(data=data), *events[first + 1 :]])
        assert check.differences
        assert check.decisions == check_stream(events).decisions
    for spoilt in (events[first]._replace(version=2), events[first]._replace(actor="cl\u200bock")):
        assert check_stream([*events[:first], spoilt, *events[first + 1 :]]).differences


def busy_stream(*, late: bool) -> list[Event]:
    """Two thousand responses, an hour apart, of twenty organisations; every fifth late by a month, or void."""
    book = Book()
    stream = book.enrol("m-1")
    events = in_log_order(book, stream)
    template = book.respond(stream, "r", "2010-02-01", "org")
    start = us("2010-02-01")
    for i in range(2000):
        when = start + i * DAY_US // 24 - (30 * DAY_US if late and i > 1000 and i % 5 == 0 else 0)
        data = template.data | {"response": f"r-{i}", "customer_org": f"org-{i % 20}"}
        events.append(template._replace(seq=len(events) - 1, occurred_us=when, data=data))
        if late and i > 1000 and i % 7 == 0:
            data = {"response": f"r-{i - 300}", "reason": "fraud", "customer_org": f"org-{(i - 300) % 20}",
                    "location": "main", "received_at": format_instant(events[-1].occurred_us)}  # fmt: skip
            received = next(e for e in events if e.data.get("response") == f"r-{i - 300}")
            data["received_at"] = format_instant(received.occurred_us)
            events.append(template._replace(type="ResponseVoided", seq=len(events) - 1, occurred_us=when, data=data))
    return events


@pytest.mark.parametrize("late", [False, True])
def test_a_long_stream_costs_no_more_for_each_event_than_a_short_one(
    late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By operations, not by the clock: not all responses are looked at for each new, late or void one."""
    looked = 0
    received_within = Membership.received_within

    def counting(self: Membership, months: int, instant_us: int) -> Any:
        nonlocal looked
        looked += 1
        return received_within(self, months, instant_us)

    monkeypatch.setattr(Membership, "received_within", counting)
    check = check_stream(busy_stream(late=late))
    assert looked < 60
    assert [difference.found for difference in check.differences] == ["no change of the status"]


@pytest.mark.usefixtures("swept_max")
@pytest.mark.parametrize("seed", range(30))
def test_amended_counts_are_those_of_a_new_sweep(seed: int) -> None:
    """Late and void responses in a membership with a wide margin, a narrow one and one that lacks many; by brute force."""
    drawn = random.Random(seed)
    book = Book()
    needed = 2 if seed < 10 else drawn.randrange(2, 14)
    slow = 6 if seed % 3 else 1  # the longest window of all editions is of twelve months
    book.publish("e", "2010-01-01", min_responses=needed, min_organisations=1, window_months=2 * slow,
                 pool_locations=seed % 2 == 0)  # fmt: skip
    stream = book.enrol("m-1", locations=["x", "y"])
    writer = Writer(book, stream)
    now, names = us("2010-02-01"), list[str]()
    writer.after(us("2010-01-05"), "membership")
    for i in range(80):
        now += drawn.randrange(3 if i % 40 < 30 else 40) * slow * DAY_US
        if names and drawn.random() < 0.3:
            book.void(stream, names.pop(drawn.randrange(len(names))), format_instant(now))
            writer.after(now, "void", compare=True)
        else:
            when = now - drawn.randrange(40) * slow * DAY_US if drawn.random() < 0.4 else now
            names.append(f"r{i}")
            book.respond(stream, f"r{i}", format_instant(when), f"org-{drawn.randrange(4)}", drawn.choice(["x", "y"]))
            writer.after(when, "response")
    check = check_stream(in_log_order(book, stream))
    assert check.differences == []


class Told:
    """A membership that needs a few responses, told by the day, and what the writer by the letter makes of it."""

    def __init__(self, **figures: Any) -> None:
        self.book = Book()
        self.book.publish("e", "2009-12-01", **{"min_organisations": 1} | figures)
        self.stream = self.book.enrol("m-1")
        self.named: set[str] = set()
        self.writer = Writer(self.book, self.stream)
        self.writer.after(us("2010-01-05"), "membership")

    def respond(self, org: str, *days: str) -> None:
        for day in days:
            count = len(self.book.streams[self.stream])
            name = f"{org}.{day}" if f"{org}.{day}" not in self.named else f"{org}.{day}.{count}"
            self.named.add(name)
            self.book.respond(self.stream, name, day, org)
            self.writer.after(us(day), "response")

    def consent(self, day: str) -> None:
        self.book.append(self.stream, "ConsentGiven", day, {"subject": "s", "customer_org": "org"})
        self.writer.after(us(day), "consent")

    def evaluate(self, day: str) -> None:
        self.book.append(self.stream, "EvaluationReceived", day, {"evaluation": f"evaluation.{day}"})
        self.writer.after(us(day), "evaluation")

    def update(self, day: str, **what: Any) -> None:
        self.book.append(self.stream, "MembershipUpdated", day, what)
        self.writer.after(us(day), "membership")

    def void(self, response: str, day: str) -> None:
        self.book.void(self.stream, response, day)
        self.writer.after(us(day), "void", compare=True)

    @property
    def flips(self) -> list[str]:
        return [
            format_instant(flip.effective_us)[:10] for flip in self.writer.announced if flip.satisfied != flip.previous
        ]

    @property
    def differences(self) -> list[Difference]:
        return check_stream(in_log_order(self.book, self.stream)).differences

    def announce(self, flip: Flip, **said: Any) -> None:
        data = flip.data | {"revises": True} | said
        self.book.append(self.stream, "EligibilityChanged", format_instant(flip.effective_us), data)


def test_counts_may_be_overtaken_and_what_is_announced_anew_without_need_is_refuted() -> None:
    told = Told(min_responses=2)
    told.respond("one", "2010-02-01", "2010-03-01")
    told.respond("other", "2010-02-15")
    told.consent("2010-04-01")
    assert told.flips == ["2010-02-15"]
    told.respond("other", "2010-02-10", "2010-02-05")
    assert (told.flips, told.differences) == (["2010-02-05"], [])
    told.respond("other", "2010-02-05")
    assert (told.flips, told.differences) == (["2010-02-05"], [])
    (true,) = brute_force_flips(told.book.membership(told.stream), told.book.rulebook(), us("2010-04-01"))
    assert (true.counted, told.writer.announced[-1].counted) == (3, 2)
    told.announce(true)
    (difference,) = told.differences
    assert (difference.found, difference.expected) == (true.data, "no announcement: nothing changed by then")


def test_a_reissue_that_begins_before_what_changed_is_refuted() -> None:
    told = Told(min_responses=1)
    told.respond("one", "2010-02-01", "2011-06-01")
    assert told.flips == ["2010-02-01", "2011-02-01", "2011-06-01"]
    told.book.void(told.stream, "one.2011-06-01", "2011-07-01")
    first, second, _ = told.writer.announced
    told.announce(first)
    told.announce(second)
    (difference,) = told.differences
    assert (difference.found, difference.expected) == (first.data, "no announcement: nothing changed by then")


@pytest.mark.parametrize("cause", ["response", "expiry", "organisation"])
def test_what_stands_for_a_flip_that_vanished_names_the_kind_of_the_fact(cause: str) -> None:
    told = Told(min_responses=1)
    told.respond("one", "2010-02-01")
    told.void("one.2010-02-01", "2010-03-01")
    assert told.differences == []
    last = told.writer.announced[-1]
    assert (last.satisfied, last.previous, last.cause) == (False, False, "void")
    event = parse_event(told.book.streams[told.stream].pop().entry)
    told.book.append(told.stream, "EligibilityChanged", "2010-02-01", event.data | {"cause": cause})
    (difference,) = told.differences
    assert (difference.found["cause"], difference.expected["cause"]) == (cause, "void")


def test_a_late_response_where_nothing_was_received_before() -> None:
    told = Told(min_responses=1)
    told.consent("2010-06-01")
    told.respond("one", "2010-03-01")
    assert (told.flips, told.differences) == (["2010-03-01"], [])


def test_each_voiding_uses_up_some_of_the_margin() -> None:
    told = Told(min_responses=2)
    for number, day in enumerate(("2010-01-10", "2010-01-11", "2010-03-01", "2010-03-02", "2010-03-03")):
        told.respond(f"old-{number}", day)
    for number, day in enumerate(("2011-02-01", "2011-02-02", "2011-02-03")):
        told.respond(f"new-{number}", day)
    told.consent("2011-04-01")
    told.void("new-0.2011-02-01", "2011-04-02")
    assert (told.flips, told.differences) == (["2010-01-11"], [])
    told.void("new-1.2011-02-02", "2011-04-03")
    assert (told.flips, told.differences) == (["2010-01-11", "2011-03-03"], [])


@pytest.mark.usefixtures("swept_max")
def test_margins_are_not_believed_after_the_counts_of_the_past_were_kept() -> None:
    told = Told(min_responses=2)
    for day in range(1, 6):
        told.respond(f"early-{day}", f"2010-02-0{day}")
    told.void("early-1.2010-02-01", "2010-03-01")  # from here on they are kept
    for day in range(1, 5):
        told.respond(f"later-{day}", f"2011-01-0{day}")
    told.consent("2011-04-01")
    told.void("later-1.2011-01-01", "2011-04-02")
    told.void("later-2.2011-01-02", "2011-04-03")
    assert (told.flips, told.differences) == (["2010-02-03"], [])
    told.book.publish("later", "2012-12-01", min_responses=2, min_organisations=1)
    told.void("later-3.2011-01-03", "2011-04-04")
    assert (told.flips, told.differences) == (["2010-02-03", "2011-02-05"], [])


@pytest.mark.usefixtures("swept_max")
def test_what_a_separation_brought_near_is_not_forgotten_after_the_counts_of_the_past_were_kept() -> None:
    told = Told(min_responses=7, per_org_cap=2)
    told.book.join(told.stream, "one", "other", "2010-01-07")
    told.respond("one", "2010-02-01", "2010-02-02")
    told.respond("other", "2010-02-03", "2010-02-04")
    told.consent("2010-03-01")
    told.respond("third", *(f"2010-02-0{day}" for day in range(1, 8)))
    told.book.separate(told.stream, "one", "other", "2010-03-01")
    told.writer.after(us("2010-03-01"), "organisation", compare=True)
    told.book.publish("later", "2010-12-01", min_responses=7, per_org_cap=2, min_organisations=1)
    told.consent("2010-03-10")
    told.respond("fourth", "2010-03-05")
    assert (told.flips, told.differences) == (["2010-03-05"], [])


@pytest.mark.parametrize("learning", [["Learning"], []])
def test_late_evaluations_and_words_on_competencies_that_change_nothing_cost_no_sweep(
    learning: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(min_evaluations=2)
    told.update("2010-01-06", competencies=learning)
    for number in range(2):
        told.evaluate(f"2010-02-0{number + 1}")
    told.consent("2010-04-01")
    swept = list[tuple[Any, ...]]()
    retrace = StreamCheck._retrace
    monkeypatch.setattr(StreamCheck, "_retrace", lambda self, *span: (swept.append(span), retrace(self, *span)))
    for number in range(3, 9):
        told.evaluate(f"2010-02-0{number}")
        told.update(f"2010-02-0{number}", competencies=[*learning, f"Other {number}"])
        told.update(f"2010-02-0{number}", level="silver")
    told.consent("2011-02-05")  # here the first expire
    told.consent("2011-04-01")
    assert told.flips == (["2010-02-02", "2011-02-07"] if learning else [])
    assert told.differences == []
    assert len(swept) <= 1  # for the enrolment's location


def test_a_separation_counts_what_was_received_at_its_very_instant() -> None:
    told = Told(min_responses=4, per_org_cap=2)
    told.respond("one", "2010-02-01", "2010-02-01")
    told.book.join(told.stream, "other", "one", "2010-02-02")
    told.respond("other", "2010-03-01")
    told.book.separate(told.stream, "other", "one", "2010-03-01")
    told.writer.after(us("2010-03-01"), "organisation", compare=True)
    told.respond("third", "2010-03-02")
    assert (told.flips, told.differences) == (["2010-03-02"], [])


def test_a_late_response_after_a_voiding_moved_the_flip_before_it() -> None:
    """The flip moves within what was gone over by itself; what is known of the present must not reach back beyond it."""
    book = Book()
    book.publish("e", "2009-12-01", min_responses=2, min_organisations=1)
    stream = book.enrol("m-1")
    writer = Writer(book, stream)
    writer.after(us("2010-01-05"), "membership")
    for day in ("2010-01-10", "2010-05-20", "2010-12-05", "2011-02-12", "2011-02-13", "2011-05-21"):
        book.respond(stream, day, day, f"org {day}")
        writer.after(us(day), "response")
    book.void(stream, "2010-01-10", "2011-05-22")
    writer.after(us("2011-05-22"), "void", compare=True)
    book.respond(stream, "late", "2010-08-01", "org")
    writer.after(us("2010-08-01"), "response")
    assert format_instant(writer.announced[-1].effective_us).startswith("2010-08-01")
    assert check_stream(in_log_order(book, stream)).differences == []


@pytest.mark.usefixtures("swept_max")
@pytest.mark.parametrize("seed", range(20))
def test_counts_after_joins_and_separations_are_those_of_a_new_sweep(seed: int) -> None:
    """Of many organisations, in a membership with a wide margin and in one with none, against brute force after each."""
    drawn = random.Random(seed)
    book = Book()
    slow = 6 if seed % 3 else 1
    book.publish("e", "2010-01-01", min_responses=6, min_organisations=drawn.choice([2, 4, 12]), per_org_cap=2,
                 window_months=2 * slow, pool_locations=seed % 2 == 0)  # fmt: skip
    stream = book.enrol("m-1", locations=["x", "y"])
    writer = Writer(book, stream)
    now, pairs = us("2010-02-01"), list[tuple[str, str]]()
    writer.after(us("2010-01-05"), "membership")
    for i in range(120):
        now += drawn.randrange(2 if i % 60 < 45 else 20) * slow * DAY_US
        if drawn.random() < 0.5:
            when = now - drawn.randrange(40) * slow * DAY_US if drawn.random() < 0.2 else now
            book.respond(stream, f"r{i}", format_instant(when), f"org-{drawn.randrange(16)}", drawn.choice(["x", "y"]))
            writer.after(when, "response")
        elif pairs and drawn.random() < 0.45:
            book.separate(stream, *pairs.pop(drawn.randrange(len(pairs))), format_instant(now))
            writer.after(now, "organisation", compare=True)
        else:
            one, other = drawn.sample([f"org-{n}" for n in range(16)], 2)
            organisations = book.membership(stream).organisations
            if organisations.key(one) != organisations.key(other):
                pairs.append((one, other))
                book.join(stream, one, other, format_instant(now))
                writer.after(now, "organisation", compare=True)
    assert check_stream(in_log_order(book, stream)).differences == []
