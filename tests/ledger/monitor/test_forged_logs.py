"""Logs of a host that has the key and writes what it likes: each lie is found by the monitor, and gets no cosignature.

The honest part of the log was cosigned before. A witness that does not look cosigns each of the lies: they are no mistakes in
the form, and extend what was cosigned.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing as closing_of
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import BadInput
from ledger.instants import format_instant, parse_instant
from ledger.monitor.memory import FINDINGS_MAX
from ledger.proof.log.map import SEQ_MAX
from ledger.proof.log.merkle import leaf_hash
from ledger.seal.log_reader import HISTORY
from tests.ledger.monitor.forging import HostLog, Said, history_of
from tests.ledger.monitor.support import a_checking_witness, a_monitor, watch
from tests.ledger.seal.support import LOG_KEY, NEW_KEY, a_witness, record_designation, sqlite_ledger

NOW = "2024-09-01T00:00:00.000000Z"
ONE, TWO = "membership-m-1", "membership-m-2"
DESIGNATION = "designation-m-2/data-and-ai"
EARLY = 37
"""So many events are cosigned before the host lies: the survey, with its decision."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    """An honest book: a survey with two memberships and a decision, and then a designation."""
    with sqlite_ledger(tmp_path_factory.mktemp("book")) as ledger:
        record_designation(ledger)
        return history_of(ledger.store)


def later(said: Said, **changed: Any) -> Said:
    """The same event told again, at the end of the book."""
    stream, event = said
    again = event | {"recorded_at": "2024-08-30T00:00:00.000000Z", "salt": "MDEyMzQ1Njc4OWFiY2RlZg=="}
    return stream, again | changed


def at(told: list[Said], stream: str, type_name: str, number: int = 0) -> int:
    """Where an event of a type stands."""
    return [place for place, (name, event) in enumerate(told) if (name, event["type"]) == (stream, type_name)][number]


def evaluation(told: list[Said], name: str, **changed: Any) -> Said:
    """One more evaluation of m-2, which changes nothing that was announced."""
    return later(told[at(told, TWO, "EvaluationReceived")], fact=name, data={"evaluation": f"e-{name}"}, **changed)


def closing(log: HostLog, told: list[Said]) -> None:
    """An honest event of a later transaction, so that what was before is over; and the heads."""
    log.take([later(told[at(told, TWO, "EvaluationReceived")], fact="closing", data={"evaluation": "e-closing"},
                    recorded_at="2024-08-31T00:00:00.000000Z", salt="MDEyMzQ1Njc4OWFiY2RlZw==")])  # fmt: skip
    log.heads()


Lie = Callable[[HostLog, list[Said]], None]
LIES: dict[str, Lie] = {}


def lie(make: Lie) -> Lie:
    """One more."""
    LIES[make.__name__] = make
    return make


@lie
def two_heads_for_one_stream(log: HostLog, told: list[Said]) -> None:
    """The map says that m-2 ends before its last evaluation; another map, or the events, say otherwise."""
    before = dict(log.ends)
    log.take([evaluation(told, "two-heads")])
    log.heads(log.ends | {TWO: before[TWO]})


@lie
def a_hidden_edition(log: HostLog, told: list[Said]) -> None:
    """An edition stands in the log, and the map says that the rulebook ends before it."""
    before = dict(log.ends)
    log.take([later(told[1], fact="hidden", data=told[1][1]["data"] | {"edition": "hidden", "min_responses": 1})])
    log.heads(before)


@lie
def a_stream_that_is_not_in_the_map(log: HostLog, told: list[Said]) -> None:
    log.take(told[EARLY:])
    log.heads({name: end for name, end in log.ends.items() if name != DESIGNATION})


@lie
def a_stream_of_no_events_in_the_map(log: HostLog, told: list[Said]) -> None:
    log.take(told[EARLY:])
    log.heads(log.ends | {"membership-m-9": log.ends[ONE]})


@lie
def a_wrong_number_of_streams(log: HostLog, told: list[Said]) -> None:
    log.take(told[EARLY:])
    log.heads(streams=len(log.ends) - 1)


@lie
def a_wrong_through(log: HostLog, told: list[Said]) -> None:
    log.take(told[EARLY:])
    log.heads(through=EARLY)


@lie
def heads_after_heads(log: HostLog, told: list[Said]) -> None:
    log.heads()


@lie
def no_heads_under_the_checkpoint(log: HostLog, told: list[Said]) -> None:
    log.take(told[EARLY:])


@lie
def a_stream_forked_inside_the_log(log: HostLog, told: list[Said]) -> None:
    """At one size m-1 is decided; then the log goes on with another event in the decision's place."""
    branch = [entry for entry in log.entries if b'"stream":"membership-m-1"' in entry][-2]
    said = json.loads(branch)
    _, event = evaluation(told, "fork")
    log.take([(ONE, event | {"seq": said["seq"] + 1, "prev": leaf_hash(branch).hex()})])
    log.heads()


