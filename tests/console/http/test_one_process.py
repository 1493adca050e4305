"""One process does everything: announces, seals, promises, proves; with a witness that reads from it, and when it is killed."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from console.wiring import open_store
from ledger.proof.log.heads import parse_heads_entry
from ledger.seal.folder import LogFolder
from tests.console.http.process import PATIENCE_S, Running, environment, service_process
from tests.console.http.support import KEY
from tests.console.http.test_server import raw
from tests.console.support import enrolment, fact, met, response
from tests.consumers.support import eventually
from tests.ledger.seal.support import LOG_KEY

ORIGIN = LOG_KEY.name
SEALS = ("--key", "keys/log.key", "--tiles", "log")
EVERYTHING = (*SEALS, "--receipt-key", "keys/receipt-1.key")


def command(folder: Path, *arguments: str, code: int = 0) -> Any:
    """What a command prints with --json."""
    ran = subprocess.run(
        [sys.executable, "-m", "console", "--store", "ledger.db", "--json", *arguments],
        cwd=folder, env=environment(), capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert ran.returncode == code, (ran.stdout, ran.stderr)
    lines = ran.stdout.splitlines()
    return orjson.loads(lines[-1]) if lines else None


def keys(folder: Path, **changed: Any) -> None:
    """Keys of the log and of receipts, and a policy that trusts them."""
    command(folder, "keygen", "--name", ORIGIN, "--out", "keys")
    command(folder, "keygen", "--name", ORIGIN, "--out", "keys", "--receipts")
    policy = orjson.loads((folder / "keys/policy.json").read_bytes())
    vkey = (folder / "keys/receipt-1.vkey").read_text().strip()
    policy["receipts"]["keys"] = [{"vkey": vkey, "from": 1, "to": None}]
    (folder / "policy.json").write_text(json.dumps(policy | changed))


def token_file(folder: Path, headers: dict[str, str], name: str = "entries.token") -> str:
    """A file with a caller's token, as those who read a log are given it."""
    (folder / name).touch(mode=0o600)
    (folder / name).write_text(headers["Authorization"].removeprefix("Bearer ") + "\n")
    return name


def through(folder: Path) -> int:
    """The last position that the published checkpoint speaks for."""
    log = LogFolder(folder / "log")
    size = int((log.checkpoint() or b"x\n0\n").split(b"\n")[1])
    return parse_heads_entry(*log.read_entries(size - 1, size)).through if size else 0


def end(folder: Path) -> int:
    """The book's last position."""
    store = open_store(str(folder / "ledger.db"), create=False)
    try:
        return store.max_position()
    finally:
        store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys(tmp_path)
    return tmp_path


def decided() -> list[dict[str, Any]]:
    return [*met(), fact("decide-renewal", "decided", "2011-03-02T00:00:00Z", renewal_date="2011-03-01")]


