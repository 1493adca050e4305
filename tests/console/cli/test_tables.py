"""Tables in narrow terminals: columns are wrapped, left out, or made blocks; nothing is ever cut."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence

import pytest

from console.cli.tables import table_lines, text_width, wrapped
from tests.console.support import NOW, ROOT, Program, enrolment, fact, met

COLUMNS = ("membership", "name", "state", "via", "loses it at")
NAME = "The Royal Brontegard and Lindomar Shipping Company of the Northern Isles"
ROW = ("m-1", NAME, "not-eligible", "responses", "2011-06-01T10:00Z")


def lines(width: int | None, rows: Sequence[Sequence[str]] = (ROW,)) -> list[str]:
    return list(table_lines(COLUMNS, rows, [False] * 5, width, wrap=("name",), spare=("via",)))


@pytest.mark.parametrize("width", [None, *range(20, 140, 7)])
def test_whatever_the_width_every_state_and_date_stands_whole(width: int | None) -> None:
    text = "\n".join(lines(width))
    for whole in ("m-1", "not-eligible", "2011-06-01T10:00Z"):
        assert whole in text
    for word in NAME.split():
        assert word in text
    assert width is None or width < 40 or max(map(text_width, text.splitlines())) <= width


def test_a_table_gets_narrower_in_steps() -> None:
    assert len(lines(200)) == len(lines(None)) == 2
    assert any("via" in line.split() for line in lines(80))
    assert len(lines(80)) > 2
    without = lines(62)
    assert without[-1] == "(too narrow for: via)"
    assert "responses" not in "\n".join(without)
    assert lines(40)[0] == "membership   m-1"
    assert "via          responses" in lines(40)


def test_letters_of_east_asia_take_two_columns() -> None:
    (_, first, second) = table_lines(("name", "n"), [("東京", "1"), ("abcd", "2")], [False, True])
    assert (text_width(first), text_width(second)) == (7, 7)
    assert wrapped("東京大阪", 4) == ["東京", "大阪"]


def in_a_terminal(columns: int, *arguments: str) -> str:
    """What a terminal of so many columns shows of a run."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "CSAT_LEDGER_NOW": NOW, "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen([sys.executable, "-m", "console", *arguments], stdout=slave, env=environment)
    os.close(slave)
    shown = b""
    try:
        while more := os.read(master, 65_536):
            shown += more
    except OSError:  # the other side was closed
        pass
    os.close(master)
    assert process.wait(60) == 0
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [60, 80])
def test_every_commands_table_shows_whole_dates_and_states(program: Program, columns: int) -> None:
    at = "2010-02-01T09:00:00Z"
    who = {"subject": "s-1", "customer_org": f"{NAME[:58]} Ltd"}
    program.record(
        *met(),
        *enrolment("a-membership-with-a-long-name"),
        fact("record-consent", "c-1", at, **who),
        fact("record-invitation", "i-1", at, invitation="i-1", channel="operator", **who),
        fact("record-response", "r-x", "2010-06-15T10:22:33.123456Z", response="r-x", invitation="i-1",
             customer_org=who["customer_org"]),
    )  # fmt: skip
    program.run("review")
    store = ("--store", str(program.store))
    wanted = {
        ("board", "--at", "2011-05-30"): ["2011-06-02T10:00:00Z", "not-eligible", "losing"],
        ("renewals", "--at", "2010-12-20"): ["2011-03-01", "not met"],
        ("history", "m-1"): ["2010-06-10T10:00:00Z"],
        ("participation",): ["100.0%"],
        ("status", "m-1", "--at", "2011-01-01"): ["2011-01-01T00:00:00Z"],
        ("decide", "m-1", "--renewal", "2011-03-01"): ["2010-06-15T10:22:33.123456Z", "2010-06-01T10:00:00Z"],
        ("changes",): ["2010-06-10T10:00:00Z"],
        ("replay", "m-1"): ["2010-06-15T10:22:33.123456Z", "=> satisfied"],
        ("project", "--status"): ["eligibility"],
    }
    for command, whole in wanted.items():
        shown = in_a_terminal(columns, *store, *command)
        for text in whole:
            assert text in shown, (command, shown)
        assert max(map(text_width, shown.splitlines())) <= columns, (command, shown)
