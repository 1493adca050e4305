"""Evidence over HTTP: the bytes that the command writes, confirmed by the verifier; and what is said where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.http import evidence as http_evidence
from console.http.embedded import Embedded
from ledger.seal.folder import LogFolder
from tests.console.designation_story import ANNIVERSARY, AREA
from tests.console.http.support import PROVEN, Served, make_book, seal, serving
from tests.console.support import Program, fact, response
from tests.ledger.seal.support import policy_bytes

RENEWAL = PROVEN["evidence"]
DESIGNATION = PROVEN["designation-evidence"]


@pytest.fixture
def proven(program: Program) -> Iterator[Served]:
    """A service over a book of both programmes and its log, to which more may be added; with a policy that trusts the log."""
    make_book(program.store)
    seal(program.store, program.folder / "log")
    (program.folder / "policy.json").write_bytes(policy_bytes())
    with serving(program.store, Embedded(tiles=program.folder / "log")) as found:
        yield found


def written(program: Program, *options: str) -> bytes:
    """What the command writes."""
    out = program.folder / f"evidence-{len(list(program.folder.iterdir()))}.json"
    ran = program.run("evidence", "m-1", *options, "--tiles", "log", "--out", out)
    assert ran.code == 0, ran
    return out.read_bytes()


def verified(program: Program, bundle: bytes) -> Any:
    """What the offline verifier says of it."""
    (program.folder / "bundle.json").write_bytes(bundle)
    ran = program.run_bare("verify", "bundle.json", "--policy", "policy.json", "--json")
    assert ran.code == 0, ran
    return ran.json


def revise(served: Served, folder: Path) -> None:
    """Another decision on the renewal, after something changed; sealed."""
    facts = [
        response(950, "Lindomar", "2011-02-01T10:00:00Z"),
        fact("decide-renewal", "decided-2", "2011-03-05T00:00:00Z", renewal_date="2011-03-01"),
    ]
    made = served.post("/v1/facts", facts)
    assert [one["status"] for one in made.json()] == ["accepted", "accepted"], made.text
    seal(served.store, folder)


def test_the_bundle_is_what_the_command_writes_and_is_confirmed(proven: Served, program: Program) -> None:
    found = proven.get(RENEWAL)
    assert (found.status_code, found.headers["content-type"]) == (200, "application/json"), found.text
    assert found.headers["cache-control"] == "private, no-cache"
    assert found.content == written(program, "--renewal", "2011-03-01")
    assert int(found.headers["ledger-position"]) == int(proven.get("/v1/memberships").headers["ledger-position"])
    said = verified(program, found.content)
    assert (said["verdict"], said["programme"], said["about"]["membership"]) == ("confirmed", "survey", "m-1")
    other = proven.get(DESIGNATION)
    assert other.content == written(program, "--area", AREA, "--anniversary", ANNIVERSARY)
    assert verified(program, other.content)["programme"] == "capability"


def test_a_revision_and_the_log_as_it_was_then(proven: Served, program: Program) -> None:
    size = int((program.folder / "log/checkpoint").read_text().split("\n")[1])
    first = proven.get(RENEWAL).content
    revise(proven, program.folder / "log")
    newest = proven.get(RENEWAL).content
    assert newest == written(program, "--renewal", "2011-03-01")
    assert verified(program, newest)["revision"]["number"] == 2
    earlier = proven.get(f"{RENEWAL}&revision=1").content
    assert earlier == written(program, "--renewal", "2011-03-01", "--revision", "1") != first
    assert proven.get(f"{RENEWAL}&at={size}").content == first
    found = proven.get(f"{RENEWAL}&at={size}&revision=2")
    assert (found.status_code, found.json()["code"]) == (409, "not-sealed")
    assert proven.get(RENEWAL).content == newest  # an old one in between changes nothing


def test_what_is_not_sealed_or_decided_or_known_has_a_code_of_its_own(proven: Served, program: Program) -> None:
    size = int((program.folder / "log/checkpoint").read_text().split("\n")[1])
    for path, status, code in (
        ("m-1/evidence?renewal=2011-03-02", 404, "not-decided"),
        ("m-1/evidence?renewal=2011-03-01&revision=7", 404, "not-decided"),
        (f"m-1/evidence?renewal=2011-03-01&at={size - 1}", 409, "not-sealed"),
        (f"m-1/evidence?renewal=2011-03-01&at={size + 1}", 409, "not-sealed"),
        ("m-9/evidence?renewal=2011-03-01", 404, "unknown-membership"),
        ("%00/evidence?renewal=2011-03-01", 404, "unknown-membership"),
        (f"m-2/designations/{AREA}/evidence?anniversary={ANNIVERSARY}", 404, "unknown-designation"),
        (f"m-1/designations/x%20y/evidence?anniversary={ANNIVERSARY}", 404, "unknown-designation"),
        ("m-1/evidence", 400, "bad-input"),
        ("m-1/evidence?renewal=soon", 400, "bad-input"),
        ("m-1/evidence?renewal=2011-03-01&revision=0", 400, "bad-input"),
        ("m-1/evidence?renewal=2011-03-01&at=2011-03-01", 400, "bad-input"),
        ("m-1/evidence?renewal=2011-03-01&known_at=7", 400, "bad-input"),
    ):
        found = proven.get(f"/v1/memberships/{path}")
        assert (found.status_code, found.json()["code"]) == (status, code), path
        assert str(program.folder) not in found.text
    decided = fact("decide-renewal", "m-2-decided", "2011-03-05T00:00:00Z", "m-2", renewal_date="2011-03-01")
    assert proven.post("/v1/facts", decided).status_code == 201
    waits = proven.get("/v1/memberships/m-2/evidence?renewal=2011-03-01")
    assert (waits.status_code, waits.json()["code"]) == (409, "not-sealed")
    seal(program.store, program.folder / "log")
    assert proven.get("/v1/memberships/m-2/evidence?renewal=2011-03-01").status_code == 200


def test_a_book_that_was_changed_gives_no_evidence_but_a_fault_and_says_so(proven: Served, program: Program) -> None:
    assert proven.get(RENEWAL).status_code == 200
    entries = next((program.folder / "log/tile/0").glob("**/*.p/*"))
    entries.write_bytes(bytes(len(entries.read_bytes())))
    found = proven.get(RENEWAL)
    assert (found.status_code, found.json()["code"]) == (500, "book-changed")
    assert [type(fault).__name__ for fault in proven.faults] == ["BookChanged"]
    proven.faults.clear()


def test_without_a_log_there_is_no_evidence(program: Program) -> None:
    make_book(program.store)
    (program.folder / "log").mkdir()
    with serving(program.store) as without, serving(program.store, Embedded(tiles=program.folder / "log")) as empty:
        found = without.get(RENEWAL)
        assert (found.status_code, found.json()["code"]) == (404, "no-log")
        found = empty.get(RENEWAL)
        assert (found.status_code, found.json()["code"]) == (409, "not-sealed")
        assert str(program.folder) not in found.text


def test_what_is_too_long_for_one_answer_is_left_to_the_command(
    proven: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_evidence, "EVENTS_MAX", 10)
    found = proven.get(RENEWAL)
    assert (found.status_code, found.json()["code"]) == (422, "too-long")
    assert "csat-ledger evidence" in found.json()["detail"]


def test_the_log_is_read_for_so_long_at_most(proven: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_evidence, "DEADLINE_S", -1.0)
    found = proven.get(RENEWAL)
    assert (found.status_code, found.json()["code"]) == (504, "deadline")
    monkeypatch.undo()
    assert proven.get(RENEWAL).status_code == 200


def test_what_was_read_of_the_log_is_not_read_again(proven: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert proven.get(RENEWAL).status_code == 200
    read: list[int] = []
    entries = LogFolder.read_entries

    def counted(self: LogFolder, first: int, end: int) -> Any:
        read.append(end - first)
        return entries(self, first, end)

    monkeypatch.setattr(LogFolder, "read_entries", counted)
    assert proven.get(RENEWAL).status_code == 200
    assert sum(read) <= 2  # the heads entry
