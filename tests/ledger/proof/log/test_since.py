"""Evidence held against older evidence: what extends it is confirmed, and a fork of stream or log is caught."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proof.log.building import Entry
from ledger.proof.log.errors import IncompleteError, MalformedError
from ledger.proof.log.merkle_tree import consistency_proof
from ledger.proof.log.report import Report
from ledger.proof.log.since import Prove, Since, parse_consistency
from ledger.proof.log.strictjson import base64_text
from ledger.proof.log.verify import verify as judged
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.proof.survey.programme import RULEBOOK
from ledger.proof.verify import main
from tests.ledger.proof.book import Book, canonical, policy, sample_book
from tests.support.soak import scaled

M1 = "membership-m-1"
DUE = "2011-03-01"
HASH = "A" * 43 + "="


def prover(book: Book) -> Prove:
    """Consistency proofs out of a book's log."""
    stored = book.stored_hashes()
    return lambda old, new: consistency_proof(old, new, lambda indexes: [stored[i] for i in indexes])


def since(new: bytes, old: bytes, prove: Prove | None) -> Report:
    return judged(new, policy(), PROOF_PROGRAMMES, since=Since(old, prove))


def evidence(book: Book, seq: int, membership: str = "m-1") -> bytes:
    return book.bundle(membership, seq).encoded()


def shown(report: Report) -> tuple[bool, bool]:
    assert report.since is not None
    return report.since["streams_extend"], report.since["log_extends"]


@pytest.fixture
def grown() -> tuple[Book, bytes, bytes]:
    """A book, evidence of its decision, and evidence of the second revision after more of everything."""
    book, seq = sample_book()
    old = evidence(book, seq)
    book.respond("membership-m-2", "s-x", "2010-07-01", "org-c")
    book.publish("later", "2011-05-01")
    book.void(M1, "q-1", "2011-04-01")
    book.log_heads()
    again = book.decide(M1, DUE, at="2011-04-02")
    book.log_heads()
    return book, old, evidence(book, again.seq)


def test_what_extends_older_evidence_is_confirmed_and_what_was_shown_is_said(grown: tuple[Book, bytes, bytes]) -> None:
    book, old, new = grown
    report = since(new, old, prover(book))
    assert (report.verdict, report.difference, shown(report)) == ("confirmed", None, (True, True))
    assert report.since is not None
    before = len(json.loads(old)["streams"][M1]["events"])
    assert report.since["events"] == {M1: [before, before + 2], RULEBOOK: [2, 3]}
    assert report.since["size"] == json.loads(old)["heads"]["index"] + 1
    words = report.words()
    assert f"shown: the first {before} of {before + 2} events of {M1} are those of the older evidence" in words
    assert "\nshown: that the log extends the older one\n" in words
    assert "NOT shown" not in words
    assert json.loads(report.encoded())["since"] == report.since


def test_the_same_evidence_extends_itself_and_needs_no_proof(grown: tuple[Book, bytes, bytes]) -> None:
    _, _, new = grown
    assert since(new, new, None).verdict == "confirmed"


def test_without_a_consistency_proof_it_says_what_was_not_shown(grown: tuple[Book, bytes, bytes]) -> None:
    _, old, new = grown
    report = since(new, old, None)
    assert (report.verdict, shown(report)) == ("incomplete", (True, False))
    assert report.difference is not None
    assert (report.difference["what"], report.difference["found"]) == ("consistency proof", "none")
    assert "NOT shown: that the log extends the older one" in report.words()


def test_older_evidence_in_the_place_of_the_newer_is_incomplete(grown: tuple[Book, bytes, bytes]) -> None:
    book, old, new = grown
    report = since(old, new, prover(book))
    assert (report.verdict, shown(report)) == ("incomplete", (False, False))
    assert report.difference is not None
    assert report.difference["what"] == "size of the newer log"


