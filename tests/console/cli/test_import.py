"""`import` at the command line: dry first, each row accounted for, again nothing new, people in the vault alone."""

from __future__ import annotations

import random
import signal
import stat
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.importing.map_files import shipped_names
from ledger.programmes.registry import parse_fact
from tests.console.cli.test_answers_recorded import vault_of
from tests.console.cli.test_contacts import People
from tests.console.cli.test_memory import run_with_peak
from tests.console.support import Program, Ran, enrolment
from tests.support.answers import wrong_with
from tests.support.soak import SOAK

SAMPLES = Path(__file__).parents[1] / "importing" / "samples"
LIMESURVEY = ("import", "--map", "limesurvey", "--source", "ls-1", "--membership", "m-1", "--timezone", "Europe/Berlin")
HEADER = '"id";"submitdate";"customerorg";"overall";"comment";"anonymous";"firstname";"lastname";"email"'
VAULT = ("--vault", "people.db", "--vault-key", "vault-key")
DESK = """
[time]
forms = ["yyyy-MM-dd HH:mm"]
zone = "UTC"
[contact]
email = "mail"
name = "name"
phone = { column = "phone", missing = true }
customer_org = "org"
consent = { column = "may", values = { yes = "given", no = "withdrawn" } }
consent_at = "asked"
[[fact]]
type = "record-reminder"
key = ["no"]
only_with = "reminded"
fields.occurred_at = { column = "reminded", optional = true }
fields.invitation = { from = "key" }
[[fact]]
type = "record-invitation"
key = ["no"]
only_with = "sent"
fields.occurred_at = { column = "sent", optional = true }
fields.invitation = { from = "key" }
fields.subject = { from = "contact" }
fields.customer_org = "org"
fields.channel = { value = "operator" }
"""
DESK_HEADER = "no,org,mail,name,may,asked,sent,reminded"


def row(number: int, organisation: str = "Brontegard", overall: str = "9", **more: str) -> str:
    """A row of a LimeSurvey export."""
    cells = {
        "id": str(number), "submitdate": f"2011-03-{number % 28 + 1:02} 09:00:00", "customerorg": organisation,
        "overall": overall, "comment": "", "anonymous": "", "firstname": "", "lastname": "", "email": "", **more,
    }  # fmt: skip
    return ";".join(f'"{cell}"' for cell in cells.values())


def export(program: Program, *rows: str, name: str = "results.csv") -> str:
    (program.folder / name).write_text("\n".join((HEADER, *rows)) + "\n")
    return name


def facts_in(program: Program, name: str = "facts.jsonl") -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (program.folder / name).read_bytes().splitlines()]


def run(program: Program, *arguments: str | Path) -> Ran:
    ran = program.json(*arguments)
    assert [wrong for line in ran.lines if "error" not in line for wrong in wrong_with("import", line)] == []
    return ran


def test_a_dry_run_says_what_becomes_of_each_row_and_writes_nothing(program: Program) -> None:
    name = export(program, row(1), row(2, submitdate=""), "", row(3, overall="11"), row(4, overall="12"), row(5, ""))
    before = sorted(program.folder.iterdir())
    ran = run(program, *LIMESURVEY, name, "--drop-contacts")
    assert ran.code == 3
    answer = ran.json
    assert (answer["dry"], answer["out"], answer["records"], answer["made"], answer["blank"]) == (True, None, 6, 1, 1)
    assert (answer["skipped"], answer["refused"], answer["facts"]) == ({"unfinished": 1}, 3, {"record-response": 1})
    kinds = [
        (one["code"], one["field"], one["count"], [at["place"] for at in one["first"]]) for one in answer["problems"]
    ]
    assert kinds == [("score", "answers.overall", 2, [5, 6]), ("missing", "customer_org", 1, [7])]
    assert sorted(program.folder.iterdir()) == before
    words = program.run(*LIMESURVEY, name, "--drop-contacts").out
    assert "6 records: 1 taken, 1 skipped (unfinished), 1 blank, 3 refused" in words
    assert "  line 5: found another answer" in words


