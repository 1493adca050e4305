"""How a decision is proved, over HTTP: sealed and since when, by whom cosigned, and what the verifier says by a policy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console.cli.exits import USAGE
from console.http import evidence as http_evidence
from console.http import proof_state
from console.http.embedded import Embedded
from console.http.patient_log import PatientLog
from console.http.proof_state import History, Judge
from console.wiring import open_store
from ledger.errors import LogDamaged
from ledger.proof.log.policy import parse_policy
from ledger.proof.log.signer import sign_note
from ledger.seal.folder import LogFolder
from ledger.seal.log_reader import HISTORY
from ledger.seal.sealer import open_sealer
from tests.console.designation_story import ANNIVERSARY, AREA
from tests.console.http.support import PROVEN, Served, make_book, seal, serving
from tests.console.http.test_evidence import revise
from tests.console.support import Program, fact
from tests.ledger.seal.support import LOG_KEY, WITNESS_KEY, WITNESSED_S, Beside, a_witness, policy_bytes, witnessed
from tests.support.signing import Unbound

RENEWAL = PROVEN["proof"]
DESIGNATION = PROVEN["designation-proof"]
WITNESSED_AT = "2023-11-14T22:13:20.000000Z"


def judge(**changed: Any) -> Judge:
    data = policy_bytes(**changed)
    return Judge(data, parse_policy(data))


@contextmanager
def proven(folder: Path, by: Judge | None = None) -> Iterator[Served]:
    """A service over a book and its log."""
    with serving(folder / "ledger.db", Embedded(tiles=folder / "log", judge=by)) as found:
        yield found


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a book, and its log, to which nobody adds."""
    made = Path(tmp_path_factory.mktemp("proven"))
    make_book(made / "ledger.db")
    seal(made / "ledger.db", made / "log")
    return made


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    """The same for one test alone."""
    return Path(shutil.copytree(kept, tmp_path / "own"))


def test_a_sealed_decision_without_a_policy_is_not_verified_here(folder: Path) -> None:
    size = int((folder / "log/checkpoint").read_text().split("\n")[1])
    with proven(folder) as served:
        found = served.get(RENEWAL).json()
    assert (found["sealed"], found["verified"], found["not_verified"]) == (True, None, "no-policy")
    assert found["log_index"] == found["position"] - 1
    assert found["since"]["size"] == found["checkpoint"]["size"] == size
    assert (found["since"]["cosigned"], found["since"]["at"], found["policy"]) == ([], None, None)


def test_with_a_policy_the_verifier_says_what_it_says(folder: Path) -> None:
    with proven(folder, judge()) as served:
        renewal, designation = served.get(RENEWAL).json(), served.get(DESIGNATION).json()
    assert renewal["verified"]["verdict"] == designation["verified"]["verdict"] == "confirmed"
    assert "12 responses of 3 organisations" in renewal["verified"]["rules"]
    assert (designation["area"], designation["on"]) == (AREA, ANNIVERSARY)
    assert (renewal["policy"]["origin"], renewal["policy"]["quorum"]) == (LOG_KEY.name, 0)


def test_a_policy_that_wants_a_witness_whom_nobody_asked_finds_it_incomplete(folder: Path) -> None:
    with proven(folder, judge(**witnessed())) as served:
        found = served.get(RENEWAL).json()["verified"]
    assert found["verdict"] == "incomplete"
    assert "cosignatures" in found["difference"]["what"]


