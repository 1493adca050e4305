"""monitor, and a witness that looks, as an auditor uses them: over a folder and over a URL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.cli.proof_files import reading_logs
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.strictjson import canonical
from ledger.seal.log_url import LogUrl
from tests.console.cli.test_proof_commands import ORIGIN, policy_file, sealed, started, stopped
from tests.console.support import Program, response

__all__ = ["sealed"]


def monitored(program: Program, log: str = "log", *more: str, state: str = "state") -> Any:
    return program.json("monitor", "--log", log, "--policy", "policy.json", "--state", state, *more)


def test_a_log_is_confirmed_and_gone_on_with(sealed: Program) -> None:
    first = monitored(sealed)
    assert (first.code, first.json["verdict"], first.json["decisions"]) == (0, "confirmed", 1)
    sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
    assert sealed.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    second = monitored(sealed)
    assert (second.code, second.json["checkpoints"]) == (0, 2)
    assert second.json["size"] > first.json["size"]
    assert second.json == monitored(sealed, state="another").json
    words = sealed.run_bare("monitor", "--log", "log", "--policy", "policy.json", "--state", "state")
    assert words.out.splitlines()[0] == "verdict: confirmed"


def test_what_is_not_so_ends_with_1_and_both_sides(sealed: Program) -> None:
    assert monitored(sealed).code == 0
    old = (sealed.folder / "log" / "checkpoint").read_bytes()
    sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
    assert sealed.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    assert monitored(sealed).code == 0
    (sealed.folder / "log" / "checkpoint").write_bytes(old)
    went_back = monitored(sealed)
    assert (went_back.code, went_back.json["verdict"]) == (1, "tampered")
    assert any(old.decode() == one["found"] for one in went_back.json["differences"])


def test_usage_and_logs_that_cannot_be_had(sealed: Program) -> None:
    gone = monitored(sealed, "http://127.0.0.1:9")
    assert (gone.code, gone.json["error"]) == (4, "log-unreachable")
    nowhere = monitored(sealed, "nowhere")  # another name, or a disk that is not mounted: no log is accused
    assert (nowhere.code, nowhere.json["error"]) == (4, "log-unreachable")
    assert sealed.run_bare("monitor", "--log", "log", "--policy", "policy.json").code == 2
    (sealed.folder / "policy.json").write_text("{}")
    assert monitored(sealed).code == 2


def test_what_is_no_folder_for_a_state_or_a_memory_is_named(sealed: Program) -> None:
    assert sealed.run_bare("keygen", "--name", "auditor.example/w1", "--out", "auditor", "--witness").code == 0
    (sealed.folder / "file").touch()
    policy = ("--policy", "policy.json")
    witness = ("witness", "--key", "auditor/witness.key", "--listen", "127.0.0.1:0", *policy)
    for place, says in (
        ("file", "found something that is no folder, expected a folder, or nothing yet"),
        ("file/state", "found that it lies in something that is no folder, expected a folder"),
    ):
        for arguments in (
            ("monitor", "--log", "log", *policy, "--state", place),
            (*witness, "--memory", place),
        ):
            ran = sealed.json(*arguments)
            assert (ran.code, ran.json["message"]) == (2, f"{place}: {says}")


def test_a_monitor_that_follows_waits_for_a_folder_that_is_not_there(sealed: Program) -> None:
    (sealed.folder / "log").rename(sealed.folder / "away")
    follower = sealed.start(
        "monitor", "--log", "log", "--policy", "policy.json", "--state", "state", "--follow", "--json"
    )
    try:
        assert follower.stderr is not None
        assert b"cannot reach the log: log: found no such folder" in follower.stderr.readline()
        (sealed.folder / "away").rename(sealed.folder / "log")
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["verdict"] == "confirmed"
    finally:
        assert stopped(follower) == 0


def test_a_monitor_follows_until_it_is_told_to_stop(sealed: Program) -> None:
    follower, first = started(
        sealed, "monitor", "--log", "log", "--policy", "policy.json", "--state", "state", "--follow"
    )
    try:
        sealed.record(response(60, "Late", "2011-01-05T00:00:00Z"))
        assert sealed.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
        assert follower.stdout is not None
        second = json.loads(follower.stdout.readline())
        assert second["verdict"] == "confirmed"
        assert second["size"] > first["size"]
    finally:
        assert stopped(follower) == 0


@contextmanager
def looking(program: Program, log: str, *more: str) -> Iterator[str]:
    """A checking witness of a log; its URL. The policy asks for it."""
    assert program.run_bare("keygen", "--name", "auditor.example/w1", "--out", "auditor", "--witness").code == 0
    vkey = (program.folder / "auditor" / "witness.vkey").read_text().strip()
    policy_file(program, witnesses=[vkey], quorum=1)
    witness, said = started(
        program, "witness", "--checking", "--log", log, *more, "--key", "auditor/witness.key", "--policy", "policy.json",
        "--listen", "127.0.0.1:0",
    )  # fmt: skip
    assert said["checking"] is True
    try:
        yield f"http://{said['listening']}"
    finally:
        assert stopped(witness) == 0


def seal(program: Program, witness: str) -> Any:
    return program.json(
        "seal", "--key", "keys/log.key", "--tiles", "log", "--witness", witness, "--policy", "policy.json"
    )


def test_a_witness_that_looks_reads_what_it_is_asked_to_cosign_over_http(sealed: Program) -> None:
    token = sealed.folder / "entries.token"
    token.write_text("0123456789abcdef" * 4 + "\n")
    token.chmod(0o600)
    server, said = started(sealed, "log-server", "log", "--listen", "127.0.0.1:0", "--entries-token-file", str(token))
    url = f"http://{said['listening']}"
    try:
        with looking(sealed, url, "--entries-token-file", str(token)) as witness:
            for number in range(3):
                sealed.record(response(60 + number, "Late", f"2011-01-0{5 + number}T00:00:00Z"))
                assert seal(sealed, witness).code == 0
            assert monitored(sealed, url, "--entries-token-file", str(token)).json["verdict"] == "confirmed"
            denied = monitored(sealed, url, state="another")
            assert (denied.code, denied.json["error"]) == (2, "log-denied")
    finally:
        assert stopped(server) == 0


def test_a_witness_that_looks_refuses_a_log_that_lies_and_the_sealer_says_so(sealed: Program) -> None:
    """The host's own program seals what was written behind it: a decision that the rules do not give."""
    with looking(sealed, "log") as witness:
        assert seal(sealed, witness).code == 0
        append_a_lie(sealed.folder / "ledger.db")
        refused = seal(sealed, witness)
        assert (refused.code, refused.json["error"]) == (4, "quorum-missing")
        assert "not confirmed" in refused.json["message"]
        assert monitored(sealed).json["verdict"] == "confirmed"  # what lies was not published


