"""keygen --receipts, record --receipts and verify-receipt, as who hands in facts and who keeps receipts use them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.instants import parse_instant
from ledger.proof.log.note import COSIGNATURE_V1, ED25519
from ledger.proof.log.policy import parse_policy
from ledger.proof.log.signer import SignerKey, sign_note
from ledger.proof.receipts.receipt import open_receipt
from tests.console.cli.test_log_server import TOKEN, token_file
from tests.console.cli.test_proof_commands import ORIGIN, started, stopped
from tests.console.support import Program, Ran, met, response
from tests.support.answers import wrong_with

HAND_OUT = ("--receipts", "r.jsonl", "--receipt-key", "keys/receipt-1.key")
WITNESS = SignerKey("auditor.example/w1", COSIGNATURE_V1, b"w" * 32)
FACT = met()[5]
IN_TIME, PROMISED, TOO_LATE = (
    parse_instant(at) // 1_000_000 for at in ("2012-01-01T06:00:00Z", "2012-01-02T00:00:00Z", "2012-01-02T00:00:01Z")
)


@pytest.fixture
def handed(program: Program) -> Program:
    """A book with keys, whose facts have receipts in r.jsonl; `policy.json` believes them, `fact.json` is one."""
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "keys").code == 0
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "keys", "--receipts").code == 0
    policy_file(program)
    assert record(program, program.write("facts.jsonl", met())).json["receipts"] == len(met())
    (program.folder / "fact.json").write_text(json.dumps(FACT))
    return program


def policy_file(program: Program, **changed: Any) -> None:
    log, receipts = ((program.folder / f"keys/{name}.vkey").read_text().strip() for name in ("log", "receipt-1"))
    policy = {
        "origin": ORIGIN,
        "logs": [{"vkey": log, "from": 0, "to": None}],
        "witnesses": [],
        "quorum": 0,
        "checking": 0,
        "receipts": {"keys": [{"vkey": receipts, "from": 1, "to": None}], "within_s": 86_400},
    }
    (program.folder / "policy.json").write_text(json.dumps(policy | changed))


def record(program: Program, facts: Path, *more: str, code: int = 0) -> Ran:
    ran = program.json("record", facts, *HAND_OUT, *more)
    assert ran.code == code, ran
    return ran


def seal(program: Program, log: str = "log") -> None:
    assert program.run("seal", "--key", "keys/log.key", "--tiles", log).code == 0


def verify(program: Program, *more: str, receipts: str = "r.jsonl", policy: str = "policy.json") -> Any:
    """What verify-receipt says, which keeps to its schema; with its exit code."""
    ran = program.run_bare("verify-receipt", receipts, "--policy", policy, *more, "--json")
    said = ran.json
    assert ran.code == {"kept": 0, "unreadable": 2}.get(said["verdict"], 1)
    assert wrong_with("verify-receipt", said) == []
    people = program.run_bare("verify-receipt", receipts, "--policy", policy, *more)
    assert (people.code, people.out.splitlines()[0]) == (ran.code, f"verdict: {said['verdict']}")
    return said


def lines(program: Program, name: str = "r.jsonl") -> list[Any]:
    return [json.loads(line) for line in (program.folder / name).read_bytes().splitlines()]


def cosign(program: Program, at_s: int) -> None:
    """The witness cosigns the published checkpoint at a time of the test's choice."""
    path = program.folder / "log/checkpoint"
    note = path.read_text()
    text = note[: note.index("\n\n") + 1]
    path.write_text(note + WITNESS.sign(text.encode(), at_s).line)


@contextmanager
def served(program: Program) -> Iterator[str]:
    """The URL of the log, whose entries are for who has the token."""
    tokens = token_file(program.folder)
    process, said = started(program, "log-server", "log", "--listen", "127.0.0.1:0", "--entries-token-file", tokens)
    try:
        yield f"http://{said['listening']}"
    finally:
        assert stopped(process) == 0


