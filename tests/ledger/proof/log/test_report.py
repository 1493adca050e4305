"""What a report says: whose decision, which revision, cosigned when, and what the rules say; in words and as JSON."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import pytest

from ledger.proof.log.bundle import parse_bundle
from ledger.proof.log.errors import RefutedError
from ledger.proof.log.event import format_instant
from ledger.proof.log.note import COSIGNATURE_V1
from ledger.proof.log.policy import parse_policy
from ledger.proof.log.report import EXIT_CODES, Report, time_text
from ledger.proof.log.signer import SignerKey, format_note
from ledger.proof.log.strictjson import base64_text
from ledger.proof.log.verify import CLOCKS_APART_US, judge
from ledger.proof.log.verify import verify as judged
from ledger.proof.registry import PROOF_PROGRAMMES
from tests.ledger.proof.book import LOG_KEY, WITNESSED_S, WITNESSES, Book, canonical, policy, sample_book, verify

M1 = "membership-m-1"
DUE = "2011-03-01"


def report_of(book: Book, seq: int, **trust: Any) -> Report:
    return verify(book.bundle("m-1", seq).encoded(), policy(**trust))


def test_the_words_say_whose_decision_which_revision_under_which_log_and_what_the_rules_say() -> None:
    book, seq = sample_book()
    lines = report_of(book, seq).words().splitlines()
    checkpoint = book.checkpoint()
    assert lines[:6] == [
        "verdict: confirmed",
        "membership 'm-1', renewal '2011-03-01': revision 1 of 1 in this log, recorded at 2013-04-01T00:00:00.000000Z",
        "the rules say: met, by responses: 10 responses of 2 organisations count at location 'main', 2 left out; "
        "edition '2009-11'",
        f"log 'ledger.example/renewals', size {checkpoint.size}, root {base64_text(checkpoint.root)}",
        "cosigned by 'witness.example/w0' at 2023-11-14T22:13:20Z",
        "cosigned by 'witness.example/w1' at 2023-11-14T22:13:20Z",
    ]  # fmt: skip
    assert lines[6].startswith("recorded decision: {")
    assert len(lines) == 7


def test_the_json_has_all_that_the_words_say() -> None:
    book, seq = sample_book()
    value = json.loads(report_of(book, seq).encoded())
    assert (value["programme"], value["about"]) == ("survey", {"membership": "m-1", "renewal": DUE})
    assert value["revision"] == {
        "seq": seq, "number": 1, "of": 1, "superseded": False, "superseded_by": None,
        "recorded_at": "2013-04-01T00:00:00.000000Z",
    }  # fmt: skip
    assert value["checkpoint"]["at"] == "2023-11-14T22:13:20Z"
    assert value["checkpoint"]["cosigned"] == [
        {"witness": key.name, "time": WITNESSED_S, "at": "2023-11-14T22:13:20Z"} for key in WITNESSES[:2]
    ]
    assert value["rules"].startswith("met, by responses: 10 responses of 2 organisations")
    assert (value["since"], value["warnings"], value["difference"]) == (None, [], None)


def test_a_superseded_revision_is_unmistakable_in_words_and_json() -> None:
    book, seq = sample_book()
    book.void(M1, "q-1", "2011-04-01")
    again = book.decide(M1, DUE, at="2011-04-02")
    book.void(M1, "q-2", "2011-04-03")
    last = book.decide(M1, DUE, at="2011-04-04")
    book.log_heads()
    for number, decided, superseded in ((1, seq, True), (2, again.seq, True), (3, last.seq, False)):
        report = report_of(book, decided)
        revision = json.loads(report.encoded())["revision"]
        assert report.verdict == "confirmed"
        assert (revision["number"], revision["of"], revision["superseded"]) == (number, 3, superseded)
        assert revision["superseded_by"] == (last.seq if superseded else None)
        first, second = report.words().splitlines()[:2]
        assert first == "verdict: confirmed" + superseded * ", of a decision that is SUPERSEDED"
        assert f"revision {number} of 3" in second
        assert (f"decided again, by event {last.seq} of the stream" in report.words()) is superseded
        assert ([warning["code"] for warning in report.warnings] == ["superseded"]) is superseded


def test_decisions_on_other_days_are_no_revisions_of_it() -> None:
    book, seq = sample_book()
    book.append(M1, "RenewalDateSet", "2011-04-01", {"renewal_date": "2011-06-01"})
    other = book.decide(M1, "2011-06-01")
    book.log_heads()
    for decided in (seq, other.seq):
        report = report_of(book, decided)
        assert report.revision is not None
        assert (report.verdict, report.revision["number"], report.revision["of"]) == ("confirmed", 1, 1)


def test_a_superseded_revision_that_is_refuted_says_both() -> None:
    book, _ = sample_book()
    forged = book.decide(M1, DUE, at="2011-04-02", counted=11, revision=2)
    book.void(M1, "q-2", "2011-04-03")
    book.decide(M1, DUE, at="2011-04-04")
    book.log_heads()
    report = report_of(book, forged.seq)
    assert report.words().startswith("verdict: refuted, of a decision that is SUPERSEDED\n")
    assert report.rules is not None
    assert "10 responses" in report.rules


def cosigned(book: Book, *times_s: int) -> bytes:
    """The checkpoint, with the witnesses' cosignatures of these times."""
    text = book.checkpoint().text
    lines = [key.sign(text.encode(), at_s) for key, at_s in zip(WITNESSES, times_s, strict=False)]
    return format_note(text, [LOG_KEY.sign(text.encode()), *lines])