def append_a_lie(book: Path) -> None:
    """One more decision on m-1, in the chain and as it is stored, whose outcome is another."""
    with closing(sqlite3.connect(book)) as db, db:
        position = db.execute("SELECT max(position) FROM events").fetchone()[0]
        ((decided,),) = db.execute("SELECT state FROM events WHERE topic = 'RenewalDecided'")
        event = json.loads(decided)
        last, seq = db.execute(
            "SELECT state, originator_version FROM events WHERE originator_id = ? ORDER BY 2 DESC", (event["stream"],)
        ).fetchone()
        event |= {"prev": leaf_hash(last).hex(), "seq": seq + 1, "fact": "a-lie", "salt": "MDEyMzQ1Njc4OWFiY2RlZg=="}
        event["data"] |= {"outcome": "not-met", "revision": 2}
        db.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
            (position + 1, event["stream"], seq + 1, event["type"], canonical(event), "a-lie", b"x" * 32),
        )


def test_both_options_of_a_witness_that_looks_are_needed(sealed: Program) -> None:
    assert sealed.run_bare("keygen", "--name", "auditor.example/w1", "--out", "auditor", "--witness").code == 0
    arguments = ["witness", "--key", "auditor/witness.key", "--policy", "policy.json", "--listen", "127.0.0.1:0"]
    assert sealed.run_bare(*arguments, "--checking").code == 2
    assert sealed.run_bare(*arguments, "--log", "log").code == 2
    nowhere = sealed.json(*arguments, "--checking", "--log", "nowhere")
    assert (nowhere.code, nowhere.json["error"]) == (4, "log-unreachable")


@pytest.fixture
def two_logs(sealed: Program) -> Program:
    """Another log of the same book beside `log`, in `log2`, of another origin; each policy asks for the one witness."""
    assert sealed.run_bare("keygen", "--name", "auditor.example/w1", "--out", "auditor", "--witness").code == 0
    assert sealed.run_bare("keygen", "--name", OTHER, "--out", "keys2").code == 0
    vkeys = [(sealed.folder / name).read_text().strip() for name in ("auditor/witness.vkey", "keys2/log.vkey")]
    asks = {"witnesses": vkeys[:1], "quorum": 1}
    first = policy_file(sealed, **asks)
    first.rename(sealed.folder / "policy1.json")
    second = policy_file(sealed, origin=OTHER, logs=[{"vkey": vkeys[1], "from": 0, "to": None}], **asks)
    second.rename(sealed.folder / "policy2.json")
    return sealed


OTHER = "other.example/log"
OF_BOTH = ("--policy", "policy1.json", "--policy", "policy2.json")
LISTEN = ("--key", "auditor/witness.key", "--listen", "127.0.0.1:0")


def seal_both(program: Program, said: dict[str, Any]) -> None:
    """Seals what is new under both keys, each cosigned by the witness."""
    for number, keys, tiles in ((1, "keys", "log"), (2, "keys2", "log2")):
        asked = ("--witness", f"http://{said['listening']}", "--policy", f"policy{number}.json")
        assert program.json("seal", "--key", f"{keys}/log.key", "--tiles", tiles, *asked).code == 0