def test_who_cosigned_and_since_when(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")
    book = open_store(str(tmp_path / "ledger.db"), create=False)
    witness = a_witness(tmp_path / "memory")
    cosigner = Beside(witness)
    with open_sealer(book, LogFolder(tmp_path / "log"), [Unbound(LOG_KEY)], cosigner) as sealer:
        sealer.seal(30)
        sealer.seal()
    book.close()
    with proven(tmp_path, judge(**witnessed())) as served:
        found = served.get(RENEWAL).json()
    assert found["verified"]["verdict"] == "confirmed"
    assert found["since"]["size"] == 31 < found["checkpoint"]["size"]
    one = {"witness": WITNESS_KEY.name, "at": WITNESSED_AT, "verified": True}
    assert (found["since"]["cosigned"], found["since"]["at"]) == ([one], WITNESSED_AT)
    assert WITNESSED_S == 1_700_000_000
    with proven(tmp_path) as served:
        found = served.get(RENEWAL).json()
    assert (found["since"]["cosigned"], found["since"]["at"]) == ([one | {"verified": False}], None)


def test_a_later_revision_is_a_decision_of_its_own_and_the_first_stays_proved_since_it_was(folder: Path) -> None:
    with proven(folder, judge()) as served:
        first = served.get(RENEWAL).json()
        revise(served, folder / "log")
        newest, earlier = served.get(RENEWAL).json(), served.get(f"{RENEWAL}&revision=1").json()
        assert (newest["revision"], newest["revisions"], newest["verified"]["verdict"]) == (2, 2, "confirmed")
        assert (earlier["revision"], earlier["since"], earlier["position"]) == (1, first["since"], first["position"])
        assert earlier["checkpoint"] == newest["checkpoint"] == newest["since"]
        assert any("decided again" in one for one in earlier["verified"]["warnings"])
        decided = fact("decide-renewal", "m-2-decided", "2011-03-05T00:00:00Z", "m-2", renewal_date="2011-03-01")
        assert served.post("/v1/facts", decided).status_code == 201
        waits = served.get("/v1/memberships/m-2/proof?renewal=2011-03-01").json()
    assert (waits["sealed"], waits["since"], waits["log_index"], waits["not_verified"]) == (
        False, None, None, "not-sealed",
    )  # fmt: skip
    assert waits["checkpoint"] == newest["checkpoint"]


def test_before_the_first_checkpoint_nothing_is_sealed_and_without_a_log_nothing_is_known(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")
    (tmp_path / "log").mkdir()
    with proven(tmp_path, judge()) as served:
        found = served.get(RENEWAL).json()
    assert (found["sealed"], found["checkpoint"], found["not_verified"]) == (False, None, "not-sealed")
    with serving(tmp_path / "ledger.db") as served:
        assert served.get(RENEWAL).json()["code"] == "no-log"


def test_what_is_not_there_has_a_code(kept: Path) -> None:
    with proven(kept) as served:
        for path, status, code in (
            ("m-1/proof?renewal=2011-03-02", 404, "not-decided"),
            ("m-1/proof?renewal=2011-03-01&revision=2", 404, "not-decided"),
            ("m-9/proof?renewal=2011-03-01", 404, "unknown-membership"),
            ("m-1/proof", 400, "bad-input"),
            ("m-1/proof?renewal=soon", 400, "bad-input"),
            ("m-1/proof?renewal=2011-03-01&at=5", 400, "bad-input"),
            (f"m-2/designations/{AREA}/proof?anniversary={ANNIVERSARY}", 404, "unknown-designation"),
        ):
            found = served.get(f"/v1/memberships/{path}")
            assert (found.status_code, found.json()["code"]) == (status, code), path


def test_a_book_that_was_changed_is_told(folder: Path) -> None:
    with proven(folder, judge()) as served:
        entries = next((folder / "log/tile/0").glob("**/*.p/*"))
        entries.write_bytes(bytes(len(entries.read_bytes())))
        found = served.get(RENEWAL)
        assert (found.status_code, found.json()["code"]) == (500, "book-changed")
        served.faults.clear()


def test_what_takes_too_long_to_verify_is_left_to_who_takes_the_evidence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof_state, "VERIFIED_EVENTS_MAX", 10)
    with proven(folder, judge()) as served:
        found = served.get(RENEWAL).json()
    assert (found["sealed"], found["verified"], found["not_verified"]) == (True, None, "too-long")


def log_with(path: Path, *sizes: int) -> PatientLog:
    """A log of whose history alone something is asked."""
    notes = [sign_note(f"{LOG_KEY.name}\n{size}\n{'A' * 43}=\n", LOG_KEY) for size in sizes]
    path.mkdir(exist_ok=True)
    folder = LogFolder(path)
    (path / HISTORY).write_bytes(b"")
    for note in notes:
        folder.remember(note)
    return PatientLog(path, 1e18)


def size_of(note: bytes | None) -> int | None:
    return None if note is None else int(note.split(b"\n")[1])


def test_the_first_checkpoint_that_holds_an_index_is_found_while_the_history_grows_and_when_it_is_another(
    tmp_path: Path,
) -> None:
    history = History()
    log = log_with(tmp_path / "log", 3, 7, 7, 12)
    assert [size_of(history.first_holding(log, index, 12)) for index in (0, 2, 3, 6, 7, 11, 12)] == [
        3, 3, 7, 7, 12, 12, None,
    ]  # fmt: skip
    log = log_with(tmp_path / "log", 3, 7, 7, 12, 20)
    assert size_of(history.first_holding(log, 12, 20)) == 20
    assert history.first_holding(log, 12, 12) is None  # signed, and not published
    log = log_with(tmp_path / "log", 5, 9)
    assert [size_of(history.first_holding(log, index, 9)) for index in (0, 4, 5, 8, 9)] == [5, 5, 9, 9, None]


def test_a_policy_without_a_log_and_one_that_is_none_are_told_at_the_start(program: Program) -> None:
    (program.folder / "policy.json").write_bytes(policy_bytes())
    ran = program.run("serve", "--dev", "--policy", "policy.json")
    assert (ran.code, "--tiles" in ran.err) == (USAGE, True), ran
    (program.folder / "policy.json").write_bytes(b"{}")
    (program.folder / "log").mkdir()
    ran = program.run("serve", "--dev", "--tiles", "log", "--policy", "policy.json")
    assert (ran.code, "policy" in ran.err) == (USAGE, True), ran


def test_a_proof_state_waits_for_no_place_of_who_takes_bundles(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_evidence, "WAITING_MAX", 0)
    with proven(folder) as served:
        assert served.get(PROVEN["evidence"]).status_code == 503
        assert served.get(RENEWAL).status_code == 200


@pytest.mark.parametrize("what", ["folder", "checkpoint", "torn", "empty"])
def test_a_log_that_is_gone_or_torn_is_no_decision_that_is_not_sealed_yet(folder: Path, what: str) -> None:
    """The page said `not sealed yet` of what was sealed, and the board that all was well."""
    with proven(folder) as served:
        assert served.get(RENEWAL).json()["sealed"] is True
        checkpoint = folder / "log/checkpoint"
        kept = checkpoint.read_bytes()
        if what == "folder":
            (folder / "log").rename(folder / "away")
        elif what == "checkpoint":
            checkpoint.unlink()
        else:
            checkpoint.write_bytes(kept[:40] if what == "torn" else b"")
        for path in (RENEWAL, PROVEN["evidence"]):
            found = served.get(path)
            assert (found.status_code, found.json()["code"]) == (500, "log-damaged"), (path, found.text)
        assert {type(fault) for fault in served.faults} == {LogDamaged}
        served.faults.clear()
        ready = served.get("/readyz", None)
        assert (ready.status_code, [one["code"] for one in ready.json()["missing"]]) == (503, ["log-unreadable"])
        if what == "folder":
            (folder / "away").rename(folder / "log")
        else:
            checkpoint.write_bytes(kept)
        assert served.get(RENEWAL).json()["sealed"] is True
        assert served.get("/readyz", None).json()["ready"] is True


def test_a_log_without_a_checkpoint_yet_is_none_that_is_lost(kept: Path, tmp_path: Path) -> None:
    shutil.copy(kept / "ledger.db", tmp_path / "ledger.db")
    (tmp_path / "log/tile/0").mkdir(parents=True)
    with proven(tmp_path) as served:
        found = served.get(RENEWAL).json()
        assert (found["sealed"], found["checkpoint"]) == (False, None)
        assert served.get("/readyz", None).json()["ready"] is True