@lie
def an_event_dropped_from_a_stream(log: HostLog, told: list[Said]) -> None:
    """The seq goes on by two."""
    seq, leaf, _ = log.ends[TWO]
    log.take(
        [
            later(
                told[at(told, TWO, "EvaluationReceived")],
                seq=seq + 2,
                prev=leaf.hex(),
                fact="next",
                data={"evaluation": "e-next"},
            )
        ]
    )
    log.heads()


@lie
def an_announcement_that_is_dropped(log: HostLog, told: list[Said]) -> None:
    place = at(told, DESIGNATION, "DesignationChanged", 2)
    log.take([*told[EARLY:place], *told[place + 1 :]])
    log.heads()


@lie
def an_announcement_of_an_edition_in_another_stream_that_is_dropped(log: HostLog, told: list[Said]) -> None:
    """Nothing else happens in that stream: the edition alone makes the announcement due."""
    place = at(told, "scorebook/data-and-ai", "ScorebookPublished", 1)
    log.take(told[EARLY : place + 1])
    closing(log, told)


@lie
def an_announcement_that_does_not_follow(log: HostLog, told: list[Said]) -> None:
    place = at(told, DESIGNATION, "DesignationChanged")
    stream, event = told[place]
    wrong = event | {"data": event["data"] | {"centipoints": event["data"]["centipoints"] + 100}}
    log.take([*told[EARLY:place], (stream, wrong), *told[place + 1 :]])
    log.heads()


@lie
def a_decision_that_does_not_follow(log: HostLog, told: list[Said]) -> None:
    """It is the last event: nothing more has to come for it to be wrong."""
    place = at(told, ONE, "RenewalDecided")
    data = told[place][1]["data"] | {"revision": 2, "outcome": "not-met"}
    log.take([later(told[place], fact="decided-again", data=data)])
    log.heads()


@lie
def a_fact_that_comes_in_twice(log: HostLog, told: list[Said]) -> None:
    log.take([later(told[at(told, TWO, "EvaluationReceived")], data={"evaluation": "e-again"})])
    log.heads()


@lie
def recorded_before_what_was_recorded(log: HostLog, told: list[Said]) -> None:
    log.take(
        [
            *told[EARLY:],
            later(told[EARLY - 2], fact="back", data={"evaluation": "e-b"}, recorded_at=told[0][1]["recorded_at"]),
        ]
    )
    log.heads()


@lie
def recorded_in_the_future(log: HostLog, told: list[Said]) -> None:
    ahead = format_instant(parse_instant(NOW) + 301_000_000)
    log.take([evaluation(told, "ahead", recorded_at=ahead)])
    log.heads()


@lie
def two_spellings_of_one_organisation(log: HostLog, told: list[Said]) -> None:
    place = at(told, TWO, "ResponseReceived")
    data = told[place][1]["data"] | {
        "response": "r-spelt",
        "customer_org": told[place][1]["data"]["customer_org"].upper(),
    }
    log.take([later(told[place], fact="spelt", data=data)])
    log.heads()


@lie
def a_stream_of_no_programme(log: HostLog, told: list[Said]) -> None:
    log.take([later(("elsewhere", told[EARLY - 2][1]), fact="elsewhere")])
    log.heads()


@lie
def an_event_that_is_not_canonical(log: HostLog, told: list[Said]) -> None:
    log.take([evaluation(told, "spaced")])
    entry = log.entries[-1].replace(b'{"actor":', b'{ "actor":', 1)
    log.entries[-1] = entry
    seq, _, salt = log.ends[TWO]
    log.ends[TWO] = (seq, leaf_hash(entry), salt)
    log.heads()


@lie
def an_event_whose_keys_are_not_sorted(log: HostLog, told: list[Said]) -> None:
    log.take([evaluation(told, "unsorted")])
    entry = log.entries[-1].replace(b'"data":{', b'"data":{"zz":1,', 1)
    log.entries[-1] = entry
    seq, _, salt = log.ends[TWO]
    log.ends[TWO] = (seq, leaf_hash(entry), salt)
    log.heads()


@lie
def an_entry_that_is_no_event(log: HostLog, told: list[Said]) -> None:
    log.take(told[EARLY:])
    log.entries.append(b"nothing that can be read")
    log.heads()


