"""Server-sent events (the HTML standard, 9.2): the bytes of a stream, cut into events.

Lines end in LF, CR or CRLF, and in nothing else: the data is JSON, in whose texts U+2028 may stand. What a line or an event
may take is bounded, so that a stream that is none cannot fill the memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from csat_ledger_client.errors import BadAnswer

EVENT_BYTES_MAX: Final = 1 << 20
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One event: its name, its data, and the id that it is gone on after."""

    name: str
    data: str
    id: str
    """That of the last event which had one, as the standard says."""


class EventReader:
    """Takes the bytes of one connection, and gives the events that are whole."""

    def __init__(self, last_id: str = "") -> None:
        self.retry_ms: int | None = None
        """How long to wait before connecting anew, where the stream has said so."""
        self._rest = b""
        self._begun = False
        self._last_id = last_id
        self._id = last_id
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def take(self, data: bytes) -> Iterator[ServerEvent]:
        """The events that are whole with these bytes. Raises BadAnswer where one is too long, or not UTF-8."""
        if not self._begun and len(self._rest) + len(data) >= len(_BOM):
            data, self._rest, self._begun = (self._rest + data).removeprefix(_BOM), b"", True
        text = self._rest + data
        start = 0
        for end in _LINE_END.finditer(text):
            if end[0] == b"\r" and end.end() == len(text):
                break  # the LF of a CRLF may be under way
            if (event := self._line(text[start : end.start()])) is not None:
                yield event
            start = end.end()
        self._rest = text[start:]
        if len(self._rest) + self._size > EVENT_BYTES_MAX:
            raise BadAnswer(f"found an event of more than {EVENT_BYTES_MAX:,} bytes, expected shorter ones")

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatched()
        self._size += len(line)
        if self._size > EVENT_BYTES_MAX:
            raise BadAnswer(f"found an event of more than {EVENT_BYTES_MAX:,} bytes, expected shorter ones")
        try:
            name, _, value = line.decode().partition(":")
        except UnicodeDecodeError as error:
            raise BadAnswer(f"found a stream of events that is not UTF-8: {error}") from None
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry_ms = int(value[:9])
        return None

    def _dispatched(self) -> ServerEvent | None:
        """What a blank line ends: an event, where it has data."""
        name, data = self._name, self._data
        self._last_id, self._name, self._data, self._size = self._id, "", [], 0
        return ServerEvent(name or "message", "\n".join(data), self._last_id) if data else None