def test_evidence_of_another_stream_is_not_compared(grown: tuple[Book, bytes, bytes]) -> None:
    book, old, _ = grown
    two = "membership-m-2"
    book.append(two, "RenewalDateSet", "2011-05-02", {"renewal_date": "2011-06-01"})
    seq = book.decide(two, "2011-06-01").seq
    book.log_heads()
    report = since(evidence(book, seq, "m-2"), old, prover(book))
    assert (report.verdict, report.exit_code, report.since) == ("not-this-decision", 1, None)
    assert report.difference == {"what": "stream of the evidence", "found": two, "expected": M1}


def test_older_evidence_that_does_not_hold_itself_is_named(grown: tuple[Book, bytes, bytes]) -> None:
    book, old, new = grown
    for changed, verdict in (
        (old.replace(b"org-a", b"org-b", 1), "tampered"),
        (old[:-5], "unverifiable"),
        (canonical(json.loads(old) | {"decision": 2}), "tampered"),
    ):
        report = since(new, changed, prover(book))
        assert (report.verdict, report.since) == (verdict, None)
        assert report.difference is not None
        assert report.difference["what"].startswith("older evidence: ")
    assert since(new.replace(b"org-a", b"org-b", 1), old, prover(book)).verdict == "tampered"


# A dishonest host that holds all keys, and whose witnesses saw nothing but a log that grew.


def forked(change: Callable[[Book], object]) -> tuple[Book, bytes, bytes]:
    """A book whose log only grows, and whose stream the host takes back to before the decision and goes on otherwise."""
    book, seq = sample_book()
    old = evidence(book, seq)
    change(book)
    decided = book.decide(M1, DUE, at="2011-04-02")
    book.log_heads()
    return book, old, evidence(book, decided.seq)


def take_back(book: Book, events: int, stream: str = M1) -> None:
    """The last events of a stream are in the log and nowhere else."""
    del book.streams[stream][-events:]


def other_void(book: Book) -> None:
    take_back(book, 1)
    book.void(M1, "q-1", "2010-06-02")


def logged_again(book: Book) -> None:
    """The same events, bytes and all, at other places of the log."""
    for event in [take.entry for take in book.streams[M1][-1:]]:
        take_back(book, 1)
        book.streams[M1].append(Entry(len(book.entries), event))
        book.entries.append(event)
    book.void(M1, "q-1", "2011-04-01")


def other_edition(book: Book) -> None:
    take_back(book, 1, RULEBOOK)
    book.publish("2013-04", "2010-01-01", min_responses=11)
    book.void(M1, "q-1", "2011-04-01")


@pytest.mark.parametrize(
    ("change", "what"), [(other_void, f"event 16 of {M1}"), (logged_again, "log index of"), (other_edition, RULEBOOK)]
)
def test_a_stream_forked_inside_a_log_that_only_grew_is_caught(change: Callable[[Book], object], what: str) -> None:
    book, old, new = forked(change)
    alone = judged(new, policy(), PROOF_PROGRAMMES)
    assert alone.verdict == "confirmed", alone.words()  # one bundle cannot show it
    assert judged(old, policy(), PROOF_PROGRAMMES).verdict == "confirmed"
    report = since(new, old, prover(book))
    assert (report.verdict, shown(report)) == ("tampered", (False, False))
    difference = report.difference
    assert difference is not None
    sizes = [json.loads(one)["heads"]["index"] + 1 for one in (new, old)]
    assert difference["what"].startswith(
        f"a fork, signed twice, at sizes {sizes[0]} (found) and {sizes[1]} (expected): "
    )
    assert what in difference["what"]
    assert difference["found"] != difference["expected"]