@pytest.mark.parametrize(
    ("times_s", "quorum", "expected"),
    [((30, 10, 20), 1, 10), ((30, 10, 20), 2, 20), ((30, 10, 20), 3, 30), ((30, 10), 2, 30), ((30, 10, 20), 0, None)],
)
def test_the_time_of_a_checkpoint_is_that_at_which_its_quorum_was_reached(
    times_s: tuple[int, ...], quorum: int, expected: int | None
) -> None:
    book, seq = sample_book()
    bundle = book.bundle("m-1", seq, cosigned(book, *(WITNESSED_S + time_s for time_s in times_s)))
    report = verify(bundle.encoded(), policy(quorum=quorum))
    assert report.checkpoint is not None
    assert report.checkpoint["at"] == (None if expected is None else time_text(WITNESSED_S + expected))
    assert ([warning["code"] for warning in report.warnings] == ["not-cosigned"]) is (quorum == 0)
    assert ("the policy asks for no witness" in report.words()) is (quorum == 0)


def test_a_time_beyond_the_calendar_is_told_as_it_is() -> None:
    book, seq = sample_book()
    bundle = book.bundle("m-1", seq, cosigned(book, 2**63 - 1, 253_402_300_799))
    report = verify(bundle.encoded(), policy())
    assert report.checkpoint is not None
    assert [one["at"] for one in report.checkpoint["cosigned"]] == [None, "9999-12-31T23:59:59Z"]
    assert f"cosigned by 'witness.example/w0' at {2**63 - 1}" in report.words()


def late_decision(past_us: int) -> tuple[Book, int]:
    """A decision that was recorded so long after the second of its cosignatures had begun."""
    book, _ = sample_book()
    book.void(M1, "q-1", "2011-04-01")
    at = format_instant(WITNESSED_S * 1_000_000 + past_us)
    seq = book.decide(M1, DUE, at=at).seq
    book.log_heads()
    return book, seq


