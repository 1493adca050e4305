"""Receipts judged by real logs, honest and forged, and by proofs that disclose no event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log.errors import ProofError
from ledger.proof.log.map import Head, blinded
from ledger.proof.log.map_tree import MapTree
from ledger.proof.receipts.judging import Judgement, contradiction, foremost, judge_proof
from ledger.proof.receipts.proof import ProvedLeaf, ReceiptProof, parse_receipt_proof
from ledger.proof.receipts.receipt import SECOND_US
from tests.ledger.proof.book import WITNESSES, canonical, salt_of, us
from tests.ledger.proof.receipts.support import Sealed, judged, policy_of, receipts_member, signed

RECORDED_S = us("2013-04-01") // 1_000_000  # no event is recorded before the last edition
PROMISED_S = RECORDED_S + 86_400
STREAM = "membership-m-1"
UNWITNESSED = {"witnesses": [], "quorum": 0}


def book(seq: int = 3) -> Sealed:
    """A membership whose event of this seq has a receipt: f-9, recorded on 2010-04-02."""
    made = Sealed()
    made.enrol("m-1")
    made.enrol("m-2")
    made.append(STREAM, "RenewalDateSet", "2010-01-06", {"renewal_date": "2011-03-01"})
    made.seal(1, 1)
    while len(made.streams[STREAM]) < seq - 1:
        made.respond(STREAM, f"r-{len(made.streams[STREAM])}", "2010-04-01", "org-a")
    evaluate(made, "f-9", "2010-04-02")
    return made


def evaluate(made: Sealed, fact: str, at: str, evaluation: str = "e-1", stream: str = STREAM) -> None:
    """One more event, by a fact with this id."""
    made.append(stream, "EvaluationReceived", at, {"evaluation": evaluation}, fact=fact)


@pytest.mark.parametrize(
    ("times", "verdict", "in_log"),
    [
        ((PROMISED_S, PROMISED_S), "kept", True), ((5, PROMISED_S), "kept", True), ((PROMISED_S, PROMISED_S + 1), "late", True),
        ((PROMISED_S + 1, 9), "late", True), ((PROMISED_S + 1, 9, 10), "kept", True), ((PROMISED_S,), "unproven", True),
        ((), "unproven", True),
    ],
)  # fmt: skip
def test_kept_or_late_goes_by_the_second_smallest_time(times: tuple[int, ...], verdict: str, in_log: bool) -> None:
    made = book()
    made.seal(*times)
    found = judged(made.log, made.receipt(STREAM, 3)).judgement
    assert (found.verdict, found.in_log) == (verdict, in_log)


def test_a_time_is_later_only_past_the_promise_to_the_microsecond() -> None:
    made = book()
    made.seal(PROMISED_S, PROMISED_S)
    receipt = made.receipt(STREAM, 3)
    for less_us, verdict in ((0, "kept"), (1, "late")):
        early = replace(receipt, promised_us=receipt.promised_us - less_us)
        assert judged(made.log, early).judgement.verdict == verdict


def test_without_a_quorum_it_is_kept_without_a_time_or_unproven_never_late() -> None:
    made, policy = book(), policy_of(**UNWITNESSED)
    receipt = made.receipt(STREAM, 3)
    assert judged(made.log, receipt, policy).judgement == replace(
        Judgement("unproven", False), checkpoint=judged(made.log, receipt, policy).judgement.checkpoint
    )
    made.seal(PROMISED_S + 9, PROMISED_S + 9)
    kept = judged(made.log, receipt, policy).judgement
    assert (kept.verdict, kept.time_s) == ("kept", None)


def test_a_checkpoint_after_the_promise_without_the_event_is_late_and_not_in_the_log() -> None:
    made = book()
    made.log.entries = made.entries[: len(made.entries) - 1]
    receipt = made.receipt(STREAM, 3)
    made.log.notes.clear()
    made.log.seal(PROMISED_S + 1, PROMISED_S + 1)
    found = judged(made.log, receipt).judgement
    assert (found.verdict, found.in_log) == ("late", False)
    made.log.notes.clear()
    made.log.seal(PROMISED_S, PROMISED_S)
    found = judged(made.log, receipt).judgement
    assert (found.verdict, found.in_log) == ("unproven", False)


def test_what_was_in_time_once_is_kept_whatever_comes_later() -> None:
    made = book()
    made.seal(PROMISED_S, PROMISED_S)
    for n in range(5):
        evaluate(made, f"f-{20 + n}", "2010-05-01", f"e-{20 + n}")
        made.seal(PROMISED_S + 100 * n, PROMISED_S + 100 * n)
    assert judged(made.log, made.receipt(STREAM, 3)).judgement.verdict == "kept"


def test_an_empty_log_lacks_the_event() -> None:
    made = book()
    receipt = made.receipt(STREAM, 3)
    made.log.entries, made.log.notes = [], []
    made.log.seal(PROMISED_S + 1, PROMISED_S + 1)
    found = judged(made.log, receipt).judgement
    assert (found.verdict, found.in_log) == ("late", False)


def broken(made: Sealed, receipt: Any, what: str, **policy: Any) -> None:
    """By the log's own signature alone."""
    found = judged(made.log, receipt, policy_of(**policy))
    assert found.judgement.verdict == "broken", found.judgement
    assert found.judgement.difference is not None
    assert what in found.judgement.difference.what


