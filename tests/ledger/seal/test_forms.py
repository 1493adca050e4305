"""Whatever a host writes into an event leads to a verdict, and what no fact can have made is never confirmed.

Of each type of event of both programmes one event is changed, each member of its data in turn, nested ones too; the streams
are chained again. The forms of the ledger's own schemas, written apart from the verifier's, say what can be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ledger.monitor.judge import Judge
from ledger.monitor.rows import Leafed
from ledger.monitor.streams import Streams
from ledger.proof.capability.form import FORMS as DESIGNATION_FORMS
from ledger.proof.capability.form import SCOREBOOK_FORMS
from ledger.proof.log.bundle import Bundle, ProvedEntry, ProvedStream
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import FIRST_PREV, Event
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.report import Report
from ledger.proof.log.strictjson import INTEGER_MAX, canonical
from ledger.proof.log.verify import check_chain, check_decision, verify
from ledger.proof.programme import programme_of
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.proof.survey.form import FORMS as MEMBERSHIP_FORMS
from ledger.proof.survey.form import RULES_FORMS
from tests.console.support import fact
from tests.ledger.seal.designations import (
    ANNIVERSARY,
    AREA,
    SCOREBOOK,
    STREAM,
    decide,
    designation_ledger,
    designation_verdict,
    restatement,
)
from tests.ledger.seal.support import RENEWAL, decision, policy_bytes, sqlite_ledger
from tests.ledger.seal.test_organisation_attacks import History, history_of, sealed_again

SCHEMAS = Path(__file__).parents[3] / "schemas/events"
MEMBERSHIP, RULES = "membership-m-1", "programme"
TYPES = [
    *((MEMBERSHIP, name) for name in sorted(MEMBERSHIP_FORMS)),
    *((RULES, name) for name in sorted(RULES_FORMS)),
    *((STREAM, name) for name in sorted(DESIGNATION_FORMS)),
    *((SCOREBOOK, name) for name in sorted(SCOREBOOK_FORMS)),
]
ODD: list[Any] = [
    [],
    {},
    None,
    True,
    False,
    -1,
    0,
    INTEGER_MAX,
    "",
    "x",
    "*",
    "a@b",
    " x",
    [[]],
    [["x"]],
    {"x": 1},
    10**7,
]
ADDED = "one_too_many"


def told() -> list[dict[str, Any]]:
    """What the small book has not: an event of every type before the last decision on each date."""
    area = {"membership": "m-1", "area": AREA}
    at = "2010-05-01T00:00:00Z"
    return [
        fact("update-membership", "u", at, "m-1", level="gold", competencies=["Data"]),
        fact("add-location", "l", at, "m-1", location="Oslo"),
        fact("record-consent", "c", at, "m-1", subject="s-9", customer_org="Norrvik"),
        fact("record-invitation", "i", at, "m-1", invitation="i-9", subject="s-9", customer_org="Norrvik", location="Oslo",
             channel="operator", language="nb-NO"),
        fact("record-reminder", "i2", at, "m-1", invitation="i-9"),
        fact("distinct-organisation", "di", at, "m-1", **{"organisation": "NORRVIK", "from": "Norrvik"}),
        fact("withdraw-consent", "w", at, "m-1", subject="s-9", customer_org="norrvik"),
        fact("record-response", "n", at, "m-1", response="n-9", customer_org="Norrvik", location="main"),
        fact("choose-anonymity", "a", at, "m-1", response="n-9"),
        fact("void-response", "v", at, "m-1", response="n-9", reason="test"),
        fact("record-evaluation", "e", at, "m-1", evaluation="e-9"),
        fact("same-organisation", "j", at, "m-1", organisation="Norrvik", same_as="NORRVIK"),
        fact("separate-organisations", "s", at, "m-1", organisation="Norrvik", same_as="NORRVIK"),
        decision("m-1", 2),
        {"id": "end", "type": "end-certificate", "occurred_at": "2024-07-01T00:00:00Z", "certificate": "z-4",
         "on": "2025-01-01", **area},
        {"id": "move", "type": "correct-close", "occurred_at": "2024-07-01T00:00:00Z", "month": "2024-05",
         "closed_at": "2024-06-21T00:00:00Z", **area},
        {"id": "moved", **area, **decide("2024-07-02T00:00:00Z")},
        *restatement(),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Nobody may change it."""
    with designation_ledger(tmp_path_factory.mktemp("forms")) as ledger:
        ledger.record(told())
        made = history_of(ledger)
    assert {(stream, event["type"]) for stream, event in made} >= {*TYPES}
    return made


