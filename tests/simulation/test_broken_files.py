"""Fuzzed files of facts: the program never crashes, accounts for every line, and leaves no half of a line's effect."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings

from console.cli.main import main
from ledger.book import replay
from ledger.programmes.registry import PROGRAMMES
from ledger.store.sqlite import SQLiteStore
from tests.support.broken_lines import broken_files


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSAT_LEDGER_NOW", "2026-01-01T00:00:00Z")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=broken_files())
@example(content=b"{\n}\n")  # an object over two lines is one
@example(content=b'{\n"fact"')
@example(content=b'{#type": "x", "locations": ["Oslo"]}\n"')  # an object that breaks off within a text
@example(content=b"\xef\xbb\xbf" + b"x" * 65_600 + b"\n{}\n")  # a byte order mark must not hide that a line is too long
def test_a_broken_file_never_crashes_the_program_and_every_line_is_accounted_for(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "facts.jsonl").write_bytes(content)
        path, refused = folder / "book.db", folder / "refused.jsonl"
        arguments = ["--store", str(path), "record", str(folder / "facts.jsonl"), "--refused", str(refused), "--json"]
        with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(io.StringIO()):
            exit_code = main(arguments)
        answer, start = orjson.loads(printed.getvalue()), content.removeprefix(b"\xef\xbb\xbf").lstrip()
        if answer.get("error") == "unreadable":  # no lines of facts as a whole: an array that breaks off, or foreign
            assert exit_code == 2
            assert not start.startswith(b"{") or spread(start)
            return
        lines = [line for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
        if not start.startswith(b"[") and not spread(start):  # else its elements are counted, or its objects
            assert answer["accepted"] + answer["duplicates"] + answer["refused"] == len(lines)
        assert exit_code == (3 if answer["refused"] else 0)
        kept = [orjson.loads(line) for line in refused.read_bytes().splitlines()] if refused.exists() else []
        assert len(kept) == answer["refused"]
        assert all(line["code"] and line["sentence"] and (line.get("line") or line["line_base64"]) for line in kept)
        store = SQLiteStore(path)
        rows = store.read_feed(0, 100_000)
        facts = {orjson.loads(row.stored)["fact"] for row in rows if row.type not in PROGRAMMES.announcements}
        shipped = {fact for fact in facts if fact.startswith("csat-ledger:edition:")}
        assert len(facts) == answer["accepted"] + len(shipped)
        assert len(shipped) in ((2, 3) if rows else (0,))  # of the survey; of business-applications with its first fact
        for stream in {row.stream for row in rows} - {"programme", "scorebook/business-applications"}:
            for _ in replay(store, PROGRAMMES, stream):
                pass  # the chain is checked on the way
        store.close()


def spread(start: bytes) -> bool:
    """Whether an object goes over several lines: pretty-printed JSON, which is taken as objects and not as lines."""
    first, _, rest = start.partition(b"\n")
    outside, breaks_off, _ = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", first).partition(b'"')  # a bracket in a text is none
    whole = not breaks_off and sum(map(outside.count, (b"{", b"["))) <= sum(map(outside.count, (b"}", b"]")))
    return first.startswith(b"{") and not whole and rest.lstrip()[:1] in (b'"', b"}", b"]")
