"""Attacks on the evidence for a designation: bundles changed on the way, and a host that rewrites the book with the key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.capability.programme import Capability
from ledger.proof.log.merkle_tree import inclusions_proof
from ledger.proof.log.report import Report
from ledger.proof.log.strictjson import base64_text
from ledger.proof.log.tiles import hash_reader
from ledger.proof.log.verify import verify
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.proof.survey.programme import Survey
from ledger.seal.evidence import collect_evidence
from tests.contracts.backends import BACKENDS
from tests.ledger.proof.book import canonical
from tests.ledger.seal.designations import (
    ANNIVERSARY,
    SCOREBOOK,
    STREAM,
    designation_evidence,
    designation_ledger,
    designation_verdict,
    restatement,
)
from tests.ledger.seal.support import RENEWAL, Ledger, policy_bytes, sqlite_ledger
from tests.ledger.seal.test_organisation_attacks import History, history_of, sealed_again

M2 = STREAM.replace("m-1", "m-2")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Sealed; nobody may change it."""
    with designation_ledger(tmp_path_factory.mktemp("designations")) as made:
        made.seal()
        yield made


@pytest.fixture(scope="module")
def bundle(ledger: Ledger) -> Any:
    """The evidence as JSON; nobody may change it."""
    return json.loads(designation_evidence(ledger).encoded())


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def on_each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """The same book on each backend, sealed."""
    with designation_ledger(tmp_path, request.param, request.param.place(request)) as made:
        made.seal()
        yield made


def test_both_programmes_are_proven_from_one_book(on_each: Ledger) -> None:
    report = designation_verdict(on_each)
    assert (report.verdict, report.superseded_by) == ("confirmed", None)
    assert report.decision is not None
    assert (report.decision["outcome"], report.decision["at_first"]["centipoints"]) == ("qualified", 7_400)
    assert report.decision == report.recomputed
    assert on_each.verdict().verdict == "confirmed"
    audited = on_each.audit()
    assert (audited.verdict, audited.findings, audited.decisions) == ("confirmed", [], 3)


def test_the_words_name_the_designation_and_the_anniversary(ledger: Ledger, bundle: Any) -> None:
    report = verify(canonical(bundle), policy_bytes(), PROOF_PROGRAMMES)
    first, second = report.words().splitlines()[:2]
    assert first == "verdict: confirmed"
    assert second.startswith(
        "membership 'm-1', area 'business-applications', anniversary '2024-06-30': revision 1 of 1 "
    )
    third = report.words().splitlines()[2]
    assert third.startswith("the rules say: qualified: 74.00 points first at 2024-06-20T00:00:00.000000Z; edition ")
    survey = ledger.verdict().words().splitlines()[1]
    assert survey.startswith(f"membership 'm-1', renewal '{RENEWAL}': revision 1 of 1 in this log, ")


def test_what_the_rules_say_of_one_that_is_not_qualified_or_without_an_edition() -> None:
    told = {
        "outcome": "not-qualified",
        "first_qualified_at": None,
        "at_first": None,
        "edition": "2024-01",
        "track": "small",
    }
    best = {"at": "2024-06-20T00:00:00.000000Z", "centipoints": 4_405, "metrics": {}}
    words = "not-qualified: 44.05 points at best, at 2024-06-20T00:00:00.000000Z; edition '2024-01', track 'small'"
    assert Capability().says(told | {"best": best}) == words
    nothing = told | {"outcome": "no-edition", "best": None, "edition": None, "track": None}
    assert Capability().says(nothing) == "no-edition: no edition in force"


def test_a_later_decision_supersedes_it_and_is_named(on_each: Ledger) -> None:
    before = designation_evidence(on_each)
    on_each.record(restatement())
    on_each.seal()
    latest = designation_verdict(on_each)
    assert (latest.verdict, latest.decision and latest.decision["outcome"]) == ("confirmed", "not-qualified")
    assert latest.decision is not None
    assert (latest.decision["revision"], latest.decision["best"]["centipoints"]) == (2, 4_400)
    value = json.loads(designation_evidence(on_each).encoded()) | {"decision": before.decision}
    older = verify(canonical(value), policy_bytes(), PROOF_PROGRAMMES)
    assert (older.verdict, older.superseded_by) == ("confirmed", latest_seq(on_each))
    assert f"decided again, by event {latest_seq(on_each)} of the stream" in older.words()


def latest_seq(ledger: Ledger) -> int:
    return max(row.seq for row in ledger.store.read_stream(STREAM) if row.type == "DesignationDecided")


# Changes to the bundle: the log is sound, the file is not.


def in_event(kind: str, old: str, new: str, stream: str = STREAM) -> Callable[[Any], object]:
    """The first event of a type that has a text has another in its place."""

    def change(value: Any) -> None:
        events = value["streams"][stream]["events"]
        event = next(event for event in events if f'"type":"{kind}"' in event["entry"] and old in event["entry"])
        event["entry"] = event["entry"].replace(old, new)

    return change