@cache
def validator(type_name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / f"{type_name}.v1.json").read_bytes()))


def changes(value: Any) -> Iterator[Any]:
    """The same with something else in the place of one of its parts, a part too few, or one too many."""
    if isinstance(value, dict):
        yield value | {ADDED: 1}
        for key in value:
            yield {other: one for other, one in value.items() if other != key}
            for odd in [*ODD, *changes(value[key])]:
                yield value | {key: odd}
    elif isinstance(value, list) and value:
        yield [*value, value[0]]
        for odd in [*ODD, *changes(value[0])]:
            yield [odd, *value[1:]]


def chained(history: History) -> list[Leafed]:
    """The rows of a book with this history, every chain in order."""
    heads: dict[str, tuple[int, str]] = {}
    rows: list[Leafed] = []
    for position, (stream, event) in enumerate(history, 1):
        seq, prev = heads.get(stream, (0, FIRST_PREV))
        stored = canonical(event | {"seq": seq + 1, "prev": prev, "stream": stream})
        leaf = leaf_hash(stored)
        heads[stream] = (seq + 1, leaf.hex())
        rows.append((stream, seq + 1, event["type"], position, stored, leaf))
    return rows


def verified(rows: list[Leafed], subject: str, on: str) -> str:
    """What the verifier says of the last decision of a stream, after all that it says of the log."""
    programme = programme_of(PROOF_PROGRAMMES, subject)
    assert programme is not None
    rules = programme.rules_stream(subject)
    streams = {
        name: ProvedStream(tuple(ProvedEntry(row[3], row[4]) for row in rows if row[0] == name), ())
        for name in (subject, rules)
    }
    last = max(row[1] for row in rows if row[:1] == (subject,) and row[2] == programme.decision)
    bundle = Bundle(programme.name, subject, rules, last, on, b"", ProvedEntry(0, b""), streams, ())
    report = Report()
    try:
        check_decision(bundle, programme, {name: check_chain(name, one) for name, one in streams.items()}, report)
    except ProofError as error:
        report.differs(error)
    assert report.words()
    return report.verdict


def audited(rows: list[Leafed]) -> list[str]:
    """What monitor and audit find in the streams."""
    streams, by_stream = Streams(PROOF_PROGRAMMES), dict[str, list[Leafed]]()
    for row in rows:
        by_stream.setdefault(row[0], []).append(row)
    streams.take_events(by_stream)
    of_checks = [finding for _, _, findings in streams.finish() for finding in findings]
    return [str(finding) for finding in (*streams.findings, *of_checks)]


@pytest.mark.parametrize(("stream", "type_name"), TYPES)
def test_whatever_stands_in_an_event_leads_to_a_verdict(
    history: History, tmp_path: Path, stream: str, type_name: str
) -> None:
    place = next(at for at, (name, event) in enumerate(history) if (name, event["type"]) == (stream, type_name))
    original = history[place][1]
    subject, on = (MEMBERSHIP, RENEWAL) if stream in (MEMBERSHIP, RULES) else (STREAM, ANNIVERSARY)
    assert verified(chained(history), subject, on) == "confirmed"
    assert audited(chained(history)) == []
    tried = 0
    for data in changes(original["data"]):
        if canonical(data) == canonical(original["data"]):
            continue
        changed = [*history[:place], (stream, original | {"data": data}), *history[place + 1 :]]
        rows = chained(changed)
        possible = validator(type_name).is_valid(json.loads(rows[place][4]))
        verdict, findings = verified(rows, subject, on), audited(rows)
        assert not any("fail at" in finding for finding in findings), findings
        assert possible or verdict != "confirmed", data
        assert possible or findings, data
        tried += 1
    assert tried > len(ODD)


