"""People are planted by every way into the vault, and looked for in the clear in all that is kept, printed and told.

Searched are every file beside the list itself and the mailing run (book, projections, link key, vault and their logs, files
of facts, refusals), every row of a vault in PostgreSQL, and what every command prints, of failures and faults too. What was
planted is looked for as it is and as UTF-16, hex, base64 and JSON would have it.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from tests.console.cli.test_contacts import AT, HEADER, People
from tests.console.support import Program, Ran, response

PLANTED = (
    "Quirina Zwetschgenbaum", "quirina.zwetschgenbaum", "+43 660 9182736", "zwetschge.example", "Ödön Xylophonist",
    "oedoen-xylophonist", "wrong-column-person", "no-header-person", "formula-person", "organisation-person",
    "open-quote-person", "asked-for-person", "Nachtrag Zwölfender", "consent-person", "language-person",
    "comment-person", "own-answer-person", "refused-comment-person", "malformed-comment-person", "misplaced-person",
)  # fmt: skip
LINES = (
    f"quirina.zwetschgenbaum@zwetschge.example,Brontegard,given,{AT},Quirina Zwetschgenbaum,+43 660 9182736,de",
    f"oedoen-xylophonist@example.org,Lindomar,given,{AT},Ödön Xylophonist,,hu",
    f"a@example.org,Brontegard,given,{AT},wrong-column-person,,,,too many",
    "=formula-person@example.org,Brontegard,none,,,,",
    "b@example.org,organisation-person@example.org,none,,,,",
    "c@example.org,Brontegard,consent-person,,,,",
    "d@example.org,Brontegard,none,,,,language-person",
    f"quirina.zwetschgenbaum@zwetschge.example,Brontegard,withdrawn,{AT},Nachtrag Zwölfender,,",
    '"open-quote-person@example.org,Brontegard',
)
ANSWERED = response(1, "Brontegard", AT) | {
    "answers": {"overall": 9, "own": {"wish": "own-answer-person"}}, "comment": "Quirina Zwetschgenbaum, comment-person",
}  # fmt: skip
SAID = (
    ANSWERED,
    response(2, "Brontegard", AT) | {"location": "Lisbon", "comment": "refused-comment-person"},
    response(3, "Brontegard", AT) | {"comment": "malformed-comment-person", "answers": {"overall": 11}},
    response(4, "Brontegard", AT) | {"answers": {"misplaced-person": 1}},
    response(5, "Brontegard", AT) | {"comments": "misplaced-person"},
    response(6, "Brontegard", AT) | {"answers": {"own": {"misplaced-person@example.org": "misplaced-person"}}},
    ANSWERED | {"comment": "comment-person again"},
)
"""Responses with answers: one is accepted, the others are refused for every kind of reason."""
IN_THE_CLEAR = (
    "list.csv",
    "no-header.csv",
    "addresses.txt",
    "mail.csv",
    "later.csv",
    "said.jsonl",
    "said.jsonl.refused",
)
"""What the operator handed in, and what was handed out on purpose."""
OTHER_COMMANDS = (
    ("board",), ("refusals",), ("status", "m-1"), ("history", "m-1"), ("replay", "m-1"), ("participation",),
    ("renewals",), ("changes",), ("project", "--status"), ("access-report",), ("vault", "rewrap"), ("vault", "migrate"),
)  # fmt: skip


def forms(word: str) -> Iterator[bytes]:
    """What a word looks like wherever somebody did not seal it."""
    for encoding in ("utf-8", "utf-16-le", "latin-1"):
        data = word.encode(encoding)
        yield data
        yield data.hex().encode()
    yield json.dumps(word)[1:-1].encode()
    for shift in range(3):  # wherever in a longer text it stands: the digits that depend on it alone
        encoded = base64.b64encode(b"\0" * shift + word.encode())
        yield encoded[4 if shift else 0 : -4]


FORMS = {form.lower(): word for word in PLANTED for form in forms(word)}


def found_in(where: str, data: bytes) -> list[str]:
    """Whom somebody finds who reads some bytes."""
    data = data.lower()
    return [f"{word} in {where}" for form, word in FORMS.items() if form in data]


class Watched:
    """Commands whose every word is searched."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.found: list[str] = []

    def __call__(self, *arguments: str, code: int = 0) -> Ran:
        for form, codes in ((("--json",), {code}), ((), {code, 2})):  # the second time a new file is there already
            ran = self.program.run(*arguments, *form)
            self.found += found_in(" ".join(arguments[:2]), (ran.out + ran.err).encode())
            assert ran.code in codes, ran
        return ran

    def files(self, *apart: str) -> None:
        for path in self.program.folder.rglob("*"):
            if path.is_file() and path.name not in apart:
                self.found += found_in(path.name, path.name.encode() + path.read_bytes())