def test_one_witness_serves_several_logs_and_remembers_each(two_logs: Program) -> None:
    """What it derived of the one log that it served before goes on to be used."""
    looks = ("witness", "--checking", *LISTEN)
    alone, said = started(two_logs, *looks, "--policy", "policy1.json", "--log", "log")
    try:
        assert (said["checking"], said["logs"]) == (True, [ORIGIN])
    finally:
        assert stopped(alone) == 0
    state = two_logs.folder / "auditor" / "witnessed" / "monitored"
    (kept,) = state.iterdir()
    for file in kept.iterdir():
        file.rename(state / file.name)  # where a version that served one log kept it
    kept.rmdir()
    (two_logs.folder / "log2").mkdir()
    for number in range(2):
        two_logs.record(response(60 + number, "Late", f"2011-01-0{5 + number}T00:00:00Z"))
        witness, said = started(two_logs, *looks, *OF_BOTH, "--log", "log", "--log", "log2")
        try:
            assert said["logs"] == [ORIGIN, OTHER]
            seal_both(two_logs, said)
        finally:
            witness.terminate()
            assert witness.wait(30) == 0
        assert witness.stderr is not None
        is_new = b"log2: found no checkpoint yet, so that it is the log other.example/log is not checked"
        assert (is_new in witness.stderr.read()) is not number
    assert sorted(path.name for path in state.iterdir()) == sorted(
        [sha256(OTHER.encode()).hexdigest(), *{path.name for path in state.iterdir() if path.is_file()}]
    )
    assert (state / "monitor.db").is_file()
    for number, log in ((1, "log"), (2, "log2")):
        report = two_logs.json("monitor", "--log", log, "--policy", f"policy{number}.json", "--state", f"s{number}")
        assert (report.code, report.json["verdict"]) == (0, "confirmed")


def test_a_plain_witness_serves_several_logs(two_logs: Program) -> None:
    witness, said = started(two_logs, "witness", *LISTEN, *OF_BOTH)
    try:
        assert (said["checking"], said["logs"]) == (False, [ORIGIN, OTHER])
        seal_both(two_logs, said)
    finally:
        assert stopped(witness) == 0


def test_logs_and_policies_that_do_not_belong_together(two_logs: Program) -> None:
    looks = ("witness", "--checking", *LISTEN, *OF_BOTH)
    assert two_logs.run("seal", "--key", "keys2/log.key", "--tiles", "log2").code == 0
    url = "https://log.example/csat"
    token = two_logs.folder / "a.token"
    token.write_text("0123456789abcdef" * 4)
    token.chmod(0o600)
    for arguments, says in (
        (("witness", *LISTEN, *OF_BOTH, "--policy", "policy1.json"), "policy1.json: found the log ledger.example/renewals"),
        ((*looks, "--log", "log"), "found 1 of --log and 2 of --policy"),
        ((*looks, "--log", "log2", "--log", "log"), "log2: found the log other.example/log, expected ledger.example/renewals"),
        ((*looks, "--log", "log", "--log", "log2", "--entries-token-file", "a.token"), "found 1 of --entries-token-file for 0"),
        ((*looks, "--log", url, "--log", url, "--entries-token-file", "a.token"), "found 1 of --entries-token-file for 2"),
    ):  # fmt: skip
        ran = two_logs.json(*arguments)
        assert (ran.code, ran.json["error"]) == (2, "usage"), arguments
        assert says in ran.json["message"]


def test_each_token_goes_to_the_host_of_its_log_alone(tmp_path: Path) -> None:
    urls = ["https://a.example/log", "https://b.example/log"]
    tokens = [tmp_path / "a.token", tmp_path / "b.token"]
    for number, path in enumerate(tokens):
        path.write_text(str(number) * 32)
        path.chmod(0o600)
    places = [urls[0], str(tmp_path), urls[1]]
    for files, expected in (
        ([], [None, None]),
        (tokens, ["0" * 32, "1" * 32]),
        ([Path("none"), tokens[1]], [None, "1" * 32]),
    ):
        session: Any = SimpleNamespace(options=SimpleNamespace(log=places, entries_token_file=files))
        with reading_logs(session) as logs:
            assert [log.name for log in logs] == places
            assert [log._token for log in logs if isinstance(log, LogUrl)] == expected


def test_the_name_of_a_witness_s_key_and_what_it_does_agree(sealed: Program) -> None:
    listen = ["--policy", "policy.json", "--listen", "127.0.0.1:0"]
    named = ["keygen", "--name", "auditor.example/w1/checking", "--out", "named", "--witness"]
    assert sealed.run_bare(*named).code == 0
    refused = sealed.run_bare("witness", "--key", "named/witness.key", *listen)
    assert (refused.code, "of a checking witness" in refused.err) == (2, True)
    assert sealed.run_bare("keygen", "--name", "auditor.example/w1", "--out", "auditor", "--witness").code == 0
    for key, is_told in (("named", False), ("auditor", True)):
        arguments = ["witness", "--checking", "--log", "log", "--key", f"{key}/witness.key", *listen]
        running, _ = started(sealed, *arguments)
        running.terminate()
        assert running.wait(30) == 0
        assert running.stderr is not None
        assert (b"no policy counts it as that of a checking witness" in running.stderr.read()) is is_told