def test_keygen_makes_numbered_keys_of_receipts_that_no_policy_is_made_for(program: Program) -> None:
    for number in (1, 2):
        ran = program.run_bare("keygen", "--name", ORIGIN, "--out", "keys", "--receipts", "--json")
        assert ran.code == 0
        assert wrong_with("keygen", ran.json) == []
        assert ran.json.keys() == {"key", "vkey", "verifier"}
        assert ran.json["key"] == f"keys/receipt-{number}.key"
        assert ran.json["verifier"].startswith(f"{ORIGIN}/receipt-{number}+")
        assert (program.folder / ran.json["key"]).stat().st_mode & 0o777 == 0o600
    assert '{"vkey":' in program.run_bare("keygen", "--name", ORIGIN, "--out", "keys", "--receipts").out
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "keys", "--receipts", "--witness").code == 2


def test_keygen_trusts_witnesses_and_asks_for_one_that_looks(program: Program) -> None:
    for number, name in enumerate(("a.example/w", "b.example/w/checking", "c.example/w")):
        assert program.run_bare("keygen", "--name", name, "--out", f"w{number}", "--witness").code == 0
    trust = [part for number in range(3) for part in ("--trust", f"w{number}/witness.vkey")]
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "keys", *trust).code == 0
    policy = parse_policy((program.folder / "keys/policy.json").read_bytes())
    assert (len(policy.witnesses), policy.quorum, policy.checking) == (3, 2, 1)
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "two", *trust[:2]).code == 0
    policy = parse_policy((program.folder / "two/policy.json").read_bytes())
    assert (len(policy.witnesses), policy.quorum, policy.checking) == (1, 1, 0)
    for arguments in (["--trust", "keys/log.vkey"], ["--trust", "none.vkey"], [*trust, "--receipts"]):
        ran = program.run_bare("keygen", "--name", ORIGIN, "--out", "three", *arguments, "--json")
        assert ran.code == 2
        assert ran.json["message"]
    assert not (program.folder / "three").exists()


def test_the_same_facts_again_give_the_same_receipts(handed: Program) -> None:
    first = (handed.folder / "r.jsonl").read_bytes()
    assert (handed.folder / "r.jsonl").stat().st_mode & 0o777 == 0o600
    again = record(handed, handed.folder / "facts.jsonl").json
    assert (again["accepted"], again["duplicates"], again["receipts"]) == (0, len(met()), len(met()))
    assert wrong_with("record", again) == []
    assert (handed.folder / "r.jsonl").read_bytes() == first * 2
    assert [line["fact"] for line in lines(handed)] == [fact["id"] for fact in met()] * 2
    assert verify(handed, "--fact", "fact.json")["verdict"] == "unproven"  # one receipt, found twice
    policy = parse_policy((handed.folder / "policy.json").read_bytes())
    for line in lines(handed):
        assert open_receipt(line["receipt"].encode(), policy).fact == line["fact"]


def test_only_facts_that_are_in_the_book_have_receipts(handed: Program) -> None:
    (handed.folder / "r.jsonl").unlink()
    facts = handed.write("more.jsonl", [response(60, "Late", "2011-01-05T00:00:00Z"), {**FACT, "customer_org": "Else"}])
    ran = record(handed, facts, code=3)
    assert (ran.json["refused"], ran.json["receipts"]) == (1, 1)
    assert [line["fact"] for line in lines(handed)] == ["m-1-f-60"]