@lie
def a_rotation_that_the_old_key_did_not_sign(log: HostLog, told: list[Said]) -> None:
    data = {"old": "x", "new": "y", "statement": "z"}
    log.take([later(("log", told[0][1]), type="KeyRotated", fact=None, data=data)])
    log.heads()


@lie
def an_event_of_the_log_of_a_type_that_is_none(log: HostLog, told: list[Said]) -> None:
    log.take([later(("log", told[0][1]), type="ClockTurned", fact="turned", data={})])
    log.heads()


@lie
def a_clock_accepted_that_says_something_else(log: HostLog, told: list[Said]) -> None:
    data = {"last_recorded_at": "2024-08-29T00:00:00.000000Z", "why": "nobody knows"}
    log.take([later(("log", told[0][1]), type="ClockAccepted", fact="accepted", data=data)])
    log.heads()


@lie
def places_beyond_any_number_that_is_kept(log: HostLog, told: list[Said]) -> None:
    log.take(evaluation(told, f"beyond-{seq}", seq=seq) for seq in (SEQ_MAX, SEQ_MAX + 1, SEQ_MAX + 2))
    seq, leaf, salt = log.ends[TWO]
    log.ends[TWO] = min(seq, SEQ_MAX), leaf, salt
    log.heads()


@pytest.fixture
def host(told: list[Said]) -> HostLog:
    """A log whose first part is honest, and published."""
    log = HostLog()
    log.take(told[:EARLY])
    log.heads()
    log.publish()
    return log


def test_the_honest_log_is_confirmed_and_cosigned(host: HostLog, told: list[Said], tmp_path: Path) -> None:
    with a_checking_witness(host, tmp_path / "w", lambda: parse_instant(NOW)) as witness:
        assert host.ask(witness).status == HTTPStatus.OK
        host.take(told[EARLY:])
        host.heads()
        host.publish()
        assert host.ask(witness).status == HTTPStatus.OK
        closing(host, told)
        host.publish()
        assert host.ask(witness).status == HTTPStatus.OK
    report = watch(host, tmp_path / "s")
    assert (report.verdict, report.findings) == ("confirmed", ())


@pytest.mark.parametrize("name", LIES)
def test_a_lie_gets_no_cosignature_of_a_witness_that_looks(
    name: str, host: HostLog, told: list[Said], tmp_path: Path
) -> None:
    clock = lambda: parse_instant(NOW)  # noqa: E731
    with a_checking_witness(host, tmp_path / "w", clock) as witness, closing_of(a_witness(tmp_path / "blind")) as blind:
        assert host.ask(witness).status == host.ask(blind).status == HTTPStatus.OK
        LIES[name](host, told)
        host.publish()
        assert host.ask(blind).status == HTTPStatus.OK
        answer = host.ask(witness)
        assert answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE), answer
        assert answer.body.startswith("not confirmed: ")
        print(answer.body)
        closing(host, told)
        host.publish()
        assert host.ask(witness).status != HTTPStatus.OK


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found_by_a_monitor(name: str, host: HostLog, told: list[Said], tmp_path: Path) -> None:
    with a_monitor(host, tmp_path / "s", lambda: parse_instant(NOW)) as monitor:
        assert monitor.round().verdict == "confirmed"
        LIES[name](host, told)
        host.publish()
        found = monitor.round()
        assert found.verdict in ("tampered", "refuted"), found
        closing(host, told)
        host.publish()
        assert monitor.round().verdict in ("tampered", "refuted")


def test_a_history_of_nonsense_fills_no_memory_and_no_screen(host: HostLog, tmp_path: Path) -> None:
    lines = b"".join(json.dumps({"checkpoint": f"nonsense {n}"}).encode() + b"\n" for n in range(FINDINGS_MAX + 500))
    host.spoilt[HISTORY] = lines
    report = watch(host, tmp_path / "s")
    assert report.verdict != "confirmed"
    assert FINDINGS_MAX <= len(report.findings) < FINDINGS_MAX + 10


def test_the_state_of_a_log_is_not_taken_for_that_of_a_log_of_the_same_name(host: HostLog, tmp_path: Path) -> None:
    assert watch(host, tmp_path / "s").verdict == "confirmed"
    with pytest.raises(BadInput, match="found the state of a monitor of"):
        watch(host, tmp_path / "s", logs=[{"vkey": str(NEW_KEY.verifier), "from": 0, "to": None}])
    rotated = [{"vkey": str(NEW_KEY.verifier), "from": 10**6, "to": None},
               {"vkey": str(LOG_KEY.verifier), "from": 0, "to": 10**6}]  # fmt: skip
    assert watch(host, tmp_path / "s", logs=rotated).verdict == "confirmed"
