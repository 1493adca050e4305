"""What of a log the world may read, and what auditors may: a log's folder, by the paths of c2sp.org/tlog-tiles, nothing else.

Served is what the published checkpoint covers; of the tiles also what a checkpoint covers that is signed and waits for its
cosignatures, since a checking witness reads what it is asked to cosign, and the log never goes another way than through it.
What a crash left beyond, in tiles or in the history, is not; nor is what the folder holds beside the log (`.sealer`), or
what a link leads to. A partial tile is cut out of the one that the published
checkpoint has at its place: so it is right, and may be kept for ever, even where a crash left another file by its name.
`log_server` has the paths and the answers.
"""

from __future__ import annotations

import gzip
import hmac
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from ledger.errors import LogDamaged, LogDenied
from ledger.proof.log.checkpoint import parse_checkpoint
from ledger.proof.log.errors import MalformedError, ProofError
from ledger.proof.log.merkle import HASH_SIZE
from ledger.proof.log.note import NOTE_MAX_BYTES, parse_note
from ledger.proof.log.tiles import ENTRIES, HEIGHT, WIDTH, Tile, decode_entries, encode_entries, parse_path
from ledger.seal.folder import LogFolder, descriptor_of
from ledger.seal.log_reader import CHECKPOINT, HISTORY, parse_history_line

TEXT: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"
BRIEFLY: Final = "public, max-age=2"
NEVER: Final = "no-store"
FOR_EVER: Final = "public, max-age=31536000, immutable"
FOR_EVER_BY_THE_READER: Final = "private, max-age=31536000, immutable"
BUNDLES: Final = "/tile/entries/"
BEARER: Final = "Bearer "
PART_MAX_BYTES: Final = 1 << 24
"""Of the history; who wants more asks for the next part."""
TAIL_BYTES: Final = 1 << 16
LINE_MAX_BYTES: Final = 2 * NOTE_MAX_BYTES + TAIL_BYTES
"""Of the history."""
BEYOND_MAX: Final = 100_000
"""So many checkpoints that are signed and not published are looked past."""
NO_SUCH_PATH: Final = b"found no such path, expected /checkpoint, /checkpoints.jsonl or /tile/...\n"
GZIP_LEVEL: Final = 1
PACKED_MIN_BYTES: Final = 1024
_RANGE: Final = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})", re.ASCII)


