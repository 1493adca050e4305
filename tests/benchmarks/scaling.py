"""How the cost of a stream grows with its length, one dimension at a time: the scaling table.

    python -m tests.benchmarks.scaling [--size 1000] [NAME…]

Each dimension is a stream of n facts of a kind that could make something in the ledger quadratic: facts that come late,
in random order, over many locations, organisations, editions or attributes. It is measured at n, 2n and 4n, in CPU time
of this process. Linear work takes four times as long at 4n as at n, quadratic work sixteen times.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Final

from ledger.instants import format_instant, parse_instant
from ledger.programmes.registry import fact_from_object
from ledger.proof.log.event import parse_event
from ledger.proof.survey.recheck import check_stream
from projections.questions.history import history
from projections.questions.replay import replay
from projections.questions.status import status, status_from_evidence
from projections.survey.reading import fold, read_rulebook
from tests.support.real_book import RealBook, projected, real_book

BEGIN_US: Final = parse_instant("2010-01-01T00:00:00Z")
NOW_US: Final = parse_instant("2021-01-01T00:00:00Z")
HOUR_US: Final = 3_600_000_000
BATCH: Final = 1_000
ALREADY_DECIDED: Final = {"renewal-already-decided", "designation-already-decided"}
LONG_AGO: Final = "2009-11-02T00:00:00Z"

Fact = dict[str, Any]
Facts = Callable[[int], Iterable[Fact]]


def shuffled(facts: list[Fact], seed: int = 7) -> list[Fact]:
    """The same facts in a random order, always the same one."""
    Random(seed).shuffle(facts)
    return facts


def enrolled(locations: Iterable[str] = ("main",), competencies: Iterable[str] = ()) -> Fact:
    return {"type": "enrol-membership", "occurred_at": LONG_AGO, "name": "Contoso", "level": "gold",
            "locations": list(locations)[:1], "competencies": list(competencies)}  # fmt: skip


def located(locations: Iterable[str]) -> list[Fact]:
    """A membership with many locations."""
    first, *rest = locations
    added = ({"type": "add-location", "occurred_at": LONG_AGO, "location": name} for name in rest)
    return [enrolled([first]), *added]


def response(number: int, at_us: int, organisation: str, location: str = "main", **more: Any) -> Fact:
    return {"type": "record-response", "occurred_at": format_instant(at_us), "response": f"r-{number}",
            "customer_org": organisation, "location": location, **more}  # fmt: skip


def evaluation(number: int, at_us: int) -> Fact:
    return {"type": "record-evaluation", "occurred_at": format_instant(at_us), "evaluation": f"e-{number}"}


def edition(number: int, at_us: int, **figures: Any) -> Fact:
    return {"type": "publish-rulebook", "occurred_at": LONG_AGO, "edition": f"x-{number}",
            "effective_from": format_instant(at_us), "min_responses": 10, "per_org_cap": 8, "min_organisations": 2,
            "window_months": 12, "min_evaluations": 10, "pool_locations": False, **figures}  # fmt: skip


def competencies(at_us: int, *names: str) -> Fact:
    return {"type": "update-membership", "occurred_at": format_instant(at_us), "competencies": list(names)}


def ten(first: int = 0, at_us: int = BEGIN_US) -> list[Fact]:
    """Ten responses of two organisations: what satisfies."""
    return [response(first + number, at_us + number, "adatum" if number < 8 else "fabrikam") for number in range(10)]


def editions(n: int, *, late: bool, windows: int = 1, published: int | None = None) -> list[Fact]:
    """Editions an hour apart, of one membership with few responses; with many windows each has its own."""
    found = [
        edition(number, BEGIN_US + number * HOUR_US, window_months=12 + number % windows, per_org_cap=8 + number % 3)
        for number in range(n if published is None else published)
    ]
    return [enrolled(), *ten(), competencies(NOW_US - 1), *(shuffled(found) if late else found)]


def joins(n: int, *, locations: int = 1, apart: bool = False) -> list[Fact]:
    """Half of it responses, each of an organisation of its own, then all are joined one after the other, or half are
    joined and separated again."""
    count = n // (3 if apart else 2)
    names = [f"l{number}" for number in range(locations)]
    told = located(names) + [
        response(i, BEGIN_US + int(i * 4 * 8766 * HOUR_US / count), f"o{i}", names[i % locations]) for i in range(count)
    ]
    at = {"occurred_at": format_instant(NOW_US - 1)}
    pairs = shuffled([{"organisation": f"o{i}", "same_as": f"o{(i * 7 + 1) % i}", **at} for i in range(1, count)])
    told += [{"type": "same-organisation", **pair} for pair in pairs]
    return told + [{"type": "separate-organisations", **pair} for pair in shuffled(pairs, 8)] if apart else told


def responses_under_editions(n: int) -> list[Fact]:
    """Responses in random order, under fifty editions with windows and caps of their own."""
    rules = [
        edition(number, BEGIN_US + number * 700 * HOUR_US, window_months=1 + number, per_org_cap=2 + number)
        for number in range(50)
    ]
    span_us = 50 * 700 * HOUR_US
    return [enrolled(), *rules, *shuffled([response(i, BEGIN_US + i * span_us // n, f"o{i % 7}") for i in range(n)])]


def responses(
    n: int, *, late: bool, locations: int = 1, organisations: int = 5, years: float = 4, first: tuple[Fact, ...] = ()
) -> list[Fact]:
    """Responses spread evenly over some years; `locations` and `organisations` are so many, 0: a tenth of n."""
    locations, organisations = locations or max(1, n // 10), organisations or max(2, n // 10)
    names = [f"l{number}" for number in range(locations)] if locations > 1 else ["main"]
    drawn = Random(n)
    found = [
        response(
            i,
            BEGIN_US + int(i * years * 8766 * HOUR_US / n),
            f"o{drawn.randrange(organisations)}",
            names[drawn.randrange(locations)],
        )
        for i in range(n)
    ]
    told = [*first, *located(names)]
    return [*told, competencies(NOW_US - 1), *shuffled(found)] if late else [*told, *found]


def voids(n: int, *, locations: int = 1, organisations: int = 5) -> list[Fact]:
    """Half of the responses are void again, in random order."""
    told = responses(n // 2, late=False, locations=locations, organisations=organisations)
    gone = shuffled(
        [
            {"type": "void-response", "occurred_at": format_instant(NOW_US - 1), "response": f"r-{i}", "reason": "test"}
            for i in range(n // 2)
        ]
    )
    return [*told, *gone]


def attributes(n: int, *, late: bool, evaluations: int = 0) -> list[Fact]:
    """Learning gained and lost by turns; with evaluations each change flips, and all later ones are issued anew."""
    found = [competencies(BEGIN_US + 1_000 + i * HOUR_US, *(["Learning"] * (i % 2))) for i in range(n)]
    first = [enrolled(), competencies(NOW_US - 1), *(evaluation(i, BEGIN_US + i) for i in range(evaluations))]
    return [*first, *(shuffled(found) if late else found)]


def levels(n: int) -> list[Fact]:
    return [
        enrolled(),
        *shuffled(
            [
                {
                    "type": "update-membership",
                    "occurred_at": format_instant(BEGIN_US + i),
                    "level": ("gold", "silver")[i % 2],
                }
                for i in range(n)
            ]
        ),
    ]


def many_evaluations(n: int) -> list[Fact]:
    found = [evaluation(i, BEGIN_US + int(i * 4 * 8766 * HOUR_US / n)) for i in range(n)]
    return [enrolled(competencies=["Learning"]), competencies(NOW_US - 1, "Learning"), *shuffled(found)]


def flipping(n: int) -> list[Fact]:
    """A window of a month and one response that suffices: each flips twice, in order."""
    rule = edition(0, BEGIN_US - 1, min_responses=1, min_organisations=1, window_months=1)
    return [enrolled(), rule, *(response(i, BEGIN_US + i * 40 * 24 * HOUR_US // (1 + n // 90), "o") for i in range(n))]


def new_locations(n: int) -> list[Fact]:
    """Each comes first by name, where nothing is counted."""
    first = [
        enrolled(["zz"], ["Learning"]),
        *(evaluation(i, BEGIN_US + i) for i in range(10)),
        competencies(NOW_US - 1),
    ]
    return [*first, *({"type": "add-location", "occurred_at": LONG_AGO, "location": f"l{n - i:07}"} for i in range(n))]


def consents(n: int) -> list[Fact]:
    """One subject, asked again and again, told in random order."""
    return [
        enrolled(),
        *shuffled(
            [
                {"type": "record-consent" if i % 2 else "withdraw-consent", "occurred_at": format_instant(BEGIN_US + i),
                 "subject": "s", "customer_org": "adatum"}
                for i in range(n)
            ]
        ),
    ]  # fmt: skip


def invitations(n: int) -> list[Fact]:
    """Each invited, reminded, answered, voided: a quarter of the facts for each."""
    told: list[Fact] = [
        enrolled(),
        {"type": "record-consent", "occurred_at": LONG_AGO, "subject": "s", "customer_org": "o"},
    ]
    for i in range(n // 4):
        at = {"occurred_at": format_instant(BEGIN_US + i * HOUR_US)}
        told.append({"type": "record-invitation", "invitation": f"i-{i}", "subject": "s", "customer_org": "o",
                     "channel": "operator", **at})  # fmt: skip
        told.append({"type": "record-reminder", "invitation": f"i-{i}", **at})
        told.append(response(i, BEGIN_US + i * HOUR_US, "o", invitation=f"i-{i}"))
        told.append({"type": "void-response", "response": f"r-{i}", "reason": "test", **at})
    return told


def answered_again(n: int) -> list[Fact]:
    """One invitation, answered and voided again and again."""
    told: list[Fact] = [
        enrolled(),
        {"type": "record-consent", "occurred_at": LONG_AGO, "subject": "s", "customer_org": "o"},
    ]
    told.append({"type": "record-invitation", "invitation": "i", "subject": "s", "customer_org": "o",
                 "channel": "operator", "occurred_at": LONG_AGO})  # fmt: skip
    for i in range(n // 2):
        at_us = BEGIN_US + i * HOUR_US
        told.append(response(i, at_us, "o", invitation="i"))
        told.append(
            {"type": "void-response", "response": f"r-{i}", "reason": "test", "occurred_at": format_instant(at_us)}
        )
    return told


def renewals(n: int) -> list[Fact]:
    """Dates set and decided, one revised again after each of many responses."""
    told = [enrolled(), *ten(at_us=BEGIN_US + HOUR_US)]
    day = {"renewal_date": "2010-12-01"}
    told.append({"type": "set-renewal-date", "occurred_at": LONG_AGO, **day})
    for i in range(n // 4):
        date = format_instant(BEGIN_US + (i % 4_000) * 24 * HOUR_US)[:10]
        told.append({"type": "set-renewal-date", "occurred_at": format_instant(NOW_US - 1), "renewal_date": date})
        told.append(response(1_000 + i, BEGIN_US + HOUR_US + i, f"o{i % 7}"))
        told.append({"type": "decide-renewal", "occurred_at": format_instant(NOW_US - 1), **day})
        told.append({"type": "decide-renewal", "occurred_at": format_instant(NOW_US - 1), "renewal_date": date})
    return told


def numbered(facts: Iterable[Fact]) -> Iterator[Fact]:
    """With ids, and the membership where there is none."""
    for number, fact in enumerate(facts):
        named = {} if fact["type"].startswith("publish-") else {"membership": "m-1"}
        yield {"id": f"f-{number}", **named, **fact}


def record(facts: Iterable[Fact], book: RealBook, batch: int = BATCH) -> None:
    book.now_us = NOW_US
    parsed = [fact_from_object(fact) for fact in numbered(facts)]
    for start in range(0, len(parsed), batch):
        outcomes = book.record(parsed[start : start + batch])
        unexpected = {one.code for one in outcomes if one.status == "refused"} - ALREADY_DECIDED
        assert not unexpected, unexpected


def replayed(book: RealBook) -> None:
    for _ in replay(book.store, "m-1"):
        pass


def verified(book: RealBook) -> None:
    rows = sorted(
        [*book.store.read_stream("programme"), *book.store.read_stream("membership-m-1")], key=lambda r: r.position
    )
    check = check_stream(parse_event(row.stored) for row in rows)
    assert check.differences == []


def folded(book: RealBook) -> None:
    """The status at ten old positions, by folding."""
    for part in range(1, 11):
        through = book.store.max_position() * part // 10
        state = fold(book.store, "m-1", through)
        status_from_evidence("m-1", state.evidence, read_rulebook(book.store, through), NOW_US, through, state.renewals)


def asked(book: RealBook) -> None:
    """The projection, and a question of each kind at ten old positions."""
    with projected(book) as projection:
        projection.catch_up()
        for part in range(1, 11):
            known = book.store.max_position() * part // 10
            with projection.view() as view:
                status(view, "m-1", NOW_US - part * 10_000 * HOUR_US, known)
        with projection.view() as view:
            history(view, "m-1")


@dataclass(frozen=True)
class Dimension:
    """A stream of n facts of a kind, and what is measured of it: recording it, or a reading once it is recorded.

    `size` is its n in the normal suite. Facts are told `batch` at a time. `growth_max` is how many times as long 4n may
    take as n.
    """

    facts: Facts
    size: int
    reading: Callable[[RealBook], None] | None = None
    batch: int = BATCH
    growth_max: float = 9.5


FEW: Final = 300
_LATE_LOCATIONS: Final = partial(responses, late=True, locations=0)
_LATE_ORGANISATIONS: Final = partial(responses, late=True, organisations=0)
_LATE: Final = partial(responses, late=True)
_POOLED: Final = (edition(0, BEGIN_US, pool_locations=True),)

DIMENSIONS: Final[dict[str, Dimension]] = {
    "editions, in order": Dimension(partial(editions, late=False), FEW),
    "editions, back-dated": Dimension(partial(editions, late=True), FEW),
    "editions, each with its own window": Dimension(partial(editions, late=True, windows=1_000), FEW),
    "responses under many editions": Dimension(responses_under_editions, FEW),
    "responses in order": Dimension(partial(responses, late=False), FEW),
    "responses in random order": Dimension(_LATE, FEW),
    "responses one by one in random order": Dimension(_LATE, FEW, batch=1),
    "responses in random order within a month": Dimension(partial(_LATE, years=0.1), FEW),
    "responses of many locations, in order": Dimension(partial(responses, late=False, locations=0), FEW),
    "responses of many locations, late": Dimension(_LATE_LOCATIONS, FEW),
    "responses of many locations, late, within a year": Dimension(partial(_LATE_LOCATIONS, years=1), FEW),
    "responses of many locations, late, pooled": Dimension(partial(_LATE_LOCATIONS, first=_POOLED), FEW),
    "responses of many organisations, in order": Dimension(partial(responses, late=False, organisations=0), FEW),
    "responses of many organisations, late": Dimension(_LATE_ORGANISATIONS, FEW),
    "responses voided in random order": Dimension(voids, FEW),
    "responses of many locations voided": Dimension(partial(voids, locations=0), FEW),
    "evaluations in random order": Dimension(many_evaluations, FEW),
    "levels in random order": Dimension(levels, FEW),
    "competencies in order": Dimension(partial(attributes, late=False), FEW),
    "competencies in random order": Dimension(partial(attributes, late=True), FEW),
    "competencies that flip, in order": Dimension(partial(attributes, late=False, evaluations=10), FEW),
    "flips, in order": Dimension(flipping, FEW),
    "locations added": Dimension(new_locations, FEW),
    "consents of one subject in random order": Dimension(consents, FEW),
    "invitations, reminders, answers, voids": Dimension(invitations, FEW),
    "one invitation answered again and again": Dimension(answered_again, FEW),
    "renewals set, decided and revised": Dimension(renewals, FEW),
    "organisations joined": Dimension(joins, FEW),
    "organisations joined and separated": Dimension(partial(joins, apart=True), FEW),
    "replay of late responses": Dimension(_LATE, FEW, replayed),
    "replay of many locations": Dimension(_LATE_LOCATIONS, FEW, replayed),
    "replay of many organisations": Dimension(_LATE_ORGANISATIONS, FEW, replayed),
    "replay of many locations, in order": Dimension(partial(responses, late=False, locations=0), FEW, replayed),
    "replay of renewals": Dimension(renewals, FEW, replayed),
    "replay of editions": Dimension(partial(editions, late=True), FEW, replayed),
    "fold of late responses": Dimension(_LATE, FEW, folded),
    "questions about many locations": Dimension(_LATE_LOCATIONS, FEW, asked),
    "questions about flips": Dimension(flipping, FEW, asked),
    "questions about editions": Dimension(partial(editions, late=True), FEW, asked),
    "verification of late responses": Dimension(_LATE, FEW, verified),
    "verification of many locations": Dimension(_LATE_LOCATIONS, FEW, verified),
    "verification of voided responses": Dimension(voids, FEW, verified),
    "verification of voided responses of many locations": Dimension(partial(voids, locations=0), FEW, verified),
    "verification of voided responses of many organisations": Dimension(partial(voids, organisations=0), FEW, verified),
    "verification of many organisations": Dimension(_LATE_ORGANISATIONS, FEW, verified),
    "verification of many locations, pooled": Dimension(partial(_LATE_LOCATIONS, first=_POOLED), 2 * FEW, verified),
    "verification of responses under many editions": Dimension(responses_under_editions, FEW, verified),
    "verification of evaluations": Dimension(many_evaluations, FEW, verified),
    "verification of levels of many responses": Dimension(
        lambda n: [*responses(n // 2, late=False), *levels(n // 2)[1:]], FEW, verified
    ),
    "verification of locations": Dimension(new_locations, FEW, verified),
    "verification of joins": Dimension(joins, FEW, verified),
    "verification of competencies that flip": Dimension(partial(attributes, late=False, evaluations=10), FEW, verified),
    "verification of editions": Dimension(partial(editions, late=True), FEW, verified),
    "verification of competencies": Dimension(partial(attributes, late=True), FEW, verified),
    "verification of joins and separations": Dimension(partial(joins, apart=True), FEW, verified),
    "verification of flips": Dimension(flipping, FEW, verified),
    "verification of renewals": Dimension(renewals, FEW, verified),
}


@contextmanager
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def spent_s(dimension: Dimension, n: int) -> float:
    """CPU seconds of what the dimension measures, at a length of n."""
    with real_book() as book, _without_collector():
        start_s = time.process_time()
        record(dimension.facts(n), book, dimension.batch)
        if dimension.reading is not None:
            start_s = time.process_time()
            dimension.reading(book)
        return time.process_time() - start_s


def measure(dimension: Dimension, size: int) -> list[float]:
    """CPU seconds at n, 2n and 4n."""
    return [spent_s(dimension, size * times) for times in (1, 2, 4)]


def main(dimensions: Mapping[str, Dimension]) -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, help="n, in place of the dimension's own")
    parser.add_argument("names", nargs="*", help="dimensions whose name holds one of these; default: all")
    options = parser.parse_args()
    print(f"{'dimension':<52} {'n':>7} {'at n':>8} {'at 2n':>8} {'at 4n':>8}  4n : n")
    for name, dimension in dimensions.items():
        if not options.names or any(part in name for part in options.names):
            size = options.size or dimension.size
            found = measure(dimension, size)
            at = " ".join(f"{seconds:7.2f}s" for seconds in found)
            print(f"{name:<52} {size:>7,} {at} {found[-1] / found[0]:7.1f}", flush=True)


if __name__ == "__main__":
    main(DIMENSIONS)
