"""Tables and bars: for a terminal by rich, plain elsewhere."""

from __future__ import annotations

import io

import pytest

from console.cli.output import Output, plural, short


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def table(stream: io.StringIO) -> str:
    Output(as_json=False, stdout=stream).table(("name", "count"), [("[bold]Ü[/bold]", 1234), ("b", None)])
    return stream.getvalue()


def test_a_table_in_a_pipe_is_plain_columns() -> None:
    assert table(io.StringIO()) == "name            count\n[bold]Ü[/bold]  1,234\nb                   -\n"


def test_a_table_on_a_terminal_takes_no_name_for_markup() -> None:
    text = table(Terminal())
    assert "[bold]Ü[/bold]" in text
    assert "1,234" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_columns_stand_beneath_each_other_in_any_encoding(encoding: str) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding, errors="backslashreplace", write_through=True)
    Output(as_json=False, stdout=stream).table(("name", "count"), [("Łódź Zoë", 1), ("b", 2)])
    _, wide, narrow = written.getvalue().decode(encoding).splitlines()
    assert wide.index("1", len(wide) - 1) == narrow.index("2")
    assert wide.startswith("Łódź Zoë".encode(encoding, "backslashreplace").decode(encoding))


def test_a_bar_is_drawn_on_a_terminal_alone() -> None:
    for stream, drawn in ((io.StringIO(), False), (Terminal(), True)):
        with Output(as_json=True, stderr=stream).progress("recording") as advance:
            advance(1, 2)
            advance(2, None)
        assert bool(stream.getvalue()) is drawn


def test_words() -> None:
    assert [plural(number, "fact") for number in (0, 1, 2000)] == ["0 facts", "1 fact", "2,000 facts"]
    assert short("2010-06-15T10:22:33.000000Z") == "2010-06-15T10:22:33Z"
    assert short("2010-06-15T10:22:33.000001Z") == "2010-06-15T10:22:33.000001Z"


def test_nothing_that_is_printed_gives_a_terminal_commands() -> None:
    """Neither a file's name nor what somebody wrote into a book moves the cursor, hides text or turns it round."""
    stream = Terminal()
    output = Output(as_json=False, stdout=stream, stderr=stream)
    hostile = "A\x1b[2J\r\x07\x9b31m\u202eB\x7f"
    output.text(hostile)
    output.words(hostile)
    output.table(("name",), [(hostile,)])
    seen = r"A\x1b[2J\r\x07\x9b31m\u202eB\x7f"
    assert [line.rstrip() for line in stream.getvalue().splitlines()] == [seen, f"csat-ledger: {seen}", "name", seen]