class Served(NamedTuple):
    """An answer."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT
    cache: str = NEVER
    content_range: str | None = None
    packable: bool = False
    """Whether gzip is worth its while."""
    complaint: str | None = None
    """For the operator."""

    def for_client(self, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
        """The body as a client takes it, packed where that is worth its while; and the headers that say so."""
        body, headers = self.body, {"Content-Type": self.content_type, "Cache-Control": self.cache}
        if self.packable:
            headers["Vary"] = "Accept-Encoding"
            if "gzip" in accept_encoding and len(body) > PACKED_MIN_BYTES:
                body = gzip.compress(body, GZIP_LEVEL, mtime=0)
                headers["Content-Encoding"] = "gzip"
        if self.content_range is not None:
            headers["Content-Range"] = self.content_range
        return body, headers


class Asked(NamedTuple):
    """A request, as far as it matters here: the target as it was sent, and two of its headers."""

    target: str
    authorization: str = ""
    range: str = ""


class PublishedLog:
    """What of a log's folder the world, and who has one of the tokens, may read."""

    def __init__(self, folder: Path, tokens: tuple[str, ...] = ()) -> None:
        self._log = UnlinkedFolder(folder.resolve())
        self._tokens = tuple(token.encode("utf-8") for token in tokens)

    def answer(self, asked: Asked) -> Served:
        """The answer to a GET, entries for who has a token. Raises nothing: what the folder lacks is an answer too."""
        if asked.target.startswith(BUNDLES) and self._tokens:
            try:
                self._admit(asked.authorization)
            except LogDenied as error:
                return Served(HTTPStatus.FORBIDDEN, f"{error}\n".encode())
        return self.read(asked.target, entries=bool(self._tokens), part=asked.range)

    def read(self, target: str, *, entries: bool, part: str = "") -> Served:
        """What is at a path, `/checkpoint` and so on; `entries` where the caller may have them, `part` is a header Range.

        Whether he may is for who calls this to have found out. Raises nothing, as `answer`.
        """
        try:
            return self._read(target, entries, part)
        except (LogDamaged, ProofError, OSError) as error:
            return Served(
                HTTPStatus.INTERNAL_SERVER_ERROR, b"found a log whose files do not hold together, expected a whole one\n",
                complaint=str(error),
            )  # fmt: skip

    def _read(self, target: str, entries: bool, part: str) -> Served:
        path = target.removeprefix("/")
        tile = None if path in (CHECKPOINT, HISTORY) else _tile_at(path)
        if not target.startswith("/") or not (path in (CHECKPOINT, HISTORY) or tile):
            return Served(HTTPStatus.NOT_FOUND, NO_SUCH_PATH)
        if tile is not None and tile.level == ENTRIES and not entries:
            return Served(HTTPStatus.NOT_FOUND, NO_SUCH_PATH)
        signed = self._log.checkpoint()
        if tile is not None and (promised := self._log.pending()):
            return self._tile(tile, max(_size_of(promised), _size_of(signed) if signed else 0))
        if signed is None:
            return Served(HTTPStatus.NOT_FOUND, b"found no checkpoint yet\n")
        size = _size_of(signed)
        if tile is not None:
            return self._tile(tile, size)
        return self._history(size, part) if path == HISTORY else Served(HTTPStatus.OK, signed, cache=BRIEFLY)

    def _admit(self, authorization: str) -> None:
        """Raises LogDenied. How long it takes tells nothing of a token, nor which of them is the right one."""
        given = authorization.removeprefix(BEARER).encode("utf-8", "surrogateescape")
        right = [hmac.compare_digest(given, token) for token in self._tokens]
        if not authorization.startswith(BEARER) or not any(right):
            raise LogDenied("entries are for auditors: found no token that this log gives them to, expected one")

    def _tile(self, tile: Tile, size: int) -> Served:
        below = HEIGHT * max(tile.level, 0)
        covered = min(WIDTH, (size >> below) - tile.n * WIDTH)
        if tile.width > covered:
            return Served(HTTPStatus.NOT_FOUND, b"found nothing by this path under the checkpoint\n")
        data = self._log.read_tile(tile._replace(width=covered))
        if tile.level == ENTRIES:
            entries = decode_entries(data)
            if len(entries) < tile.width:
                raise LogDamaged(f"{tile.path}: found {len(entries)} entries, expected {tile.width}")
            return Served(
                HTTPStatus.OK, encode_entries(entries[: tile.width]), BYTES, FOR_EVER_BY_THE_READER, packable=True
            )
        return Served(HTTPStatus.OK, data[: tile.width * HASH_SIZE], BYTES, FOR_EVER)

    def _history(self, size: int, wanted: str) -> Served:
        """The whole lines up to the published checkpoint, or a part of them."""
        with self._log.opened(HISTORY) as file:
            if file is None:
                return Served(HTTPStatus.NOT_FOUND, b"found no history of checkpoints\n")
            total = _covered_bytes(file, size)
            match = _RANGE.fullmatch(wanted)
            if match is None and total <= PART_MAX_BYTES:
                file.seek(0)
                return Served(HTTPStatus.OK, file.read(total), packable=True)
            first, last = (int(match[1]), int(match[2] or total)) if match else (total, total)
            if first >= total or last < first:
                nothing = b"found a history that is given in parts, expected a range inside it\n"
                return Served(
                    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, nothing, content_range=f"bytes */{total}"
                )  # fmt: skip
            file.seek(first)
            part = file.read(min(last + 1, total, first + PART_MAX_BYTES) - first)
        return Served(
            HTTPStatus.PARTIAL_CONTENT, part, content_range=f"bytes {first}-{first + len(part) - 1}/{total}"
        )  # fmt: skip


class UnlinkedFolder(LogFolder):
    """The log's own files: what a link leads to is none."""

    def read_path(self, path: str, max_bytes: int) -> bytes | None:
        """The bytes at a path of the log; None where there is nothing, or a link on the way."""
        return super().read_path(path, max_bytes) if self._is_own(path) else None

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO | None]:
        """A file too long to be read whole; None where there is none."""
        descriptor = None
        with suppress(OSError):
            descriptor = descriptor_of(self.root / path, os.O_RDONLY | os.O_NOFOLLOW)
        if descriptor is None:
            yield None
            return
        with os.fdopen(descriptor, "rb") as file:
            yield file

    def _is_own(self, path: str) -> bool:
        own = self.root / path
        try:
            return own.resolve() == own
        except (OSError, RuntimeError):  # links in a circle
            return False


def _size_of(signed: bytes) -> int:
    return parse_checkpoint(parse_note(signed)[0]).size


def _tile_at(path: str) -> Tile | None:
    try:
        return parse_path(path)
    except MalformedError:
        return None


def _covered_bytes(file: BinaryIO, size: int) -> int:
    """How long the history is up to the last checkpoint of at most this size. Raises LogDamaged."""
    start = file.seek(0, os.SEEK_END)
    tail, beyond = b"", 0
    while beyond <= BEYOND_MAX and len(tail) <= LINE_MAX_BYTES:
        end = tail.rfind(b"\n")
        begin = tail.rfind(b"\n", 0, max(end, 0))
        if end >= 0 and (begin >= 0 or start == 0):
            if _size_on(tail[begin + 1 : end]) <= size:
                return start + end + 1
            tail, beyond = tail[: begin + 1], beyond + 1
        elif start == 0:
            return 0
        else:
            step = min(TAIL_BYTES, start)
            start = file.seek(start - step)
            tail = file.read(step) + tail
    raise LogDamaged(f"{HISTORY}: found {beyond} checkpoints beyond the published one, or a line of {len(tail)} bytes")


def _size_on(line: bytes) -> int:
    """The size of the checkpoint on a line of the history."""
    try:
        return parse_checkpoint(parse_note(parse_history_line(line))[0]).size
    except (LogDamaged, ValueError) as error:
        raise LogDamaged(f"{HISTORY}: {error}") from None