@given(
    st.sampled_from([M1, RULEBOOK]), st.integers(1, 6), st.integers(0, 6),
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 28)), max_size=6), st.integers(0, 3),
)  # fmt: skip
@settings(max_examples=scaled(60), deadline=None)
def test_however_a_stream_is_taken_back_and_goes_on_older_evidence_catches_it(
    stream: str, back: int, kept: int, more: list[tuple[int, int]], others: int
) -> None:
    book, seq = sample_book()
    old = evidence(book, seq)
    taken = book.streams[stream][-back:]
    take_back(book, min(back, len(taken)), stream)
    for number, (kind, day) in enumerate(more):
        if stream == RULEBOOK:
            book.publish(f"e-{number}", f"2010-01-{day:02d}", min_responses=3 + kind)
        else:
            book.respond(M1, f"fork-{number}", f"2010-08-{day:02d}", f"org-{kind}")
    for number in range(others):
        book.respond("membership-m-2", f"s-{number}-x", "2010-07-01", "org-c")
    for event in taken[:kept] if not more else []:  # the same events at other places
        book.streams[stream].append(Entry(len(book.entries), event.entry))
        book.entries.append(event.entry)
    book.publish("last", "2010-01-02", min_responses=9)
    decided = [n for n, one in enumerate(book.streams[M1], 1) if b'"RenewalDecided"' in one.entry]
    decision = decided[-1] if decided else book.decide(M1, DUE, at="2011-04-02").seq
    book.log_heads()
    new = evidence(book, decision)
    alone, report = judged(new, policy(), PROOF_PROGRAMMES), since(new, old, prover(book))
    assert report.verdict == ("tampered" if alone.verdict == "confirmed" else alone.verdict)


def test_a_stream_that_went_back_is_caught() -> None:
    book, first = sample_book()
    book.void(M1, "q-1", "2011-04-01")
    second = book.decide(M1, DUE, at="2011-04-02").seq
    book.log_heads()
    old = evidence(book, second)
    take_back(book, 2)
    book.respond("membership-m-2", "s-x", "2010-07-01", "org-c")
    book.log_heads()
    new = evidence(book, first)
    assert judged(new, policy(), PROOF_PROGRAMMES).verdict == "confirmed"
    report = since(new, old, prover(book))
    assert report.verdict == "tampered"
    assert report.difference is not None
    assert f"number of events of {M1}" in report.difference["what"]
    assert (report.difference["found"], report.difference["expected"]) == (first, second)


def test_an_event_that_was_hidden_from_the_older_evidence_is_caught() -> None:
    book, seq = sample_book()
    shorter = copy.deepcopy(book)
    book.void(M1, "q-1", "2011-02-01")
    after = book.decide(M1, DUE, at="2011-04-02").seq
    hidden = book.entries[-2:]
    shorter.entries += hidden  # they are in the log, and the map is without them
    shorter.log_heads()
    book.log_heads(root=shorter.map_tree().root)
    assert shorter.entries == book.entries
    old = evidence(shorter, seq)
    book.respond("membership-m-2", "s-x", "2010-07-01", "org-c")
    book.log_heads()
    report = since(evidence(book, after), old, prover(book))
    assert report.verdict == "tampered"
    assert report.difference is not None
    assert "which the older evidence does not have" in report.difference["what"]


def test_heads_that_cover_no_more_than_before_are_caught(grown: tuple[Book, bytes, bytes]) -> None:
    book, _, new = grown
    seq = json.loads(new)["decision"]
    through = len(book.entries) - book.heads_entries
    book.respond("membership-m-2", "s-y", "2010-07-01", "org-c")
    book.log_heads(through=through)
    report = since(evidence(book, seq), new, prover(book))
    assert report.verdict == "tampered"
    assert report.difference is not None
    assert "events that the heads cover" in report.difference["what"]


def two_logs() -> tuple[Book, Book, int]:
    """Two logs under one key, that differ in the events of somebody else only."""
    one, seq = sample_book()
    other = copy.deepcopy(one)
    one.respond("membership-m-2", "s-x", "2010-07-01", "org-c")
    other.respond("membership-m-2", "s-x", "2010-07-01", "org-d")
    for book in (one, other):
        book.log_heads()
    return one, other, seq


def test_two_logs_of_one_size_are_a_fork() -> None:
    one, other, seq = two_logs()
    report = since(evidence(one, seq), evidence(other, seq), prover(one))
    assert report.verdict == "tampered"
    assert report.difference is not None
    assert "root of the log at size" in report.difference["what"]