@pytest.mark.parametrize("policy", [{}, UNWITNESSED], ids=["quorum", "no quorum"])
def test_another_leaf_at_the_position_is_broken(policy: dict[str, Any]) -> None:
    made, honest = book(), book()
    receipt = honest.receipt(STREAM, 3)
    entry = made.streams[STREAM].pop()
    del made.entries[entry.index]
    evaluate(made, "other", "2010-04-02", stream="membership-m-2")
    made.seal()
    broken(made, receipt, "leaf at position", **policy)


def test_a_stream_that_the_map_lacks_is_broken() -> None:
    made = book()
    receipt = made.receipt(STREAM, 3)
    heads = {name: head_of(events[-1].entry) for name, events in made.streams.items() if name != STREAM}
    made.seal(root=MapTree(heads).root)
    broken(made, receipt, "end of 'membership-m-1'")


def test_a_head_below_the_seq_is_broken() -> None:
    made = book()
    receipt = made.receipt(STREAM, 3)
    made.seal(root=rolled_back(made, 2).root)
    broken(made, receipt, "end of 'membership-m-1'")


def rolled_back(made: Sealed, seq: int) -> MapTree:
    """The map in which a stream ends before its end."""
    heads = {name: head_of(events[-1].entry) for name, events in made.streams.items()}
    return MapTree(heads | {STREAM: head_of(made.streams[STREAM][seq - 1].entry)})


def head_of(entry: bytes) -> Head:
    from ledger.proof.log.event import parse_event, salt_of

    event = parse_event(entry)
    return Head(blinded(salt_of(entry)), event.seq, event.leaf)


def test_a_head_of_this_seq_with_another_leaf_is_broken_whatever_through_says() -> None:
    made, honest = book(), book()
    evaluate(honest, "f-9", "2010-04-02")
    receipt = replace(honest.receipt(STREAM, 3), position=10**6)
    entry = made.streams[STREAM].pop()
    del made.entries[entry.index]
    evaluate(made, "another", "2010-04-02", "e-other")
    made.seal()
    proof = judged(made.log, receipt).proof
    alone = replace(proof, fork=None)
    found = judge_proof(alone, policy_of())
    assert found.verdict == "broken"
    assert found.difference is not None
    assert "leaf of 'membership-m-1' at seq 3" in found.difference.what


def test_a_fork_of_the_stream_inside_the_log_is_broken() -> None:
    made = book()
    receipt = made.receipt(STREAM, 3)
    last = made.streams[STREAM].pop()
    evaluate(made, "forked", "2010-05-01", "e-2")
    made.streams[STREAM][-1] = last  # the map ends with what the receipt has
    made.seal(PROMISED_S, PROMISED_S)
    broken(made, receipt, "leaf of 'membership-m-1' at seq 3, log index")


