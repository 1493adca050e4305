"""keygen, seal, evidence, verify, audit, consistency and witness, as an operator and an auditor use them."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.log.policy import open_checkpoint, parse_policy
from ledger.seal.signing import FileMemory
from tests.console.support import Program, met, response

ORIGIN = "ledger.example/renewals"
WAIT_S = 30


def policy_file(program: Program, **changed: Any) -> Path:
    """The policy that trusts keys/log.vkey."""
    vkey = (program.folder / "keys" / "log.vkey").read_text().strip()
    policy = {"origin": ORIGIN, "logs": [{"vkey": vkey, "from": 0, "to": None}], "witnesses": [], "quorum": 0} | changed
    path = program.folder / "policy.json"
    path.write_text(json.dumps(policy))
    return path


@pytest.fixture
def sealed(program: Program) -> Program:
    """A ledger with a decision, keys, a policy, and a sealed log in `log`."""
    program.record(*met())
    assert program.run("decide", "m-1", "--renewal", "2011-03-01").code == 0
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "keys").code == 0
    policy_file(program)
    assert program.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    return program


def evidence(program: Program, *more: str) -> Any:
    return program.json("evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "log", "--out", "m-1.json", *more)


def test_keygen_writes_a_key_and_a_policy_to_start_from(program: Program) -> None:
    ran = program.run_bare("keygen", "--name", ORIGIN, "--out", "keys", "--json")
    assert ran.code == 0
    assert (ran.json["key"], ran.json["policy"]) == ("keys/log.key", "keys/policy.json")
    assert (program.folder / "keys" / "log.vkey").read_text().strip() == ran.json["verifier"]
    policy = parse_policy((program.folder / "keys" / "policy.json").read_bytes())
    assert (policy.origin, [str(log.key) for log in policy.logs]) == (ORIGIN, [ran.json["verifier"]])
    again = program.run_bare("keygen", "--name", ORIGIN, "--out", "keys", "--json")
    assert (again.code, again.json["error"]) == (2, "wrong-key")
    words = program.run_bare("keygen", "--name", ORIGIN, "--out", "more").out
    parse_policy(words[words.index("{") :].encode())
    assert program.run_bare("keygen", "--name", "two words", "--out", "else").code == 2


def test_keygen_for_a_witness_writes_no_policy(program: Program) -> None:
    ran = program.run_bare("keygen", "--name", "w.example/1", "--out", "keys", "--witness", "--json")
    assert ran.json.keys() == {"key", "vkey", "verifier"}
    assert sorted(path.name for path in (program.folder / "keys").iterdir()) == ["witness.key", "witness.vkey"]


def test_keygen_never_writes_over_a_policy(program: Program) -> None:
    (program.folder / "keys").mkdir()
    path = program.folder / "keys" / "policy.json"
    path.write_text("mine")
    ran = program.run_bare("keygen", "--name", ORIGIN, "--out", "keys")
    assert ran.code == 0
    assert "left it as it is" in ran.out
    assert path.read_text() == "mine"


def test_seal_says_size_root_and_how_many(sealed: Program) -> None:
    again = sealed.json("seal", "--key", "keys/log.key", "--tiles", "log")
    assert again.json.keys() == {"size", "root", "sealed"}
    assert again.json["sealed"] == 0
    sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
    ran = sealed.json("seal", "--key", "keys/log.key", "--tiles", "log", "--every", "1")
    assert ran.code == 0
    assert ran.json["sealed"] == 3  # the response, and that it changed what was announced
    signed = (sealed.folder / "log" / "checkpoint").read_bytes()
    checkpoint = open_checkpoint(signed, parse_policy((sealed.folder / "policy.json").read_bytes())).checkpoint
    assert checkpoint.size == ran.json["size"]


def test_seal_without_a_key_that_fits(sealed: Program) -> None:
    assert sealed.json("seal", "--key", "none", "--tiles", "log").json["error"] == "wrong-key"
    sealed.run_bare("keygen", "--name", ORIGIN, "--out", "other")
    ran = sealed.json("seal", "--key", "other/log.key", "--tiles", "log")
    assert (ran.code, ran.json["error"]) == (2, "wrong-key")
    assert sealed.run("seal", "--tiles", "log").code == 2
    assert sealed.run("seal", "--key", "keys/log.key", "--tiles", "log", "--every", "soon").code == 2
    assert sealed.run("seal", "--key", "keys/log.key", "--tiles", "log", "--witness", "http://x").code == 2


def test_evidence_is_verified_offline(sealed: Program) -> None:
    ran = evidence(sealed)
    assert ran.code == 0
    assert ran.json["bytes"] == (sealed.folder / "m-1.json").stat().st_size
    assert (sealed.folder / "m-1.tlog-proof").read_text().startswith("c2sp.org/tlog-proof@v1\n")
    verified = sealed.run_bare("verify", "m-1.json", "--policy", "policy.json", "--json")
    assert verified.code == 0
    assert set(verified.json) == {
        "verdict", "programme", "about", "revision", "checkpoint", "rules", "decision", "recomputed", "difference", "since",
        "warnings",
    }  # fmt: skip
    assert (verified.json["verdict"], verified.json["decision"]["outcome"]) == ("confirmed", "met")
    assert "verdict: confirmed" in sealed.run_bare("verify", "m-1.json", "--policy", "policy.json").out


def test_verdicts_have_their_exit_codes(sealed: Program) -> None:
    evidence(sealed)
    good = (sealed.folder / "m-1.json").read_text()
    for spoilt, verdict, code in (
        (good.replace("Brontegard", "Bronteyard", 1), "tampered", 1),
        (good[:-10], "unverifiable", 2),
    ):
        (sealed.folder / "m-1.json").write_text(spoilt)
        ran = sealed.run_bare("verify", "m-1.json", "--policy", "policy.json", "--json")
        assert (ran.code, ran.json["verdict"]) == (code, verdict)
    assert sealed.run_bare("verify", "none.json", "--policy", "policy.json").code == 2


def test_evidence_seals_first_where_it_may(sealed: Program) -> None:
    sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
    assert sealed.run("decide", "m-1", "--renewal", "2011-03-01").code == 0
    ran = evidence(sealed)
    assert (ran.code, ran.json["error"]) == (1, "not-sealed")
    assert evidence(sealed, "--key", "keys/log.key").code == 0
    assert sealed.run_bare("verify", "m-1.json", "--policy", "policy.json").code == 0


def test_evidence_for_what_is_not_there(sealed: Program) -> None:
    unknown = sealed.json("evidence", "m-9", "--renewal", "2011-03-01", "--tiles", "log", "--out", "x")
    assert (unknown.code, unknown.json["error"]) == (2, "unknown-membership")
    nowhere = sealed.json("evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "nolog", "--out", "x")
    assert (nowhere.code, nowhere.json["error"]) == (4, "log-unreachable")
    undecided = sealed.json("evidence", "m-1", "--renewal", "2012-03-01", "--tiles", "log", "--out", "x")
    assert (undecided.code, undecided.json["error"]) == (1, "not-sealed")
    assert not (sealed.folder / "x").exists()


def test_the_audit_looks_whether_the_database_still_guards_the_events(sealed: Program) -> None:
    with sqlite3.connect(sealed.store) as connection:
        connection.execute("DROP TRIGGER events_no_delete")
    connection.close()
    ran = sealed.json("audit", "--tiles", "log", "--policy", "policy.json")
    assert (ran.code, ran.json["verdict"]) == (1, "incomplete")
    (found,) = ran.json["differences"]
    assert (found["what"], found["found"]) == ("trigger events_no_delete of the events", "none")
    assert found["expected"].startswith("CREATE TRIGGER events_no_delete BEFORE DELETE")


def test_the_audit_confirms_and_after_one_changed_byte_lists_what_differs(sealed: Program) -> None:
    ran = sealed.json("audit", "--tiles", "log", "--policy", "policy.json")
    assert ran.code == 0
    assert ran.json.keys() == {
        "verdict", "events", "unsealed", "streams", "announcements", "decisions", "differences",
    }  # fmt: skip
    assert (ran.json["verdict"], ran.json["decisions"], ran.json["differences"]) == ("confirmed", 1, [])
    with sqlite3.connect(sealed.store) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        (stored,) = connection.execute("SELECT state FROM events WHERE position = 7").fetchone()
        changed = stored.replace(b"Brontegard", b"Bronteyard")
        connection.execute("UPDATE events SET state = ? WHERE position = 7", (changed,))
    connection.close()
    found = sealed.json("audit", "--tiles", "log", "--policy", "policy.json")
    assert (found.code, found.json["verdict"]) == (1, "tampered")
    assert found.json["differences"][0]["what"].startswith("position 7")
    assert "position 7" in sealed.run("audit", "--tiles", "log", "--policy", "policy.json").out
    refused = sealed.json("seal", "--key", "keys/log.key", "--tiles", "log")
    assert (refused.code, refused.json["error"]) == (1, "book-changed")
    assert "position 7" in refused.json["message"]


def test_an_audit_by_a_policy_that_trusts_others(sealed: Program) -> None:
    sealed.run_bare("keygen", "--name", ORIGIN, "--out", "other")
    vkey = (sealed.folder / "other" / "log.vkey").read_text().strip()
    policy_file(sealed, logs=[{"vkey": vkey, "from": 0, "to": None}])
    assert sealed.run("audit", "--tiles", "log", "--policy", "policy.json").code == 2


def test_saved_checkpoints_and_evidence_stay_consistent(sealed: Program) -> None:
    evidence(sealed)
    (sealed.folder / "saved").write_bytes((sealed.folder / "log" / "checkpoint").read_bytes())
    for number in range(5):
        sealed.record(response(60 + number, "Late", "2011-01-05T00:00:00Z"))
        sealed.run("seal", "--key", "keys/log.key", "--tiles", "log")
    for old in ("saved", "m-1.json", "m-1.tlog-proof", "log/checkpoint"):
        ran = sealed.run_bare(
            "consistency", old, "log/checkpoint", "--tiles", "log", "--policy", "policy.json", "--json"
        )
        assert (ran.code, ran.json["verdict"]) == (0, "consistent")
    back = sealed.run_bare(
        "consistency", "log/checkpoint", "saved", "--tiles", "log", "--policy", "policy.json", "--json"
    )
    assert (back.code, back.json["error"]) == (1, "tampered")
    (sealed.folder / "saved").write_text("nonsense")
    assert sealed.run_bare("consistency", "saved", "saved", "--tiles", "log", "--policy", "policy.json").code == 2
    assert sealed.run_bare("verify", "m-1.json", "--policy", "policy.json").code == 0


def test_a_new_key_takes_over(sealed: Program) -> None:
    sealed.run_bare("keygen", "--name", ORIGIN, "--out", "new")
    both = sealed.json("seal", "--key", "keys/log.key", "--key", "new/log.key", "--tiles", "log")
    assert (both.code, both.json["sealed"]) == (0, 1)
    assert sealed.run("project").code == 0  # the new event changes no answer
    assert sealed.json("status", "m-1", "--at", "2011-02-28").json["satisfied"] is True
    old, new = ((sealed.folder / place / "log.vkey").read_text().strip() for place in ("keys", "new"))
    size = both.json["size"]
    logs = [{"vkey": old, "from": 0, "to": size + 1}, {"vkey": new, "from": size, "to": None}]
    policy_file(sealed, logs=logs)
    sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
    assert sealed.run("seal", "--key", "new/log.key", "--tiles", "log").code == 0
    assert sealed.run("audit", "--tiles", "log", "--policy", "policy.json").code == 0
    evidence(sealed)
    assert sealed.run_bare("verify", "m-1.json", "--policy", "policy.json").code == 0


def started(program: Program, *arguments: str) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """A process of its own, and the first line that it printed."""
    process = program.start(*arguments, "--json")
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    return process, json.loads(line)


def stopped(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WAIT_S)
    return process.returncode


def test_evidence_goes_to_a_file_and_not_to_stdout(sealed: Program) -> None:
    ran = sealed.json("evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "log", "--out", "-")
    assert (ran.code, ran.json["error"]) == (2, "usage")
    assert not (sealed.folder / "-").exists()


def test_a_folder_that_is_not_there_is_held_against_no_log(sealed: Program) -> None:
    """Another name, or a disk that is not mounted: the host is accused of nothing."""
    evidence(sealed)
    (sealed.folder / "saved").write_bytes((sealed.folder / "log" / "checkpoint").read_bytes())
    sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
    assert sealed.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    newer = sealed.json("evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "log", "--out", "newer.json")
    assert newer.code == 0
    there = ("--tiles", "nowhere", "--policy", "policy.json")
    for arguments in (
        ("audit", *there),
        ("consistency", "saved", "log/checkpoint", *there),
        ("verify", "newer.json", "--since", "m-1.json", *there),
    ):
        ran = sealed.json(*arguments)
        assert (ran.code, ran.json["error"]) == (4, "log-unreachable"), arguments
        assert ran.json["message"] == "nowhere: found no such folder, expected that of a log"


def test_a_witness_cosigns_what_the_sealer_follows(sealed: Program) -> None:
    assert sealed.run_bare("keygen", "--name", "auditor.example/w1", "--out", "auditor", "--witness").code == 0
    vkey = (sealed.folder / "auditor" / "witness.vkey").read_text().strip()
    policy_file(sealed, witnesses=[vkey], quorum=1)
    witness, said = started(
        sealed, "witness", "--key", "auditor/witness.key", "--policy", "policy.json", "--listen", "127.0.0.1:0"
    )
    assert said["verifier"] == vkey
    follower, first = started(
        sealed, "seal", "--key", "keys/log.key", "--tiles", "log", "--follow", "--every", "1",
        "--witness", f"http://{said['listening']}", "--policy", "policy.json",
    )  # fmt: skip
    try:
        sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
        assert follower.stdout is not None
        second = json.loads(follower.stdout.readline())
        assert (first["sealed"], second["sealed"]) == (0, 1)  # --every 1: a checkpoint for each event
        policy = parse_policy((sealed.folder / "policy.json").read_bytes())
        trusted = open_checkpoint((sealed.folder / "log" / "checkpoint").read_bytes(), policy)
        assert trusted.checkpoint.size == second["size"]
        assert [name for name, _ in trusted.cosigned] == ["auditor.example/w1"]
    finally:
        assert stopped(follower) == 0
        assert stopped(witness) == 0
    evidence(sealed)
    assert sealed.run_bare("verify", "m-1.json", "--policy", "policy.json").code == 0
    second = sealed.json("seal", "--key", "keys/log.key", "--tiles", "log2")
    assert (second.code, second.json["error"]) == (1, "log-forked")
    sealed.record(response(61, "Later", "2011-01-06T00:00:00Z"))
    lonely = sealed.json("seal", "--key", "keys/log.key", "--tiles", "log", "--witness", "http://127.0.0.1:9",
                         "--policy", "policy.json")  # fmt: skip
    assert (lonely.code, lonely.json["error"]) == (4, "quorum-missing")


def test_a_follower_whose_witness_is_away_asks_again(sealed: Program) -> None:
    assert sealed.run_bare("keygen", "--name", "auditor.example/w1", "--out", "auditor", "--witness").code == 0
    vkey = (sealed.folder / "auditor" / "witness.vkey").read_text().strip()
    policy_file(sealed, witnesses=[vkey], quorum=1)
    witness_arguments = ("witness", "--key", "auditor/witness.key", "--policy", "policy.json", "--listen")
    witness, said = started(sealed, *witness_arguments, "127.0.0.1:0")
    follower, first = started(
        sealed, "seal", "--key", "keys/log.key", "--tiles", "log", "--follow", "--every", "1", "--every", "1s",
        "--witness", f"http://{said['listening']}", "--policy", "policy.json",
    )  # fmt: skip
    try:
        assert stopped(witness) == 0
        sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
        assert follower.stderr is not None
        assert b"found 0 cosignatures, expected 1" in follower.stderr.readline()
        witness, _ = started(sealed, *witness_arguments, said["listening"])
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["size"] > first["size"]
    finally:
        assert stopped(follower) == 0
        assert stopped(witness) == 0


def test_a_follower_whose_witness_is_away_when_it_begins_waits_for_it(sealed: Program) -> None:
    assert sealed.run_bare("keygen", "--name", "auditor.example/w1", "--out", "auditor", "--witness").code == 0
    vkey = (sealed.folder / "auditor" / "witness.vkey").read_text().strip()
    policy_file(sealed, witnesses=[vkey], quorum=1)
    witness_arguments = ("witness", "--key", "auditor/witness.key", "--policy", "policy.json", "--listen")
    witness, said = started(sealed, *witness_arguments, "127.0.0.1:0")
    assert stopped(witness) == 0
    sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
    follower = sealed.start(
        "seal", "--key", "keys/log.key", "--tiles", "log", "--follow", "--every", "1", "--every", "1s",
        "--witness", f"http://{said['listening']}", "--policy", "policy.json", "--json",
    )  # fmt: skip
    try:
        assert follower.stderr is not None
        assert b"found 0 cosignatures, expected 1" in follower.stderr.readline()
        witness, _ = started(sealed, *witness_arguments, said["listening"])
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["size"] > 0
    finally:
        assert stopped(follower) == 0
        assert stopped(witness) == 0


def test_a_witness_that_lacks_is_told_of_though_the_others_are_enough(sealed: Program) -> None:
    assert sealed.run_bare("keygen", "--name", "auditor.example/w1", "--out", "auditor", "--witness").code == 0
    policy_file(sealed, witnesses=[(sealed.folder / "auditor" / "witness.vkey").read_text().strip()], quorum=1)
    witness, said = started(
        sealed, "witness", "--key", "auditor/witness.key", "--policy", "policy.json", "--listen", "127.0.0.1:0"
    )
    try:
        sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
        ran = sealed.run("seal", "--key", "keys/log.key", "--tiles", "log", "--witness", f"http://{said['listening']}",
                         "--witness", "http://127.0.0.1:9", "--policy", "policy.json")  # fmt: skip
        assert ran.code == 0
        assert "without the cosignature of http://127.0.0.1:9: " in ran.err
    finally:
        assert stopped(witness) == 0


def test_listening_where_nobody_can(program: Program) -> None:
    program.run_bare("keygen", "--name", "w.example/1", "--out", "keys", "--witness")
    program.run_bare("keygen", "--name", ORIGIN, "--out", "keys")
    policy_file(program)
    arguments = ["witness", "--key", "keys/witness.key", "--policy", "policy.json", "--listen"]
    assert program.run_bare(*arguments, "nowhere").code == 2
    assert program.run_bare(*arguments, "203.0.113.7:1").code == 2
    assert program.run_bare("witness", "--key", "keys/log.key", "--policy", "policy.json", "--listen", "x:1").code == 2


@pytest.mark.parametrize("name", ["checkpoint", "checkpoints.jsonl", "tile/0/000.p/6"])
def test_a_full_disk_under_the_log_is_named_and_sealing_goes_on_when_there_is_room(
    sealed: Program, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
    fsync, full = os.fsync, errno.ENOSPC

    def no_room(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.name == Path(name).name or (
            name.startswith("tile") and path.parent.name == "tmp" and path.name.isdigit()
        ):
            raise OSError(full, os.strerror(full))
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_room)
        ran = sealed.json("seal", "--key", "keys/log.key", "--tiles", "log")
    assert (ran.code, ran.json["error"]) == (4, "disk-full")
    assert ran.json["message"].startswith("log/tile/" if name.startswith("tile") else f"log/{name}")
    assert "make room and do the same again" in ran.json["message"]
    assert sealed.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    assert sealed.run("audit", "--tiles", "log", "--policy", "policy.json").code == 0


def test_a_full_disk_under_the_evidence_is_named_and_leaves_no_half_file(
    sealed: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", no_room)
    ran = evidence(sealed)
    assert (ran.code, ran.json["error"]) == (4, "disk-full")
    assert ran.json["message"].startswith("m-1.json: ")
    assert not [path for path in sealed.folder.iterdir() if path.name.endswith(".part")]


def test_a_key_that_lost_its_memory_signs_again_once_its_operator_says_so(sealed: Program) -> None:
    memory = sealed.folder / "keys" / "log.signed"
    assert sealed.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    remembered = memory.read_bytes()
    memory.unlink()
    sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
    refused = sealed.json("seal", "--key", "keys/log.key", "--tiles", "log")
    assert (refused.code, refused.json["error"]) == (2, "wrong-key")
    shown = sealed.run_bare("recover-signer", "--key", "keys/log.key", "--tiles", "log", "--json")
    assert (shown.code, shown.json["remembered"], shown.json["written"]) == (0, None, False)
    assert not memory.exists()
    words = sealed.run_bare("recover-signer", "--key", "keys/log.key", "--tiles", "log")
    assert "nothing was written" in words.out
    accepted = sealed.run_bare("recover-signer", "--key", "keys/log.key", "--tiles", "log", "--accept")
    assert (accepted.code, memory.read_bytes()) == (0, remembered)
    assert sealed.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0


def test_a_folder_that_is_lost_altogether_is_shown_beside_what_the_key_signed_with_the_way_out(sealed: Program) -> None:
    seal = ("seal", "--key", "keys/log.key", "--tiles", "log")
    recover = ("recover-signer", "--key", "keys/log.key", "--tiles", "log")
    last = sealed.json(*seal).json
    shutil.rmtree(sealed.folder / "log")
    refused = sealed.json(*seal)
    assert (refused.code, refused.json["error"]) == (1, "log-forked")
    memory = (sealed.folder / "keys" / "log.signed").read_bytes()
    for accept in ([], ["--accept"]):
        shown = sealed.json(*recover, *accept)
        assert shown.code == 1
        assert shown.json["remembered"] == {"size": last["size"], "root": last["root"]}
        assert (shown.json["folder"], shown.json["written"]) == (None, False)
        words = sealed.run(*recover, *accept)
        assert words.code == 1
        assert f"size {last['size']:,}, root {last['root']}" in words.out.replace("\n", " ")
        assert "begin a new log in a new folder with a new key" in " ".join(words.out.split())
    assert (sealed.folder / "keys" / "log.signed").read_bytes() == memory


def test_a_damaged_checkpoint_is_called_the_same_by_sealer_and_recovery(sealed: Program) -> None:
    path = sealed.folder / "log" / "checkpoint"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], b"%d" % (int(lines[1]) - 1), *lines[2:]]))
    for command in ("seal", "recover-signer"):
        ran = sealed.json(command, "--key", "keys/log.key", "--tiles", "log")
        assert (ran.code, ran.json["error"]) == (1, "log-damaged"), command


def test_a_fork_that_is_shown_does_not_point_to_the_command_that_shows_it(sealed: Program) -> None:
    shutil.copytree(sealed.folder / "log", sealed.folder / "older")
    sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
    last = sealed.json("seal", "--key", "keys/log.key", "--tiles", "log").json
    shown = sealed.json("recover-signer", "--key", "keys/log.key", "--tiles", "older").json
    assert f"with root {last['root']}" in shown["fork"]
    assert "recover-signer" not in shown["fork"]


def test_a_second_sealer_with_the_same_key_is_told_that_another_is_at_work(sealed: Program) -> None:
    with FileMemory(sealed.folder / "keys" / "log.signed").held():
        ran = sealed.json("seal", "--key", "keys/log.key", "--tiles", "log")
    assert (ran.code, ran.json["error"]) == (4, "sealer-busy")


def test_a_file_longer_than_any_evidence_is_unverifiable_and_is_not_read(sealed: Program) -> None:
    with (sealed.folder / "endless.json").open("wb") as file:
        file.truncate(1 << 40)
    for arguments in (
        ("verify", "endless.json", "--policy", "policy.json"),
        ("verify", "policy.json", "--policy", "endless.json"),
        ("verify", "/dev/zero", "--policy", "policy.json"),
        ("consistency", "endless.json", "log/checkpoint", "--tiles", "log", "--policy", "policy.json"),
    ):
        ran = sealed.json(*arguments)
        assert ran.code == 2, arguments
        assert "bytes" in ran.err + ran.out or "device" in ran.err + ran.out, arguments


def test_evidence_is_never_written_over_and_goes_into_files_alone(sealed: Program) -> None:
    first = evidence(sealed)
    assert first.code == 0
    saved = (sealed.folder / "m-1.json").read_bytes()
    assert evidence(sealed).code == 0  # the same again
    sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
    again = evidence(sealed, "--key", "keys/log.key")
    assert (again.code, again.json["error"]) == (2, "exists")
    assert (sealed.folder / "m-1.json").read_bytes() == saved
    key = (sealed.folder / "keys" / "log.key").read_bytes()
    (sealed.folder / "link.json").symlink_to("keys/log.key")
    os.mkfifo(sealed.folder / "pipe.json")
    for name in ("keys/log.key", "link.json", "pipe.json", "log", "new.tlog-proof"):
        ran = sealed.json("evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "log", "--out", name)
        assert ran.code == 2, name
    nowhere = sealed.json("evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "log", "--out", "none/m-1.json")
    assert (nowhere.code, nowhere.json["message"]) == (2, "none/m-1.json: No such file or directory")
    assert (sealed.folder / "keys" / "log.key").read_bytes() == key
    assert (sealed.folder / "pipe.json").is_fifo()
    assert sorted(path.name for path in sealed.folder.glob(".*.part")) == []
