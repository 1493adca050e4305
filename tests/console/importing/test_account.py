"""Every row is accounted for: whatever stands in an export, what becomes of it is what a count by hand says."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from hypothesis import given
from hypothesis import strategies as st

from console.cli.fact_files.sorted_lines import SortedLines
from console.importing.account import FIRST, Account
from console.importing.converting import Given
from console.importing.map_files import load_map
from console.importing.running import Counting, Reading, Sorting, read_through
from console.importing.zones import zone_named
from ledger.errors import BadInput
from ledger.programmes.registry import parse_fact

HEADER = "id;submitdate;customerorg;overall"
AT = "2011-03-02 09:00:00"
ROWS = {
    "made": "{n};2011-03-02 09:00:00;Brontegard;9",
    "skipped": "{n};;Brontegard;9",
    "blank": ";;;",
    "empty": "",
    "columns": "{n};x",
    "quotes": '{n};"x" y "z";Brontegard;9',
    "encoding": "{n};\0;Brontegard;9",
    "no-id": ";2011-03-02 09:00:00;Brontegard;9",
    "time": "{n};2. März;Brontegard;9",
    "missing": "{n};2011-03-02 09:00:00;;9",
    "score": "{n};2011-03-02 09:00:00;Brontegard;ten",
    "personal-data": "{n};2011-03-02 09:00:00;a@example.org;9",
    "malformed": "{n};2011-03-02 09:00:00;" + "x" * 65 + ";9",
    "repeated": "0;2011-03-02 09:00:00;Brontegard;9",
    "rounded": "1.{n}E+17;2011-03-02 09:00:00;Brontegard;9",
}
READING = Given("s-1", "m-1", zone=zone_named("UTC"))


def account_of(kinds: list[str], lines: SortedLines | None = None) -> Account:
    account = Account()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        path.write_text(
            "\n".join([HEADER, *(ROWS[kind].format(n=number) for number, kind in enumerate(kinds, 1))]) + "\n"
        )
        sink = Counting(account) if lines is None else Sorting(account, lines)
        with path.open("rb") as stream:
            read_through(Reading(path, load_map("limesurvey"), READING), stream, account, sink)
    return account


@given(st.lists(st.sampled_from(list(ROWS)), max_size=30))
def test_what_becomes_of_rows_is_what_a_count_by_hand_says(kinds: list[str]) -> None:
    with ExitStack() as stack:
        lines = SortedLines(stack, run_bytes=500)
        account = account_of(kinds, lines)
        facts = [orjson.loads(line) for line in lines]
    expected = Counter(kinds)
    first_zero = min(expected["repeated"], 1)  # the first row with this id is no repetition
    made = expected["made"] + first_zero
    assert (account.records, account.made, len(facts)) == (len(kinds), made, made)
    assert account.skipped == ({"unfinished": expected["skipped"]} if expected["skipped"] else {})
    assert account.blank == expected["blank"] + expected["empty"]
    refused = {kind: expected[kind] for kind in list(ROWS)[4:] if expected[kind]}
    refused["repeated"] = expected["repeated"] - first_zero
    assert Counter({kind.code: count for kind, count, _ in account.kinds()}) == Counter(refused)
    assert account.made + account.blank + account.refused + sum(account.skipped.values()) == account.records
    for kind, count, first in account.kinds():
        assert len(first) == min(count, FIRST)
        assert all(kinds[one.place - 2] == kind.code for one in first)
    assert account.facts["record-response"] == made
    assert account_of(kinds).problems == account.problems


@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 3)), min_size=1, max_size=40))
def test_facts_come_out_in_the_order_of_their_instants(rows: list[tuple[int, int]]) -> None:
    account = Account()
    with TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / "export.csv"
        lines = SortedLines(stack, run_bytes=300)
        written = (f"{number};2011-03-02 0{hour}:{minute:02}:00;B;" for number, (minute, hour) in enumerate(rows))
        path.write_text("\n".join([HEADER, *written]))
        with path.open("rb") as stream:
            read_through(Reading(path, load_map("limesurvey"), READING), stream, account, Sorting(account, lines))
        instants = [orjson.loads(line)["occurred_at"] for line in lines]
    assert instants == sorted(instants)
    assert len(instants) == len(rows)


SAMPLES = Path(__file__).parent / "samples"
DAMAGED = {
    "limesurvey": "limesurvey.csv", "surveymonkey": "surveymonkey.csv", "qualtrics": "qualtrics.csv",
    "formbricks": "formbricks.csv", "google-forms": "google-forms.csv", "google-forms-api": "google-forms-api.json",
    "certificates": "certificates.csv",
}  # fmt: skip


@given(
    name=st.sampled_from(list(DAMAGED)),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=3)), min_size=1, max_size=4),
)
def test_a_sample_that_is_damaged_anywhere_is_accounted_for_or_an_error(
    name: str, changes: list[tuple[int, bytes]]
) -> None:
    content = bytearray((SAMPLES / DAMAGED[name]).read_bytes())
    for place, new in changes:
        at = place % len(content)
        content[at : at + len(new)] = new
    column = "#2" if name != "google-forms-api" else "responseId"
    columns = [("customer_org", column)] if name != "certificates" else []
    account = Account()
    with TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / DAMAGED[name]
        path.write_bytes(content)
        reading = Reading(path, load_map(name, columns=columns), Given("s", "m-1", "area", zone=zone_named("UTC")))
        lines = SortedLines(stack)
        with path.open("rb") as stream, suppress(BadInput):
            read_through(reading, stream, account, Sorting(account, lines))
        for line in lines:
            parse_fact(line)
    assert account.made + account.blank + account.refused + sum(account.skipped.values()) == account.records
