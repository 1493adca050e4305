"""The scaling table's dimensions of designations: reports, closes, certificates, editions and decisions.

python -m tests.benchmarks.scaling_designations [--size 1000] [NAME…]
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from ledger.book import replay
from ledger.instants import DAY_US, format_instant, parse_instant
from ledger.programmes.capability.calendar import month_end_us, month_text
from ledger.programmes.registry import PROGRAMMES
from ledger.proof.capability.recheck import DesignationCheck
from ledger.proof.log.event import parse_event
from projections.questions.score import score
from tests.benchmarks.scaling import HOUR_US, NOW_US, Dimension, Fact, main, shuffled
from tests.support.designations import easy_scorebook
from tests.support.real_book import RealBook, projected

AREA: Final = "small-area"
STREAM: Final = f"designation-m-1/{AREA}"
LONG_AGO: Final = "2013-01-01T00:00:00Z"
CLOSED: Final = "2015-02-20T00:00:00Z"
NOW, YEAR_BEFORE = "2015-01", "2014-01"
FEW: Final = 300
FIRST_MONTH: Final = 1900 * 12


def scorebook(number: int, effective_us: int, **figures: Any) -> Fact:
    made = easy_scorebook(f"x-{number}", format_instant(effective_us), AREA, **figures)
    return {key: value for key, value in made.items() if key != "id"} | {"occurred_at": LONG_AGO}


def about(kind: str, at: str = CLOSED, **fields: Any) -> Fact:
    return {"type": kind, "area": AREA, "occurred_at": at, **fields}


def usage(month: str, pair: int, units: int) -> Fact:
    keys = {"customer": f"c-{pair}", "workload": "alpha", "month": month, "association": "cpor"}
    return about("report-usage", **keys, units=units)


def revenue(month: str, pair: int, cents: int) -> Fact:
    keys = {"customer": f"c-{pair}", "workload": "alpha", "month": month, "association": "cpor"}
    return about("report-revenue", **keys, amount_cents=cents)


def certificate(number: int, person: int, first_day: int, days: int) -> Fact:
    first = format_instant(parse_instant(LONG_AGO) + first_day % 2_500 * DAY_US)[:10]
    until = format_instant(parse_instant(LONG_AGO) + (first_day % 2_500 + days) * DAY_US)[:10]
    fields = {"certificate": f"z-{number}", "person": f"p-{person}", "code": "x", "valid_from": first}
    return about("record-certificate", **fields, valid_until=until, tier="advanced" if number % 2 else "intermediate")


def qualified() -> list[Fact]:
    """A designation that has what it takes from the close on."""
    tiers = [
        about("record-certificate", certificate=f"q-{tier}", person="q", code="x", tier=tier, valid_from="2014-01-01")
        for tier in ("intermediate", "advanced")
    ]
    return [
        scorebook(0, parse_instant(LONG_AGO)),
        about("open-designation", LONG_AGO, name="Contoso"),
        usage(YEAR_BEFORE, -1, 10), usage(NOW, -1, 11), usage(NOW, -2, 10), revenue(NOW, -1, 100), *tiers,
        about("close-month", month=NOW),
        about("set-anniversary", format_instant(NOW_US - 1), anniversary="2015-06-30"),  # all that follows is late
    ]  # fmt: skip


def reports(n: int) -> list[Fact]:
    """Of ever new pairs, in the two compared months."""
    found = [usage((NOW, YEAR_BEFORE)[i % 2], i // 2, 5 + i % 3) for i in range(n)]
    return [*qualified(), *shuffled(found)]


def restated(n: int, *, months: int = 1) -> list[Fact]:
    """The base of the growth goes and comes; with many months it is that of one, and of the others nothing happens."""
    names = [month_text(2014 * 12 - number) for number in range(months)]
    return [*qualified(), *(usage(names[i % months], -1, 10 if i // months % 2 else 9) for i in range(n))]


def closes(n: int, *, corrected: bool = False) -> list[Fact]:
    """Of months long past, in random order; or one month whose close is moved again and again."""
    if corrected:
        ends_us = parse_instant("2015-02-01T00:00:00Z")
        moved = [format_instant(ends_us + i % 400 * HOUR_US) for i in range(n)]
        return [*qualified(), *(about("correct-close", month=NOW, closed_at=at) for at in moved)]
    numbers = range(FIRST_MONTH, FIRST_MONTH + n)
    found = [
        about("close-month", format_instant(month_end_us(number) + 19 * DAY_US), month=month_text(number))
        for number in numbers
    ]
    return [*qualified(), *shuffled(found)]


def certificates(n: int, *, people: int | None = None) -> list[Fact]:
    """Of so many people (each another one unless it is said), in random order."""
    found = [certificate(i, i if people is None else i % people, i * 7, 5 + i % 90) for i in range(n)]
    return [*qualified(), *shuffled(found)]


def ended(n: int) -> list[Fact]:
    """Half of it certificates, each of which is then ended."""
    ends = [about("end-certificate", certificate=f"z-{i}", on="2016-01-01") for i in range(n // 2)]
    return [*certificates(n // 2), *shuffled(ends)]


def editions(n: int) -> list[Fact]:
    """In random order, an hour apart, all in the past; none changes whether it is enough."""
    begin_us = parse_instant("2015-03-01T00:00:00Z")
    found = [scorebook(1 + i, begin_us + i * HOUR_US, min_centipoints=1 + i % 5) for i in range(n)]
    return [*qualified(), *shuffled(found)]


def decisions(n: int) -> list[Fact]:
    """Of an anniversary that is decided again and again, as what it looks at is restated."""
    found = list(qualified())
    for i in range(n // 2):
        found += [usage(NOW, -1, 11 + i), about("decide-designation", "2015-08-01T00:00:00Z", anniversary="2015-06-30")]
    return found


def anniversaries(n: int) -> list[Fact]:
    """Of one day each."""
    days = [format_instant(parse_instant("2000-01-01T00:00:00Z") + i * DAY_US)[:10] for i in range(n)]
    return [*qualified(), *(about("set-anniversary", anniversary=day) for day in days)]


def replayed(book: RealBook) -> None:
    for _ in replay(book.store, PROGRAMMES, STREAM):
        pass


def verified(book: RealBook) -> None:
    rows = [*book.store.read_stream(f"scorebook/{AREA}"), *book.store.read_stream(STREAM)]
    check = DesignationCheck(STREAM)
    for row in sorted(rows, key=lambda one: one.position):
        check.take(parse_event(row.stored))
    assert check.finish() == []


def asked(book: RealBook) -> None:
    """The projections, and the score at ten old positions."""
    with projected(book) as projection:
        projection.catch_up()
        first = next(book.store.read_stream(STREAM)).position
        last = book.store.max_position()
        for part in range(1, 11):
            with projection.view() as view:
                score(view.scores(), "m-1", AREA, NOW_US - part * 10_000 * HOUR_US, first + (last - first) * part // 10)


_FACTS: Final = {
    "reports of the compared months": reports,
    "restatements that flip": restated,
    "restatements of many months": partial(restated, months=24),
    "closes in random order": closes,
    "a close corrected again and again": partial(closes, corrected=True),
    "certificates of many people": certificates,
    "certificates of ten people": partial(certificates, people=10),
    "certificates ended": ended,
    "scorebooks back-dated": editions,
    "decisions revised": decisions,
    "anniversaries": anniversaries,
}
DESIGNATIONS: Final[dict[str, Dimension]] = {
    **{name: Dimension(facts, FEW) for name, facts in _FACTS.items()},
    **{f"replay of {name}": Dimension(facts, FEW, replayed) for name, facts in _FACTS.items()},
    **{f"verification of {name}": Dimension(facts, FEW, verified) for name, facts in _FACTS.items()},
    **{f"questions about {name}": Dimension(facts, FEW, asked) for name, facts in _FACTS.items()},
}


if __name__ == "__main__":
    main(DESIGNATIONS)