def test_a_receipt_is_kept_by_the_log_in_a_folder_and_at_a_url_and_by_its_proof(handed: Program) -> None:
    seal(handed)
    said = verify(handed, "--fact", "fact.json", "--log", "log", "--proof-out", "proof.json")
    assert (said["verdict"], said["in_log"], said["fact"], said["difference"]) == ("kept", True, FACT["id"], None)
    assert (said["recorded_at"], said["promised_by"]) == ("2012-01-01T00:00:00.000000Z", "2012-01-02T00:00:00.000000Z")
    assert said["checkpoint"]["time_s"] is None
    with served(handed) as url:
        more = ("--fact", "fact.json", "--log", url)
        assert verify(handed, *more, "--entries-token-file", "tokens", "--proof-out", "over.json") == said
        for denied in (more, (*more, "--entries-token-file", token_file(handed.folder, "others", "e" * 64))):
            ran = handed.run_bare("verify-receipt", "r.jsonl", "--policy", "policy.json", *denied, "--json")
            assert (ran.code, ran.json["error"]) == (2, "log-denied")
            assert TOKEN not in ran.out + ran.err
    assert (handed.folder / "over.json").read_bytes() == (handed.folder / "proof.json").read_bytes()
    shutil.rmtree(handed.folder / "log")
    assert verify(handed, "--fact", "fact.json", "--proof", "proof.json") == said
    away = handed.run_bare("verify-receipt", "r.jsonl", "--policy", "policy.json", *more, "--json")
    assert (away.code, away.json["error"]) == (4, "log-unreachable")


def test_a_receipt_is_late_once_only_a_later_checkpoint_has_it(handed: Program) -> None:
    policy_file(handed, witnesses=[str(WITNESS.verifier)], quorum=1)
    more = ("--fact", "fact.json", "--log", "log")
    seal(handed)
    assert verify(handed, *more)["verdict"] == "unproven"  # nobody cosigned
    cosign(handed, TOO_LATE)
    late = verify(handed, *more, "--proof-out", "late.json")
    assert (late["verdict"], late["in_log"], late["checkpoint"]["time_s"]) == ("late", True, TOO_LATE)
    assert verify(handed, "--fact", "fact.json", "--proof", "late.json") == late
    for at_s in (PROMISED, IN_TIME):
        seal_again = (handed.folder / "log/checkpoint").read_text().rsplit("— ", 1)[0]
        (handed.folder / "log/checkpoint").write_text(seal_again)
        cosign(handed, at_s)
        assert verify(handed, *more)["verdict"] == "kept"


def test_what_the_log_lacks_after_the_promise_is_late(handed: Program) -> None:
    policy_file(handed, witnesses=[str(WITNESS.verifier)], quorum=1)
    seal(handed)
    record(handed, handed.write("more.jsonl", [response(60, "Late", "2011-01-05T00:00:00Z")]))
    (handed.folder / "fact.json").write_text(json.dumps(response(60, "Late", "2011-01-05T00:00:00Z")))
    cosign(handed, TOO_LATE)
    late = verify(handed, "--fact", "fact.json", "--log", "log")
    assert (late["verdict"], late["in_log"]) == ("late", False)


def test_another_history_under_the_log_s_key_breaks_the_receipt(handed: Program) -> None:
    shutil.copytree(handed.folder / "keys", handed.folder / "copied")
    other = handed.folder / "other.db"
    forged = [fact if fact["id"] != FACT["id"] else {**fact, "customer_org": "Lindomar"} for fact in met()]
    for arguments in (("record", handed.write("forged.jsonl", forged)),
                      ("seal", "--key", "copied/log.key", "--tiles", "forged")):  # fmt: skip
        assert handed.run_bare("--store", other, *arguments).code == 0
    seal(handed)
    said = verify(handed, "--fact", "fact.json", "--log", "forged", "--proof-out", "proof.json")
    assert said["verdict"] == "broken"
    assert said["difference"]["found"] != said["difference"]["expected"]
    assert verify(handed, "--fact", "fact.json", "--proof", "proof.json")["verdict"] == "broken"
    assert verify(handed, "--fact", "fact.json", "--log", "log")["verdict"] == "kept"
    # a receipt from each history: no log is needed
    ran = handed.run_bare("--store", other, "record", "forged.jsonl", *HAND_OUT)
    assert ran.code == 0
    said = verify(handed, "--fact", "fact.json")
    assert (said["verdict"], said["difference"]["what"]) == ("broken", "leaf of another receipt for the same fact")


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"customer_org": "Lindomar"}, "customer_org"),
        ({"occurred_at": "2010-06-04T10:00:01Z"}, "occurred_at"),
        ({"response": "another"}, "response"),
        ({"membership": "m-2"}, "stream"),
        ({"id": "another"}, "fact"),
        ({"colour": "green"}, "fields of the fact"),
        ({"invitation": "i-1"}, "answer_token"),
    ],
)
def test_a_receipt_for_something_else_is_said_to_be_that(handed: Program, changed: dict[str, Any], what: str) -> None:
    line = next(line for line in lines(handed) if line["fact"] == FACT["id"])
    (handed.folder / "one.jsonl").write_text(json.dumps(line) + "\n")
    (handed.folder / "fact.json").write_text(json.dumps(FACT | changed))
    said = verify(handed, "--fact", "fact.json", receipts="one.jsonl")
    assert (said["verdict"], said["difference"]["what"].rpartition(": ")[2]) == ("not-this-fact", what)


