"""Attacks: bundles changed on the way, and logs written by a dishonest host that holds the right key."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from ledger.proof.log.building import Entry, decision_proof
from ledger.proof.log.bundle import Bundle
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.errors import IncompleteError, MalformedError
from ledger.proof.log.map import stream_key
from ledger.proof.log.merkle import EMPTY_ROOT
from ledger.proof.log.merkle_tree import inclusions_proof
from ledger.proof.log.note import ED25519
from ledger.proof.log.report import Report
from ledger.proof.log.signer import SignerKey, sign_note
from ledger.proof.log.strictjson import base64_text
from ledger.proof.survey.programme import RULEBOOK
from ledger.proof.survey.rules import decision
from tests.ledger.proof.book import LOG_KEY, WITNESSES, Book, canonical, policy, sample_book, stored_event, verify
from tests.ledger.proof.log.test_verify import BOOK, BUNDLE, DECISION, ENCODED, verdict

MUTATIONS = 10_000
M1 = "membership-m-1"


def forged(change: Callable[[Any], object]) -> Report:
    """The verdict on the sample bundle after a change to its JSON."""
    value = json.loads(ENCODED)
    change(value)
    return verify(canonical(value), policy())


def proved_anew(value: Any) -> None:
    """Gives the bundle the honest proof of the entries that it still has."""
    events = [event for stream in value["streams"].values() for event in stream["events"]]
    indexes = sorted(event["index"] for event in (*events, value["heads"]))
    value["proof"] = [*map(base64_text, inclusions_proof(indexes, len(BOOK.entries), BOOK.read))]


def without(value: Any, stream: str, number: int) -> None:
    """Leaves out an event, and proves the others."""
    value["streams"][stream]["events"].pop(number)
    proved_anew(value)


def swapped(value: Any, one: str, other: str) -> None:
    """Exchanges two members."""
    value[one], value[other] = value[other], value[one]


def renamed(value: Any, key: str, old: str, new: str) -> None:
    """Gives one of the two streams another name, wherever the bundle names it."""
    value[key] = new
    value["streams"][new] = value["streams"].pop(old)


# Changes to the bundle: the log is sound, the file is not.


def test_changing_any_event_or_proof_is_tampering() -> None:
    count = len(BUNDLE.events)
    for number in range(count):

        def change(value: Any, number: int = number) -> None:
            entry = value["streams"][M1]["events"][number]["entry"]
            value["streams"][M1]["events"][number]["entry"] = entry.replace("2010", "2011").replace(
                '"seq":1', '"seq":2'
            )

        assert forged(change).verdict == "tampered"
    for number in range(len(BUNDLE.proof)):

        def zero(value: Any, number: int = number) -> None:
            value["proof"][number] = "A" * 43 + "="

        assert forged(zero).verdict == "tampered"


def absent(value: Any, there: dict[str, str] | None) -> None:
    """Says that there are no editions."""
    value["streams"][RULEBOOK].update(events=[], absent=there)
    proved_anew(value)


RULEBOOK_KEY = base64_text(stream_key(RULEBOOK))


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("an event left out in the middle", lambda v: without(v, M1, 5), "incomplete"),
        ("the first event left out", lambda v: without(v, M1, 0), "incomplete"),
        ("the last event left out", lambda v: without(v, M1, -1), "incomplete"),
        ("an event left out that is still proved", lambda v: v["streams"][M1]["events"].pop(5), "tampered"),
        ("no events", lambda v: v["streams"][M1]["events"].clear(), "unverifiable"),
        ("an edition left out at the end", lambda v: without(v, RULEBOOK, -1), "incomplete"),
        ("no editions", lambda v: v["streams"][RULEBOOK]["events"].clear(), "unverifiable"),
        (
            "two events swapped",
            lambda v: v["streams"][M1]["events"].insert(3, v["streams"][M1]["events"].pop(4)),
            "tampered",
        ),
        ("an event twice", lambda v: v["streams"][M1]["events"].insert(3, v["streams"][M1]["events"][3]), "tampered"),
        (
            "an event of the other stream",
            lambda v: v["streams"][M1]["events"].insert(0, v["streams"][RULEBOOK]["events"][0]),
            "tampered",
        ),
        ("the streams exchanged", lambda v: swapped(v["streams"], M1, RULEBOOK), "tampered"),
        ("another membership", lambda v: renamed(v, "subject", M1, "membership-m-2"), "tampered"),
        ("another membership in words alone", lambda v: v.update(subject="membership-m-2"), "unverifiable"),
        ("another renewal", lambda v: v.update(on="2012-03-01"), "tampered"),
        ("no renewal", lambda v: v.update(on=""), "tampered"),
        ("the other programme", lambda v: v.update(programme="capability"), "tampered"),
        ("a programme that nobody knows", lambda v: v.update(programme="lamps"), "tampered"),
        ("a stream of no programme", lambda v: renamed(v, "subject", M1, "lamp-a"), "unverifiable"),
        ("a stream of the other programme", lambda v: renamed(v, "subject", M1, "designation-m-1/a"), "tampered"),
        ("other editions", lambda v: renamed(v, "rules", RULEBOOK, "scorebook/a"), "tampered"),
        ("the rules as the subject", lambda v: v.update(subject=RULEBOOK), "unverifiable"),
        ("subject and rules exchanged", lambda v: v.update(subject=RULEBOOK, rules=M1), "tampered"),
        ("a third stream", lambda v: v["streams"].update({"membership-m-2": v["streams"][M1]}), "unverifiable"),
        ("another event as the decision", lambda v: v.update(decision=3), "tampered"),
        ("a decision that is not there", lambda v: v.update(decision=99), "incomplete"),
        ("decision zero", lambda v: v.update(decision=0), "incomplete"),
        ("a sibling left out", lambda v: v["streams"][M1]["siblings"].pop(), "incomplete"),
        ("a sibling too many", lambda v: v["streams"][M1]["siblings"].append("A" * 43 + "="), "incomplete"),
        ("another sibling", lambda v: v["streams"][M1]["siblings"].__setitem__(0, "B" * 42 + "A="), "incomplete"),
        (
            "an empty deepest sibling",
            lambda v: v["streams"][M1]["siblings"].__setitem__(0, "A" * 43 + "="),
            "incomplete",
        ),
        (
            "the other stream's siblings",
            lambda v: v["streams"][M1].update(siblings=v["streams"][RULEBOOK]["siblings"][::-1]),
            "incomplete",
        ),
        ("257 siblings", lambda v: v["streams"][M1].update(siblings=["A" * 43 + "="] * 257), "unverifiable"),
        ("a stream said to be absent", lambda v: v["streams"][M1].update(absent=None), "unverifiable"),
        ("events as absent", lambda v: absent(v, None), "incomplete"),
        (
            "its own leaf in its place",
            lambda v: absent(v, {"inner": "A" * 43 + "=", "key": RULEBOOK_KEY}),
            "incomplete",
        ),
        ("another index of an event", lambda v: v["streams"][M1]["events"][3].update(index=9), "tampered"),
        ("an index outside of the log", lambda v: v["streams"][M1]["events"][-1].update(index=2**62), "tampered"),
        ("a proof without its end", lambda v: v["proof"].pop(), "tampered"),
        ("a proof without its beginning", lambda v: v["proof"].pop(0), "tampered"),
        ("no proof", lambda v: v["proof"].clear(), "tampered"),
        ("two hashes swapped", lambda v: v["proof"].insert(0, v["proof"].pop(1)), "tampered"),
        ("the index of the other event", lambda v: v["streams"][M1]["events"][3].update(index=6), "tampered"),
        ("the heads entry's index", lambda v: v["streams"][M1]["events"][-1].update(index=29), "tampered"),
        ("a proof of each event", lambda v: v["streams"][M1]["events"][3].update(proof=[]), "unverifiable"),
        ("a proof with more", lambda v: v["proof"].append("A" * 43 + "="), "tampered"),
        (
            "another heads entry",
            lambda v: v["heads"].update(entry=v["heads"]["entry"].replace("through", "Through")),
            "tampered",
        ),
        ("heads from elsewhere", lambda v: v["heads"].update(index=v["heads"]["index"] - 1), "tampered"),
        ("heads outside of the log", lambda v: v["heads"].update(index=v["heads"]["index"] + 1), "tampered"),
        ("an event as the heads entry", lambda v: v.update(heads=v["streams"][M1]["events"][3]), "tampered"),
        ("another size", lambda v: v.update(checkpoint=v["checkpoint"].replace("\n30\n", "\n31\n")), "tampered"),
        ("another origin", lambda v: v.update(checkpoint=v["checkpoint"].replace("ledger.", "Ledger.", 1)), "tampered"),
        ("no signatures", lambda v: v.update(checkpoint=v["checkpoint"].split("—")[0]), "unverifiable"),
        ("one witness less", lambda v: v.update(checkpoint=v["checkpoint"].rsplit("—", 1)[0]), "incomplete"),
        ("no checkpoint", lambda v: v.update(checkpoint=""), "unverifiable"),
        ("a key in the bundle", lambda v: v.update(policy=json.loads(policy())), "unverifiable"),
        ("another format", lambda v: v.update(format="csat-ledger-evidence/v1"), "unverifiable"),
        ("a missing key", lambda v: v.pop("heads"), "unverifiable"),
        ("null as the streams", lambda v: v.update(streams=None), "unverifiable"),
        ("null as a stream", lambda v: v["streams"].update({M1: None}), "unverifiable"),
        ("a number as an entry", lambda v: v["streams"][M1]["events"][0].update(entry=5), "unverifiable"),
        ("a negative index", lambda v: v["streams"][M1]["events"][0].update(index=-1), "unverifiable"),
        ("true as an index", lambda v: v["streams"][M1]["events"][0].update(index=True), "unverifiable"),
        ("more hashes than any log has", lambda v: v.update(proof=["A" * 43 + "="] * 2_000), "unverifiable"),
        ("a hash of 31 bytes", lambda v: v["proof"].append("A" * 40 + "AA=="), "unverifiable"),
        ("loose base64", lambda v: v["proof"].append("A" * 42 + "B="), "unverifiable"),
    ],
)
def test_forged_bundles(name: str, change: Callable[[Any], object], expected: str) -> None:
    report = forged(change)
    assert report.verdict == expected, (name, report.words())
    assert report.difference is not None
    assert report.difference["found"] != report.difference["expected"]
    json.loads(report.encoded())
    report.words().encode("ascii")


def test_the_first_thing_that_differs_is_named_with_both_sides() -> None:
    report = forged(lambda value: without(value, M1, 5))
    assert report.difference == {"what": "events of membership-m-1", "found": "seq 7 after seq 5", "expected": "seq 6"}
    words = forged(lambda value: without(value, M1, -1)).words()
    assert f"{M1}, of which the last event here is {DECISION - 1}: end of the stream in the map" in words


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b"\xff", ENCODED[:-2], ENCODED[: len(ENCODED) // 2], ENCODED + b"{}", b"[" * 200_000,
        ENCODED[:-2] + b',"decision":3}', b'{"a":' * 5000, ENCODED.replace(b'"decision":', b'"decision":1e9,"x":', 1),
        ENCODED.replace(b'"decision":', b'"decision":' + b"9" * 10_000, 1), ENCODED.replace(b"m-1", b"m-\xff", 1),
        ENCODED.replace(b'"subject":"membership-m-1"', b'"subject":"\\ud800"', 1),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read_are_unverifiable(data: bytes) -> None:
    report = verify(data, policy())
    assert (report.verdict, report.exit_code) == ("unverifiable", 2)
    report.words().encode("ascii")


def test_a_policy_that_cannot_be_read_makes_everything_unverifiable() -> None:
    for data in (b"", b"{}", policy()[:-1], policy(quorum=9), policy()[:-1] + b',"quorum":0}'):
        assert verify(ENCODED, data).verdict == "unverifiable"


# A dishonest host that holds the right key.


def test_a_rewritten_and_resealed_history_lacks_its_witnesses() -> None:
    book, _ = sample_book()
    rewritten = Book()
    stream = rewritten.enrol("m-1")
    rewritten.append(stream, "RenewalDateSet", "2010-01-06", {"renewal_date": "2011-03-01"})
    event = rewritten.decide(stream, "2011-03-01")
    rewritten.log_heads()
    signed = rewritten.signed(LOG_KEY)
    report = verify(rewritten.bundle("m-1", event.seq, signed).encoded(), policy())
    assert (report.verdict, report.exit_code) == ("incomplete", 1)
    old = book.signed(LOG_KEY, *WITNESSES)
    report = verify(rewritten.bundle("m-1", event.seq, old).encoded(), policy())
    assert report.verdict == "tampered"


def test_a_log_signed_by_a_stranger_is_unverifiable() -> None:
    stranger = SignerKey(LOG_KEY.name, ED25519, b"s" * 32)
    bundle = BOOK.bundle("m-1", DECISION, BOOK.signed(stranger, *WITNESSES))
    assert verify(bundle.encoded(), policy()).verdict == "unverifiable"


def test_an_old_checkpoint_cannot_carry_newer_events() -> None:
    book, _ = sample_book()
    old = book.signed()
    event = book.decide("membership-m-1", "2011-03-01", at="2011-04-01")
    book.log_heads()
    assert verify(book.bundle("m-1", event.seq, old).encoded(), policy()).verdict == "tampered"


def test_heads_that_are_not_the_end_of_the_log_hide_what_came_later() -> None:
    """The host logs the voiding of a response, and shows the decision with the heads from before it."""
    book, seq = sample_book()
    honest = book.bundle("m-1", seq)
    book.void("membership-m-1", "r-0", "2011-02-01")
    book.log_heads()
    indexes = sorted(entry.index for entry in (honest.heads, *honest.events, *honest.editions))
    proof = inclusions_proof(indexes, len(book.entries), book.read)
    hidden = dataclasses.replace(honest, proof=tuple(proof), checkpoint=book.signed())
    report = verify(hidden.encoded(), policy())
    assert (report.verdict, report.difference and report.difference["what"]) == ("incomplete", "heads entry")


def test_a_log_that_does_not_end_in_heads_is_incomplete() -> None:
    book, seq = sample_book()
    book.void("membership-m-2", "s-0", "2011-02-01")
    bundle = book.bundle("m-1", seq)
    report = verify(bundle.encoded(), policy())
    assert (report.verdict, report.difference and report.difference["what"]) == ("incomplete", "last entry of the log")


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({"root": b"\1" * 32}, "incomplete"), ({"root": bytes(32)}, "unverifiable"), ({"streams": 0}, "unverifiable"),
        ({"streams": 10**6}, "unverifiable"), ({"through": 999}, "tampered"),
    ],
    ids=lambda claim: str(claim)[:20],
)  # fmt: skip
def test_false_heads_do_not_pass(claim: dict[str, Any], expected: str) -> None:
    book, seq = sample_book()
    book.log_heads(**claim)
    assert verify(book.bundle("m-1", seq).encoded(), policy()).verdict == expected


@pytest.mark.parametrize(
    ("seq", "prev", "expected"), [(99, None, "incomplete"), (1, None, "tampered"), (None, "0" * 64, "tampered")]
)
def test_a_stream_renumbered_or_unchained_in_the_log_itself_is_found(
    seq: int | None, prev: str | None, expected: str
) -> None:
    book, decision = sample_book()
    events = book.streams["membership-m-1"]
    last = json.loads(events[-1].entry)
    right = book.append("membership-m-1", "ConsentGiven", "2011-04-01", {})
    entry = stored_event(
        "membership-m-1", seq or right.seq, prev or last["prev"] if prev else right.prev,
        type_="ConsentGiven", occurred_at="2011-04-01T00:00:00.000000Z", data={},
    )  # fmt: skip
    events[-1] = Entry(events[-1].index, entry)
    book.entries[-1] = entry
    assert verdict(book, decision).verdict == expected


def test_events_of_a_later_version_or_in_another_form_are_unverifiable() -> None:
    for more in ({"version": 2}, {"fact": 5}):
        book, seq = sample_book()
        decision = json.loads(book.streams["membership-m-1"][seq - 1].entry)["data"] | {"revision": 2}
        book.append("membership-m-1", "RenewalDateSet", "2011-03-02", {"renewal_date": "2012-01-01"}, **more)
        event = book.append("membership-m-1", "RenewalDecided", "2011-03-03", decision)
        assert verdict(book, event.seq).verdict == "unverifiable"


@pytest.mark.parametrize(("stream", "type_name"), [
    ("membership-m-1", "SomethingNew"), ("membership-m-1", "RulebookPublished"), (RULEBOOK, "KeyRotated"),
    (RULEBOOK, "ReminderSent"),
])  # fmt: skip
def test_an_event_of_a_type_that_the_stream_cannot_have_is_refuted(stream: str, type_name: str) -> None:
    book, _ = sample_book()
    book.respond("membership-m-1", "late", "2010-07-01", "org-c")
    data = decision(book.membership("membership-m-1"), book.rulebook(), "2011-03-01")
    unknown = book.append(stream, type_name, "2011-03-02", {"invitation": "i-1"})
    decided = book.append("membership-m-1", "RenewalDecided", "2011-04-01", data)
    report = verdict(book, decided.seq)
    assert (report.verdict, report.difference and report.difference["what"]) == ("refuted", unknown.where)


def test_no_bundle_is_made_of_what_is_not_a_sealed_decision() -> None:
    book, _ = sample_book()
    with pytest.raises(MalformedError, match="RenewalDecided"):
        book.bundle("m-1", 3)
    with pytest.raises(IncompleteError, match="seal first"):
        book.bundle("m-1", 99)
    with pytest.raises(IncompleteError):
        decision_proof(dataclasses.replace(BUNDLE, decision=99), BOOK.read)


def test_a_flipped_byte_is_never_confirmed_unless_the_meaning_is_the_same() -> None:
    drawn = random.Random(20110301)
    original, trust = json.loads(ENCODED), policy()
    verdicts: dict[str, int] = {}
    for _ in range(MUTATIONS):
        spoilt = bytearray(ENCODED)
        position = drawn.randrange(len(spoilt))
        spoilt[position] ^= 1 << drawn.randrange(8)
        report = verify(bytes(spoilt), trust)
        if report.verdict == "confirmed":
            assert json.loads(spoilt) == original, position
        verdicts[report.verdict] = verdicts.get(report.verdict, 0) + 1
    assert verdicts["tampered"] > MUTATIONS // 4
    assert verdicts["unverifiable"] > MUTATIONS // 10


def test_a_checkpoint_of_an_empty_log_proves_nothing() -> None:
    empty = sign_note(Checkpoint(LOG_KEY.name, 0, EMPTY_ROOT).text, LOG_KEY)
    bundle: Bundle = dataclasses.replace(BUNDLE, checkpoint=empty)
    assert verify(bundle.encoded(), policy(quorum=0)).verdict == "tampered"


def test_a_log_without_editions_is_incomplete_whatever_its_map_says() -> None:
    """A host lays its editions aside, and proves by a map of its own that there are none: no book begins so."""
    book, seq = sample_book()
    del book.streams[RULEBOOK]
    book.log_heads()
    book.streams[RULEBOOK] = []
    report = verify(book.bundle("m-1", seq).encoded(), policy())
    assert (report.verdict, report.difference and report.difference["found"]) == ("incomplete", "none")
