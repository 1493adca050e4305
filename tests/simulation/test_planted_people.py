"""People are planted by every way in, and looked for in all that the system keeps, sends, shows and says (DESIGN 13).

A way in is a line of WAYS_IN, a place to look is a line of PLACES, what is done between the two searches a line of LATER.
What may hold a person's details is named one by one in ALLOWED: what somebody handed in, the operator's own refusals, and
what was handed out on purpose. The vault is none of them: what it has is sealed, so nothing of it lies in the clear.
"""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx
import orjson
import pytest
from joserfc.jwk import KeySet

from tests.console.cli.test_contacts import HEADER
from tests.console.http.process import PATIENCE_S, environment
from tests.console.http.support import ISSUER, KEY, token
from tests.console.http.test_one_process import keys
from tests.console.support import ROOT, fact, met
from tests.consumers.support import broker_with_topics, committed, eventually
from tests.support.planted import Person, found_in, planted

SAMPLES = [orjson.loads(path.read_bytes()) for path in sorted((ROOT / "schemas/samples/facts").glob("*.json"))]
AT: Final = "2010-07-01T00:00:00Z"
JSON: Final = {"Content-Type": "application/json"}
ALLOWED: Final = (
    "handed-in/*",  # what is planted lies in files, as an operator has them
    "*.refused",  # the operator's own file of refusals, 0600, with the line as it came
    "mail.csv",  # the mailing run, handed out to be mailed
)
"""Files in which a person may stand, and why."""


class Said(NamedTuple):
    """Something that was said: by whom, and what."""

    where: str
    data: bytes


