"""What the survey programme does with the demo's facts, frozen: stored bytes, answers, refusals, proofs, schemas, messages.

A change here is a change for everybody who relies on this ledger: it is named in CHANGELOG, and written anew with

    python -m tests.console.demo.test_golden

The digests of *neutral* events leave out what chains and hides them (`prev`, `salt`) and by which invitation an answer
came, so that a change of these shows that nothing else changed.
"""

from __future__ import annotations

import io
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from console.cli.main import main
from consumers.messages.cloudevents import announcement_messages, event_message
from ledger.store.base import Row

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).with_suffix(".json")
INSTANTS = ("2010-07-01T00:00:00Z", "2012-02-29T12:00:00Z", "2014-12-31T00:00:00Z")
QUERY = "SELECT position, originator_id, originator_version, topic, state FROM events ORDER BY position"
HIDDEN = ("prev", "salt")
LINKS = ("invitation", "answer_token")


def digest(parts: Iterable[bytes]) -> str:
    """Of parts in order, each with its length."""
    whole = sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def neutral(stored: bytes) -> bytes:
    event = json.loads(stored)
    content = {name: value for name, value in event.items() if name not in HIDDEN}
    if event["type"] == "ResponseReceived":
        content["data"] = {name: value for name, value in event["data"].items() if name not in LINKS}
    return json.dumps(content, sort_keys=True).encode()


def said(store: Path | None, *arguments: str) -> bytes:
    """What a command prints with --json."""
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    with redirect_stdout(printed):
        code = main([*([] if store is None else ["--store", str(store)]), "--json", *arguments])
    printed.flush()
    return f"{code}\n".encode() + printed.buffer.getvalue()  # type: ignore[attr-defined]


def answers(store: Path, folder: Path, memberships: list[str]) -> Iterator[tuple[str, bytes]]:
    asked = folder / "questions.jsonl"
    asked.write_text("".join(
        json.dumps({"membership": one, "at": at, **known}) + "\n"
        for one in memberships for at in INSTANTS for known in ({}, {"known_at": 5_000}, {"known_at": "2012-06-01T00:00:00Z"})
    ))  # fmt: skip
    yield "status", said(store, "status", "--batch", str(asked))
    for at in INSTANTS:
        yield f"board at {at}", said(store, "board", "--at", at)
        yield f"renewals at {at}", said(store, "renewals", "--at", at, "--within", "400")
    yield "decisions", said(store, "decisions")
    yield "participation", said(store, "participation")
    yield "changes", said(store, "changes")
    for one in memberships[::20]:
        yield f"history {one}", said(store, "history", one)
        yield f"replay {one}", said(store, "replay", one)


def messages(rows: list[Row]) -> Iterator[bytes]:
    for row in rows:
        found = [event_message(row), *(announcement_messages(row) if row.type == "EligibilityChanged" else [])]
        for message in found:
            yield repr((message.topic, message.key, message.value, message.headers, message.timestamp_ms)).encode()


def digests(folder: Path) -> dict[str, str]:
    """Of everything, by what it is."""
    demo = folder / "demo"
    said(None, "demo", "--folder", str(demo), "--memberships", "40")
    store = demo / "ledger.db"
    with sqlite3.connect(store) as connection:
        rows = [Row(*row) for row in connection.execute(QUERY)]
    memberships = sorted(
        {row.stream.removeprefix("membership-") for row in rows if row.stream.startswith("membership-")}
    )
    found = {
        "events": digest(row.stored for row in rows),
        "places": digest(repr(row[:4]).encode() for row in rows),
        "events, neutral": digest(neutral(row.stored) for row in rows),
        "messages": digest(messages(rows[::7])),
        "facts": digest([(demo / "facts.jsonl").read_bytes()]),
        "refused": digest([(demo / "refused.jsonl").read_bytes()]),
    }
    for path in sorted(demo.glob("proof/*.json")) + sorted(demo.glob("proof/log/checkpoint*")):
        found[str(path.relative_to(demo))] = digest([path.read_bytes()])
    for name, answer in answers(store, folder, memberships):
        found[name] = digest([answer])
    for path in sorted((ROOT / "schemas").rglob("*.json")):
        found[str(path.relative_to(ROOT))] = digest([path.read_bytes()])
    return found


@pytest.mark.slow
def test_the_survey_programme_does_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected: dict[str, Any] = json.loads(GOLDEN.read_text())
    found = digests(tmp_path)
    assert {name: value for name, value in found.items() if expected.get(name) != value} == {}
    assert found.keys() == expected.keys()


if __name__ == "__main__":
    with TemporaryDirectory() as made:
        GOLDEN.write_text(json.dumps(digests(Path(made)), indent=1) + "\n")
    sys.stderr.write(f"{GOLDEN} written\n")
