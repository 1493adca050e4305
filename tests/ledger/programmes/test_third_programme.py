"""A third programme, handed in as a value, lives in a book beside the two: no file of the house is touched for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ledger.audit.audit import AuditReport, audit
from ledger.book import read_rules, replay
from ledger.errors import Refused
from ledger.event import encode_event, leaf_hash
from ledger.instants import parse_instant
from ledger.programmes.capability.programme import CAPABILITY
from ledger.programmes.programme import Programmes
from ledger.programmes.survey.programme import SURVEY
from ledger.proof.log.verify import verify
from ledger.proof.programme import ProofProgrammes
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.seal.evidence import collect_evidence
from ledger.seal.folder import LogFolder
from ledger.seal.sealer import open_sealer
from ledger.store.base import NewRow
from ledger.store.sqlite import SQLiteStore
from ledger.writing import state_cache
from ledger.writing.salts import foreseeable_salts
from ledger.writing.writer import Writer
from projections.database import Connection, SQLiteDatabase, Table
from projections.projection import Handler, Projection, RawEvent
from projections.runner import Runner
from tests.console.support import met
from tests.ledger.programmes.lamps import LAMPS
from tests.ledger.programmes.lamps_proof import LampsProof
from tests.ledger.proof.book import canonical
from tests.ledger.seal.support import LOG_KEY, policy, policy_bytes, sqlite_ledger
from tests.ledger.seal.test_organisation_attacks import sealed_again
from tests.support.signing import Unbound

THREE = Programmes([SURVEY, CAPABILITY, LAMPS])
LAMPS_PROOF = LampsProof()
THREE_PROVEN: ProofProgrammes = (*PROOF_PROGRAMMES, LAMPS_PROOF)
NOW_US = parse_instant("2020-01-01T00:00:00Z")


class Lit(Projection[list[tuple[str, int]]]):
    """How many hours were promised, by lamp."""

    name: ClassVar[str] = "lit"
    version: ClassVar[int] = 1
    types = THREE.events
    tables: ClassVar[tuple[Table, ...]] = (Table("hours", {"lamp": "TEXT", "hours": "BIGINT"}, ("lamp",)),)

    def handlers(self) -> Mapping[str, Handler[list[tuple[str, int]]]]:
        return {"BulbLit": self._lit}

    def pending(self) -> list[tuple[str, int]]:
        return []

    def flush(self, pending: list[tuple[str, int]], connection: Connection, prefix: str) -> None:
        for lamp, hours in pending:
            connection.execute(
                f"INSERT INTO {prefix}hours VALUES (?,?) ON CONFLICT (lamp) "
                f"DO UPDATE SET hours = {prefix}hours.hours + {hours}",
                (lamp, hours),
            )

    def _lit(self, pending: list[tuple[str, int]], event: RawEvent, _position: int) -> None:
        pending.append((event["stream"].removeprefix("lamp-"), event["data"]["hours"]))


class Bench:
    """A book with three programmes."""

    def __init__(self, folder: Path) -> None:
        self.store = SQLiteStore(folder / "book.db")
        self.now_us = NOW_US
        self.numbers = iter(range(10_000))
        self.open()

    def open(self) -> None:
        salts = foreseeable_salts("lamps")
        self.writer = Writer(self.store, lambda: self.now_us, THREE, rehearsal=True, salts=salts)

    def tell(self, kind: str, at: str, **fields: Any) -> tuple[str, str | None]:
        told = {"type": kind, "id": f"l-{next(self.numbers)}", "occurred_at": at, **fields}
        (outcome,) = self.writer.record([THREE.facts.from_object(told)])
        return outcome.status, outcome.code

    def light(self, at: str, hours: int = 10, lamp: str = "a") -> None:
        assert self.tell("light-bulb", at, lamp=lamp, hours=hours) == ("accepted", None)

    def announced(self, lamp: str = "a") -> list[tuple[str, bool, str, bool]]:
        events = [
            THREE.decode(row.stored) for row in self.store.read_stream(f"lamp-{lamp}") if row.type == "LampChanged"
        ]
        return [
            (one.data["effective_at"][:16], *(one.data[key] for key in ("bright", "cause", "revises")))
            for one in events
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    made = Bench(tmp_path)
    yield made
    made.writer.close()
    made.store.close()


def test_its_editions_come_with_its_first_fact_and_the_surveys_open_the_book(bench: Bench) -> None:
    bench.light("2019-01-01T00:00:00Z")
    streams = [row.stream for row in bench.store.read_feed(0, 10)]
    assert streams == ["programme", "programme", "lamprules", "lamp-a", "lamp-a"]


def test_flips_are_announced_by_facts_and_by_reviews_at_their_exact_instants(bench: Bench) -> None:
    bench.light("2019-01-01T00:00:00Z", hours=2)
    bench.light("2019-01-02T00:00:00Z", hours=1)
    assert bench.announced() == [
        ("2019-01-01T00:00", True, "bulb", False),
        ("2019-01-01T02:00", False, "burnt", False),
        ("2019-01-02T00:00", True, "bulb", False),
    ]
    assert bench.writer.review().announced == 1
    assert bench.announced()[-1] == ("2019-01-02T01:00", False, "burnt", False)


def test_a_late_fact_and_an_edition_of_the_past_revise(bench: Bench) -> None:
    bench.light("2019-01-01T00:00:00Z", hours=2)
    bench.light("2019-01-02T00:00:00Z", hours=1)
    bench.light("2019-01-01T01:00:00Z", hours=3)
    assert bench.announced()[3:] == [
        ("2019-01-01T02:00", True, "bulb", True),
        ("2019-01-01T04:00", False, "burnt", True),
        ("2019-01-02T00:00", True, "bulb", True),
    ]
    needed = {"edition": "two", "effective_from": "2019-01-01T01:30:00Z", "needed": 2}
    assert bench.tell("publish-lamp-rules", "2019-06-01T00:00:00Z", **needed) == ("accepted", None)
    assert bench.announced()[6:] == [("2019-01-01T02:00", False, "burnt", True)]
    assert bench.tell("publish-lamp-rules", "2019-06-01T00:00:00Z", **needed) == ("refused", "edition-exists")


def test_its_facts_are_parsed_beside_the_others_and_refused_in_the_same_words(bench: Bench) -> None:
    with pytest.raises(Refused, match="hours"):
        bench.tell("light-bulb", "2019-01-01T00:00:00Z", lamp="a", hours=0)
    with pytest.raises(Refused, match="light-bulb"):
        bench.tell("light-lamp", "2019-01-01T00:00:00Z", lamp="a", hours=0)
    assert bench.tell("light-bulb", "2021-01-01T00:00:00Z", lamp="a", hours=1) == ("refused", "in-the-future")


def test_a_snapshot_takes_the_place_of_its_events(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_cache, "SNAPSHOT_EVENTS_MIN", 5)
    for hour in range(12):
        bench.light(f"2019-01-01T{hour:02d}:00:00Z", hours=1)
    bench.writer.close()
    with bench.store.writing() as transaction:
        (snapshot,) = transaction.snapshots(["lamp-a"])
    steps = replay(bench.store, THREE, "lamp-a")
    state = next(step.state for step in steps if step.event.seq == snapshot.seq)
    assert snapshot.seq > 5
    assert LAMPS.load(snapshot.state) == state
    bench.open()
    bench.light("2019-01-01T00:30:00Z", hours=1)
    assert bench.announced()[-1][0] == "2019-01-01T00:00"


def test_a_projection_of_it_is_kept_up_and_reads_an_older_version_of_a_type(bench: Bench, tmp_path: Path) -> None:
    bench.light("2019-01-01T00:00:00Z", hours=2)
    last = list(bench.store.read_stream("lamp-a"))[-1]
    stored = encode_event(
        stream="lamp-a", seq=last.seq + 1, event_type="BulbLit", occurred_at="2019-02-01T00:00:00.000000Z",
        recorded_at="2020-01-01T00:00:00.000001Z", fact="old", actor=None, prev=leaf_hash(last.stored), salt="A" * 22 + "==",
        data={"minutes": 300}, version=1,
    )  # fmt: skip
    with bench.store.writing() as transaction:
        transaction.append([NewRow(last.position + 1, "lamp-a", last.seq + 1, "BulbLit", stored, "old", b"d")])
    database = SQLiteDatabase(str(tmp_path / "projections.db"))
    Runner(bench.store, database, [Lit()]).catch_up()
    with database.reading() as connection:
        assert connection.query("SELECT lamp, hours FROM lit_1_hours", ()) == [("a", 7)]
    database.close()
    bench.light("2019-02-01T05:00:00Z", hours=1)  # the writer folds the older version as well: no gap between the two
    bench.writer.review()
    assert bench.announced()[-1] == ("2019-02-01T06:00", False, "burnt", False)


def test_its_decisions_are_taken_once_for_each_thing_that_they_say(bench: Bench) -> None:
    bench.light("2019-01-01T00:00:00Z", hours=30)
    assert bench.tell("judge-lamp", "2019-01-03T00:00:00Z", lamp="a", day="2019-01-02") == ("accepted", None)
    assert bench.tell("judge-lamp", "2019-01-03T00:00:01Z", lamp="a", day="2019-01-02") == ("refused", "malformed")
    assert bench.tell("judge-lamp", "2019-01-03T00:00:01Z", lamp="a", day="2019-01-04") == ("refused", "malformed")
    bench.light("2019-01-01T12:00:00Z", hours=30)
    assert bench.tell("judge-lamp", "2019-01-03T00:00:02Z", lamp="a", day="2019-01-02") == ("accepted", None)
    judged = [THREE.decode(row.stored).data for row in bench.store.read_stream("lamp-a") if row.type == "LampJudged"]
    assert [(one["bright"], one["burning"], one["revision"]) for one in judged] == [(True, 1, 1), (True, 2, 2)]


class Sealed:
    """What a bench has recorded, in a log, for who knows the three programmes by a registry of his own."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.log = LogFolder(folder / "log")
        self.store = bench.store
        with open_sealer(self.store, self.log, [Unbound(LOG_KEY)]) as sealer:
            sealer.seal()

    def audit(self) -> AuditReport:
        return audit(self.store, self.log, policy(), THREE_PROVEN, workers=1)

    def bundle(self) -> bytes:
        return collect_evidence(self.store, self.log, LAMPS_PROOF, "lamp-a", "2019-01-02").encoded()


