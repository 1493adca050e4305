"""Checkpoints: a log's size and root, as the text of a signed note (c2sp.org/tlog-checkpoint).

    <origin>                the log's name, not empty
    <tree size>             decimal, no leading zeros
    <root hash>             base64 of the 32-byte RFC 6962 root
    <extension line>…       optional, not empty, opaque; kept as they are

Each line ends in a newline. Reading and writing are inverse to each other: there is one text for each checkpoint.

Example (the note's text; `note` shows it signed):

    ledger.example/renewals
    5
    OWzC8+pXpLvOMYsH2CT91q0pLUsT6Q9WrpQRsWTbETY=
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger.proof.log.errors import MalformedError, Words
from ledger.proof.log.merkle import EMPTY_ROOT, HASH_SIZE, SIZE_MAX
from ledger.proof.log.strictjson import base64_text, decimal, hash_bytes

_LINES_BEFORE_EXTENSIONS = 3
# No control character may stand in a note, and half of a surrogate pair has no UTF-8 form.
_NOT_IN_LINES = re.compile("[\x00-\x1f\ud800-\udfff]")


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself: its name, how many entries it has, and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or _NOT_IN_LINES.search(line):
                raise MalformedError("line of the checkpoint", found=line, expected=Words("one line that is not empty"))
        if not 0 <= self.size <= SIZE_MAX:
            raise MalformedError("size of the checkpoint", found=self.size, expected=Words(f"0 to {SIZE_MAX}"))
        if len(self.root) != HASH_SIZE:
            raise MalformedError(
                "root of the checkpoint", found=Words(f"{len(self.root)} bytes"), expected=Words(f"{HASH_SIZE} bytes")
            )
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise MalformedError(
                "root of the empty tree", found=Words(self.root.hex()), expected=Words(EMPTY_ROOT.hex())
            )

    @property
    def text(self) -> str:
        """The note text."""
        lines = (self.origin, str(self.size), base64_text(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that a note's text holds."""
    lines = text.split("\n")
    if lines.pop() != "" or len(lines) < _LINES_BEFORE_EXTENSIONS:
        raise MalformedError(
            "checkpoint",
            found=Words(f"{len(lines)} lines"),
            expected=Words("origin, size and root, each line ending in a newline"),
        )
    size = decimal(lines[1], "size of the checkpoint")
    return Checkpoint(lines[0], size, hash_bytes(lines[2], "root of the checkpoint"), tuple(lines[3:]))