def test_a_fact_that_became_another_event_before_is_broken() -> None:
    made = book()
    evaluate(made, "f-10", "2010-04-02", "e-2")
    evaluate(made, "f-9", "2010-04-03", "e-3")
    made.seal(PROMISED_S, PROMISED_S)
    later = made.receipt(STREAM, 5)
    assert judged(made.log, made.receipt(STREAM, 3)).judgement.verdict == "kept"  # what follows are its announcements
    broken(made, later, "leaf of fact 'f-9'")
    broken(made, replace(later, position=10**6), "leaf of fact 'f-9'")


def test_a_last_entry_that_is_no_heads_entry_is_broken() -> None:
    made = book()
    made.log.seal(1, 1)
    broken(made, made.receipt(STREAM, 3), "last entry of the log")


@pytest.mark.parametrize("spoilt", [b'{"map":1}', b'{"map":"","streams":1,"through":1,"type":"heads","v":1}'])
def test_a_heads_entry_in_another_form_is_broken(spoilt: bytes) -> None:
    made = book()
    made.entries.append(spoilt)
    made.log.seal(1, 1)
    broken(made, made.receipt(STREAM, 3), "last entry of the log")


def test_heads_that_speak_for_more_than_there_is_are_broken() -> None:
    made = book()
    made.seal(through=10**6)
    broken(made, made.receipt(STREAM, 3), "events that the heads speak for")


def test_two_receipts_for_one_fact_position_or_place_contradict_each_other() -> None:
    made = book()
    one = made.receipt(STREAM, 3)
    other = replace(one, leaf=b"x" * 32)
    assert contradiction(one, one) is None
    assert contradiction(one, replace(one, promised_us=one.promised_us + 1)) is None
    elsewhere = replace(other, fact="f-1", position=1, stream="membership-m-2")
    assert contradiction(one, elsewhere) is None
    for same in ({"fact": one.fact}, {"position": one.position}, {"stream": one.stream}):
        found = contradiction(one, replace(elsewhere, **same))
        assert found is not None, same
    assert contradiction(one, replace(elsewhere, stream=one.stream, seq=4)) is None


def test_the_verdicts_have_an_order() -> None:
    order = ("broken", "kept", "late", "unproven")
    for n, verdict in enumerate(order):
        assert foremost(Judgement(one) for one in reversed(order[n:])).verdict == verdict  # type: ignore[arg-type]
    assert foremost([]).verdict == "unproven"


@pytest.mark.parametrize(("first", "second"), [(1, 1), (1, 300), (300, 1), (255, 257), (2, 511)])
def test_the_index_of_a_position_follows_from_the_heads_around_it(first: int, second: int) -> None:
    made = Sealed()
    made.enrol("m-1")
    for count in (first, second, 1):
        for n in range(count):
            evaluate(made, f"f-{len(made.entries)}", "2010-04-02", f"e-{n}")
        made.seal(PROMISED_S, PROMISED_S)
    for seq in (2, 1 + first, 2 + first, len(made.streams[STREAM])):
        receipt = made.receipt(STREAM, seq)
        assert judged(made.log, receipt).judgement.verdict == "kept"


def a_proof() -> tuple[ReceiptProof, Sealed]:
    made = book()
    evaluate(made, "f-10", "2010-04-02", "e-2", "membership-m-2")
    made.seal(PROMISED_S, PROMISED_S)
    evaluate(made, "f-11", "2010-04-03", "e-3", "membership-m-2")
    made.seal(PROMISED_S, PROMISED_S)
    return judged(made.log, made.receipt(STREAM, 3)).proof, made


PROOF, MADE = a_proof()


@pytest.mark.parametrize("name", ["leaf", "head", "after"])
def test_what_is_left_out_of_a_proof_proves_nothing(name: str) -> None:
    assert judge_proof(PROOF, policy_of()).verdict == "kept"
    found = judge_proof(replace(PROOF, **{name: None}), policy_of())
    assert (found.verdict, found.in_log) == ("unproven", None)


