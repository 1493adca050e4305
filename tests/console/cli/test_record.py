"""`record`: streams, counts, refuses line by line, and loses nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.cli.fact_files.lines import Line, read_lines
from ledger.fact import LINE_BYTES_MAX
from ledger.programmes.survey.programme import Survey
from tests.console.support import ROOT, Program, enrolment, fact, met, response


def refusals(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_facts_are_recorded_and_counted(program: Program) -> None:
    ran = program.json("record", program.write("facts.jsonl", met()))
    assert ran.code == 0
    assert ran.json == {"accepted": 12, "duplicates": 0, "refused": 0, "position": 15}
    assert ran.err == f"csat-ledger: made a new ledger at {program.store}\n"
    assert not (program.folder / "facts.jsonl.refused").exists()


def test_the_same_file_again_is_all_duplicates(program: Program) -> None:
    facts = program.write("facts.jsonl", met())
    program.run("record", facts)
    again = program.json("record", facts)
    assert again.json == {"accepted": 0, "duplicates": 12, "refused": 0, "position": 15}
    assert again.err == ""


def test_a_fact_twice_in_a_file_is_recorded_once(program: Program) -> None:
    facts = program.write("facts.jsonl", [*enrolment(), *enrolment()])
    assert program.json("record", facts).json == {"accepted": 2, "duplicates": 2, "refused": 0, "position": 4}


def test_broken_lines_are_refused_by_file_and_number_and_the_rest_goes_on(program: Program) -> None:
    unknown = fact("record-evaluation", "x", "2010-02-01T00:00:00Z", "m-9", evaluation="e-1")
    lines: list[Any] = [enrolment()[0], "", "   ", '{"type":', unknown, "[]", enrolment()[1], "nonsense ü"]
    ran = program.json("record", program.write("facts.jsonl", lines))
    assert ran.code == 3
    answer = ran.json
    codes = answer.pop("codes")
    assert answer == {"accepted": 2, "duplicates": 0, "refused": 4, "position": 4}
    assert {code: (found["count"], found["first"]["line_number"]) for code, found in codes.items()} == {
        "malformed": (3, 4),
        "unknown-membership": (1, 5),
    }
    assert codes["unknown-membership"]["first"]["sentence"] == "membership 'm-9' was never enrolled"
    found = refusals(program.folder / "facts.jsonl.refused")
    assert [(entry["line_number"], entry["code"]) for entry in found] == [
        (4, "malformed"),
        (5, "unknown-membership"),
        (6, "malformed"),
        (8, "malformed"),
    ]
    assert [set(entry) for entry in found] == [{"file", "line_number", "code", "sentence", "line"}] * 4
    assert found[0]["line"] == '{"type":'
    assert orjson.loads(found[1]["line"]) == unknown
    assert found[3]["line"] == "nonsense ü"
    assert all(entry["file"].endswith("facts.jsonl") for entry in found)
    assert "malformed: 3, the first is " in ran.err
    assert "facts.jsonl:5: membership 'm-9' was never enrolled" in ran.err


def test_refusals_go_where_they_are_wanted_and_are_added_to(program: Program) -> None:
    for times in (1, 2):
        ran = program.run("record", program.write("facts.jsonl", ["{}"] * times + ["[1]"]), "--refused", "wrong.jsonl")
        assert ran.code == 3
    assert [entry["line"] for entry in refusals(program.folder / "wrong.jsonl")] == ["{}", "[1]"]
    assert not (program.folder / "facts.jsonl.refused").exists()
    assert "3 refused, each with its reason in wrong.jsonl" in ran.err.splitlines()[-1]


def test_of_many_refusals_each_code_is_shown_once_and_all_are_kept(program: Program) -> None:
    ran = program.run("record", program.write("facts.jsonl", ["{}"] * 50))
    assert len(ran.err.splitlines()) == 3
    assert "malformed: 50, the first is " in ran.err
    assert "facts.jsonl:1: " in ran.err
    assert len(refusals(program.folder / "facts.jsonl.refused")) == 50


@pytest.mark.parametrize("options", [(), ("--any-order",)])
def test_a_fact_over_which_the_program_fails_takes_no_other_away(
    program: Program, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    decide = Survey.decide

    def failing(state: Any, fact: Any, *rest: Any, **more: Any) -> Any:
        if fact.id in ("m-1-f-3", "m-1-f-7"):
            raise OverflowError("year 10000 is out of range")
        return decide(state, fact, *rest, **more)

    monkeypatch.setattr(Survey, "decide", staticmethod(failing))
    facts = program.write("facts.jsonl", met())
    ran = program.json("record", facts, *options)
    assert ran.code == 70
    assert ran.err.count("Traceback") == 1
    assert (ran.json["accepted"], ran.json["refused"]) == (len(met()) - 2, 2)
    assert ran.json["codes"]["fault"]["count"] == 2
    monkeypatch.setattr(Survey, "decide", staticmethod(decide))
    again = program.json("record", "--retry", program.folder / "facts.jsonl.refused")
    assert (again.code, again.json["accepted"]) == (0, 2)


def test_what_a_shell_pipes_in_by_a_name_is_refused_as_of_stdin(program: Program) -> None:
    """`record <(zcat facts.gz)`: nothing can be put beside /dev/fd/63, which was found out only once all was recorded."""
    reads, writes = os.pipe()
    os.write(writes, b"".join(orjson.dumps(fact) + b"\n" for fact in enrolment()) + b"{}\n")
    os.close(writes)
    ran = program.json("record", f"/dev/fd/{reads}")
    os.close(reads)
    assert (ran.code, ran.json["accepted"], ran.json["refused"]) == (3, 2, 1)
    (refused,) = refusals(program.folder / "csat-ledger.refused")
    assert refused["line_number"] == 3


def test_stdin_is_a_file_too(program: Program) -> None:
    program.stdin(b"".join(orjson.dumps(fact) + b"\n" for fact in met()) + b"{}")
    ran = program.json("record", "-")
    assert ran.code == 3
    assert (ran.json["accepted"], ran.json["refused"]) == (12, 1)
    (refused,) = refusals(program.folder / "csat-ledger.refused")
    assert (refused["file"], refused["line_number"]) == ("<stdin>", 13)


def test_several_files_are_recorded_in_their_order(program: Program) -> None:
    first, second = program.write("a.jsonl", met()[:5]), program.write("b.jsonl", met()[5:])
    assert program.json("record", first, second).json["accepted"] == 12
    assert program.json("record", "-", "-").code == 2


def test_an_unreadable_file_is_exit_code_2_before_anything_is_recorded(program: Program) -> None:
    facts = program.write("facts.jsonl", met())
    for unreadable in (program.folder / "missing.jsonl", program.folder / "no" / "where.jsonl", program.folder):
        ran = program.json("record", facts, unreadable)
        assert (ran.code, ran.json["error"]) == (2, "unreadable")
        assert not program.store.exists()
    assert program.json("record", program.folder / "no" / "where.jsonl").json["error"] == "unreadable"


def test_refusals_that_could_not_be_written_stop_it_before_anything_is_recorded(program: Program) -> None:
    facts = program.write("facts.jsonl", met())
    for refused in (program.folder, program.folder / "no" / "where.jsonl"):
        assert program.json("record", facts, "--refused", refused).json["error"] == "unreadable"
    assert program.json("record", facts, "--refused", facts).json["error"] == "usage"
    assert not program.store.exists()


def test_an_empty_file_is_no_mistake(program: Program) -> None:
    ran = program.json("record", program.write("facts.jsonl", []))
    assert (ran.code, ran.json) == (0, {"accepted": 0, "duplicates": 0, "refused": 0, "position": 0})
    assert program.json("status", "m-1").json["error"] == "unknown-membership"


@pytest.mark.parametrize("batch", ["1", "3", "1000"])
def test_the_size_of_a_batch_makes_no_difference(program: Program, monkeypatch: pytest.MonkeyPatch, batch: str) -> None:
    monkeypatch.setenv("CSAT_LEDGER_RECORD_BATCH", batch)
    late = response(11, "Lindomar", "2010-05-01T10:00:00Z")
    ran = program.json("record", program.write("facts.jsonl", [*met(), "{}", late, *met()]))
    assert ran.json["accepted"] == 13
    assert ran.json["duplicates"] == 12
    assert ran.json["refused"] == 1


def test_lines_are_read_whatever_ends_them(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\r\n\ttwo \n" + b"x" * (3 * LINE_BYTES_MAX) + b"\nthree")
    with path.open("rb") as stream:
        lines = list(read_lines("lines", stream))
    assert lines[0] == Line("lines", 1, b"one\r\n")
    assert lines[1] == Line("lines", 3, b"\ttwo \n")
    assert (lines[2].number, len(lines[2].content)) == (4, LINE_BYTES_MAX + 2)
    assert lines[2].cut_from == 3 * LINE_BYTES_MAX + 1
    assert lines[3] == Line("lines", 5, b"three")


def test_a_line_without_end_is_refused_in_bounded_memory(program: Program) -> None:
    facts = program.folder / "facts.jsonl"
    facts.write_bytes(b'{"id":"' + b"x" * 5_000_000 + b'"}\n' + orjson.dumps(enrolment()[0]))
    ran = program.json("record", facts)
    assert (ran.json["accepted"], ran.json["refused"]) == (1, 1)
    (refused,) = refusals(program.folder / "facts.jsonl.refused")
    assert (refused["line_number"], refused["code"], refused["cut_from"]) == (1, "malformed", 5_000_010)
    assert len(refused["line"]) <= LINE_BYTES_MAX + 2
    assert refused["sentence"] == "found a fact of 5,000,010 bytes, expected at most 65,536"


def test_a_line_that_was_too_long_is_taken_once_it_is_mended(program: Program) -> None:
    facts = program.folder / "facts.jsonl"
    facts.write_bytes(b'{"id":"' + b"x" * 100_000 + b'"}\n')
    assert program.run("record", facts).code == 3
    path = program.folder / "facts.jsonl.refused"
    (refused,) = refusals(path)
    path.write_bytes(orjson.dumps(refused | {"line": orjson.dumps(enrolment()[0]).decode()}) + b"\n")
    assert program.json("record", "--retry", path).json["accepted"] == 1


def test_the_way_to_take_refusals_again_can_be_pasted_whatever_the_file_is_called(program: Program) -> None:
    program.write("-x y.jsonl", ["nonsense"])
    ran = program.run("record", "--", "-x y.jsonl")
    assert "`csat-ledger record --retry './-x y.jsonl.refused'` takes them again" in ran.err
    assert program.run("record", "--retry", "./-x y.jsonl.refused").code == 3


def position(store: Path) -> int:
    try:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_told_to_stop_it_keeps_what_was_recorded(program: Program, signum: signal.Signals, code: int) -> None:
    process = program.start("record", "-", CSAT_LEDGER_RECORD_BATCH="4")
    assert process.stdin is not None
    process.stdin.write(b"".join(orjson.dumps(fact) + b"\n" for fact in met()[:10]))
    process.stdin.flush()
    deadline = time.monotonic() + 30
    while position(program.store) < 2 + 8 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signum)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert out == b""
    assert b"8 facts recorded before this stay" in err
    assert f"stopped by {signum.name}".encode() in err
    ran = program.json("record", program.write("facts.jsonl", met()))
    assert ran.json == {"accepted": 4, "duplicates": 8, "refused": 0, "position": 15}


def test_what_comes_through_a_pipe_that_has_a_name_is_recorded(program: Program) -> None:
    pipe = program.folder / "pipe"
    os.mkfifo(pipe)
    process = program.start("--json", "record", pipe, "--refused", "refused.jsonl")
    with pipe.open("wb") as stream:
        stream.write(b"".join(orjson.dumps(fact) + b"\n" for fact in met()))
    out, err = process.communicate(timeout=30)
    assert orjson.loads(out)["accepted"] == 12, err


def in_every_wrong_order() -> list[Any]:
    """A history in which each fact comes before what it needs."""
    fields = {"customer_org": "Lindomar", "subject": "s-1"}
    return [
        fact("decide-renewal", "decide", "2011-03-02T00:00:00Z", renewal_date="2011-03-01"),
        fact("void-response", "void", "2010-08-03T00:00:00Z", response="r-i", reason="test"),
        fact("record-reminder", "remind", "2010-07-05T00:00:00Z", invitation="i-1"),
        fact("record-response", "answer", "2010-08-01T00:00:00Z", response="r-i", customer_org="Lindomar",
             location="Lyon", invitation="i-1"),
        fact("record-invitation", "invite", "2010-07-01T00:00:00Z", invitation="i-1", channel="operator",
             location="Lyon", **fields),
        fact("record-consent", "consent", "2010-06-30T00:00:00Z", **fields),
        fact("add-location", "lyon", "2010-01-12T00:00:00Z", location="Lyon"),
        *(({**entry, "location": "main"} if entry["type"] == "record-response" else entry) for entry in reversed(met())),
        fact("record-evaluation", "elsewhere", "2010-07-01T00:00:00Z", "m-9", evaluation="e-1"),
    ]  # fmt: skip


def test_facts_in_any_order_are_recorded_after_what_they_need(program: Program) -> None:
    facts = program.write("facts.jsonl", in_every_wrong_order())
    ran = program.json("record", facts, "--any-order")
    assert (ran.code, ran.json["accepted"], ran.json["refused"]) == (3, 19, 1)
    assert ran.json["codes"].keys() == {"unknown-membership"}
    (left,) = refusals(program.folder / "facts.jsonl.refused")
    assert (left["line_number"], left["code"]) == (20, "unknown-membership")
    types = [line["type"] for line in program.json("replay", "m-1").lines if "type" in line]
    assert types[-1] == "RenewalDecided"
    again = program.json("record", facts, "--any-order")
    assert (again.json["accepted"], again.json["duplicates"], again.json["refused"]) == (0, 19, 1)


@pytest.mark.parametrize(
    ("order", "refused"), [("tko", set()), ("kot", set()), ("okt", {"organisation-spelling", "unknown-organisation"})]
)
def test_in_any_order_too_the_spelling_that_comes_first_is_the_known_one(
    program: Program, order: str, refused: set[str]
) -> None:
    told = fact("distinct-organisation", "t", "2010-06-01T00:00:00Z", organisation="org b", **{"from": "Org B"})
    facts = {
        "t": told,
        "k": response(1, "Org B", "2010-06-01T00:00:00Z"),
        "o": response(2, "org b", "2010-06-01T00:00:00Z"),
    }
    path = program.write("facts.jsonl", [*(facts[which] for which in order), *enrolment()])
    ran = program.json("record", path, "--any-order")
    assert set(ran.json.get("codes", ())) == refused


def test_without_any_order_the_order_counts(program: Program) -> None:
    ran = program.json("record", program.write("facts.jsonl", in_every_wrong_order()))
    assert ran.json["codes"]["unknown-membership"]["count"] > 10


def test_facts_in_any_order_may_come_from_several_files(program: Program) -> None:
    facts = in_every_wrong_order()
    first, second = program.write("a.jsonl", facts[:9]), program.write("b.jsonl", facts[9:])
    assert program.json("record", first, second, "--any-order").json["accepted"] == 19


def test_an_array_that_breaks_off_is_exit_code_2_and_what_came_before_stays(program: Program) -> None:
    path = program.folder / "facts.json"
    path.write_bytes(orjson.dumps(met())[:-1])
    ran = program.json("record", path)
    assert (ran.code, ran.json["error"]) == (2, "unreadable")
    assert "end of the file within the array of line 1" in ran.json["message"]
    assert "12 facts recorded before this stay" in ran.err
    assert "found a JSON array" in ran.err
    path.write_bytes(orjson.dumps(met()))
    assert program.json("record", path).json == {"accepted": 0, "duplicates": 12, "refused": 0, "position": 15}


def test_a_file_that_is_no_facts_is_exit_code_2_before_anything_is_recorded(program: Program) -> None:
    facts, table = program.write("facts.jsonl", met()), program.folder / "facts.csv"
    table.write_text("type,id\nrecord-response,f-1\n")
    ran = program.json("record", facts, table)
    assert (ran.code, ran.json["error"]) == (2, "unreadable")
    assert "found CSV with the columns type, id" in ran.json["message"]
    assert not program.store.exists()


def test_refusals_never_go_into_the_ledger_or_its_projections_or_what_stands_beside_them(program: Program) -> None:
    program.record(*met())
    assert program.run("status", "m-1").code == 0
    facts = program.write("facts.jsonl", ["nonsense"])
    (program.folder / "link").symlink_to(program.store)
    (program.folder / "other.jsonl").symlink_to(facts)
    own = [f"ledger.db{ending}" for ending in ("", "-wal", "-shm", ".projections", ".projections-wal")]
    for name in (*own, "./ledger.db", "link", "facts.jsonl", "other.jsonl"):
        before = program.store.read_bytes()
        ran = program.json("record", facts, "--refused", name)
        assert (ran.code, ran.json["error"]) == (2, "usage"), name
        assert "expected two files" in ran.json["message"]
        assert program.store.read_bytes() == before
    assert program.json("record", facts, "--refused", "refused.jsonl").code == 3


def test_refusals_never_go_into_what_comes_in_on_stdin(program: Program) -> None:
    facts = program.write("facts.jsonl", ["nonsense"])
    with facts.open("rb") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "console", "--store", program.store, "record", "-", "--refused", facts],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=stream,
            capture_output=True,
            check=False,
        )
    assert done.returncode == 2
    assert b"expected two files" in done.stderr


def test_what_is_no_place_for_a_ledger_is_refused_and_nothing_is_made_of_it(program: Program) -> None:
    facts = program.write("facts.jsonl", met())
    (program.folder / "empty.db").touch()
    for where in ("empty.db", program.folder, "file:book.db", "file:book.db?mode=rwc", ":memory:"):
        ran = program.run_bare("--store", where, "--json", "record", facts)
        assert (ran.code, ran.json["error"]) == (4, "store-unreachable")
    assert sorted(path.name for path in program.folder.iterdir()) == ["empty.db", "facts.jsonl"]
    assert (program.folder / "empty.db").stat().st_size == 0


@pytest.mark.parametrize("question", ["board", "renewals", "changes", "participation", "review", "project"])
def test_a_question_to_an_empty_file_or_to_none_makes_nothing(program: Program, question: str) -> None:
    (program.folder / "empty.db").touch()
    for where in ("empty.db", "missing.db"):
        ran = program.run_bare("--store", where, "--json", question)
        assert (ran.code, ran.json["error"]) == (4, "store-unreachable")
    assert [path.name for path in program.folder.iterdir()] == ["empty.db"]
    assert (program.folder / "empty.db").stat().st_size == 0


def test_first_recordings_at_the_same_moment_wait_for_one_another(program: Program) -> None:
    names = [f"m-{number}" for number in range(4)]
    for name in names:
        program.write(f"{name}.jsonl", enrolment(name))
    processes = [program.start("record", f"{name}.jsonl", "--json") for name in names]
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(names), answers
    assert sum(b"made a new ledger" in err for _, err in answers) == 1
    assert program.json("record", *(f"{name}.jsonl" for name in names)).json["duplicates"] == 2 * len(names)


def test_another_spelling_is_refused_and_comes_back_under_the_known_one(program: Program) -> None:
    program.record(*met())
    refused = program.json("record", program.write("more.jsonl", [response(11, "BRONTEGARD", "2010-07-01T10:00:00Z")]))
    assert (refused.code, list(refused.json["codes"])) == (3, ["organisation-spelling"])
    assert "expected it to be spelt 'Brontegard'" in refused.err
    taken = program.json("record", "--known-spelling", "--retry", program.folder / "more.jsonl.refused")
    assert (taken.code, taken.json) == (0, {"accepted": 1, "duplicates": 0, "refused": 0, "position": 16, "spelt": 1})
    assert "fact 'm-1-f-11': organisation 'BRONTEGARD' is taken as 'Brontegard'" in taken.err
    again = program.json("record", program.folder / "more.jsonl")
    assert again.json == {"accepted": 0, "duplicates": 1, "refused": 0, "position": 16}


def test_of_many_spellings_the_first_are_shown_and_all_counted(program: Program) -> None:
    program.record(*enrolment(), response(0, "Brontegard", "2010-05-01T10:00:00Z"))
    facts = [response(number, "brontegard.", "2010-07-01T10:00:00Z") for number in range(1, 31)]
    ran = program.json("record", "--known-spelling", program.write("more.jsonl", facts))
    assert (ran.code, ran.json["accepted"], ran.json["spelt"]) == (0, 30, 30)
    lines = ran.err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "csat-ledger: and 10 facts more taken under the known spelling"


def test_a_withdrawal_is_taken_under_the_known_spelling_and_said_so(program: Program) -> None:
    consent = fact("record-consent", "c-1", "2010-05-01T10:00:00Z", subject="s-1", customer_org="Brontegard")
    program.record(*enrolment(), consent)
    withdrawn = {**consent, "type": "withdraw-consent", "id": "c-2", "customer_org": "Bronte Gard"}
    ran = program.json("record", program.write("more.jsonl", [withdrawn]))
    assert ran.json == {"accepted": 1, "duplicates": 0, "refused": 0, "position": 6, "spelt": 1}
    assert "organisation 'Bronte Gard' is taken as 'Brontegard'" in ran.err


def test_a_working_folder_that_is_gone_is_named(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    facts = program.write("facts.jsonl", [])
    monkeypatch.chdir(gone)
    gone.rmdir()
    ran = program.run_bare("record", facts, "--store", "ledger.db")
    assert ran.code == 2, ran
    assert "the working folder was deleted" in ran.err
    assert "Traceback" not in ran.err