def test_an_event_beside_a_receipt_that_it_is_not_of_is_not_this_fact(handed: Program) -> None:
    first, second, *_ = lines(handed)
    for line in (first | {"event": second["event"]}, first | {"fact": second["fact"]}, first | {"event": "{}"}):
        (handed.folder / "one.jsonl").write_text(json.dumps(line) + "\n")
        assert verify(handed, receipts="one.jsonl")["verdict"] == "not-this-fact"


def test_a_receipt_alone_is_judged_and_a_far_clock_makes_it_empty(handed: Program) -> None:
    seal(handed)
    (handed.folder / "one").write_text(lines(handed)[3]["receipt"])
    assert verify(handed, "--log", "log", receipts="one")["verdict"] == "kept"
    assert verify(handed, "--fact", "fact.json", receipts="one")["verdict"] == "unreadable"
    assert verify(handed, "--log", "log", "--just-taken", receipts="one")["verdict"] == "kept"
    handed.now("2012-01-01T00:05:01Z")
    said = verify(handed, "--log", "log", "--just-taken", receipts="one")
    assert (said["verdict"], said["difference"]["what"]) == ("unproven", "recorded_at of the receipt")


def test_a_receipt_that_nobody_trusted_signed_or_that_promises_too_little_is_none(handed: Program) -> None:
    note = lines(handed)[3]["receipt"]
    position = int(note.split("\n")[6])
    stranger = SignerKey(f"{ORIGIN}/receipt-1", ED25519, b"s" * 32)
    (handed.folder / "one").write_bytes(sign_note(note[: note.index("\n\n") + 1], stranger))
    assert verify(handed, receipts="one")["verdict"] == "unreadable"
    (handed.folder / "one").write_text(note)
    vkey = (handed.folder / "keys/receipt-1.vkey").read_text().strip()
    for first, end, within_s, verdict in ((1, None, 86_400, "unproven"), (position + 1, None, 86_400, "unreadable"),
                                          (1, position, 86_400, "unreadable"), (1, None, 86_399, "unreadable")):  # fmt: skip
        policy_file(handed, receipts={"keys": [{"vkey": vkey, "from": first, "to": end}], "within_s": within_s})
        assert verify(handed, receipts="one")["verdict"] == verdict