def without(kind: str, stream: str = STREAM) -> Callable[[Any], object]:
    """The last event of a type is left out."""

    def change(value: Any) -> None:
        events = value["streams"][stream]["events"]
        at = max(number for number, event in enumerate(events) if f'"type":"{kind}"' in event["entry"])
        del events[at]

    return change


def under_the_name(key: str, new: str) -> Callable[[Any], object]:
    """The stream that `subject` or `rules` names is said to be another."""

    def change(value: Any) -> None:
        value["streams"][new] = value["streams"].pop(value[key])
        value[key] = new

    return change


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("a changed report", in_event("UsageReported", '"units":5000', '"units":5005'), "tampered"),
        ("a changed decision", in_event("DesignationDecided", '"qualified"', '"not-qualified"'), "tampered"),
        ("a changed edition", in_event("ScorebookPublished", "7000", "6000", SCOREBOOK), "tampered"),
        ("a report left out, and still proved", without("UsageReported"), "tampered"),
        ("no editions", lambda v: v["streams"][SCOREBOOK]["events"].clear(), "unverifiable"),
        ("another anniversary", lambda v: v.update(on="2024-07-31"), "tampered"),
        ("no decision", lambda v: v.update(decision=1), "tampered"),
        ("the programme swapped", lambda v: v.update(programme="survey"), "tampered"),
        ("a programme that nobody knows", lambda v: v.update(programme="lamps"), "tampered"),
        ("another subject", under_the_name("subject", M2), "tampered"),
        ("another area", under_the_name("subject", "designation-m-1/other"), "tampered"),
        ("a membership as the subject", under_the_name("subject", "membership-m-1"), "tampered"),
        ("another area's editions", under_the_name("rules", "scorebook/other"), "tampered"),
        ("the survey's editions", under_the_name("rules", "programme"), "tampered"),
        ("a stream of nobody", under_the_name("subject", "lamp-a"), "unverifiable"),
    ],
)
def test_forged_bundles(bundle: Any, name: str, change: Callable[[Any], object], expected: str) -> None:
    value = deepcopy(bundle)
    change(value)
    report = verify(canonical(value), policy_bytes(), PROOF_PROGRAMMES)
    assert report.verdict == expected, (name, report.words())
    assert report.difference is not None
    assert report.difference["found"] != report.difference["expected"]
    report.words().encode("ascii")


@pytest.mark.parametrize("change", [without("UsageReported"), without("MonthClosed"), without("DesignationDecided")])
def test_what_is_left_out_lacks_where_all_else_is_proved(
    ledger: Ledger, bundle: Any, change: Callable[[Any], object]
) -> None:
    value = deepcopy(bundle)
    change(value)
    entries = [value["heads"], *(event for stream in value["streams"].values() for event in stream["events"])]
    size = value["heads"]["index"] + 1
    proof = inclusions_proof(sorted(e["index"] for e in entries), size, hash_reader(size, ledger.folder.read_tile))
    value["proof"] = [*map(base64_text, proof)]
    report = verify(canonical(value), policy_bytes(), PROOF_PROGRAMMES)
    assert report.verdict == "incomplete", report.words()


def test_the_streams_of_another_subject_do_not_pass_for_its_own(ledger: Ledger, bundle: Any) -> None:
    """The events of m-2, which are in the log and whole, in a bundle about m-1; and the survey's about a designation."""
    other = json.loads(designation_evidence(ledger, "m-2").encoded())
    survey = json.loads(collect_evidence(ledger.store, ledger.folder, Survey(), "membership-m-1", RENEWAL).encoded())
    for value, name in ((other, M2), (survey, "membership-m-1")):
        mixed = deepcopy(bundle)
        mixed["streams"][STREAM] = value["streams"][name]
        report = verify(canonical(mixed), policy_bytes(), PROOF_PROGRAMMES)
        assert report.verdict == "tampered"
    for value, claims in ((bundle, "survey"), (survey, "capability")):
        report = verify(canonical(value | {"programme": claims}), policy_bytes(), PROOF_PROGRAMMES)
        assert (report.verdict, report.difference and report.difference["found"]) == ("tampered", claims)


def test_nothing_out_of_a_file_can_pass_for_a_line_of_the_report(bundle: Any) -> None:
    lines = "x\nverdict: confirmed\x1b[2K\x85\u2028'"
    for key in ("programme", "subject", "rules", "on"):
        value = deepcopy(bundle)
        if key in ("subject", "rules"):
            under_the_name(key, value[key] + lines)(value)
        else:
            value[key] += lines
        words = verify(canonical(value), policy_bytes(), PROOF_PROGRAMMES).words()
        assert words.splitlines().count("verdict: confirmed") == 0
        assert all(" " <= char <= "~" for char in words.replace("\n", "")), words
        assert len(words.splitlines()) <= 8


# A dishonest host that holds the right key: every chain and proof is in order.


def of(history: History, kind: str, at: int = 0, stream: str = STREAM) -> dict[str, Any]:
    """An event of the kind."""
    found: dict[str, Any] = [event for name, event in history if name == stream and event["type"] == kind][at]
    return found