@pytest.mark.parametrize(("stream", "type_name"), TYPES)
def test_so_it_does_in_a_log_that_was_sealed_with_the_key(
    history: History, tmp_path: Path, stream: str, type_name: str
) -> None:
    changed = deepcopy(history)
    data = next(event for name, event in changed if (name, event["type"]) == (stream, type_name))["data"]
    data[next(iter(data))] = [[]]
    with sqlite_ledger(tmp_path, []) as scratch:
        forged = sealed_again(scratch, tmp_path, changed)
        assert forged.audit().verdict in ("refuted", "unverifiable")
        if not type_name.endswith("Decided"):  # else nothing tells which decision it is
            report = forged.verdict() if stream in (MEMBERSHIP, RULES) else designation_verdict(forged)
            assert report.verdict in ("refuted", "unverifiable")


OWN_TYPES = {(MEMBERSHIP, "MembershipEnrolled"), (SCOREBOOK, "ScorebookPublished")}


@pytest.mark.parametrize(
    ("stream", "type_name"),
    [
        (stream, type_name)
        for stream in (MEMBERSHIP, RULES, STREAM, SCOREBOOK)
        for type_name in ("SomethingNew", "MonthReopened", "MembershipEnrolled", "ScorebookPublished", "log")
        if (stream, type_name) not in OWN_TYPES
    ],
)
def test_a_type_that_a_stream_cannot_have_is_refuted(
    history: History, tmp_path: Path, stream: str, type_name: str
) -> None:
    last = max(
        at for at, (name, event) in enumerate(history) if name == stream and not event["type"].endswith("Decided")
    )
    like = next(event for name, event in history if name == stream)
    changed = [*history[:last], (stream, like | {"type": type_name, "data": {}}), *history[last:]]
    subject, on = (MEMBERSHIP, RENEWAL) if stream in (MEMBERSHIP, RULES) else (STREAM, ANNIVERSARY)
    rows = chained(changed)
    assert verified(rows, subject, on) in ("refuted", "unverifiable")
    assert any(type_name in finding for finding in audited(rows))


def placed(history: History, stream: str, type_name: str, number: int = 0) -> int:
    """Where an event of a type stands."""
    return [at for at, (name, event) in enumerate(history) if (name, event["type"]) == (stream, type_name)][number]


@pytest.mark.parametrize(("kind", "changed"), [
    ("fact", None), ("actor", "a@b"), ("actor", ""), ("actor", "x" * 65), ("v", 2), ("fact", ""), ("fact", "a\nb"),
    ("fact", "x" * 201),
])  # fmt: skip
def test_so_is_an_envelope_that_no_fact_leaves(history: History, tmp_path: Path, kind: str, changed: Any) -> None:
    for stream, type_name in TYPES:
        place = placed(history, stream, type_name)
        if kind == "fact" and changed is None and type_name.endswith("Changed"):
            continue  # one that a review found
        event = history[place][1] | {kind: changed}
        rows = chained([*history[:place], (stream, event), *history[place + 1 :]])
        subject, on = (MEMBERSHIP, RENEWAL) if stream in (MEMBERSHIP, RULES) else (STREAM, ANNIVERSARY)
        try:
            verdict = verified(rows, subject, on)
        except ProofError as error:  # of the chain, before any rule
            verdict = error.verdict
        assert verdict != "confirmed", type_name
        assert audited(rows), type_name


@pytest.mark.parametrize("name", [
    "membership-", "membership-m 1", "membership--1", "membership-m/1", f"membership-{'m' * 65}", "membership-m-1\n",
    "Programme",
    "designation-m-1", "designation-/area", "designation-m-1/Area", "designation-m-1/", "designation-m-1/a/b", "scorebook/",
    "scorebook/a_b", f"scorebook/{'a' * 41}", "designation-m\u0661/area",
])  # fmt: skip
def test_nor_can_a_stream_have_a_name_that_no_fact_gives_it(history: History, tmp_path: Path, name: str) -> None:
    events = [(name if stream in (MEMBERSHIP, STREAM) else stream, event) for stream, event in history]
    assert any("a stream of a programme" in finding for finding in audited(chained(events)))
    assert programme_of(PROOF_PROGRAMMES, name) is None