def test_a_log_that_does_not_extend_the_older_one_is_caught_whatever_proof_is_given() -> None:
    one, other, seq = two_logs()
    old = evidence(one, seq)
    other.respond("membership-m-2", "s-z", "2010-07-02", "org-d")
    other.log_heads()
    one.respond("membership-m-2", "s-z", "2010-07-02", "org-d")
    one.log_heads()
    for prove in (prover(one), prover(other), lambda _old, _new: [], lambda _old, _new: [bytes(32)] * 5):
        report = since(evidence(other, seq), old, prove)
        assert (report.verdict, shown(report)) == ("tampered", (True, False))
    assert since(evidence(one, seq), old, prover(one)).verdict == "confirmed"


# The file with a consistency proof, and the offline program.


def consistency_file(book: Book, old: int, new: int, **changed: Any) -> bytes:
    proof = [base64_text(one) for one in prover(book)(old, new)]
    value = {
        "verdict": "consistent",
        "old": {"size": old, "root": HASH},
        "new": {"size": new, "root": HASH},
        "proof": proof,
    }
    return canonical(value | changed)


def test_a_file_holds_the_proof_between_two_sizes(grown: tuple[Book, bytes, bytes]) -> None:
    book, _, _ = grown
    prove = parse_consistency(consistency_file(book, 20, 30))
    assert list(prove(20, 30)) == list(prover(book)(20, 30))
    with pytest.raises(IncompleteError, match="found 20 and 30, expected 21 and 30"):
        prove(21, 30)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b"null", b"{" * 50_000, b'{"verdict":1,"verdict":2}', b"\xff", b'{"proof":[]}' + b" " * 200_000,
        canonical({"verdict": "", "old": {}, "new": {}, "proof": []}),
        canonical({"verdict": "", "old": {"size": -1, "root": ""}, "new": {"size": 1, "root": ""}, "proof": []}),
        canonical({"verdict": "", "old": {"size": 1, "root": ""}, "new": {"size": True, "root": ""}, "proof": []}),
        canonical({"verdict": "", "old": {"size": 1, "root": ""}, "new": {"size": 1, "root": ""}, "proof": [HASH] * 64}),
        canonical({"verdict": "", "old": {"size": 1, "root": ""}, "new": {"size": 1, "root": ""}, "proof": ["A"]}),
    ],
)  # fmt: skip
def test_a_file_of_another_form_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_consistency(data)


def test_the_offline_program_compares_and_asks(
    grown: tuple[Book, bytes, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book, old, new = grown
    sizes = [json.loads(one)["heads"]["index"] + 1 for one in (old, new)]
    content = {"old": old, "new": new, "policy": policy(), "proof": consistency_file(book, *sizes), "bad": b"{}"}
    paths = {name: tmp_path / f"{name}.json" for name in content}
    for name, data in content.items():
        paths[name].write_bytes(data)

    def run(file: str, *more: str) -> tuple[int, Any]:
        arguments = [str(paths.get(one, one)) for one in more]
        code = main([str(paths[file]), "--policy", str(paths["policy"]), "--json", *arguments])
        return code, json.loads(capsys.readouterr().out)

    code, said = run("new", "--since", "old", "--consistency", "proof", "--membership", "m-1", "--renewal", DUE)
    assert (code, said["verdict"], said["since"]["log_extends"]) == (0, "confirmed", True)
    for arguments, expected in (
        (("--since", "old"), (1, "incomplete")),
        (("--since", "old", "--consistency", "bad"), (2, "unverifiable")),
        (("--since", "old", "--consistency", "none"), (2, "unverifiable")),
        (("--since", "none"), (2, "unverifiable")),
        (("--membership", "m-2"), (1, "not-this-decision")),
        (("--area", "x"), (1, "not-this-decision")),
        (("--anniversary", DUE), (1, "not-this-decision")),
    ):
        code, said = run("new", *arguments)
        assert (code, said["verdict"]) == expected, arguments
    with pytest.raises(SystemExit) as usage:
        run("new", "--consistency", "proof")
    assert usage.value.code == 2