NONSENSE = {
    "nothing": b"",
    "half a line": b'{"event":"',
    "no JSON": b"what?\n",
    "another object": b'{"a":1}\n',
    "a list": b"[]\n",
    "half a character": b"\xff\xfe\n",
    "half a pair": b'{"event":"\\ud800","fact":"f","receipt":"r"}\n',
    "numbers": b'{"event":1,"fact":2,"receipt":3}\n',
    "no note": b'{"event":"{}","fact":"f","receipt":"r"}\n',
    "a note of one line": b"csat-ledger/receipt/v1\n",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("content", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("what", ["receipts", "fact", "proof", "policy"])
def test_nonsense_is_unreadable_and_an_object_that_is_no_fact_is_not_this_one(
    handed: Program, what: str, content: bytes
) -> None:
    (handed.folder / "nonsense").write_bytes(content)
    (handed.folder / "one.jsonl").write_text(json.dumps(lines(handed)[3]) + "\n")
    files = {"receipts": "one.jsonl", "policy": "policy.json"} | (
        {what: "nonsense"} if what in ("receipts", "policy") else {}
    )
    said = verify(handed, *() if what in ("receipts", "policy") else (f"--{what}", "nonsense"), **files)
    assert said["verdict"] == ("not-this-fact" if what == "fact" and content.startswith(b"{") and content.endswith(b"}\n")
                               and b"ud800" not in content else "unreadable")  # fmt: skip
    assert said["difference"]["what"]


def test_files_that_are_not_there_and_options_that_do_not_go_together(handed: Program) -> None:
    policy = ("--policy", "policy.json")
    for arguments in (
        ("verify-receipt", "none", *policy),
        ("verify-receipt", "r.jsonl", *policy, "--fact", "none"),
        ("verify-receipt", "r.jsonl", "--policy", "none"),
        ("verify-receipt", "r.jsonl", *policy, "--proof", "none"),
        ("verify-receipt", "r.jsonl", *policy, "--proof", "fact.json", "--log", "log"),
        ("verify-receipt", "r.jsonl", *policy, "--proof-out", "out.json"),
        ("verify-receipt", "r.jsonl", *policy, "--fact", "fact.json", "--log", "http://"),
        ("record", "facts.jsonl", "--receipts", "r.jsonl"),
        ("record", "facts.jsonl", "--receipt-key", "keys/receipt-1.key"),
        ("record", "facts.jsonl", "--promise", "5"),
        ("record", "facts.jsonl", *HAND_OUT, "--promise", "-1"),
        ("record", "facts.jsonl", "--receipts", "facts.jsonl", "--receipt-key", "keys/receipt-1.key"),
        ("record", "facts.jsonl", "--receipts", "keys/receipt-1.key", "--receipt-key", "keys/receipt-1.key"),
        ("record", "facts.jsonl", "--receipts", "ledger.db", "--receipt-key", "keys/receipt-1.key"),
        ("record", "facts.jsonl", "--receipts", "r.jsonl", "--receipt-key", "keys/log.key"),
        ("record", "facts.jsonl", "--receipts", "r.jsonl", "--receipt-key", "none"),
    ):
        ran = handed.run(*arguments, *(() if "http://" in arguments else ("--json",)))
        assert ran.code == 2, (arguments, ran)
    before = (handed.folder / "r.jsonl").read_bytes()
    assert verify(handed, "--log", "none")["verdict"] == "unreadable"  # which of several?
    away = handed.run_bare("verify-receipt", "r.jsonl", *policy, "--fact", "fact.json", "--log", "none", "--json")
    assert (away.code, away.json["error"]) == (4, "log-unreachable")  # a folder as a URL
    assert (handed.folder / "r.jsonl").read_bytes() == before


def test_a_proof_is_never_written_over_by_another(handed: Program) -> None:
    seal(handed)
    more = ("--fact", "fact.json", "--log", "log", "--proof-out", "proof.json")
    assert verify(handed, *more)["verdict"] == "kept"  # twice the same
    record(handed, handed.write("more.jsonl", [response(60, "Late", "2011-01-05T00:00:00Z")]))
    seal(handed)
    ran = handed.run_bare("verify-receipt", "r.jsonl", "--policy", "policy.json", *more, "--json")
    assert (ran.code, ran.json["error"]) == (2, "exists")
    line = lines(handed)[0]
    (handed.folder / "one.jsonl").write_text(json.dumps(line) + "\n")
    said = verify(handed, "--proof", "proof.json", receipts="one.jsonl")
    assert (said["verdict"], said["difference"]["what"]) == ("unreadable", "receipt of the proof")
