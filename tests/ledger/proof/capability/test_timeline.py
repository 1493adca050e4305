"""What the verifier's timeline says of an instant, and which instants it says may be others, against a slow reading."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.capability.designation import Designation
from ledger.proof.capability.recheck import DesignationCheck
from ledger.proof.capability.timeline import END_US, NO_MONTH, Certificate, Timeline
from ledger.proof.log.event import DAY_US, Event, format_instant
from tests.ledger.seal.designations import SCOREBOOK, STREAM

LAST_US = 12
MATTER = 2

closes = st.tuples(st.just("close"), st.integers(0, 6), st.integers(0, LAST_US))
certificates = st.tuples(
    st.just("certificate"), st.sampled_from("abcd"), st.sampled_from("pq"), st.sampled_from(("intermediate", "advanced")),
    st.integers(0, LAST_US), st.integers(1, LAST_US) | st.none(), st.integers(0, LAST_US) | st.none(),
)  # fmt: skip


class Slow:
    """The same from the rules' words: every certificate and every close is looked at for each instant."""

    def __init__(self) -> None:
        self.closed: dict[int, int] = {}
        self.certificates: dict[str, Certificate] = {}

    def at(self, at_us: int) -> tuple[int, int, int]:
        month = max((month for month, closed_us in self.closed.items() if closed_us <= at_us), default=NO_MONTH)
        held = [one for one in self.certificates.values() if one.first_us <= at_us < min(one.until_us, one.ended_us)]
        return month, *(len({one.person for one in held if one.tier == tier}) for tier in ("intermediate", "advanced"))


def told(timeline: Timeline, slow: Slow, change: tuple[Any, ...]) -> list[tuple[int, int]]:
    """Tells both; when something may be otherwise, by the timeline."""
    if change[0] == "close":
        _, month, closed_us = change
        slow.closed[month] = closed_us
        return timeline.close(month, closed_us)
    _, name, person, tier, first_us, lasts, ended_us = change
    until_us = END_US if lasts is None else first_us + lasts
    known = slow.certificates.get(name)
    if known is not None:  # who holds it, of which tier, stays as it was: only its end moves
        certificate = known._replace(ended_us=END_US if ended_us is None else ended_us)
    else:
        certificate = Certificate(person, tier, first_us, until_us)
    slow.certificates[name] = certificate
    return timeline.certify(name, certificate, MATTER)


@given(st.lists(closes | certificates, max_size=25))
def test_it_says_the_same_and_leaves_out_nothing_that_changed(changes: list[tuple[Any, ...]]) -> None:
    timeline, slow = Timeline(), Slow()
    instants = range(-1, 2 * LAST_US + 2)
    for change in changes:
        before = {at_us: slow.at(at_us) for at_us in instants}
        touched = told(timeline, slow, change)
        assert timeline.starts == sorted(set(timeline.starts))
        assert timeline.months == sorted(timeline.months)
        for at_us in instants:
            piece = timeline.piece(at_us)
            found = (timeline.months[piece], timeline.people["intermediate"][piece], timeline.people["advanced"][piece])
            assert found == slow.at(at_us), (at_us, change)
            month, *people = before[at_us]
            now_month, *now_people = slow.at(at_us)
            if (month, [min(n, MATTER) for n in people]) != (now_month, [min(n, MATTER) for n in now_people]):
                assert any(from_us <= at_us < until_us for from_us, until_us in touched), (at_us, change)
        for month in range(7):
            reign = [at_us for at_us in instants if slow.at(at_us)[0] == month]
            spell = timeline.reign(month)
            assert [at_us for at_us in instants if spell and spell[0] <= at_us < spell[1]] == reign


def event(seq: int, stream: str, kind: str, at_us: int, data: dict[str, Any]) -> Event:
    return Event(stream, seq, kind, 1, at_us, at_us, f"f-{seq}", "0" * 64, data, b"")


def certificate(number: int, at_us: int) -> dict[str, Any]:
    return {
        "certificate": f"z-{number}", "person": f"p-{number % 500}", "code": "x", "tier": "intermediate",
        "valid_from": format_instant(at_us)[:10], "valid_until": format_instant(at_us + 700 * DAY_US)[:10],
    }  # fmt: skip


@pytest.mark.parametrize("late", [False, True])
def test_what_a_stream_costs_grows_as_the_stream(late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many scores are worked out for each event, however many certificates, closes and reports there are."""
    worked_out = 0
    score = Designation.score

    def counted(self: Designation, at_us: int) -> Any:
        nonlocal worked_out
        worked_out += 1
        return score(self, at_us)

    monkeypatch.setattr(Designation, "score", counted)
    from ledger.programmes.capability.programme import CAPABILITY

    ((_, first),) = CAPABILITY.shipped(SCOREBOOK)
    costs = []
    for size in (200, 1_600):
        worked_out = 0
        check = DesignationCheck(STREAM)
        check.take(event(1, SCOREBOOK, "ScorebookPublished", 0, dict(first.data)))
        check.take(event(1, STREAM, "DesignationOpened", 0, {"name": "Contoso"}))
        for number in range(size):
            from_us = (20_000 + number // 2) * DAY_US
            at_us = 30_000 * DAY_US + number if late else from_us + 1
            check.take(event(number + 2, STREAM, "CertificateRecorded", at_us, certificate(number, from_us)))
        assert check.finish() == []
        costs.append(worked_out / size)
    assert costs[1] < max(2 * costs[0], 8), costs
