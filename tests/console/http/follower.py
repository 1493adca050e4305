"""A client of the feed over a socket: it keeps the last id, and goes on from there after each break."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

PATIENCE_S = 60.0
LINE_MAX = 1 << 14
"""Little is read before it is asked for."""


@dataclass
class Heard:
    """An event of a stream."""

    id: str | None = None
    event: str | None = None
    data: Any = None
    retry: int | None = None


class Follower:
    """Follows the feed, one connection after the other."""

    def __init__(self, headers: dict[str, str], query: str = "after=0") -> None:
        self.headers = headers
        self.query = query
        self.last_id: str | None = None
        self.heard: list[Heard] = []
        """What was announced, over all connections."""
        self.others: list[Heard] = []
        """Everything else: hints, places, reasons."""
        self.heartbeats = 0
        self.status = 0
        self.head = b""
        self.problem: Any = None
        self.arrived: list[float] = []
        """When each announcement was there, by the event loop's clock."""

    @property
    def positions(self) -> list[int]:
        return [one.data["position"] for one in self.heard]

    @property
    def cut_off(self) -> str | None:
        """The reason of the last cut."""
        reasons = [one.data["reason"] for one in self.others if one.event == "cut-off"]
        return reasons[-1] if reasons else None

    async def listen(self, url: str, enough: Callable[[Follower], bool] = lambda _: False) -> None:
        """One connection, until it ends or there is enough."""
        reader, writer = await self.connect(url)
        try:
            async with asyncio.timeout(PATIENCE_S):
                with suppress(ConnectionError):
                    await self.read(reader, enough)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def connect(
        self, url: str, connected: socket.socket | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Asks, as an HTTP/1.0 client: what comes is not cut into chunks."""
        host, _, port = url.removeprefix("http://").rpartition(":")
        where: dict[str, Any] = {"host": host, "port": port} if connected is None else {"sock": connected}
        reader, writer = await asyncio.open_connection(limit=LINE_MAX, **where)
        headers = self.headers | ({"Last-Event-ID": self.last_id} if self.last_id is not None else {})
        lines = [f"GET /v1/changes?{self.query} HTTP/1.0", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        return reader, writer

    async def read(self, reader: asyncio.StreamReader, enough: Callable[[Follower], bool]) -> None:
        """What comes, as the standard has it: fields until a blank line; a comment begins with a colon."""
        self.head = await reader.readuntil(b"\r\n\r\n")
        self.status = int(self.head.split()[1])
        if self.status != 200:
            self.problem = orjson.loads(await reader.read())
            return
        one = Heard()
        while not enough(self) and (line := await reader.readline()).endswith(b"\n"):
            name, _, value = line.decode().rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if line == b"\n":
                self._hear(one)
                one = Heard()
            elif not name:
                self.heartbeats += 1
            elif name == "data":
                one.data = orjson.loads(value)
            elif name == "retry":
                one.retry = int(value)
            elif name in ("id", "event"):
                setattr(one, name, value)

    def _hear(self, one: Heard) -> None:
        if one == Heard():
            return
        if one.id is not None:
            self.last_id = one.id
        if one.event is not None and one.event.endswith("Changed"):
            self.heard.append(one)
            self.arrived.append(asyncio.get_running_loop().time())
        else:
            self.others.append(one)