@pytest.fixture
def judged(bench: Bench) -> Bench:
    """A lamp that was lit, revised, judged twice; and the other programmes beside it."""
    bench.light("2019-01-01T00:00:00Z", hours=30)
    bench.light("2019-01-03T00:00:00Z", hours=1)
    assert bench.tell("judge-lamp", "2019-01-03T00:30:00Z", lamp="a", day="2019-01-02") == ("accepted", None)
    bench.light("2019-01-01T12:00:00Z", hours=30)
    assert bench.tell("judge-lamp", "2019-01-03T00:45:00Z", lamp="a", day="2019-01-02") == ("accepted", None)
    bench.writer.review()
    bench.writer.record([THREE.facts.from_object(fact) for fact in met()])
    return bench


def test_its_book_is_audited_and_a_forged_announcement_or_decision_refuted(judged: Bench, tmp_path: Path) -> None:
    report = Sealed(judged, tmp_path).audit()
    assert (report.verdict, report.findings, report.decisions) == ("confirmed", [], 2)
    types = [row.type for row in judged.store.read_feed(0, 1_000)]
    assert (
        report.announcements
        == types.count("LampChanged") + types.count("EligibilityChanged")
        > types.count("LampChanged")
    )
    for kind, change in (("LampChanged", {"bright": False}), ("LampJudged", {"burning": 3})):
        history = [(row.stream, json.loads(row.stored)) for row in judged.store.read_feed(0, 1_000)]
        place = next(at for at, (_, event) in enumerate(history) if event["type"] == kind)
        history[place][1]["data"] |= change
        (tmp_path / kind).mkdir()
        with sqlite_ledger(tmp_path / kind, []) as scratch:
            forged = sealed_again(scratch, tmp_path / kind, history)
            report = audit(forged.store, forged.folder, policy(), THREE_PROVEN, workers=1)
        assert report.verdict == "refuted", kind
        assert any(f"lamp-a/{history[place][1]['seq']} {kind}" in finding.what for finding in report.findings)