def test_another_proof_s_parts_are_refused() -> None:
    assert PROOF.heads is not None
    assert PROOF.after is not None
    assert PROOF.before is not None
    assert PROOF.leaf is not None
    wrong: list[dict[str, Any]] = [
        {"heads": None}, {"heads": PROOF.after}, {"before": None}, {"after": PROOF.heads, "before": PROOF.before},
        {"after": PROOF.before, "before": None}, {"before": PROOF.after, "after": PROOF.heads},
        {"leaf": ProvedLeaf(b"x" * 32, PROOF.leaf.proof)}, {"fork": PROOF.heads},
        {"after": replace(PROOF.after, index=PROOF.after.index - 1)},
    ]  # fmt: skip
    for parts in wrong:
        with pytest.raises(ProofError):
            judge_proof(replace(PROOF, **parts), policy_of())


def test_an_event_of_the_book_is_no_fork() -> None:
    from ledger.proof.log.merkle_tree import inclusion_proof
    from ledger.proof.receipts.proof import IncludedEntry

    size, stored = len(MADE.entries), MADE.stored_hashes()
    for index in range(size):
        proof = inclusion_proof(index, size, lambda indexes: [stored[i] for i in indexes])
        fork = IncludedEntry(index, MADE.entries[index], tuple(proof))
        with pytest.raises(ProofError):
            judge_proof(replace(PROOF, fork=fork), policy_of())


@given(st.integers(0, 10**6), st.sampled_from([b"0", b"A", b"}", b"null", b"", b'"', b"9"]))
def test_a_spoilt_proof_never_turns_an_honest_host_into_a_broken_one(at: int, put: bytes) -> None:
    encoded = PROOF.encoded()
    at %= len(encoded)
    spoilt = encoded[:at] + put + encoded[at + len(put) :]
    try:
        found = judge_proof(parse_receipt_proof(spoilt), policy_of())
    except ProofError:
        return
    assert found.verdict in ("kept", "unproven")


def test_a_proof_discloses_no_event() -> None:
    encoded = PROOF.encoded()
    assert b"EvaluationReceived" not in encoded
    assert b"salt" not in encoded
    assert parse_receipt_proof(encoded) == PROOF


@pytest.mark.parametrize(
    "bent",
    [{"seq": -1}, {"seq": 0}, {"seq": 2**63}, {"seq": 2**70}, {"seq": 1e300}, {"seq": "1"}, {"seq": True}, {"stream": []},
     {"stream": {}}, {"stream": 5}, {"stream": None}, {"stream": STREAM, "seq": -5}, {"stream": STREAM, "seq": 2**64}],
)  # fmt: skip
def test_an_entry_that_is_no_event_has_no_part_in_a_verdict(bent: dict[str, Any]) -> None:
    made = book()
    receipt = made.receipt(STREAM, 3)
    made.entries.append(canonical({"fact": "z", "salt": salt_of("x", 1), "seq": 1, "stream": "x"} | bent))
    made.seal(PROMISED_S, PROMISED_S)
    assert judged(made.log, receipt).judgement.verdict == "kept"


def test_a_key_of_another_log_proves_nothing() -> None:
    with pytest.raises(ProofError):
        judge_proof(PROOF, policy_of(receipts=receipts_member(10**6)))
    with pytest.raises(ProofError):
        judge_proof(replace(PROOF, receipt=signed(MADE.receipt(STREAM, 3), WITNESSES[0])), policy_of())


@given(st.lists(st.integers(1, 10**10), max_size=3))
def test_a_checkpoint_s_time_is_the_quorum_th_smallest(times: list[int]) -> None:
    made = book()
    made.seal(*times)
    receipt = made.receipt(STREAM, 3)
    time_s = sorted(times)[1] if len(times) > 1 else None
    expected = "unproven" if time_s is None else "kept" if time_s * SECOND_US <= receipt.promised_us else "late"
    assert judged(made.log, receipt).judgement.verdict == expected