def everything(people: People) -> Watched:
    """All ways in and all ways out, good and bad; book and vault stay open beside, so that their logs are searched too."""
    program, watched = people.program, Watched(people.program)
    folder = program.folder
    people.list(*LINES)
    (folder / "no-header.csv").write_text("no-header-person,no-header-person@example.org\n")
    (folder / "addresses.txt").write_text("quirina.zwetschgenbaum@zwetschge.example\nasked-for-person@example.org\n")
    upload = ("contacts", "upload", "list.csv", "--membership", "m-1", "--facts")
    watched(*upload, "f-1.jsonl", code=2)
    watched("contacts", "upload", "no-header.csv", "--membership", "m-1", "--facts", "f-2.jsonl", code=2)
    people.list(*LINES[:1], name="later.csv")
    (folder / "later.csv").write_text(
        f"{HEADER}\n{LINES[0].replace('Quirina Zwetschgenbaum', 'Nachtrag Zwölfender')}\n"
    )
    watched("contacts", "upload", "later.csv", "--membership", "m-1", "--facts", "f-3.jsonl")
    watched("record", "f-1.jsonl", "f-3.jsonl")
    watched("record", "list.csv", code=2)
    watched("contacts", "export", "--all", "--out", "mail.csv", "--facts", "sent.jsonl", "--reason", "run")
    watched("record", "sent.jsonl")
    watched("contacts", "find", "addresses.txt", "--reason", "opt-outs", "--facts", "f-4.jsonl", code=1)
    watched("record", "f-4.jsonl")
    program.write("said.jsonl", SAID)
    watched("record", "said.jsonl", code=3)
    watched("record", "--retry", "said.jsonl.refused", code=3)
    watched("record", "--retry", code=3)
    watched("comments", "clear", "m-1-r-1", "--membership", "m-1", "--reason", "clearing")
    watched("comments", "clear", "m-1-r-2", "--membership", "m-1", "--reason", "clearing", code=2)
    watched("contacts", "exports")
    for command in OTHER_COMMANDS:
        watched(*command)
    return watched


def test_what_is_looked_for_would_be_found() -> None:
    for word in PLANTED:
        for text in (word, f"xx{word}yyy"):
            for data in (
                text.encode(),
                text.encode("utf-16-le"),
                base64.b64encode(text.encode()),
                text.encode().hex().encode(),
            ):
                assert any(said.startswith(word) for said in found_in("it", data)), (word, data)


def test_nobody_stands_in_the_clear_in_any_file_or_any_word(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    people = People(program, monkeypatch)
    with closing(sqlite3.connect(program.folder / "people.db")) as beside:
        beside.execute("SELECT count(*) FROM contacts").fetchone()  # so that the log of the file is not carried over
        watched = everything(people)
        assert (program.folder / "people.db-wal").stat().st_size > 0
        watched.files(*IN_THE_CLEAR)
    watched.files(*IN_THE_CLEAR)
    assert watched.found == []
    assert found_in("mail.csv", (program.folder / "mail.csv").read_bytes()) != []


def test_nor_in_any_row_of_a_server(program: Program, monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    watched = everything(People(program, monkeypatch, postgres_url))
    watched.files(*IN_THE_CLEAR)
    with psycopg.connect(postgres_url) as connection:
        tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'vault'")]
        assert {"contacts", "data_keys", "access_log", "vault_meta", "answers", "links", "exports"} <= set(tables)
        for table in tables:
            with connection.cursor().copy(f"COPY vault.{table} TO STDOUT") as copy:
                watched.found += found_in(table, b"".join(bytes(part) for part in copy))
            with connection.cursor().copy(f"COPY vault.{table} TO STDOUT (FORMAT BINARY)") as copy:
                watched.found += found_in(table, b"".join(bytes(part) for part in copy))
    assert watched.found == []


def test_nor_in_what_is_said_of_a_vault_that_is_at_fault(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    people = People(program, monkeypatch)
    (subject,) = people.permitted(LINES[0])
    watched = Watched(program)
    show = ("contacts", "show", subject, "--reason", "x")
    for number, (statement, code) in enumerate(
        (
            ("UPDATE contacts SET name = 7", 1),
            ("UPDATE contacts SET name = email", 1),
            ("UPDATE contacts SET version = 'many'", 1),
            ("ALTER TABLE contacts RENAME COLUMN phone TO telephone", 4),
            ("DROP TABLE contacts", 4),
        )
    ):
        with closing(sqlite3.connect("people.db", isolation_level=None)) as raw:
            raw.execute(statement)
        shown = program.json(*show)
        assert shown.code == code, (statement, shown)
        changed = people.list(LINES[0].replace("Quirina Zwetschgenbaum", f"Nachtrag Zwölfender {number}"))
        taken = program.json("contacts", "upload", changed, "--membership", "m-1", "--facts", f"f-{number}.jsonl")
        for ran in (shown, taken):
            watched.found += found_in(statement, (ran.out + ran.err).encode())
    watched.files(*IN_THE_CLEAR)
    assert watched.found == []
