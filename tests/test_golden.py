"""What the survey programme does with the demo's facts, frozen in digests: one file in tests/golden/ for each group.

The facts of the demo are recorded by the writer, in a rehearsal with the demo's clock and foreseeable salts; then come
a few facts of the types that the demo lacks, and a decision on every renewal that is due. Frozen are the stored bytes,
what became of every fact, the answers of every question as `--json` prints them, schemas, Kafka messages, evidence, and
what verifier and audit say. Snapshots and projections are caches, and stay out.

A difference here is a difference for everybody who relies on this ledger: it is named in CHANGELOG, and then written
down with

    python -m tests.test_golden --write

A group `x.neutral` is `x` without what may change while the programme stays as it is: the salt, every hash that rests
on it, and by which invitation a response came (`invitation`, later `answer_token`). When `x` changes on purpose, it
shows that nothing else did.

A group's file has one SHA-256 over all its items, and of each item the first 12 digits of its own, so that a failure can
name the item.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from console.cli.main import main
from console.demo.survey import DEMO_PICKS
from consumers.messages.cloudevents import event_message
from consumers.messages.registry import MESSAGES
from ledger.audit.audit import audit
from ledger.proof.log.note import ED25519
from ledger.proof.log.policy import parse_policy
from ledger.proof.log.signer import SignerKey
from ledger.proof.log.verify import verify
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.proof.survey.programme import Survey
from ledger.seal.evidence import collect_evidence
from ledger.seal.folder import LogFolder
from ledger.seal.sealer import open_sealer
from ledger.seal.signing import KeySigner
from ledger.store.base import Row
from projections.questions.answer import plain
from tests.support.demo_book import MEMBER, record_all
from tests.support.real_book import RealBook
from tests.support.signing import Remembered

SCHEMAS = Path(__file__).parents[1] / "schemas"
GOLDEN = Path(__file__).with_name("golden")

INSTANTS = (
    "2010-07-01T00:00:00Z",
    "2012-02-29T12:00:00Z",
    "2013-03-31T23:59:59.999999Z",  # the last microsecond of the first edition
    "2014-12-31T00:00:00Z",
    "2016-01-01T00:00:00Z",  # after the last fact: if nothing more arrives
)
KNOWN_AT = (None, 5_000, "2012-06-01T00:00:00Z", "2014-10-17T00:00:00Z")

CHAINED = frozenset(("salt", "prev"))
HASHED = frozenset(("checkpoint", "heads", "leaf", "proof", "root"))
"""Of a bundle and a verdict: hashes, and what is signed over them."""
LINKS = frozenset(("invitation", "answer_token"))
CURSOR = "ledger-cursor"
"""Of a message: its end is the beginning of the event's leaf hash."""

Items = dict[str, bytes]


# Leaving out


def neutral(value: Any, hidden: frozenset[str] = CHAINED) -> Any:
    """JSON without what is hidden; log entries are parsed, and no response says by which invitation it came."""
    if isinstance(value, list):
        return [neutral(one, hidden) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: neutral(one, hidden) for name, one in value.items() if name not in hidden}
    if isinstance(kept.get("entry"), str):
        kept["entry"] = neutral(json.loads(kept["entry"]), hidden)
    if kept.get("type") == "ResponseReceived" and isinstance(kept.get("data"), dict):
        kept["data"] = {name: one for name, one in kept["data"].items() if name not in LINKS}
    return kept


def neutral_schema(value: Any, hidden: frozenset[str]) -> Any:
    """A schema without the properties that are hidden, wherever they are named."""
    if isinstance(value, list):
        return [neutral_schema(one, hidden) for one in value if not (isinstance(one, str) and one in hidden)]
    if isinstance(value, dict):
        return {name: neutral_schema(one, hidden) for name, one in value.items() if name not in hidden}
    return value


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def neutral_lines(lines: bytes, hidden: frozenset[str] = CHAINED) -> bytes:
    """JSON lines as `neutral`."""
    return b"\n".join(canonical(neutral(json.loads(line), hidden)) for line in lines.splitlines())


# What is frozen


def events(rows: Sequence[Row]) -> Iterator[tuple[str, Items]]:
    """Stored bytes by stream, and the order of the feed."""
    streams = sorted({row.stream for row in rows})
    stored = {name: [row.stored for row in rows if row.stream == name] for name in streams}
    yield "events", {name: b"\n".join(lines) for name, lines in stored.items()}
    yield "events.neutral", {name: neutral_lines(b"\n".join(lines)) for name, lines in stored.items()}
    order = [repr((row.position, row.stream, row.seq, row.type)).encode() for row in rows]
    yield "order", {f"from {start + 1}": b"\n".join(order[start : start + 500]) for start in range(0, len(order), 500)}