def test_one_command_announces_seals_promises_and_proves(folder: Path) -> None:
    with service_process(folder, "--dev", *EVERYTHING) as served:
        assert {name: served.said[name] for name in ("clock", "sealing", "log", "receipts")} == dict.fromkeys(
            ("clock", "sealing", "log", "receipts"), True
        )
        operator, auditor = served.token("--role", "operator"), served.token("--role", "auditor")
        made = served.post("/v1/facts", decided(), operator).json()
        assert [one["status"] for one in made] == ["accepted"] * len(decided())
        told = "/v1/memberships/m-1/history"
        recorded = {"Min-Position": str(made[-1]["position"])}
        eventually(
            lambda: [one["cause"] for one in served.get(told, auditor | recorded).json()][-1:] == ["expiry"],
            "it is announced",
        )
        eventually(lambda: through(folder) == end(folder), "all is sealed")
        # who watches, by the URL
        log, entries = f"{served.url}/log", ("--entries-token-file", token_file(folder, auditor))
        watching = ("monitor", "--log", log, "--policy", "policy.json", "--state")
        report = command(folder, *watching, "state", *entries)
        assert (report["verdict"], report["decisions"]) == ("confirmed", 1)
        assert command(folder, *watching, "another", code=2)["error"] == "log-denied"
        others = ("--entries-token-file", token_file(folder, operator, "operators"))
        assert command(folder, *watching, "a-third", *others, code=2)["error"] == "log-denied"
        audited = command(folder, "audit", "--tiles", log, *entries, "--policy", "policy.json")
        assert audited["verdict"] == "confirmed"
        # what was promised, and what is proved
        (folder / "r.jsonl").write_text(json.dumps(made[4]["receipt"]) + "\n")
        (folder / "fact.json").write_text(json.dumps(decided()[4]))
        receipt = ("verify-receipt", "r.jsonl", "--fact", "fact.json", "--policy", "policy.json", "--log", log)
        assert command(folder, *receipt, *entries)["verdict"] == "kept"
        bundle = served.get("/v1/memberships/m-1/evidence?renewal=2011-03-01", auditor)
        (folder / "m-1.json").write_bytes(bundle.content)
        assert command(folder, "verify", "m-1.json", "--policy", "policy.json")["verdict"] == "confirmed"
        for path in ("/log/../ledger.db", "/log/tile/../../keys/log.key", "//log/checkpoint", "/log//checkpoint"):
            answer = raw(served.url, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert answer.split()[1] in (b"404", b"401"), path
        code, errors = served.stop()
    assert code == 0
    assert [line for line in errors.decode().splitlines() if "refused with" not in line] == []


def test_sigterm_seals_what_was_handed_in_last(folder: Path) -> None:
    acknowledged: list[int] = []
    with service_process(folder, "--dev", *SEALS, "--every", "3600s") as served:
        operator = served.token("--role", "operator")
        eventually((folder / "log/checkpoint").exists, "it has sealed what there was")
        before = through(folder)
        assert {one["status"] for one in served.post("/v1/facts", met(), operator).json()} == {"accepted"}

        def client() -> None:
            with served.client() as own:
                try:
                    for number in range(100, 10_000):
                        said = response(number, "Brontegard", "2010-06-01T10:00:00Z")
                        found = own.post("/v1/facts", content=orjson.dumps(said), headers=operator)
                        acknowledged.append(found.json()["position"])
                except httpx.HTTPError:  # no more connections are taken
                    pass

        thread = threading.Thread(target=client)
        thread.start()
        eventually(lambda: len(acknowledged) > 20, "facts are recorded")
        assert through(folder) == before
        code, errors = served.stop()
        thread.join(PATIENCE_S)
    assert (code, errors) == (0, b"")
    assert through(folder) == end(folder) >= max(acknowledged)
    assert command(folder, "seal", *SEALS)["sealed"] == 0  # and no lock, and no key's memory, is left behind


@pytest.mark.slow
def test_sigkill_in_the_middle_loses_no_receipt_and_the_log_goes_on(folder: Path) -> None:
    receipts: list[Any] = []
    for kill in range(3):
        with service_process(folder, "--dev", *EVERYTHING, "--every", "20") as served:
            operator = served.token("--role", "operator")
            assert served.post("/v1/facts", enrolment(), operator).status_code == 200

            def client(
                number: int, kill: int = kill, served: Running = served, operator: dict[str, str] = operator
            ) -> None:
                with served.client() as own:
                    try:
                        for day in range(1_000):
                            said = response(100_000 * kill + 1_000 * number + day, "Brontegard", "2010-06-01T10:00:00Z")
                            found = own.post("/v1/facts", content=orjson.dumps(said), headers=operator)
                            receipts.append(found.json()["receipt"])
                    except (httpx.HTTPError, ValueError):  # it was killed
                        pass

            threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            have = len(receipts)
            eventually(lambda have=have: len(receipts) >= have + 60, "facts are recorded")
            served.process.send_signal(signal.SIGKILL)
            served.process.communicate()
            for thread in threads:
                thread.join(PATIENCE_S)
    with service_process(folder, "--dev", *EVERYTHING) as served:
        eventually(lambda: through(folder) == end(folder), "all is sealed")
        (folder / "r.jsonl").write_text("".join(json.dumps(receipt) + "\n" for receipt in receipts))
        entries = ("--entries-token-file", token_file(folder, served.token("--role", "auditor")))
        watching = ("--log", f"{served.url}/log", *entries, "--policy", "policy.json", "--state", "state")
        report = command(folder, "monitor", *watching, "--receipts", "r.jsonl")
        assert (report["verdict"], report["receipts"]["kept"]) == ("confirmed", len(receipts))
        assert served.stop()[0] == 0
    assert command(folder, "audit", "--tiles", "log", "--policy", "policy.json")["verdict"] == "confirmed"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def witness(folder: Path, listen: str, log: str, entries: str) -> Iterator[str]:
    """A checking witness; its URL."""
    arguments = ("witness", "--checking", "--log", log, "--entries-token-file", entries, "--key", "auditor/witness.key",
                 "--policy", "policy.json", "--listen", listen)  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "console", "--json", *arguments],
        cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield f"http://{orjson.loads(process.stdout.readline())['listening']}"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_checking_witness_reads_the_log_from_the_service_and_one_that_is_away_holds_up_nobody(tmp_path: Path) -> None:
    command(tmp_path, "keygen", "--name", "auditor.example/w1/checking", "--out", "auditor", "--witness")
    keys(tmp_path, witnesses=[(tmp_path / "auditor/witness.vkey").read_text().strip()], quorum=1, checking=1)
    command(tmp_path, "record", str(written(tmp_path, met())))
    listen = f"127.0.0.1:{free_port()}"
    entries = "entries.token"
    with service_process(tmp_path, "--dev") as first:
        token_file(tmp_path, first.token("--role", "auditor", "--expires", "8h"), entries)
    with ExitStack() as stack:
        log = f"http://{listen}/log"
        asked = stack.enter_context(witness(tmp_path, "127.0.0.1:0", log, entries))
        place = asked.removeprefix("http://")
        options = ("--listen", listen, *SEALS, "--witness", asked, "--policy", "policy.json")
        with service_process(tmp_path, "--dev", *options) as served:
            operator = served.token("--role", "operator")
            eventually(lambda: through(tmp_path) == end(tmp_path), "the witness has cosigned", PATIENCE_S)
            assert b"auditor.example/w1/checking" in served.get("/log/checkpoint").content
            stack.close()  # the witness is away
            before = through(tmp_path)
            assert (
                served.post("/v1/facts", response(901, "Lindomar", "2010-06-01T10:00:00Z"), operator).status_code == 201
            )
            assert served.get("/livez").status_code == 200
            seen = threading.Event()
            seen.wait(3.0)  # rounds fail meanwhile
            assert (
                served.post("/v1/facts", response(902, "Lindomar", "2010-06-01T10:00:00Z"), operator).status_code == 201
            )
            assert through(tmp_path) == before
            with witness(tmp_path, place, log, entries):
                eventually(lambda: through(tmp_path) == end(tmp_path) > before, "it goes on", PATIENCE_S)
                code, errors = served.stop()
        said = errors.decode().splitlines()
        assert code == 0
        assert [line.split(": ")[2] for line in said if line.startswith("csat-ledger: sealing:")] == [
            "quorum-missing",
            "goes on",
        ]