def test_evidence_of_its_decision_is_verified_and_refuted_where_it_is_forged(judged: Bench, tmp_path: Path) -> None:
    bundle = Sealed(judged, tmp_path).bundle()
    report = verify(bundle, policy_bytes(), THREE_PROVEN)
    assert (report.verdict, report.decision) == (
        "confirmed",
        {"day": "2019-01-02", "bright": True, "burning": 2, "revision": 2},
    )
    assert report.words().splitlines()[1].startswith("lamp 'a', day '2019-01-02': revision 2 of 2 in this log")
    assert report.words().splitlines()[2] == "the rules say: bright: 2 bulbs burn"
    other = verify(bundle, policy_bytes(), THREE_PROVEN, asked={"lamp": "b"})
    assert (other.verdict, other.exit_code) == ("not-this-decision", 1)
    value = json.loads(bundle)
    first = next(event["entry"] for event in value["streams"]["lamp-a"]["events"] if "LampJudged" in event["entry"])
    older = verify(canonical(value | {"decision": json.loads(first)["seq"]}), policy_bytes(), THREE_PROVEN)
    assert (older.verdict, older.superseded_by) == ("confirmed", value["decision"])
    assert (
        verify(bundle.replace(b'\\"hours\\":30', b'\\"hours\\":31', 1), policy_bytes(), THREE_PROVEN).verdict
        == "tampered"
    )
    assert verify(bundle, policy_bytes(), PROOF_PROGRAMMES).verdict == "unverifiable"
    history = [(row.stream, json.loads(row.stored)) for row in judged.store.read_feed(0, 1_000)]
    [event for _, event in history if event["type"] == "LampJudged"][-1]["data"]["bright"] = False
    (tmp_path / "other").mkdir()
    with sqlite_ledger(tmp_path / "other", []) as scratch:
        forged = sealed_again(scratch, tmp_path / "other", history)
        evidence = collect_evidence(forged.store, forged.folder, LAMPS_PROOF, "lamp-a", "2019-01-02").encoded()
    report = verify(evidence, policy_bytes(), THREE_PROVEN)
    assert (report.verdict, report.difference and report.difference["expected"]) == ("refuted", True)


def test_the_other_programmes_go_on_beside_it(bench: Bench) -> None:
    bench.light("2010-01-01T00:00:00Z")
    facts = [THREE.facts.from_object(fact) for fact in met()]
    assert {outcome.status for outcome in bench.writer.record(facts)} == {"accepted"}
    assert any(row.type == "EligibilityChanged" for row in bench.store.read_feed(0, 1_000))
    assert len(read_rules(bench.store, THREE, LAMPS, "lamprules").editions) == 1
    opened = {"membership": "m-1", "area": "business-applications", "name": "Contoso"}
    assert bench.tell("open-designation", "2019-01-01T00:00:00Z", **opened) == ("accepted", None)
    assert "scorebook/business-applications" in bench.store.stream_names()
