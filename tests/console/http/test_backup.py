"""Backup under load and restore elsewhere, as docs/operations.md has them, for both stores; and drills that go with them.

While four clients hand facts in over HTTP and a sealer follows, log and book are copied; then everything is lost.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.console.http.place import ORIGIN, Load, Place, eventually, facts_of, kill
from tests.console.http.process import PATIENCE_S
from tests.console.http.support import bearer


def copy_log(log: Path, to: Path) -> None:
    """As the docs have it: the checkpoint first, then what it covers, which only ever grows."""
    to.mkdir(parents=True)
    commands = "cp -p checkpoint checkpoints.jsonl {to}/ && cp -pR tile {to}/ && mkdir {to}/.sealer"
    subprocess.run(["sh", "-c", commands.format(to=to)], cwd=log, check=True, timeout=PATIENCE_S)


def sealed_size(log: Path) -> int:
    return int((log / "checkpoint").read_text().splitlines()[1]) if (log / "checkpoint").exists() else 0


def check_restored(elsewhere: Place, load: Load, position: int) -> None:
    """Steps 3 to 6 of the docs: the projections anew, the audit, the service, and again what came after the backup."""
    elsewhere.done("migrate")
    elsewhere.done("project", "--rebuild")
    audit = elsewhere.done("audit", "--tiles", "log", "--policy", "keys/policy.json")
    assert audit["verdict"] == "confirmed"
    assert elsewhere.run("project", "--status").returncode == 0
    with elsewhere.serving() as served, served.client() as client:
        assert client.get("/readyz").json() == {"ready": True, "missing": []}
        figures = client.get("/metrics", headers=bearer("operations")).text
        assert f'csat_ledger_book_end{{service="serve"}} {float(position)}' in figures
        statuses: set[str] = set()
        for membership in load.sent:
            found = client.post("/v1/facts", json=facts_of(membership), headers=bearer("operator"))
            statuses |= {one["status"] for one in found.json()}
        # Duplicates are what the backup has; answers to invitations are among both.
        assert statuses == {"accepted", "duplicate"}
        last = {"Min-Position": found.headers["ledger-position"]}
        assert client.get("/v1/memberships/m-0-0/status", headers=bearer("auditor")).status_code == 200
        seen = client.get("/v1/participation?by=quarter", headers=bearer("owner") | last).json()
        assert seen[0]["responses"] == len(set(load.sent))


def test_a_book_in_a_file_is_copied_under_load_and_restored_elsewhere(tmp_path: Path) -> None:
    here, elsewhere, apart = Place(tmp_path / "here"), Place(tmp_path / "elsewhere"), tmp_path / "apart"
    here.done("keygen", "--name", ORIGIN, "--out", "keys")
    with here.serving() as served, Load(served) as load, here.sealing():
        load.await_more(20)
        eventually(lambda: sealed_size(here.folder / "log") > 50, "something is sealed")
        copy_log(here.folder / "log", elsewhere.folder / "log")
        load.await_more(5)
        copied = here.run("--json", "copy", "--from", "ledger.db", "--to", str(elsewhere.folder / "ledger.db"))
        assert copied.returncode in (0, 1), copied.stderr  # 1: the source has moved on meanwhile
        apart.mkdir()
        shutil.copy(here.folder / "ledger.db.link-key", apart)  # never where the book lies
        load.await_more(20)
        older = sealed_size(elsewhere.folder / "log")
        eventually(lambda: sealed_size(here.folder / "log") > older, "more is sealed after the copy")
        kill(served)
    position = orjson.loads(copied.stdout)["to"]["position"]
    assert position >= sealed_size(elsewhere.folder / "log") / 2
    shutil.copytree(here.folder / "keys", elsewhere.folder / "keys")  # from where keys are kept
    shutil.copy(apart / "ledger.db.link-key", elsewhere.folder)
    check_restored(elsewhere, load, position)
    # The key remembers what it signed last, which the older folder lacks: nobody makes a second history by mistake.
    assert sealed_size(here.folder / "log") > sealed_size(elsewhere.folder / "log")
    resealed = elsewhere.run("seal", "--key", "keys/log.key", "--tiles", "log")
    assert (resealed.returncode, "recover-signer" in resealed.stderr) == (1, True), resealed.stderr


def test_a_book_that_is_restored_older_than_its_log_is_noticed_and_nothing_is_signed(tmp_path: Path) -> None:
    here = Place(tmp_path / "here")
    here.done("keygen", "--name", ORIGIN, "--out", "keys")
    with here.serving() as served, Load(served) as load:
        load.await_more(5)
        copied = here.run("--json", "copy", "--from", "ledger.db", "--to", "older.db")
        assert copied.returncode in (0, 1), copied.stderr
        load.await_more(5)
        beyond = {"Min-Position": str(orjson.loads(copied.stdout)["to"]["position"] + 1)}
        assert served.get("/v1/memberships?limit=1", bearer("auditor") | beyond).status_code == 200
        kill(served)
    here.done("seal", "--key", "keys/log.key", "--tiles", "log")
    for ending in ("", "-wal", "-shm"):
        (here.folder / f"ledger.db{ending}").unlink(missing_ok=True)
    (here.folder / "older.db").rename(here.folder / "ledger.db")
    behind = here.run("project", "--status")
    assert behind.returncode == 1, behind.stdout  # the projections were further than the book is now
    audit = here.run("--json", "audit", "--tiles", "log", "--policy", "keys/policy.json")
    assert (audit.returncode, orjson.loads(audit.stdout)["verdict"]) == (1, "tampered"), audit.stdout
    resealed = here.run("--json", "seal", "--key", "keys/log.key", "--tiles", "log")
    assert (resealed.returncode, orjson.loads(resealed.stdout)["error"]) == (1, "book-changed")
    with here.serving() as again:  # it goes on from the book that is there, and says so
        assert again.get("/v1/memberships/m-0-0/status", bearer("auditor")).status_code == 200
        code, errors = again.stop()
    assert (code, b"is built anew from the book that is there" in errors) == (0, True), errors


def test_a_book_without_its_link_key_takes_everything_but_answers_to_invitations(tmp_path: Path) -> None:
    here = Place(tmp_path / "here")
    with here.serving() as served, Load(served) as load:
        load.await_more(3)
        kill(served)
    (here.folder / "ledger.db.link-key").rename(tmp_path / "kept-apart")
    with here.serving() as served, served.client() as client:
        found = client.post("/v1/facts", json=facts_of("m-new"), headers=bearer("operator")).json()
        assert [(one["status"], one.get("code")) for one in found] == [
            *[("accepted", None)] * 4, ("put-off", "link-key-missing"),
        ]  # fmt: skip
        figures = client.get("/metrics", headers=bearer("operations")).text
        assert 'csat_ledger_outcomes_total{code="link-key-missing",service="serve",status="put-off"} 1.0' in figures
        (tmp_path / "kept-apart").rename(here.folder / "ledger.db.link-key")
        found = client.post("/v1/facts", json=facts_of("m-new"), headers=bearer("operator")).json()
        assert [one["status"] for one in found] == [*["duplicate"] * 4, "accepted"]


@pytest.mark.server
def test_a_book_in_postgresql_is_dumped_under_load_and_restored_into_another_database(
    tmp_path: Path, postgres_url: str, postgres_server: Any
) -> None:
    from tests.servers.postgres import find_binaries

    other_url = postgres_server.create_database("template0")
    key = str(tmp_path / "link-key")
    here = Place(tmp_path / "here", postgres_url, CSAT_LEDGER_LINK_KEY_FILE=key)
    elsewhere = Place(tmp_path / "elsewhere", other_url, CSAT_LEDGER_LINK_KEY_FILE=str(tmp_path / "apart" / "link-key"))
    here.done("migrate", "--link-key", key)
    here.done("keygen", "--name", ORIGIN, "--out", "keys")
    try:
        with here.serving() as served, Load(served) as load, here.sealing():
            load.await_more(20)
            eventually(lambda: sealed_size(here.folder / "log") > 50, "something is sealed")
            copy_log(here.folder / "log", elsewhere.folder / "log")
            dumped = [str(find_binaries() / "pg_dump"), "--format=custom", "--file=book.dump", postgres_url]
            subprocess.run(dumped, cwd=tmp_path, check=True, timeout=PATIENCE_S)
            load.await_more(20)
            kill(served)
        restored = [str(find_binaries() / "pg_restore"), "--exit-on-error", f"--dbname={other_url}", "book.dump"]
        subprocess.run(restored, cwd=tmp_path, check=True, timeout=PATIENCE_S)
        shutil.copytree(here.folder / "keys", elsewhere.folder / "keys")
        (tmp_path / "apart").mkdir()
        shutil.copy(key, tmp_path / "apart")
        Path(key).unlink()
        elsewhere.done("project")
        state = map(orjson.loads, elsewhere.run("--json", "project", "--status").stdout.splitlines())
        check_restored(elsewhere, load, max(one["position"] for one in state))
    finally:
        postgres_server.drop_database(other_url)