def test_facts_go_to_a_new_file_for_its_owner_alone(program: Program) -> None:
    name = export(program, row(1), row(2))
    assert run(program, *LIMESURVEY, name, "--drop-contacts", "--out", "facts.jsonl").code == 0
    assert stat.S_IMODE((program.folder / "facts.jsonl").stat().st_mode) == 0o600
    ran = run(program, *LIMESURVEY, name, "--drop-contacts", "--out", "facts.jsonl")
    assert (ran.code, ran.json["error"]) == (2, "file-exists")


def test_where_rows_are_refused_nothing_is_written_unless_asked_for(program: Program) -> None:
    name = export(program, row(1), row(2, overall="x"))
    ran = run(program, *LIMESURVEY, name, "--drop-contacts", "--out", "facts.jsonl")
    assert (ran.code, ran.json["out"]) == (3, None)
    assert "--partial" in ran.err
    assert not (program.folder / "facts.jsonl").exists()
    assert run(program, *LIMESURVEY, name, "--drop-contacts", "--out", "facts.jsonl", "--partial").code == 3
    assert [fact["response"] for fact in facts_in(program)] == ["ls-1:1"]


def test_ids_that_a_spreadsheet_has_rounded_are_refused(program: Program) -> None:
    name = export(
        program,
        row(1),
        *(row(2, id=text) for text in ("1.12987E+10", "1,2E+15", "5E+3", "12E", "1.2.3", "0049891234567")),
    )
    ran = run(program, *LIMESURVEY, name, "--drop-contacts", "--out", "facts.jsonl", "--partial")
    problems = {one["code"]: one["count"] for one in ran.json["problems"]}
    assert (ran.code, problems) == (3, {"rounded": 3, "personal-data": 1})
    assert [fact["response"] for fact in facts_in(program)] == ["ls-1:1", "ls-1:12E", "ls-1:1.2.3"]