class System:
    """A ledger with all that belongs to it, in a folder; every command's words are kept to be searched."""

    def __init__(self, folder: Path, store: str, vault: str) -> None:
        self.folder = folder
        self.store = store
        self.said: list[Said] = []
        self.kafka: Any = None
        self.broker: Any = None
        self.postgres: Any = None
        self.webhook: list[bytes] = []
        self.url = ""
        (folder / "handed-in").mkdir()
        self.settings = {
            "CSAT_LEDGER_STORE": store,
            "CSAT_LEDGER_VAULT": vault,
            "CSAT_LEDGER_VAULT_KEY_FILE": "vault-key",
            "CSAT_LEDGER_LINK_KEY_FILE": "link-key",
        }

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,), stdin: bytes = b"") -> bytes:
        """Runs a command, with and without --json as far as that makes a difference; what it printed."""
        ran = subprocess.run(
            [sys.executable, "-m", "console", *arguments], cwd=self.folder, env=environment(**self.settings),
            input=stdin, capture_output=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        self.said.append(Said(" ".join(arguments[:3]), ran.stdout + ran.stderr))
        assert ran.returncode in codes, (arguments, ran.returncode, ran.stdout[-500:], ran.stderr[-2000:])
        return ran.stdout

    def file(self, name: str, content: bytes) -> str:
        """A file that an operator has; its name from the folder on."""
        (self.folder / "handed-in" / name).write_bytes(content)
        return f"handed-in/{name}"

    def ask(
        self, method: str, path: str, content: bytes = b"", role: str = "operator", **headers: str
    ) -> httpx.Response:
        """Asks the service, and keeps the answer to be searched."""
        sent = JSON | {"Authorization": f"Bearer {bearer(role)}", **headers}
        answer = httpx.request(method, f"{self.url}{path}", content=content, headers=sent, timeout=PATIENCE_S)
        told = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode()
        self.said.append(Said(f"{method} {path.partition('?')[0]}", told + b"\n\n" + answer.content))
        return answer


def bearer(role: str, sub: str | None = None) -> str:
    return token(role, sub=sub or f"the-{role}", exp=int(time.time()) + 3_600)


# What is planted


def lines_of(person: Person) -> list[bytes]:
    """A fact of each type with each detail of a person in each of its texts, and in members that no fact has."""
    found: list[Any] = []
    for sample in SAMPLES:
        texts = [name for name, value in sample.items() if isinstance(value, str) and name != "type"]
        lists = [name for name, value in sample.items() if isinstance(value, list)]
        told = [*person.details(), person.words]
        for number, name in enumerate(texts):
            about = {**sample, "id": f"planted-{sample['type']}-{number}"}
            found += [{**about, name: text} for text in told if text != person.words or not is_a_name(name)]
        found += [{**sample, name: [text]} for name in lists for text in person.details()]
        found += [{**sample, "email": person.mail, "comment": person.words, "answers": {"why": person.words}}]
        found += [{**sample, person.mail: 1}, {**sample, "actor": {"name": person.words, "mail": person.mail}}]
    encoded = [orjson.dumps(one) for one in found]
    spoilt = encoded[0][:-1] + b',"id":"twice"}'
    nonsense = [
        person.mail.encode(),
        b'{"type":"' + person.mail.encode() + b'"}',
        b'{"type":"x","id":"' + person.mail.encode(),
    ]
    long = orjson.dumps({**SAMPLES[0], "actor": person.words * 4_000})
    unknown = orjson.dumps({"type": "record-poem", "id": person.mail, "membership": person.words, "text": person.words})
    escaped = b"".join(b"\\u%04x" % ord(one) for one in person.mail)
    hidden = orjson.dumps({**SAMPLES[0], "id": "hidden"}).replace(b"hidden", escaped)
    return [*encoded, spoilt, *nonsense, long, unknown, hidden, *encodings(person)]


def is_a_name(member: str) -> bool:
    """Whether a company's or a place's name belongs there: a person's cannot be told from it by its form."""
    names = (
        "name",
        "customer_org",
        "organisation",
        "same_as",
        "from",
        "location",
        "actor",
        "edition",
        "business_model",
    )
    return member in names


def encodings(person: Person) -> Iterator[bytes]:
    """The address as other programs leave it behind in a wrong column."""
    local, _, domain = person.mail.partition("@")
    for text in (f"{local}%40{domain}", f"{local}＠{domain}", f"{local}&#64;{domain}", f"{local} (at) {domain}"):
        yield orjson.dumps(fact("record-consent", f"enc-{len(text)}", AT, subject=text, customer_org="Mill"))
        yield orjson.dumps(fact("record-consent", f"org-{len(text)}", AT, subject="s", customer_org=text))
    for text in (person.phone.replace(" ", ""), person.phone.replace("+43", "0043"), person.phone.replace("+43 ", "0")):
        yield orjson.dumps(fact("record-consent", f"tel-{text[-14:]}", AT, subject="s", customer_org=text))
        yield orjson.dumps(fact("record-consent", text, AT, subject="s", customer_org="Mill"))


def jsonl(person: Person) -> bytes:
    return b"\n".join(lines_of(person)) + b"\n"


def csv_of(person: Person) -> bytes:
    return f"id,organisation,name,email,phone,comment\n1,Mill,{person.words},{person.mail},{person.phone},x\n".encode()


# The ways in


def by_file(system: System, person: Person) -> None:
    system.run("record", system.file("facts.jsonl", jsonl(person)), "--refused", "facts.refused", codes=(3,))


def by_file_as_json(system: System, person: Person) -> None:
    path = system.file("again.jsonl", jsonl(person))
    system.run("--json", "record", path, "--refused", "again.refused", codes=(3,))


def by_array(system: System, person: Person) -> None:
    good = [line for line in lines_of(person) if line.startswith(b"{") and line.endswith(b"}")]
    content = b"[" + b",".join(good) + b"]"
    system.run("record", system.file("array.json", content), "--refused", "array.refused", codes=(2, 3))


def by_other_encodings(system: System, person: Person) -> None:
    text = jsonl(person).decode()
    for name, content in (("u.jsonl", text.encode("utf-16")), ("z.jsonl.gz", gzip.compress(text.encode()))):
        system.run("record", system.file(name, content), "--refused", f"{name}.refused", codes=(2, 3))
    system.run("record", system.file("facts.csv", csv_of(person)), "--refused", "csv.refused", codes=(2, 3))


def by_stdin(system: System, person: Person) -> None:
    system.run("record", "-", "--refused", "stdin.refused", codes=(3,), stdin=jsonl(person))


def in_any_order(system: System, person: Person) -> None:
    path = system.file("any.jsonl", jsonl(person))
    system.run("record", path, "--any-order", "--known-spelling", "--refused", "any.refused", codes=(3,))


def by_refused_lines(system: System, person: Person) -> None:
    system.run("record", system.file("lines.jsonl", jsonl(person)), "--refused", "lines.refused", codes=(3,))
    system.run("record", "--retry", "lines.refused", codes=(3,))
    system.run("record", "--retry", codes=(0, 3))
    system.run("--json", "record", "--retry", "--code", "personal-data", codes=(0, 3))


def by_a_files_name(system: System, person: Person) -> None:
    name = f"{person.mail}.jsonl"
    system.run("record", "-", "--refused", "name.refused", codes=(3,), stdin=b"x\n")
    path = system.file(name, b'{"type":"record-poem"}\n')
    ran = system.run("record", path, "--refused", "name.refused", codes=(3,))
    system.said.pop()  # it tells who gave the name which file it was
    assert ran


def by_a_partners_list(system: System, person: Person) -> None:
    """Good lines, wrong columns, and no header: into the vault, sealed, or nowhere."""
    rows = [
        f"{person.mail},Mill,given,{AT},{person.words},{person.phone},de",
        f"a@b.example,Mill,given,{AT},{person.words},,,{person.mail}",
        f"c@b.example,{person.mail},none,,,,",
        f"={person.mail},Mill,none,,,,",
        f"d@b.example,Mill,{person.words},,,,",
        f"e@b.example,Mill,none,,,,{person.words}",
        f"{person.words},{person.phone},given,{AT},{person.ip},,",
    ]
    path = system.file("list.csv", "\n".join((HEADER, *rows)).encode() + b"\n")
    system.run(
        "--json", "contacts", "upload", path, "--membership", "m-1", "--facts", "consents.jsonl", codes=(0, 2, 3)
    )
    bare = system.file("bare.csv", csv_of(person))
    system.run("contacts", "upload", bare, "--membership", "m-1", "--facts", "none.jsonl", codes=(2, 3))
    system.run("record", "consents.jsonl", "--refused", "consents.refused", codes=(0, 3))
    run = ("contacts", "export", "--all", "--out", "mail.csv", "--facts", "sent.jsonl", "--reason", "spring run")
    system.run(*run, codes=(0, 2, 3))
    system.run("contacts", "show", "s-unknown", "--reason", person.mail, codes=(2,))
    system.run("contacts", "show", "s-unknown", "--reason", "asked", "--actor", person.phone, codes=(2,))


def by_http_one_by_one(system: System, person: Person) -> None:
    for line in lines_of(person)[::9]:
        assert system.ask("POST", "/v1/facts", line).status_code in (400, 413, 422)


def by_http_in_an_array(system: System, person: Person) -> None:
    good = [line for line in lines_of(person) if line.startswith(b"{") and line.endswith(b"}")]
    assert system.ask("POST", "/v1/facts", b"[" + b",".join(good) + b"]").status_code in (200, 400, 422)


def by_http_in_a_stream(system: System, person: Person) -> None:
    answer = system.ask("POST", "/v1/facts", jsonl(person), **{"Content-Type": "application/x-ndjson"})
    assert b"personal-data" in answer.content


def by_http_in_another_form(system: System, person: Person) -> None:
    for kind in ("text/csv", "application/x-ndjson", "application/json"):
        assert system.ask("POST", "/v1/facts", csv_of(person), **{"Content-Type": kind}).status_code in (
            200,
            400,
            415,
            422,
        )


def by_http_around_a_body(system: System, person: Person) -> None:
    """Who asks, and how: the caller's own words come back to nobody but the caller, and are kept nowhere."""
    sub = {"Authorization": f"Bearer {bearer('operator', sub=person.mail)}"}
    noted = {**sub, "User-Agent": person.mail, "X-Request-ID": person.mail, "Referer": f"https://x/?{person.mail}",
             "X-Forwarded-For": person.ip, "traceparent": person.mail}  # fmt: skip
    before = len(system.said)
    for line in lines_of(person)[:3]:
        system.ask("POST", "/v1/facts", line, **noted)
    asked = (f"/v1/memberships/{person.mail}/status", f"/v1/memberships?search={person.mail}", f"/{person.mail}",
             f"/v1/memberships/m-1/status?at={person.mail}", f"/v1/refusals?code={person.mail}")  # fmt: skip
    for path in asked:
        system.ask("GET", path, **noted)
    system.ask("POST", "/v1/status:batch", orjson.dumps([{"membership": person.mail}]), **noted)
    system.ask("POST", "/v1/refusals:retry", orjson.dumps({"ids": [person.mail], "code": person.mail}), **noted)
    system.ask("POST", "/v1/facts", csv_of(person), **{**noted, "Content-Type": f"text/{person.mail}"})
    system.ask("GET", "/v1/memberships", **{**noted, "Authorization": f"Bearer {person.mail}"})
    del system.said[before + 3 :]  # an answer to a question repeats what was asked


def by_kafka(system: System, person: Person) -> None:
    if system.kafka is None:
        return
    producer = system.kafka.producer("planting")
    lines = lines_of(person)
    keyed = [person.mail.encode(), person.phone.encode(), person.words.encode(), b"m-1"]
    for number, line in enumerate([*lines, csv_of(person), jsonl(person)]):
        headers = [("who", person.mail.encode()), (person.mail, b"1")]
        producer.send(system.kafka.topics.facts, line, key=keyed[number % len(keyed)], headers=headers)
    producer.flush(30)
    producer.close()


WAYS_IN: Final[tuple[Callable[[System, Person], None], ...]] = (
    by_file, by_file_as_json, by_array, by_other_encodings, by_stdin, in_any_order, by_refused_lines, by_a_files_name,
    by_a_partners_list, by_http_one_by_one, by_http_in_an_array, by_http_in_a_stream, by_http_in_another_form,
    by_http_around_a_body, by_kafka,
)  # fmt: skip


# The places


def files(system: System) -> Iterator[Said]:
    """Every file but those that are allowed: the book and its logs, the log, keys, receipts, bundles, copies, access log."""
    for path in sorted(system.folder.rglob("*")):
        name = path.relative_to(system.folder)
        if path.is_file() and not any(name.match(pattern) for pattern in ALLOWED):
            yield Said(str(name), str(name).encode() + b"\n" + path.read_bytes())


def words(system: System) -> Iterator[Said]:
    """All that commands printed and the service answered."""
    yield from system.said


def rows(system: System) -> Iterator[Said]:
    """Every row of every table, whatever lies in it: what a page compresses or a log has not yet is read as it is."""
    for path in system.folder.rglob("*"):
        if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3":
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                for table in tables:
                    yield Said(f"{path.name} {table}", b"\n".join(_cells(connection, table)))


def _cells(connection: sqlite3.Connection, table: str) -> Iterator[bytes]:
    for row in connection.execute(f'SELECT * FROM "{table}"'):
        yield b"\t".join(one if isinstance(one, bytes) else str(one).encode("utf-8", "replace") for one in row)


def server_rows(system: System) -> Iterator[Said]:
    """Every row of every table of every database of a server, as text and as bytes."""
    import psycopg

    for url in [one for one in (system.store, system.settings["CSAT_LEDGER_VAULT"]) if "://" in one]:
        with psycopg.connect(url) as connection:
            found = connection.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            assert len(found) > 3
            for schema, table in found:
                for form in ("", " (FORMAT BINARY)"):
                    with connection.cursor().copy(f'COPY "{schema}"."{table}" TO STDOUT{form}') as copy:
                        yield Said(f"{schema}.{table}{form}", b"".join(bytes(part) for part in copy))


def answers(system: System) -> Iterator[Said]:
    """What the service answers to every role at every route that needs no name, and what it tells of itself."""
    routes = ("/openapi.json", "/metrics", "/livez", "/readyz", "/v1/memberships", "/v1/renewals?within=9999",
              "/v1/participation", "/v1/refusals?limit=1000", "/v1/refusals?counts=true", "/v1/designations",
              "/v1/changes?after=0", "/log/checkpoint", "/v1/memberships/m-1/replay", "/v1/memberships/m-1/history",
              "/v1/memberships/m-1/status", "/v1/memberships/m-1/decisions",
              "/v1/memberships/m-1/evidence?renewal=2011-03-01", "/v1/webhooks")  # fmt: skip
    for role in ("operator", "auditor", "operations", "partner", "owner", "subscriber", "admin"):
        for route in routes:
            found = system.ask("GET", route, role=role, Accept="application/json")
            yield Said(f"{route} for {role}", str(found.headers).encode() + found.content)


def questions(system: System) -> Iterator[Said]:
    """What commands say of what stands."""
    for asked in (
        ("refusals",), ("refusals", "--counts"), ("board",), ("replay", "m-1"), ("history", "m-1"), ("decisions", "m-1"),
        ("participation",), ("renewals", "--within", "9999"), ("designations",), ("changes",), ("project", "--status"),
        ("access-report",), ("webhook", "list"), ("audit", "--tiles", "log", "--policy", "policy.json"),
    ):  # fmt: skip
        for form in ((), ("--json",)):
            yield Said(" ".join(asked), system.run(*form, *asked, codes=(0, 1, 2, 3)))


def deliveries(system: System) -> Iterator[Said]:
    """What a receiver of webhooks was sent."""
    assert system.webhook
    yield Said("webhook", b"\n".join(system.webhook))


def messages(system: System) -> Iterator[Said]:
    """Every topic but that of facts: keys, headers and values; and all that the broker has on its disk but that."""
    if system.kafka is None:
        return
    facts = system.kafka.topics.facts
    topics = [name for name in system.broker.topics() if name.startswith(system.kafka.prefix) and name != facts]
    assert system.kafka.topics.facts_refused in topics
    for topic in topics:
        for one in committed(system.kafka, topic):
            yield Said(topic, repr((one.key, one.headers)).encode() + (one.key or b"") + b"\n" + (one.value or b""))
    for path in system.broker.folder.rglob("*") if hasattr(system.broker, "folder") else ():
        if path.is_file() and not path.parent.name.startswith(f"{facts}-"):
            yield Said(f"broker: {path.parent.name}/{path.name}", path.read_bytes())


def server_files(system: System) -> Iterator[Said]:
    """The server's log, and every file of its tables, indexes and write-ahead log."""
    if system.postgres is None:
        return
    for path in system.postgres.folder.rglob("*"):
        if path.is_file() and path.stat().st_size:
            with suppress(FileNotFoundError):  # a file of the server's own that it has just removed
                yield Said(f"server: {path.relative_to(system.postgres.folder)}", path.read_bytes())


PLACES: Final[tuple[Callable[[System], Iterator[Said]], ...]] = (
    files, rows, server_rows, server_files, answers, questions, deliveries, messages, words,
)  # fmt: skip


# What is done between the two searches


def is_copied(system: System) -> None:
    """A backup of the book, and a copy of its file as it lies there."""
    system.run("copy", "--from", system.store, "--to", "backup.db")
    if "://" not in system.store:
        with closing(sqlite3.connect(system.folder / system.store)) as source:
            with closing(sqlite3.connect(system.folder / "as-it-is.db")) as target:
                source.backup(target)


def is_rebuilt(system: System) -> None:
    system.run("project", "--rebuild", codes=(0, 3))
    system.run("vault", "rewrap", codes=(0, 2))


def forgets_refusals(system: System) -> None:
    system.run("refusals", "--delete-before", "2999-01-01T00:00:00Z", codes=(0, 2))


LATER: Final[tuple[Callable[[System], None], ...]] = (is_copied, is_rebuilt, forgets_refusals)


def searched(system: System) -> list[str]:
    """Whom somebody finds in all places, each finding once."""
    found = [one for place in PLACES for said in place(system) for one in found_in(said.where, said.data)]
    return list(dict.fromkeys(found))


# The systems


@contextmanager
def system_in(folder: Path, store: str, vault: str, *, kafka: Any = None, broker: Any = None) -> Iterator[System]:
    """A ledger with a history that announces, a vault, a log, a service that seals and sends webhooks, and with a broker
    an inbox and a relay; all of it runs."""
    system = System(folder, store, vault)
    system.kafka, system.broker = kafka, broker
    keys(folder)
    (folder / "jwks.json").write_bytes(orjson.dumps(KeySet([KEY]).as_dict(private=False)))
    system.run("migrate", "--link-key", "link-key")
    system.run("vault", "migrate", "--make-key")
    base = system.file("base.jsonl", b"".join(orjson.dumps(one) + b"\n" for one in met()))
    system.run("record", base, "--receipts", "receipts.jsonl", "--receipt-key", "keys/receipt-1.key")
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving(system.webhook))
        secret = folder / "hook.secret"
        secret.touch(mode=0o600)
        secret.write_text("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
        system.run("webhook", "add", receiver, "--secret-file", str(secret), "--allow-private", "--after", "0")
        serving = ("serve", "--listen", "127.0.0.1:0", "--jwks", "jwks.json", "--issuer", ISSUER, "--access-log", "access.log",
                   "--tiles", "log", "--key", "keys/log.key", "--receipt-key", "keys/receipt-1.key", "--webhooks")  # fmt: skip
        stack.enter_context(running(system, "service", "--json", *serving))
        eventually(lambda: (folder / "service.out").read_bytes().endswith(b"\n"), "the service listens")
        system.url = orjson.loads((folder / "service.out").read_bytes())["listening"]
        if kafka is not None:
            system.settings |= {"CSAT_LEDGER_KAFKA": kafka.bootstrap, "CSAT_LEDGER_TOPIC_PREFIX": kafka.prefix}
            stack.enter_context(running(system, "inbox", "inbox", "--session-timeout", "2"))
            stack.enter_context(running(system, "relay", "relay"))
        yield system


@contextmanager
def running(system: System, name: str, *arguments: str) -> Iterator[None]:
    """A process that goes on, whose words stand in files of the folder."""
    with (system.folder / f"{name}.out").open("wb") as out, (system.folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "console", *arguments], cwd=system.folder, env=environment(**system.settings),
            stdin=subprocess.DEVNULL, stdout=out, stderr=log,
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def receiving(bodies: list[bytes]) -> Iterator[str]:
    """A receiver of webhooks that keeps what it is sent; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            bodies.append(str(self.headers).encode() + body)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
            """Tests look at what was got."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hooks"
        server.shutdown()


def plant(system: System) -> None:
    """Goes every way in, each with a person of its own."""
    for way in WAYS_IN:
        way(system, planted(way.__name__.replace("_", "-")))
    system.run("review")
    system.run("decide", "m-1", "--renewal", "2011-03-01")
    system.run("project")
    eventually(lambda: bool(system.webhook), "webhooks are sent")
    if system.kafka is not None:
        sent = len(lines_of(planted("x"))) + 2
        refused = system.kafka.topics.facts_refused
        eventually(lambda: len(committed(system.kafka, refused)) >= sent, "the inbox has refused all that was sent")
    evidence = ("evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "log", "--out", "m-1.json")

    def proven() -> bool:
        (system.folder / "m-1.json").unlink(missing_ok=True)
        system.run(*evidence, codes=(0, 1))
        return (system.folder / "m-1.json").exists()

    eventually(proven, "the decision is sealed")


def check(system: System) -> None:
    """Plants everybody, and finds nobody; nor after what is done later, nor when all has ended."""
    plant(system)
    with closing_beside(system):
        nobody(searched(system))
    for later in LATER:
        later(system)
    nobody(searched(system))


def nobody(found: list[str]) -> None:
    """Says all that was found."""
    assert not found, "\n".join(found)


@contextmanager
def closing_beside(system: System) -> Iterator[None]:
    """Keeps files of SQLite open beside, so that their logs are not carried over before they are searched."""
    with ExitStack() as stack:
        for path in system.folder.glob("*.db"):
            stack.enter_context(closing(sqlite3.connect(path))).execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield


@pytest.mark.parametrize("way", ["by-file", "by-http-in-a-stream"])
def test_what_is_looked_for_would_be_found(way: str) -> None:
    person = planted(way)
    for text in (*person.details(), person.words):
        for around in ("", "xx", "x"):
            whole = f"{around}{text}yyy"
            shown = (whole.encode(), whole.upper().encode() if text == person.mail else whole.encode(), whole.encode("utf-16-le"),
                     base64.b64encode(whole.encode()), base64.urlsafe_b64encode(whole.encode()), whole.encode().hex().encode(),
                     quote(whole).encode(), orjson.dumps(whole), json.dumps(whole).encode())  # fmt: skip
            for data in shown:
                assert found_in("it", data), (text, data)
    assert not found_in("it", orjson.dumps([*SAMPLES, *met()]))


def test_a_fact_with_a_person_in_it_would_be_seen_in_the_places(tmp_path: Path) -> None:
    """The search itself, on a book that took somebody in: its file and its rows."""
    system = System(tmp_path, "ledger.db", "people.db")
    system.run("record", system.file("base.jsonl", b"".join(orjson.dumps(one) + b"\n" for one in met())))
    planting = fact("record-evaluation", "e-1", AT, evaluation="e-1", actor=planted("x").words.split(" fand")[0])
    system.run("record", system.file("one.jsonl", orjson.dumps(planting)))
    for place in (files, rows):
        assert [one for said in place(system) for one in found_in(said.where, said.data)], place


def test_nobody_is_found_of_a_ledger_in_files(tmp_path: Path) -> None:
    with system_in(tmp_path, "ledger.db", "people.db") as system:
        check(system)
    assert [one for said in files(system) for one in found_in(said.where, said.data)] == []


@pytest.mark.server
def test_nobody_is_found_of_a_ledger_on_servers(tmp_path: Path, own_postgres: Any, kafka_broker: Any) -> None:
    store, vault = own_postgres.create_database(), own_postgres.create_database()
    kafka = broker_with_topics(kafka_broker.bootstrap)
    with system_in(tmp_path, store, vault, kafka=kafka, broker=kafka_broker) as system:
        system.postgres = own_postgres
        check(system)
    own_postgres.stop()
    left = (*files(system), *server_files(system))
    assert [one for said in left for one in found_in(said.where, said.data)] == []