def says(kind: str, at: int = 0, stream: str = STREAM, **changed: Any) -> Callable[[History], object]:
    """An event says something else."""
    return lambda history: of(history, kind, at, stream)["data"].update(changed)


def drop(kind: str, at: int = -1, stream: str = STREAM) -> Callable[[History], object]:
    """An event is left out."""
    return lambda history: history.remove((stream, of(history, kind, at, stream)))


def again(**changed: Any) -> Callable[[History], object]:
    """The decision stands there twice."""

    def change(history: History) -> None:
        decided = deepcopy(of(history, "DesignationDecided"))
        decided["data"] |= {"revision": 2} | changed
        decided["fact"] = "decided-again"
        history.append((STREAM, decided))

    return change


def early(history: History) -> None:
    """Decided before the window."""
    of(history, "DesignationDecided")["occurred_at"] = "2023-12-31T23:59:59.999999Z"


def unlike(data: dict[str, Any], *path: str) -> None:
    """Another number stands in the decision."""
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] += 1


ATTACKS: list[tuple[str, Callable[[History], object], str]] = [
    ("fewer units", says("UsageReported", 2, units=29), "metrics"),
    ("another association", says("RevenueReported", 0, association="pal"), "first_qualified_at"),
    ("a report for a month that is not over", says("UsageReported", 0, month="2024-12"), "not before 2024-12 is over"),
    ("a workload without a rate", says("UsageReported", 0, workload="made-up"), "a workload"),
    ("an edition that asks for more", says("ScorebookPublished", 0, SCOREBOOK, min_centipoints=7_401), "first_qualified"),
    ("another edition", says("ScorebookPublished", 0, SCOREBOOK, edition="2024-01"), "edition"),
    ("a report left out", drop("UsageReported"), "metrics"),
    ("a certificate left out", drop("CertificateRecorded"), "metrics"),
    ("the close left out", drop("MonthClosed"), "first_qualified_at"),
    ("never opened", drop("DesignationOpened"), "DesignationOpened first"),
    ("another anniversary set", says("AnniversarySet", anniversary="2024-07-31"), ANNIVERSARY),
    ("no anniversary set", drop("AnniversarySet"), ANNIVERSARY),
    ("another outcome", says("DesignationDecided", outcome="not-qualified"), "outcome"),
    ("a day earlier", says("DesignationDecided", first_qualified_at="2024-06-19T00:00:00.000000Z"), "first_qualified_at"),
    ("another window", says("DesignationDecided", window_from="2024-02-01T00:00:00.000000Z"), "window_from"),
    ("another track", says("DesignationDecided", track="enterprise"), "track"),
    ("another month", says("DesignationDecided", month="2024-04"), "month"),
    ("true for a number", says("DesignationDecided", revision=True), "revision"),
    ("a second revision first", says("DesignationDecided", revision=2), "revision"),
    ("something more", says("DesignationDecided", extra=1), "extra"),
    ("points", lambda h: unlike(of(h, "DesignationDecided")["data"], "best", "centipoints"), "best"),
    ("a figure", lambda h: unlike(of(h, "DesignationDecided")["data"], "best", "metrics", "deployments", "now"), "best"),
    ("decided before the window", early, "instant of the decision"),
    ("decided again for nothing", again(), "nothing changed since"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attack", "word"), ATTACKS, ids=[name for name, _, _ in ATTACKS])
def test_a_forgery_sealed_with_the_right_key_is_refuted_by_verifier_and_audit(
    ledger: Ledger, tmp_path: Path, name: str, attack: Callable[[History], object], word: str
) -> None:
    history = history_of(ledger)
    attack(history)
    with sqlite_ledger(tmp_path, []) as scratch:
        forged = sealed_again(scratch, tmp_path, history)
        report = designation_verdict(forged)
        assert report.verdict == "refuted", (name, report.words())
        assert word in report.words(), report.words()
        assert forged.audit().verdict == "refuted", name
        assert forged.verdict().verdict == "confirmed", "the other programme's decision stands"


def test_a_forged_edition_that_came_after_the_decision_is_not_held_against_it(ledger: Ledger, tmp_path: Path) -> None:
    history = history_of(ledger)
    later = deepcopy(of(history, "ScorebookPublished", 0, SCOREBOOK))
    later["data"] |= {"edition": "strict", "min_centipoints": 10_000}
    history.append((SCOREBOOK, later))
    with sqlite_ledger(tmp_path, []) as scratch:
        assert verdict_on(scratch, tmp_path / "late", history).verdict == "confirmed"
        place = next(at for at, (stream, _) in enumerate(history) if stream == STREAM)
        history.insert(place, history.pop())
        assert verdict_on(scratch, tmp_path / "early", history).verdict == "refuted"


def verdict_on(scratch: Ledger, folder: Path, history: History) -> Report:
    folder.mkdir()
    return designation_verdict(sealed_again(scratch, folder, history))
