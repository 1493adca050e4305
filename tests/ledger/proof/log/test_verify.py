"""Verdicts: what holds, and everything that was tried against it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.log.building import decision_proof
from ledger.proof.log.bundle import parse_bundle
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.report import Report
from ledger.proof.log.tlogproof import parse_tlog_proof, verify_tlog_proof
from ledger.proof.verify import main
from tests.ledger.proof.book import LOG_KEY, Book, policy, sample_book, verify

BOOK, DECISION = sample_book()
BUNDLE = BOOK.bundle("m-1", DECISION)
ENCODED = BUNDLE.encoded()


def verdict(book: Book, seq: int, membership: str = "m-1") -> Report:
    """The verdict on a bundle out of a book that was sealed with the right keys."""
    book.log_heads()
    return verify(book.bundle(membership, seq).encoded(), policy())


def test_a_sound_bundle_is_confirmed() -> None:
    report = verify(ENCODED, policy())
    assert (report.verdict, report.difference, report.exit_code) == ("confirmed", None, 0)
    assert report.decision == report.recomputed
    assert report.decision is not None
    assert (report.decision["outcome"], report.decision["counted"], report.decision["organisations"]) == ("met", 10, 2)
    assert report.checkpoint is not None
    assert report.checkpoint["size"] == len(BOOK.entries)
    assert "verdict: confirmed" in report.words()


def test_a_bundle_is_read_as_written_whatever_its_spacing() -> None:
    assert parse_bundle(ENCODED) == BUNDLE
    spaced = json.dumps(json.loads(ENCODED), indent=2).encode()
    assert parse_bundle(spaced) == BUNDLE
    assert verify(spaced, policy()).verdict == "confirmed"


def test_no_personal_data_and_no_key_is_in_a_bundle() -> None:
    assert set(json.loads(ENCODED)) == {
        "checkpoint", "decision", "format", "heads", "on", "programme", "proof", "rules", "streams", "subject",
    }  # fmt: skip


def test_the_decision_has_a_tlog_proof_of_its_own() -> None:
    proof = parse_tlog_proof(decision_proof(BUNDLE, BOOK.read).encoded())
    decided = leaf_hash(BUNDLE.events[DECISION - 1].entry)
    assert verify_tlog_proof(proof, decided, LOG_KEY.name, [LOG_KEY.verifier]).size == len(BOOK.entries)


@pytest.mark.parametrize(
    "field",
    [
        {"outcome": "not-met"}, {"counted": 11}, {"counted": "10"}, {"counted": True}, {"organisations": 3},
        {"via": None}, {"via": "evaluations"}, {"location": "other"}, {"edition": "2013-04"}, {"revision": 2},
        {"evaluated_at": "2011-03-01T00:00:00.000000Z"}, {"applied": []}, {"applied_total": 9}, {"left_out": []},
        {"left_out_total": 0}, {"left_out": [{"response": "r-8", "reason": "void"}]}, {"extra": 1},
    ],
)  # fmt: skip
def test_a_forged_decision_is_refuted_and_both_are_shown(field: dict[str, Any]) -> None:
    book, _ = sample_book()
    changed: dict[str, Any] = {key: 3 if key == "revision" else value for key, value in field.items()}
    event = book.decide("membership-m-1", "2011-03-01", None, **changed)
    report = verdict(book, event.seq)
    assert (report.verdict, report.exit_code) == ("refuted", 1)
    assert report.decision == event.data
    assert report.recomputed is not None
    assert report.difference is not None
    key = next(iter(field))
    assert report.difference["what"] == f"event membership-m-1/{event.seq} RenewalDecided: {key}"
    assert report.difference["expected"] == report.recomputed.get(key, "nothing")
    assert "recomputed decision" in report.words()


def test_a_decision_without_one_of_its_keys_is_refuted() -> None:
    book, seq = sample_book()
    data = json.loads(book.streams["membership-m-1"][seq - 1].entry)["data"] | {"revision": 2}
    del data["edition"]
    event = book.append("membership-m-1", "RenewalDecided", "2011-03-01", data)
    report = verdict(book, event.seq)
    assert report.verdict == "refuted"
    assert report.difference == {"what": f"{event.where}: edition", "found": "nothing", "expected": "2009-11"}


def test_a_decision_made_too_early_or_never_due_is_refuted() -> None:
    book, _ = sample_book()
    early = book.decide("membership-m-1", "2011-03-01", at="2011-02-28T23:59:59.999999Z")
    report = verdict(book, early.seq)
    assert (report.verdict, "instant of the decision" in str(report.difference)) == ("refuted", True)
    book, _ = sample_book()
    unset = book.decide("membership-m-1", "2011-03-02")
    report = verdict(book, unset.seq)
    assert (report.verdict, report.difference and report.difference["found"]) == ("refuted", "2011-03-02")


def test_a_renewal_decided_again_though_nothing_changed_is_refuted() -> None:
    book, seq = sample_book()
    again = book.decide("membership-m-1", "2011-03-01")
    report = verdict(book, again.seq)
    assert report.verdict == "refuted"
    assert report.difference == {
        "what": again.where,
        "found": "another revision",
        "expected": f"none: nothing changed since event membership-m-1/{seq} RenewalDecided",
    }
    book, seq = sample_book()
    book.respond("membership-m-1", "late", "2010-07-01", "org-c")
    assert verdict(book, book.decide("membership-m-1", "2011-03-01").seq).verdict == "confirmed"


def test_a_decision_recorded_before_its_date_is_refuted_whatever_it_claims_of_itself() -> None:
    book, _ = sample_book()
    data = json.loads(book.entries[-2])["data"] | {"revision": 2}
    event = book.append(
        "membership-m-1", "RenewalDecided", "2011-03-01", data, recorded_at="2011-02-01T00:00:00.000000Z"
    )
    assert verdict(book, event.seq).verdict == "refuted"


AT = "2010-07-01T00:00:00.000000Z"


def test_events_that_contradict_their_stream_refute_the_decision() -> None:
    stream = "membership-m-1"
    contradictions: list[Callable[[Book], object]] = [
        lambda book: book.respond(stream, "r-0", "2010-07-01", "org-c"),
        lambda book: book.respond(stream, "z", "2010-07-01", "org-c", location="nowhere"),
        lambda book: book.void(stream, "q-0", "2010-07-02"),
        lambda book: book.append(
            stream,
            "ResponseVoided",
            "2010-07-01",
            {"response": "z", "reason": "test", "received_at": AT, "customer_org": "org-a", "location": "main"},
        ),
        lambda book: book.append(stream, "MembershipUpdated", "2010-07-01", {}),
        lambda book: book.enrol("m-1"),
        lambda book: book.publish("2009-11", "2010-07-01"),
        lambda book: book.append(stream, "LocationAdded", "2010-07-01", {"location": "main"}),
        lambda book: book.append(stream, "LocationAdded", "2010-07-01", {"location": "*"}),
    ]
    for contradiction in contradictions:
        book, seq = sample_book()
        data = json.loads(book.streams[stream][seq - 1].entry)["data"] | {"revision": 2}
        contradiction(book)
        event = book.append(stream, "RenewalDecided", "2011-03-01", data)
        assert verdict(book, event.seq).verdict == "refuted"


def test_a_void_that_misstates_its_response_refutes_the_decision() -> None:
    book, _ = sample_book()
    data = {"response": "r-8", "reason": "test", "received_at": "2010-04-09T00:00:00.000001Z"}
    book.append("membership-m-1", "ResponseVoided", "2010-07-01", data | {"customer_org": "org-a", "location": "main"})
    raw = json.loads(book.entries[-3])["data"] | {"revision": 2}
    event = book.append("membership-m-1", "RenewalDecided", "2011-03-01", raw)
    report = verdict(book, event.seq)
    assert (report.verdict, "what is said of r-8" in str(report.difference)) == ("refuted", True)


def test_what_comes_after_a_decision_does_not_change_its_verdict_but_a_later_decision_is_named() -> None:
    book, seq = sample_book()
    book.void("membership-m-1", "r-0", "2011-04-01")
    report = verdict(book, seq)
    assert (report.verdict, report.superseded_by) == ("confirmed", None)
    again = book.decide("membership-m-1", "2011-03-01", at="2011-04-02")
    assert again.data["outcome"] == "met"
    report = verdict(book, seq)
    assert (report.verdict, report.superseded_by) == ("confirmed", again.seq)
    assert str(again.seq) in report.words()
    assert verdict(book, again.seq).verdict == "confirmed"


def test_an_edition_published_after_the_decision_is_not_held_against_it_but_one_before_is() -> None:
    book, seq = sample_book()
    book.publish("strict", "2010-01-01", min_responses=11)
    assert verdict(book, seq).verdict == "confirmed"
    again = book.decide("membership-m-1", "2011-03-01", at="2011-04-02")
    assert again.data["outcome"] == "not-met"
    assert verdict(book, again.seq).verdict == "confirmed"


# The command line.


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    bundle, trust = tmp_path / "m-1.json", tmp_path / "policy.json"
    bundle.write_bytes(ENCODED)
    trust.write_bytes(policy())
    return bundle, trust


def test_the_command_prints_one_json_object_and_exits_by_the_verdict(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, trust = files
    assert main([str(bundle), "--policy", str(trust), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert list(value) == [member.name for member in fields(Report)]
    assert value["verdict"] == "confirmed"
    bundle.write_bytes(ENCODED.replace(b"org-b", b"org-c"))
    assert main([str(bundle), "--policy", str(trust)]) == 1
    assert "verdict: tampered" in capsys.readouterr().out
    assert main([str(bundle), "--policy", str(bundle)]) == 2
    assert main([str(bundle.with_name("none")), "--policy", str(trust), "--json"]) == 2
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["verdict"] == "unverifiable"
    with pytest.raises(SystemExit) as usage:
        main([str(bundle)])
    assert usage.value.code == 2


def test_it_runs_as_a_module_and_imports_nothing_else_of_the_ledger(files: tuple[Path, Path]) -> None:
    bundle, trust = files
    code = (
        "import sys; from ledger.proof.verify import main; code = main(sys.argv[1:]);"
        "print(sorted(m for m in sys.modules if m.startswith('ledger.') and not m.startswith('ledger.proof')));"
        "print([m for m in ('eventsourcing', 'pydantic', 'orjson', 'psycopg', 'kafka') if m in sys.modules]);"
        "sys.exit(code)"
    )
    command = [str(bundle), "--policy", str(trust), "--json"]
    ran = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[1:] == ["[]", "[]"]
    ran = subprocess.run(
        [sys.executable, "-m", "ledger.proof.verify", *command], capture_output=True, text=True, check=True
    )
    assert json.loads(ran.stdout)["verdict"] == "confirmed"


WITH_LESS = """
import sys
from pathlib import Path
from ledger.proof.log import files
files.MEMINFO, files.CGROUP = map(Path, sys.argv[1:3])
from {program} import main
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is not handed out before it is there")
@pytest.mark.parametrize(("program", "command"), [("ledger.proof.verify", []), ("console.cli.main", ["verify"])])
@pytest.mark.parametrize(("meminfo", "cgroup"), [("MemAvailable: 100000 kB", "max"), ("", "104857600")])
def test_what_takes_more_memory_than_there_is_has_a_verdict(
    program: str, command: list[str], meminfo: str, cgroup: str, files: tuple[Path, Path], tmp_path: Path
) -> None:
    texts = {"meminfo": meminfo, "cgroup": cgroup, "bundle": "[" + "[]," * 4_000_000 + "[]]"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    where = [str(tmp_path / name) for name in texts]
    ran = subprocess.run(
        [sys.executable, "-c", WITH_LESS.format(program=program), *where[:2], *command, where[2], "--policy", str(files[1])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = ran.stdout + ran.stderr
    assert ran.returncode == 2, said
    assert "more than memory holds" in said
    assert "Traceback" not in said