def said(store: Path, *arguments: str) -> bytes:
    """What a command answers with --json, and its exit code where it is not 0."""
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    with redirect_stdout(printed), redirect_stderr(io.StringIO()):
        code = main(["--store", str(store), "--json", *arguments])
    printed.flush()
    printed.seek(0)
    return (printed.read() + (f"{code}\n" if code else "")).encode()


def answers(store: Path, folder: Path, memberships: Sequence[str]) -> Iterator[tuple[str, Items]]:
    """Every question, by group and by what was asked."""
    asked = folder / "questions.jsonl"
    points = [{"at": at, **({} if known is None else {"known_at": known})} for at in INSTANTS for known in KNOWN_AT]
    asked.write_text(
        "".join(json.dumps({"membership": one, **point}) + "\n" for one in memberships for point in points)
    )
    lines = said(store, "status", "--batch", str(asked)).splitlines()[: len(memberships) * len(points)]
    of_each = [lines[start : start + len(points)] for start in range(0, len(lines), len(points))]
    yield "status", dict(zip(memberships, map(b"\n".join, of_each), strict=True))
    for question in ("history", "replay"):
        yield question, {one: said(store, question, one) for one in memberships}
    for question, more in (("board", ("--within", "120")), ("renewals", ("--within", "400"))):
        yield (
            question,
            {
                " ".join(point): said(store, question, *more, *point)
                for at in INSTANTS
                for known in KNOWN_AT
                for point in [("--at", at, *(() if known is None else ("--known-at", str(known))))]
            },
        )
    lists: Sequence[tuple[str, ...]] = (
        *(("participation", "--by", by) for by in ("membership", "quarter", "month")),
        ("changes",),
        ("changes", "--after", "5000"),
        ("decisions",),
        ("decisions", MEMBER),
        ("decisions", "--at", INSTANTS[-1], "--known-at", "5000"),
        ("history", "nobody"),
    )
    yield "lists", {" ".join(question): said(store, *question) for question in lists}


def messages(rows: Sequence[Row]) -> Iterator[tuple[str, Items]]:
    """Every message on Kafka, by topic and key."""
    whole: dict[str, list[bytes]] = {}
    rest: dict[str, list[bytes]] = {}
    for row in rows:
        for one in [event_message(row), *MESSAGES.of(row)]:
            topic = one.topic.removeprefix("csat.").removesuffix(".v1").replace("-", "_")
            name = f"{topic} {one.key.decode()}"
            whole.setdefault(name, []).append(repr((one.headers, one.value, one.timestamp_ms)).encode())
            headers = [(key, value.decode()) for key, value in one.headers if key != CURSOR]
            rest.setdefault(name, []).append(canonical([headers, neutral(json.loads(one.value)), one.timestamp_ms]))
    yield "messages", {name: b"\n".join(found) for name, found in whole.items()}
    yield "messages.neutral", {name: b"\n".join(found) for name, found in rest.items()}


def schemas() -> Iterator[tuple[str, Items]]:
    """The contracts themselves, without their samples."""
    files = [*sorted(SCHEMAS.glob("*.json"))]
    files += [path for kind in ("facts", "events", "messages") for path in sorted((SCHEMAS / kind).glob("*.json"))]
    found = {path.relative_to(SCHEMAS).as_posix(): path.read_bytes() for path in files}
    yield "schemas", found
    without: Items = {}
    for name, content in found.items():
        hidden = CHAINED | LINKS if name.startswith("events/ResponseReceived.") else CHAINED
        without[name] = canonical(neutral_schema(json.loads(content), hidden))
    yield "schemas.neutral", without


def proofs(book: RealBook, folder: Path) -> Iterator[tuple[str, Items]]:
    """Evidence for the demo's two renewals under one key, what the verifier makes of it, and the audit."""
    origin = "golden.example/renewals"
    key = SignerKey(origin, ED25519, sha256(b"the key of the golden digests").digest())
    policy = {
        "origin": origin, "logs": [{"vkey": str(key.verifier), "from": 0, "to": None}], "witnesses": [], "quorum": 0,
    }  # fmt: skip
    trusted, log = json.dumps(policy).encode(), LogFolder(folder / "log")
    with open_sealer(book.store, log, [KeySigner(key, Remembered())]) as sealer:
        sealer.seal()
    found = {"checkpoint": log.checkpoint() or b""}
    for pick in DEMO_PICKS:
        bundle = collect_evidence(
            book.store, log, Survey(), f"membership-{pick.membership}", pick.renewal_date.isoformat()
        ).encoded()
        found[f"bundle {pick.membership}"] = bundle
        report = verify(bundle, trusted, PROOF_PROGRAMMES)
        assert report.verdict == "confirmed"
        found[f"verdict {pick.membership}"] = report.encoded().encode()
    report = audit(book.store, log, parse_policy(trusted), PROOF_PROGRAMMES, workers=1)
    assert report.verdict == "confirmed"
    found["audit"] = json.dumps(plain(report.answer())).encode()
    yield "proofs", found
    yield (
        "proofs.neutral",
        {name: neutral_lines(one, CHAINED | HASHED) for name, one in found.items() if name != "checkpoint"},
    )