def test_importing_again_changes_nothing_and_a_longer_export_adds_what_is_new(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People(program, monkeypatch)
    counts = []
    for number, rows in enumerate(([1, 2], [1, 2], [3, 1, 2])):
        name = export(program, *(row(one, comment=f"word {one}") for one in rows))
        ran = people.program.json(*LIMESURVEY, name, "--drop-contacts", "--out", f"{number}.jsonl", "--record")
        assert ran.code == 0, ran
        imported, recorded = ran.lines
        assert imported["made"] == len(rows)
        counts.append((recorded["accepted"], recorded["duplicates"], recorded["refused"]))
    assert counts == [(2, 0, 0), (0, 2, 0), (1, 2, 0)]
    ran = program.json(
        *LIMESURVEY, export(program, row(1, overall="3")), "--drop-contacts", "--out", "3.jsonl", "--record"
    )
    assert ran.code == 3
    assert list(ran.lines[1]["codes"]) == ["id-reused"]


def test_answers_are_recorded_into_the_vault_or_left_out(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    program.record(*enrolment())
    name = export(program, row(1, comment="friendly"))
    ran = program.json(*LIMESURVEY, name, "--drop-contacts", "--drop-answers", "--out", "bare.jsonl", "--record")
    assert (ran.code, ran.lines[1]["accepted"]) == (0, 1)
    assert "answers" not in facts_in(program, "bare.jsonl")[0]
    assert "comment" not in facts_in(program, "bare.jsonl")[0]


def test_the_options_of_the_vault_are_those_of_recording_too(program: Program) -> None:
    assert program.run("vault", "migrate", "--make-key", *VAULT).code == 0
    program.record(*enrolment())
    name = export(program, row(1, comment="friendly"))
    ran = program.json(*LIMESURVEY, name, "--drop-contacts", *VAULT, "--out", "facts.jsonl", "--record")
    assert (ran.code, ran.lines[1]["accepted"]) == (0, 1), ran
    with vault_of(program.folder) as vault, vault.database.reading() as transaction:
        assert transaction.query("SELECT count(*) FROM answers") == [(1,)]
    assert b"friendly" not in (program.folder / "people.db").read_bytes() + program.store.read_bytes()


def test_facts_stand_in_an_order_in_which_they_can_be_recorded(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People(program, monkeypatch)
    (program.folder / "desk.toml").write_text(DESK)
    rows = [
        f"{number},Brontegard,p{number}@example.org,,yes,2011-01-01 10:00,2011-01-01 10:00,2011-01-{9 - number:02} 10:00"
        for number in range(1, 8)
    ]
    (program.folder / "desk.csv").write_text("\n".join((DESK_HEADER, *rows)))
    desk = (
        "import",
        "--map",
        "desk.toml",
        "desk.csv",
        "--source",
        "desk",
        "--membership",
        "m-1",
        "--out",
        "facts.jsonl",
    )
    assert run(people.program, *desk).code == 0
    ran = program.json("record", "facts.jsonl")  # not in any order
    assert (ran.code, ran.json["accepted"], ran.json["refused"]) == (0, 21, 0)
    instants = [fact["occurred_at"] for fact in facts_in(program)]
    assert instants == sorted(instants)


def test_contacts_go_to_the_vault_and_are_known_again(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    people = People(program, monkeypatch)
    rows = [
        row(1, email="anna@example.org", firstname="Anna", lastname="Möller"),
        row(2, "Lindomar", email="bert@example.com", firstname="Bert"),
        row(3, email="anna@example.org", firstname="Anna", lastname="Möller"),
        row(4, email="carla@example.org", anonymous="Y"),
        row(5),
    ]
    name = export(program, *rows)
    dry = run(people.program, *LIMESURVEY, name)
    assert (dry.json["contacts"], dry.json["notes"]) == ({"found": 3}, {"anonymous: no contact taken": 1})
    assert count_of(program) == 0
    first = run(program, *LIMESURVEY, name, "--out", "1.jsonl")
    assert (first.code, first.json["contacts"]) == (0, {"added": 2, "repeated": 1})
    again = run(program, *LIMESURVEY, name, "--out", "2.jsonl")
    assert again.json["contacts"] == {"known": 2, "repeated": 1}
    assert (program.folder / "1.jsonl").read_bytes() == (program.folder / "2.jsonl").read_bytes()
    assert count_of(program) == 2
    moved = export(program, row(6, "Brontegard", email="bert@example.com"), row(7))
    ran = run(program, *LIMESURVEY, moved, "--out", "3.jsonl")
    assert (ran.code, ran.json["contacts"]) == (3, {"other-organisation": 1})
    assert [fact["response"] for fact in facts_in(program, "3.jsonl")] == ["ls-1:7"]


def count_of(program: Program) -> int:
    with vault_of(program.folder) as vault, vault.database.reading() as transaction:
        ((count,),) = transaction.query("SELECT count(*) FROM contacts")
    return int(count)


def test_a_membership_in_the_export_comes_before_that_of_the_command_line(program: Program) -> None:
    (program.folder / "ours.toml").write_text(
        'extends = "limesurvey"\n[[fact]]\ntype = "record-response"\nfields.membership = "firstname"\n'
    )
    name = export(program, row(1, firstname="m-7"), row(2, firstname="m-8"))
    ours = ("import", "--map", "ours.toml", name, "--source", "s", "--timezone", "UTC", "--drop-contacts")
    for options in ((), ("--membership", "m-1")):
        (program.folder / "facts.jsonl").unlink(missing_ok=True)
        assert run(program, *ours, *options, "--out", "facts.jsonl").code == 0
        assert [fact["membership"] for fact in facts_in(program)] == ["m-7", "m-8"]


def test_contacts_of_several_memberships_go_to_each_of_them(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    people = People(program, monkeypatch)
    (program.folder / "ours.toml").write_text(
        'extends = "limesurvey"\n[[fact]]\ntype = "record-response"\nfields.membership = "firstname"\n'
    )
    rows = [row(number, firstname=f"m-{number % 2}", email="anna@example.org") for number in range(1, 5)]
    ours = (
        "import",
        "--map",
        "ours.toml",
        export(program, *rows),
        "--source",
        "s",
        "--timezone",
        "UTC",
        "--out",
        "facts.jsonl",
    )
    ran = run(people.program, *ours)
    assert (ran.code, ran.json["contacts"]) == (0, {"added": 2, "repeated": 2})
    with vault_of(program.folder) as vault:
        assert vault.memberships() == ["m-0", "m-1"]


def test_a_map_of_contacts_alone_makes_facts_of_their_consent(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People(program, monkeypatch)
    (program.folder / "list.toml").write_text(DESK.partition("[[fact]]")[0])
    rows = (
        "1,Brontegard,p1@example.org,P,yes,2011-01-01 10:00,,",
        "2,Lindomar,p2@example.org,,,,,",
        "3,Lindomar,,,,,,",
    )
    (program.folder / "list.csv").write_text("\n".join((DESK_HEADER, *rows)))
    listed = ("import", "--map", "list.toml", "list.csv", "--source", "list", "--out", "facts.jsonl")
    ran = run(people.program, *listed)
    assert (ran.code, "--membership" in ran.json["message"]) == (2, True)
    ran = run(program, *listed, "--membership", "m-1")
    assert (ran.code, ran.json["contacts"], ran.json["skipped"]) == (0, {"added": 2}, {"nothing to make": 1})
    assert [fact["type"] for fact in facts_in(program)] == ["record-consent"]


def test_a_withdrawal_is_never_lost(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    people = People(program, monkeypatch)
    (program.folder / "desk.toml").write_text(DESK)
    desk = ("import", "--map", "desk.toml", "--source", "desk", "--membership", "m-1")
    for number, (organisation, may) in enumerate((("Brontegard", "yes"), ("Lindomar", "no"))):
        (program.folder / "desk.csv").write_text(
            f"{DESK_HEADER}\n{number},{organisation},p@example.org,,{may},2011-01-0{number + 1} 10:00,,\n"
        )
        assert run(people.program, *desk, "desk.csv", "--out", f"{number}.jsonl", "--record").code == (0, 3)[number]
    (withdrawn,) = facts_in(program, "1.jsonl")
    assert (withdrawn["type"], withdrawn["customer_org"]) == ("withdraw-consent", "Brontegard")


def test_without_a_vault_an_export_with_addresses_is_refused_until_it_is_said_that_they_are_left_out(
    program: Program,
) -> None:
    name = export(program, row(1, email="anna@example.org"))
    ran = run(program, *LIMESURVEY, name)
    assert (ran.code, ran.json["error"]) == (2, "usage")
    assert "--drop-contacts" in ran.json["message"]
    without = HEADER.replace(';"firstname";"lastname";"email"', "")
    (program.folder / "plain.csv").write_text(without + "\n" + ";".join(row(1).split(";")[:6]) + "\n")
    assert run(program, *LIMESURVEY, "plain.csv").code == 0
    (program.folder / "desk.toml").write_text(DESK)
    (program.folder / "desk.csv").write_text(f"{DESK_HEADER}\n1,Brontegard,p@example.org,,yes,2011-01-01 10:00,,\n")
    ran = run(
        program, "import", "--map", "desk.toml", "desk.csv", "--source", "d", "--membership", "m-1", "--drop-contacts"
    )
    assert (ran.code, ran.json["error"]) == (2, "bad-input")
    assert "--vault" in ran.json["message"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import",), "--map"),
        (("import", "--map", "limesurvey", "results.csv"), "--source"),
        ((*LIMESURVEY, "results.csv", "--record"), "--out"),
        ((*LIMESURVEY[:-2], "results.csv", "--timezone", "Nowhere"), "zone"),
        ((*LIMESURVEY, "nowhere.csv", "--drop-contacts"), "nowhere.csv"),
        ((*LIMESURVEY, ".", "--drop-contacts"), "."),
        ((*LIMESURVEY, "/dev/stdin", "--drop-contacts"), "stdin"),
        (("import", "--map", "nowhere", "results.csv", "--source", "x"), "limesurvey"),
        (("import", "--map", "limesurvey", "results.csv", "--source", "a:b"), "--source"),
        (("import", "--map", "limesurvey", "results.csv", "--source", "x", "--drop-contacts"), "--membership"),
        (("import", "--map", "limesurvey", "results.csv", "--source", "x", "--membership", "a b"), "--membership"),
        (("import", "--map", "usage", "results.csv", "--source", "x", "--membership", "m-1", "--area", "a"), "--as-of"),
        (("import", "--map", "surveymonkey", "results.csv", "--source", "x", "--membership", "m-1"), "--column customer_org="),
        ((*LIMESURVEY, "results.csv", "--column", "colour=x"), "colour"),
        ((*LIMESURVEY, "results.csv", "--column", "colour"), "FIELD=COLUMN"),
        ((*LIMESURVEY, "results.csv", "--time-form", "yyyy"), "form"),
        ((*LIMESURVEY, "results.csv", "--delimiter", "ab"), "one character"),
        ((*LIMESURVEY, "results.csv", "--drop-contacts", "--column", "customer_org=Company"), "'Company'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_and_exit_code_2(program: Program, arguments: tuple[str, ...], said: str) -> None:
    export(program, row(1))
    before = sorted(program.folder.iterdir())
    ran = program.run(*arguments)
    assert ran.code == 2, ran
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert sorted(program.folder.iterdir()) == before


def test_the_maps_are_listed_with_their_sources(program: Program) -> None:
    ran = run(program, "import", "--list-maps")
    assert [one["name"] for one in ran.lines] == shipped_names()
    assert "https://developers.google.com" in program.run("import", "--list-maps").out


MARKED = (
    "Quirina",
    "zwetsch@garden.example",
    "+43 660 9182736",
    "99.77.2011 Zwetsch",
    "=Zwetsch()",
    "Zwetsch\x00",
    'Zwet"sch',
    "Zwetsch" * 9_000,
)


@pytest.mark.parametrize("name", shipped_names())
def test_no_message_repeats_a_cell(program: Program, name: str) -> None:
    """Each cell of each sample in turn is something that must not be told."""
    samples = [one for one in sorted(SAMPLES.glob(f"{name}*.csv")) if "download" not in one.name]
    if name == "google-forms-api":
        samples = [SAMPLES / "google-forms-api.json"]
    options = ["--membership", "m-1", "--area", "business-applications", "--as-of", "2024-06-20", "--drop-contacts"]
    if name not in ("usage", "revenue", "certificates", "limesurvey", "qualtrics", "formbricks"):
        options += ["--column", "customer_org=#10" if name == "surveymonkey" else "customer_org=Timestamp"]
    if name == "microsoft-forms":
        options[-1] = "customer_org=#6"
    if name == "google-forms":
        options[-1] = "customer_org=Your company"
    if name == "google-forms-api":
        options[-1] = "customer_org=answers.4a1b2c3d.textAnswers.answers.0.value"
    for sample in samples:
        lines = sample.read_text(encoding="utf-8-sig").splitlines()
        delimiter = max(";,", key=lines[0].count)
        told = ""
        for number in range(len(lines)):
            for place in range(lines[number].count(delimiter) + 1):
                for marked in (MARKED[(number + place) % len(MARKED)], MARKED[(number * 3 + place) % 3]):
                    cells = lines[number].split(delimiter)
                    cells[place] = f'"{marked}"' if sample.suffix == ".csv" and '"' not in marked else marked
                    path = program.folder / sample.name
                    path.write_text("\n".join([*lines[:number], delimiter.join(cells), *lines[number + 1 :]]))
                    ran = program.run(
                        "import", "--map", name, path.name, "--source", "s", "--timezone", "UTC", *options
                    )
                    assert ran.code in (0, 2, 3), ran
                    told += ran.out + ran.err
        assert "found" in told
        for word in ("Quirina", "wetsch", "9182736", "garden.example"):
            assert word not in told, told[max(0, told.find(word) - 300) : told.find(word) + 50]


def test_no_fact_has_anything_of_a_person(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    people = People(program, monkeypatch)
    (program.folder / "desk.toml").write_text(DESK)
    row_of = (
        "1,Brontegard,zwetsch@garden.example,Quirina Zwetsch,yes,2011-01-01 10:00,2011-01-02 10:00,2011-01-03 10:00"
    )
    (program.folder / "desk.csv").write_text(f"{DESK_HEADER},phone\n{row_of},+43 660 9182736\n")
    desk = (
        "import",
        "--map",
        "desk.toml",
        "desk.csv",
        "--source",
        "desk",
        "--membership",
        "m-1",
        "--out",
        "facts.jsonl",
    )
    ran = people.program.json(*desk, "--record")
    assert ran.code == 0, ran
    everything = b"".join(
        path.read_bytes() for path in program.folder.iterdir() if path.is_file() and path.name != "desk.csv"
    )
    everything += (ran.out + ran.err).encode()
    for word in (b"Quirina", b"wetsch", b"9182736", b"garden.example"):
        assert word not in everything
    assert count_of(program) == 1


def test_a_file_that_changes_while_it_is_read_is_refused(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from console.importing import running

    people = People(program, monkeypatch)
    name = export(program, row(1, email="anna@example.org"))
    told = iter([(1, 1, 1, 1), (1, 1, 2, 1)])
    monkeypatch.setattr(running, "state_of", lambda _: next(told))
    ran = people.program.json(*LIMESURVEY, name, "--out", "facts.jsonl")
    assert (ran.code, ran.json["error"]) == (2, "unreadable")
    assert not (program.folder / "facts.jsonl").exists()


@pytest.mark.slow
def test_killed_at_any_time_and_imported_again_nothing_is_lost_or_there_twice(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People(program, monkeypatch)
    rows = 6_000
    (program.folder / "desk.toml").write_text(DESK)
    lines = (
        f"{number},Brontegard,p{number}@example.org,P {number},yes,2011-01-01 10:00,2011-01-02 10:00,"
        for number in range(rows)
    )
    (program.folder / "desk.csv").write_text("\n".join((DESK_HEADER, *lines)))
    desk = (
        "import",
        "--map",
        "desk.toml",
        "desk.csv",
        "--source",
        "desk",
        "--membership",
        "m-1",
        "--out",
        "facts.jsonl",
    )
    draw = random.Random(17)
    taken = set()
    for _ in range(12 if SOAK else 5):
        process = people.program.start(*desk)
        waited = time.monotonic() + draw.uniform(0.5, 3.0)
        while time.monotonic() < waited and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        taken.add(count_of(program))
        (program.folder / "facts.jsonl").unlink(missing_ok=True)
    ran = run(program, *desk)
    assert (ran.code, sum(ran.json["contacts"].values())) == (0, rows), ran
    assert count_of(program) == rows
    assert taken <= set(range(0, rows + 1, 2_000))
    facts = facts_in(program)
    assert len({fact["id"] for fact in facts}) == len(facts) == 2 * rows
    invited = [fact["subject"] for fact in facts if fact["type"] == "record-invitation"]
    assert len(set(invited)) == rows
    left = [path.name for path in program.folder.iterdir() if "facts.jsonl" in path.name and path.name != "facts.jsonl"]
    assert len(left) <= 12  # of those that were killed, under names of their own


def test_what_is_made_the_parser_takes_whole(program: Program) -> None:
    said = {"firstname": "a word", "lastname": "7"}
    rows = [row(number, overall=str(number % 11), comment="x" * number, **said) for number in range(1, 40)]
    own = ("--column", "answers.own.wish=firstname", "--column", "answers.own.mark=lastname")
    name = export(program, *rows)
    assert run(program, *LIMESURVEY, name, *own, "--drop-contacts", "--out", "facts.jsonl").code == 0
    facts = facts_in(program)
    assert facts[0]["answers"]["own"] == {"wish": "a word", "mark": 7}
    for fact in facts:
        parsed = parse_fact(orjson.dumps(fact))
        assert parsed.answered() is not None


def test_memory_is_bounded_whatever_the_length(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w") as file:
        file.write(HEADER + "\n")
        for number in range(1_000_000 if SOAK else 60_000):
            file.write(row(number, f"Customer {number % 500}", str(number % 11)) + "\n")
    out = str(tmp_path / "facts.jsonl")
    arguments = [*LIMESURVEY, str(path), "--drop-contacts", "--out", out, "--json"]
    said, peak = run_with_peak(arguments, CSAT_LEDGER_NOW="2012-01-01T00:00:00Z")
    assert orjson.loads(said)["made"] == (1_000_000 if SOAK else 60_000)
    assert peak < 256
