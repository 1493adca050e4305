"""The ways in by which people are planted: each is a function of a system and a person; WAYS_IN has them all."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from tests.console.cli.test_contacts import HEADER
from tests.console.support import ROOT, fact
from tests.simulation.planted_system import AT, System, bearer
from tests.support.planted import Person

SAMPLES = [orjson.loads(path.read_bytes()) for path in sorted((ROOT / "schemas/samples/facts").glob("*.json"))]


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


def said_by(person: Person, way: str) -> list[bytes]:
    """Responses with all that a person says in answers and comment: taken, refused, reused, malformed."""
    comment = f"{person.words}; {person.mail}, {person.phone}, {person.ip}"
    answers = {"overall": 3, "own": {"wish": person.words}}
    said = {"customer_org": "Mill", "answers": answers, "comment": comment}
    taken = fact("record-response", f"said-{way}", AT, response=f"r-{way}", **said)
    found = [
        taken,
        taken,
        {**taken, "comment": f"{comment} again"},
        {**taken, "id": f"late-{way}", "response": f"r-{way}-2", "invitation": "i-unknown"},
        {**taken, "id": f"ahead-{way}", "response": f"r-{way}-3", "occurred_at": "2999-01-01T00:00:00Z"},
        {**taken, "id": f"nobody-{way}", "response": f"r-{way}-4", "membership": "m-unknown"},
        {**taken, "id": f"spoilt-{way}", "response": f"r-{way}-5", "anonymous": person.words},
        {**taken, "id": f"own-{way}", "response": f"r-{way}-6", "answers": {"own": {person.words: 1, person.mail: 2}}},
        {**taken, "id": f"core-{way}", "response": f"r-{way}-7", "answers": {"overall": person.mail}},
        {**taken, "id": f"list-{way}", "response": f"r-{way}-8", "comment": [comment]},
        {**taken, "id": f"long-{way}", "response": f"r-{way}-9", "comment": comment * 200},
        fact("record-consent", f"who-{way}", AT, subject="s", **said),
    ]
    return [orjson.dumps(one) for one in found]


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


def by_what_is_said_in_a_file(system: System, person: Person) -> None:
    path = system.file("said.jsonl", b"\n".join(said_by(person, "file")) + b"\n")
    system.run("record", path, "--refused", "said.refused", codes=(3,))
    system.run("record", "--retry", "said.refused", codes=(3,))
    system.run("--json", "record", "--retry", codes=(0, 3))


def by_an_import(system: System, person: Person) -> None:
    """An export of a survey: contact columns and comments; and one whose columns are not those of the map."""
    columns = "id;submitdate;customerorg;overall;comment;anonymous;firstname;lastname;email"
    rows = (
        f"1;2011-03-01 09:00:00;Mill;9;{person.words};;{person.words};;{person.mail}",
        f"2;2011-03-01 09:00:00;{person.mail};9;{person.mail};;;;",
        f"{person.phone};2011-03-01 09:00:00;Mill;{person.words};;;;;",
        f"4;{person.words};Mill;9;;;;;{person.phone}",
    )
    export = system.file("export.csv", "\n".join((columns, *rows)).encode() + b"\n")
    limesurvey = ("import", "--map", "limesurvey", "--source", "ls", "--membership", "m-1", "--timezone", "UTC")
    system.run(*limesurvey, export, codes=(0, 2, 3))
    taken = (*limesurvey, export, "--partial", "--out", "imported.jsonl", "--record")
    system.run("--json", *taken, codes=(0, 3))
    assert (system.folder / "imported.jsonl").exists()
    system.run(*limesurvey, system.file("other.csv", csv_of(person)), codes=(2, 3))


def by_what_is_said_over_http(system: System, person: Person) -> None:
    for line in said_by(person, "http"):
        system.ask("POST", "/v1/facts", line)
    many = said_by(person, "array")
    system.ask("POST", "/v1/facts", b"[" + b",".join(many) + b"]")
    system.ask("POST", "/v1/facts", b"\n".join(said_by(person, "stream")), **{"Content-Type": "application/x-ndjson"})
    system.ask("POST", "/v1/refusals:retry", b"{}")


def by_http_one_by_one(system: System, person: Person) -> None:
    for line in lines_of(person)[::29]:
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
    lines = [*lines_of(person), *said_by(person, "kafka")]
    keyed = [person.mail.encode(), person.phone.encode(), person.words.encode(), b"m-1"]
    for number, line in enumerate([*lines, csv_of(person), jsonl(person)]):
        headers = [("who", person.mail.encode()), (person.mail, b"1")]
        producer.send(system.kafka.topics.facts, line, key=keyed[number % len(keyed)], headers=headers)
    producer.flush(30)
    producer.close()


WAYS_IN: Final[tuple[Callable[[System, Person], None], ...]] = (
    by_file, by_file_as_json, by_array, by_other_encodings, by_stdin, in_any_order, by_refused_lines, by_a_files_name,
    by_a_partners_list, by_what_is_said_in_a_file, by_an_import, by_what_is_said_over_http, by_http_one_by_one,
    by_http_in_an_array, by_http_in_a_stream, by_http_in_another_form,
    by_http_around_a_body, by_kafka,
)  # fmt: skip