def written(folder: Path, facts: Sequence[dict[str, Any]]) -> Path:
    (folder / "facts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in facts))
    return folder / "facts.jsonl"


# options


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys of two logs and no ledger, which stays as it is."""
    found = tmp_path_factory.mktemp("keyed")
    keys(found)
    command(found, "keygen", "--name", "other.example/log", "--out", "other", "--receipts")
    return found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--key", "keys/log.key"], "found --key without --tiles"),
        (["--tiles", "nowhere"], "found no such folder"),
        (["--key", "none.key", "--tiles", "log"], "expected a key file"),
        (["--key", "keys/receipt-1.key", "--receipt-key", "keys/log.key", "--tiles", "log"], "expected <origin>/receipt-<n>"),
        (["--receipt-key", "keys/none.key"], "expected a key file"),
        (["--receipt-key", "keys/receipt-1.key", "--promise", "-1"], "found a delay of -1 s"),
        (["--promise", "60"], "found --promise without --receipt-key"),
        (["--every", "10s", "--tiles", "log"], "found --every without --key"),
        (["--witness", "http://127.0.0.1:9"], "found --witness without --key"),
        (["--timestamp", "http://127.0.0.1:9"], "found --timestamp without --key"),
        ([*SEALS, "--witness", "http://127.0.0.1:9"], "found --witness without --policy"),
        ([*SEALS, "--witness", "nonsense", "--policy", "policy.json"], "expected an http:// or https:// URL"),
        ([*SEALS, "--receipt-key", "other/receipt-1.key"], "found a key for receipts of other.example/log"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_it_says_before_anything_is_opened(keyed: Path, arguments: list[str], said: str) -> None:
    failed = command(keyed, "serve", "--dev", "--listen", "127.0.0.1:0", *arguments, code=2)
    assert said in failed["message"]
    assert not (keyed / "ledger.db").exists()


@pytest.mark.server
def test_on_postgresql_the_clock_is_left_to_its_own_role(folder: Path, postgres_url: str) -> None:
    command(folder, "migrate", "--store", postgres_url)
    (folder / "jwks.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    options = ("--store", postgres_url, "--jwks", "jwks.json", "--issuer", "https://login.example")
    for more, clock in (((), False), (("--clock",), True), (("--tiles", "keys"), False)):
        with service_process(folder, *options, *more) as served:
            assert (served.said["clock"], served.said["sealing"]) == (clock, False)
            assert served.said["log"] == ("--tiles" in more)
    with service_process(folder, "--dev", "--no-clock") as served:
        assert served.said["clock"] is False