def work_out(folder: Path) -> dict[str, Items]:
    """Everything, by group and item."""
    book = RealBook(folder / "book.db")
    try:
        recorded = record_all(book)
        rows = book.feed()
        found = dict(events(rows))
        found["refusals"] = recorded.refusals
        found["refusals.neutral"] = {name: said.partition(b":")[0] for name, said in recorded.refusals.items()}
        found["outcomes"] = {month: "\n".join(each).encode() for month, each in recorded.outcomes.items()}
        found |= dict(messages(rows)) | dict(schemas()) | dict(proofs(book, folder))
    finally:
        book.close()
    memberships = sorted(
        {row.stream.removeprefix("membership-") for row in rows if row.stream.startswith("membership-")}
    )
    for group, items in answers(folder / "book.db", folder, memberships):
        found[group] = items
        found[f"{group}.neutral"] = {name: neutral_lines(one) for name, one in items.items()}
    return found


def digests(items: Items) -> dict[str, Any]:
    """A group as its file has it."""
    whole = sha256()
    for name, content in sorted(items.items()):
        for part in (name.encode(), content):
            whole.update(len(part).to_bytes(8, "big") + part)
    return {
        "sha256": whole.hexdigest(),
        "items": {name: sha256(content).hexdigest()[:12] for name, content in sorted(items.items())},
    }


def first_difference(expected: dict[str, Any], found: dict[str, Any]) -> str:
    """The first item that is not as it was, in words; empty where all are."""
    then, now = expected["items"], found["items"]
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            number = sum(then.get(one) != now.get(one) for one in {*then, *now})
            return f"{name!r}: found {now.get(name)}, expected {then.get(name)}; {number} items differ"
    return "" if expected["sha256"] == found["sha256"] else "the whole, though no item does"


# Tests


@pytest.mark.slow
def test_the_survey_programme_does_with_the_demos_facts_what_it_did(tmp_path: Path) -> None:
    found = work_out(tmp_path)
    assert {f"{group}.json" for group in found} == {path.name for path in GOLDEN.glob("*.json")}
    different = {
        group: first
        for group, items in found.items()
        if (first := first_difference(json.loads((GOLDEN / f"{group}.json").read_text()), digests(items)))
    }
    assert different == {}, "if it is meant: name it in CHANGELOG, then python -m tests.test_golden --write"


def test_a_difference_is_told_by_its_first_item() -> None:
    then = digests({"m-1": b"as it was", "m-2": b"as it was", "m-3": b"as it was"})
    now = digests({"m-1": b"as it was", "m-2": b"other", "m-4": b"new"})
    assert first_difference(then, then) == ""
    told = first_difference(then, now)
    assert told.startswith("'m-2': found ")
    assert told.endswith("; 3 items differ")


def test_neutral_leaves_out_the_salt_the_chain_and_a_responses_invitation_and_nothing_else() -> None:
    response = {
        "type": "ResponseReceived",
        "salt": "s",
        "prev": "p",
        "seq": 2,
        "data": {"invitation": "i", "location": "x"},
    }
    sent = {"type": "InvitationSent", "salt": "s", "seq": 1, "data": {"invitation": "i"}}
    assert neutral([response, sent]) == [
        {"type": "ResponseReceived", "seq": 2, "data": {"location": "x"}},
        {"type": "InvitationSent", "seq": 1, "data": {"invitation": "i"}},
    ]
    assert neutral({"entry": json.dumps(response)})["entry"] == neutral(response)


def write(arguments: Sequence[str]) -> int:
    """Writes all digests anew."""
    if list(arguments) != ["--write"]:
        sys.stderr.write(f"found {' '.join(arguments) or 'no argument'}, expected --write\n")
        return 2
    with TemporaryDirectory() as made:
        found = work_out(Path(made))
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.glob("*.json"):
        path.unlink()
    for group, items in found.items():
        (GOLDEN / f"{group}.json").write_text(json.dumps(digests(items), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(write(sys.argv[1:]))