def test_a_subject_begins_with_its_enrolment_or_opening(history: History, tmp_path: Path) -> None:
    for stream, first, on in ((MEMBERSHIP, "MembershipEnrolled", RENEWAL), (STREAM, "DesignationOpened", ANNIVERSARY)):
        begin = placed(history, stream, first)
        later = next(at for at, (name, _) in enumerate(history) if name == stream and at > begin)
        swapped = list(history)
        swapped[begin], swapped[later] = swapped[later], swapped[begin]
        for changed in (swapped, [*history[:begin], *history[begin + 1 :]]):
            rows = chained(changed)
            assert verified(rows, stream, on) == "refuted"
            assert audited(rows)


def test_a_light_event_before_the_enrolment_is_found_by_the_audit(history: History, tmp_path: Path) -> None:
    consent = history[placed(history, MEMBERSHIP, "ConsentGiven")]
    begin = placed(history, MEMBERSHIP, "MembershipEnrolled")
    rows = chained([*history[:begin], consent, *history[begin:]])
    assert any("never enrolled" in finding for finding in audited(rows))
    assert verified(rows, MEMBERSHIP, RENEWAL) == "refuted"


@pytest.mark.parametrize(("stream", "on"), [(MEMBERSHIP, RENEWAL), (STREAM, ANNIVERSARY)])
def test_a_decision_rests_on_none_that_the_rules_never_made(
    history: History, tmp_path: Path, stream: str, on: str
) -> None:
    """One planted before it, alone or between two that say the same, does not make it due."""
    programme = programme_of(PROOF_PROGRAMMES, stream)
    assert programme is not None
    place = placed(history, stream, programme.decision)
    decided = history[place][1]
    key = "renewal_date" if stream == MEMBERSHIP else "anniversary"
    again = decided | {"data": decided["data"] | {"revision": 3}}
    for said in ({key: on}, decided["data"] | {"outcome": "not-met", "revision": 2}):
        planted = decided | {"data": said, "fact": "planted"}
        end = max(at for at, (name, _) in enumerate(history) if name == stream)
        cut = [one for one in history[: place + 1] if one[0] == stream or one[0] in (RULES, SCOREBOOK)]
        assert end > place
        rows = chained([*cut, (stream, planted), (stream, again)])
        assert verified(rows, stream, on) != "confirmed"
        assert audited(rows)


class Failing:
    """A check that fails at an event, as no check should."""

    announcements = decisions = 0

    def __init__(self, *, finish: bool) -> None:
        self._finish = finish

    def take(self, event: Event) -> None:
        if not self._finish and event.seq == 2:
            raise TypeError("unhashable")

    def finish(self) -> list[Any]:
        if self._finish:
            raise KeyError("x\n")
        return []


def test_a_rule_that_fails_is_a_verdict_that_names_the_event(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = chained(history)
    capability = PROOF_PROGRAMMES[1]

    def failing(before: Iterator[Event], _decision: Event) -> dict[str, Any]:
        for event in before:
            if event.type == "MonthClosed":
                return {}[event.type]  # type: ignore[no-any-return]
        return {}

    monkeypatch.setattr(capability, "recompute", failing)
    assert verified(rows, STREAM, ANNIVERSARY) == "unverifiable"
    events = check_chain(
        STREAM, ProvedStream(tuple(ProvedEntry(row[3], row[4]) for row in rows if row[0] == STREAM), ())
    )
    for finish, where in ((False, events[1].where), (True, STREAM)):
        monkeypatch.setattr(capability, "new_check", lambda _stream, finish=finish: Failing(finish=finish))
        judge = Judge(STREAM, capability)
        judge.take(events, events, [None] * len(events))
        (finding,) = judge.finish()
        assert (finding.verdict, finding.what) == ("unverifiable", where)
        assert "fail at" in finding.found
    monkeypatch.setattr(capability, "recompute", raise_memory)
    with pytest.raises(MemoryError):  # that of the machine is no word of the host's
        verified(rows, STREAM, ANNIVERSARY)
    assert verify(b"{}", policy_bytes(), PROOF_PROGRAMMES).verdict == "unverifiable"


def raise_memory(*_: Any) -> dict[str, Any]:
    raise MemoryError