@pytest.mark.parametrize(
    ("past_us", "warned", "refuted"),
    [
        (0, False, False),
        (999_999, False, False),
        (1_000_000, True, False),
        (CLOCKS_APART_US, True, False),
        (CLOCKS_APART_US + 1, True, True),
    ],
)
def test_a_decision_recorded_after_its_cosignature_is_named_and_refuted_where_witnesses_look(
    past_us: int, warned: bool, refuted: bool
) -> None:
    book, seq = late_decision(past_us)
    report = report_of(book, seq)
    assert report.verdict == "confirmed"
    assert ([warning["code"] for warning in report.warnings] == ["recorded-after-cosignature"]) is warned
    assert ("cosigned at 2023-11-14T22:13:20Z" in report.words()) is warned
    expected = pytest.raises(RefutedError, match=r"recorded_at: found .*, expected at most five minutes after")
    with expected if refuted else nullcontext():
        looking = SignerKey("w.example/1/checking", COSIGNATURE_V1, b"c" * 32)
        text = book.checkpoint().text.encode()
        signed = format_note(text.decode(), [LOG_KEY.sign(text), looking.sign(text, WITNESSED_S)])
        trust = policy(witnesses=[str(looking.verifier)], quorum=1, checking=1)
        judge(parse_bundle(book.bundle("m-1", seq, signed).encoded()), parse_policy(trust), PROOF_PROGRAMMES, Report())


def test_nothing_out_of_a_file_is_printed_raw() -> None:
    book, _ = sample_book()
    witness = SignerKey("w\x7f\u200bx", COSIGNATURE_V1, b"z" * 32)
    evil = "x'\nverdict: confirmed\n\x1b[31m\u202e"
    forged = book.decide(M1, DUE, at="2011-04-02", edition=evil, revision=2)
    book.log_heads()
    text = book.checkpoint().text
    signed = format_note(text, [LOG_KEY.sign(text.encode()), witness.sign(text.encode(), 5)])
    trust = policy(witnesses=[str(witness.verifier)], quorum=1)
    report = verify(book.bundle("m-1", forged.seq, signed).encoded(), trust)
    assert report.verdict == "refuted"
    for told in (report.words(), report.encoded()):
        assert all(" " <= char <= "~" or char == "\n" for char in told)
    assert [line for line in report.words().splitlines() if line.startswith("verdict:")] == ["verdict: refuted"]
    claimed = json.loads(book.bundle("m-1", forged.seq, signed).encoded()) | {"on": evil, "decision": 1}
    report = verify(canonical(claimed), trust)
    assert [line for line in report.words().splitlines() if line.startswith("verdict:")] == ["verdict: tampered"]
    assert report.words().splitlines()[1].startswith("what the file claims to be about: ")


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({"membership": "m-2"}, "membership of the evidence"),
        ({"membership": "m-1", "renewal": "2011-03-02"}, "renewal of the evidence"),
        ({"renewal": "2012-03-01"}, "renewal of the evidence"),
        ({"area": "business-applications"}, "area of the evidence"),
        ({"membership": "m-1", "anniversary": DUE}, "anniversary of the evidence"),
    ],
)
def test_evidence_of_another_decision_than_the_one_asked_for_is_refused(asked: dict[str, str], what: str) -> None:
    book, seq = sample_book()
    report = judged(book.bundle("m-1", seq).encoded(), policy(), PROOF_PROGRAMMES, asked=asked)
    assert (report.verdict, report.exit_code, report.decision) == ("not-this-decision", 1, None)
    assert report.difference is not None
    assert report.difference["what"] == what
    assert report.words().startswith("verdict: not-this-decision\nwhat the file claims to be about: ")


@pytest.mark.parametrize("asked", [{}, {"membership": "m-1"}, {"renewal": DUE}, {"membership": "m-1", "renewal": DUE}])
def test_evidence_of_the_decision_asked_for_is_judged(asked: dict[str, str]) -> None:
    book, seq = sample_book()
    assert judged(book.bundle("m-1", seq).encoded(), policy(), PROOF_PROGRAMMES, asked=asked).verdict == "confirmed"


def test_a_file_that_claims_to_be_of_the_decision_asked_for_is_not_believed() -> None:
    book, seq = sample_book()
    value = json.loads(book.bundle("m-1", seq).encoded()) | {"on": "2012-03-01"}
    report = judged(canonical(value), policy(), PROOF_PROGRAMMES, asked={"renewal": "2012-03-01"})
    assert report.verdict == "tampered"


def test_every_verdict_has_an_exit_code() -> None:
    assert EXIT_CODES == {
        "confirmed": 0, "refuted": 1, "tampered": 1, "incomplete": 1, "not-this-decision": 1, "unverifiable": 2,
    }  # fmt: skip
