"""docker-compose.yml: it is valid, keeps no secret, and what it starts is what becomes ready and stops when told.

No container is started here. Each of our services is started as the file says, command, environment and secrets, with the
names of the hosts put in the place of those that the test's own PostgreSQL and broker have, and asked by the file's own
health check. `compose-spec.json` is the schema of the Compose Specification (Apache License 2.0).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.servers.fixtures import without_server

try:
    import kafka  # noqa: F401
    import prometheus_client  # noqa: F401
    import psycopg
    import yaml
except ImportError as missing:
    without_server(missing)

from console.http.jwks import load_jwks
from csat_ledger_client.kafka.broker import Broker, await_sent
from csat_ledger_client.messages.survey import EligibilityChanged
from ledger.store.link_key_file import LinkKeyFile
from projections.postgres import PostgresDatabase
from projections.questions.history import history
from projections.questions.view import view
from tests.consumers.support import committed, eventually
from tests.servers.guard import Guard
from tests.servers.kafka import KafkaBroker
from tests.servers.postgres import PostgresServer

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = ("migrate", "topics")
RUNNING = ("relay", "inbox", "worker", "clock", "api", "webhooks")
ROLES = ("migrator", "writer", "reader", "projector", "webhooks")
READY_S = 40.0
ISSUERS_KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})


def test_file_is_valid_by_the_schema_of_the_compose_specification() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
    validator = jsonschema.Draft201909Validator(schema)
    found = validator.iter_errors({key: value for key, value in COMPOSE.items() if key[:2] != "x-"})
    assert [(error.json_path, error.message) for error in found] == []


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose (a Debian package) is not installed")
def test_file_is_valid_for_docker_compose_itself() -> None:
    done = subprocess.run(
        ["docker-compose", "-f", str(ROOT / "docker-compose.yml"), "config", "--quiet"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_service_of_ours_is_there_and_closed_as_far_as_can_be() -> None:
    assert SERVICES.keys() == {"postgres", "kafka", *ONE_SHOT, *RUNNING}
    for name in (*ONE_SHOT, *RUNNING):
        service = SERVICES[name]
        assert service["user"] == "10001:10001", name
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service.get("ports", []) == (["127.0.0.1:8080:8080"] if name == "api" else [])
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


def test_everything_is_restarted_watched_and_started_in_its_turn() -> None:
    for name in ("postgres", "kafka", *RUNNING):
        assert SERVICES[name]["restart"] == "unless-stopped", name
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
        assert SERVICES[name]["logging"]["options"]["max-size"]
    for name in ONE_SHOT:
        assert SERVICES[name]["restart"] == "on-failure"
    for name in RUNNING:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for name in ("relay", "inbox", "worker"):
        assert SERVICES[name]["depends_on"]["topics"] == {"condition": "service_completed_successfully"}
    for name in ("postgres", "kafka"):
        assert any(volume.partition(":")[0] == name for volume in SERVICES[name]["volumes"])
        assert name in COMPOSE["volumes"]


def test_no_secret_is_in_the_file_and_each_process_gets_its_own_alone() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert not re.search(r"://[^\s@/]*:[^\s@/]+@", text), "a password in a URL"
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            assert "PASSWORD" not in variable or str(value).startswith("/run/secrets/"), (name, variable)
    for name in (*ONE_SHOT, *RUNNING):
        environment = SERVICES[name]["environment"]
        if "CSAT_LEDGER_STORE" in environment:
            (role,) = re.findall(r"//csat_ledger_(\w+)@", environment["CSAT_LEDGER_STORE"])
            link_key = ["link_key"] if name in ("migrate", "inbox", "api") else []
            jwks = ["jwks"] if name == "api" else []
            assert SERVICES[name]["secrets"] == [f"{role}_password", *link_key, *jwks], name
            assert environment["CSAT_LEDGER_STORE_PASSWORD_FILE"] == f"/run/secrets/{role}_password"
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert all(entry["file"] == f"./secrets/{name}" for name, entry in COMPOSE["secrets"].items())


def test_image_is_built_in_stages_runs_as_nobody_in_particular_and_holds_no_secret() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line.split()[1] for line in lines if line.startswith("FROM ")] == ["python:3.13-slim"] * 2
    assert "USER 10001:10001" in lines
    assert 'ENTRYPOINT ["csat-ledger"]' in lines
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in allowed
    for name in (name for names in copied for name in names):
        assert (ROOT / name).exists()
        assert f"!{name}" in allowed


def test_secrets_are_made_once_random_and_readable_by_the_containers(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets")
    made = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    assert len(set(made.values())) == len(made)
    passwords = made.keys() - {"link_key", "jwks"}
    assert all(re.fullmatch(r"[0-9a-f]{48}", made[name]) for name in passwords)
    (nobodys,) = load_jwks(tmp_path / "secrets" / "jwks").keys
    assert nobodys.is_private is False
    key = LinkKeyFile(tmp_path / "secrets" / "link_key", makes=False)
    key.path.chmod(0o600)  # the containers run as other users, whose key it is not to guard
    assert key.find() is not None
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    make_secrets(tmp_path / "secrets")
    assert {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()} == made


def make_secrets(folder: Path) -> None:
    subprocess.run([ROOT / "deploy" / "make-secrets", folder], check=True, timeout=20)


class Deployment:
    """The services of the file as processes of this machine."""

    def __init__(self, postgres: PostgresServer, kafka: KafkaBroker, folder: Path) -> None:
        self._postgres = postgres
        self._kafka = kafka
        self._folder = folder
        self._secrets = folder / "secrets"
        make_secrets(self._secrets)
        (self._secrets / "link_key").chmod(0o600)  # here the processes run as its owner
        self._processes: list[tuple[str, subprocess.Popen[bytes], Path]] = []

    def prepare_database(self) -> None:
        """What the image of PostgreSQL does when its volume is empty; then it asks our roles for their passwords."""
        roles = (ROOT / "ledger" / "store" / "roles.sql").read_text()
        with psycopg.connect(self._postgres.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE csat_ledger")
        with psycopg.connect(self._postgres.url("csat_ledger"), autocommit=True) as connection:
            connection.execute(roles.encode())
            for role in ROLES:
                password = (self._secrets / f"{role}_password").read_text()
                connection.execute(f"ALTER ROLE csat_ledger_{role} PASSWORD '{password}'".encode())
            rules = self._postgres._data / "pg_hba.conf"
            ours = ",".join(f"csat_ledger_{role}" for role in ROLES)
            rules.write_text(f"host all {ours} 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
            connection.execute("SELECT pg_reload_conf()")

    def run_to_its_end(self, name: str) -> None:
        done = subprocess.run(
            self._command(name), env=self._environment(name), cwd=ROOT, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, (name, done.stdout, done.stderr)

    def start(self, name: str) -> None:
        log = self._folder / f"{name}-{len(self._processes)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self._command(name), env=self._environment(name), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output,
            )  # fmt: skip
        Guard.get().watch(process.pid, signal.SIGKILL)
        self._processes.append((name, process, log))

    def all_are_healthy(self) -> bool:
        return all(self._is_healthy(name, log) for name, _, log in self._processes)

    def stop(self) -> None:
        """As `docker compose stop`: SIGTERM, and a time of grace."""
        for _, process, _ in self._processes:
            process.send_signal(signal.SIGTERM)
        for name, process, log in self._processes:
            grace_s = float(SERVICES[name]["stop_grace_period"].removesuffix("s"))
            assert process.wait(grace_s) == 0, (name, log.read_text()[-2000:])
            Guard.get().forget(process.pid)
            if name != "api":
                assert json.loads(log.read_text().splitlines()[-1])["event"] == "stopped"

    def kill(self) -> None:
        for _, process, _ in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    @property
    def api(self) -> str:
        """Where the API listens."""
        return next(found for name, _, log in self._processes if name == "api" and (found := self._url(name, log)))

    def trust(self, key: Any) -> None:
        """What the operator does: puts the issuer's public keys where nobody's were."""
        (self._secrets / "jwks").chmod(0o644)
        (self._secrets / "jwks").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))

    def logs(self) -> str:
        return "".join(f"--- {name}\n{log.read_text()[-2000:]}" for name, _, log in self._processes)

    def _command(self, name: str) -> list[str]:
        return [sys.executable, "-W", "ignore", "-m", "console", *map(self._here, SERVICES[name]["command"])]

    def _environment(self, name: str) -> dict[str, str]:
        given = {variable: self._here(str(value)) for variable, value in SERVICES[name]["environment"].items()}
        if "CSAT_LEDGER_PORT" in given:
            given["CSAT_LEDGER_PORT"] = "127.0.0.1:0"  # in a container each has the port to itself
        return {"PATH": os.environ["PATH"], **given}

    def _here(self, value: str) -> str:
        value = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value).replace("0.0.0.0:8080", "127.0.0.1:0")
        value = value.replace("@postgres:5432", f"@127.0.0.1:{self._postgres.port}")
        value = re.sub(r"\bkafka:9092\b", self._kafka.bootstrap, value)
        return value.replace("/run/secrets/", f"{self._secrets}/")

    def _is_healthy(self, name: str, log: Path) -> bool:
        url = self._url(name, log)
        if url is None:
            return False
        kind, program, *rest = SERVICES[name]["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "python")
        asked = [sys.executable, *(re.sub(r"http://127.0.0.1:(9100|8080)/", f"{url}/", word) for word in rest)]
        assert url in asked[-1], "the health check asks where the service listens"
        return subprocess.run(asked, capture_output=True, check=False, timeout=20).returncode == 0

    def _url(self, name: str, log: Path) -> str | None:
        """Where a service answers, once it has said so."""
        if name == "api":
            found = re.search(r"^listening on (http://\S+)$", log.read_text(), re.MULTILINE)
            return found[1] if found else None
        ports = [json.loads(line).get("port") for line in log.read_text().splitlines() if '"listening"' in line]
        return f"http://127.0.0.1:{ports[0]}" if ports else None


@pytest.fixture
def deployment(own_postgres: PostgresServer, own_kafka: KafkaBroker, tmp_path: Path) -> Iterator[Deployment]:
    found = Deployment(own_postgres, own_kafka, tmp_path)
    with ExitStack() as stack:
        stack.callback(found.kill)
        yield found


def test_services_started_as_the_file_says_become_ready_work_and_stop_when_told(
    deployment: Deployment, own_postgres: PostgresServer, own_kafka: KafkaBroker
) -> None:
    deployment.prepare_database()
    deployment.trust(ISSUERS_KEY)
    for name in ONE_SHOT:
        deployment.run_to_its_end(name)
    for name in RUNNING:
        for _ in range(SERVICES[name].get("deploy", {}).get("replicas", 1)):
            deployment.start(name)
    deadline = time.monotonic() + READY_S
    while not deployment.all_are_healthy():
        assert time.monotonic() < deadline, deployment.logs()
        time.sleep(0.2)
    broker = Broker(own_kafka.bootstrap)
    make_eligible(broker, "m-1")
    eventually(lambda: told(broker) == [("m-1", True)], "what makes a partner eligible is told")
    database = PostgresDatabase(own_postgres.url("csat_ledger"))
    eventually(lambda: shown(database, "m-1") == [True], "and shows in the projections")
    database.close()
    ask_over_http(deployment.api)
    eventually(lambda: told(broker) == [("m-1", True), ("m-2", True)], "what was handed in over HTTP is told too")
    deployment.stop()


def ask_over_http(url: str) -> None:
    """What the workers have projected is answered; facts are recorded, and their projections waited for."""
    with httpx.Client(base_url=url, timeout=30) as client:
        assert client.get("/v1/memberships/m-1/status").status_code == 401
        assert client.get("/v1/memberships/m-1/status", headers=bearer("auditor")).json()["satisfied"] is True
        made = client.post("/v1/facts", headers=bearer("operator"), json=facts_of("m-2")).json()
        assert {one["status"] for one in made} == {"accepted"}
        seen = {"Min-Position": str(made[-1]["position"])}
        found = client.get("/v1/memberships/m-2/status", headers=bearer("auditor") | seen)
        assert (found.status_code, found.json()["satisfied"]) == (200, True)
        assert b"csat_ledger_book_end" in client.get("/metrics", headers=bearer("operations")).content


def bearer(role: str) -> dict[str, str]:
    claims = {"iss": "https://login.example", "aud": "csat-ledger", "exp": int(time.time()) + 600, "roles": [role]}
    return {"Authorization": f"Bearer {jwt.encode({'alg': 'ES256', 'kid': 'one'}, claims, ISSUERS_KEY)}"}


def make_eligible(broker: Broker, membership: str) -> None:
    producer = broker.producer("test")
    await_sent(
        [
            producer.send(broker.topics.facts, json.dumps(value).encode(), key=membership.encode())
            for value in facts_of(membership)
        ]
    )
    producer.close(timeout=2)


def facts_of(membership: str) -> list[dict[str, Any]]:
    """What makes a partner eligible."""
    facts: list[dict[str, Any]] = [{"type": "enrol-membership", "name": "A partner", "level": "gold"}]
    facts += [
        {"type": "record-response", "response": f"r-{number}", "customer_org": f"org-{number % 2}"}
        for number in range(10)
    ]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    return [
        fact | {"id": f"{membership}-{n}", "membership": membership, "occurred_at": now} for n, fact in enumerate(facts)
    ]


def told(broker: Broker) -> list[tuple[str, bool]]:
    changes = [
        EligibilityChanged.from_value(one.value)
        for one in committed(broker, broker.topics.named(EligibilityChanged.type))
    ]
    return [(change.membership, change.satisfied) for change in changes]


def shown(database: PostgresDatabase, membership: str) -> list[bool]:
    from ledger.errors import UnknownMembership

    with view(database) as opened:
        try:
            return [change.satisfied for change in history(opened, membership)]
        except UnknownMembership:
            return []
