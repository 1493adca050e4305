"""The file of the tokens with which entry bundles are read: one a line, mode 0600, such as `openssl rand -hex 32` makes.

A server takes several, one for each auditor, so that one can be withdrawn; a reader has one, which may be a JWT (`serve`).
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Final

from ledger.errors import BadInput
from ledger.proof.log.errors import MalformedError
from ledger.proof.log.files import read_file

FILE_MAX_BYTES: Final = 1 << 16
TOKENS_MAX: Final = 100
TOKEN_MIN_CHARS: Final = 32
TOKEN_MAX_CHARS: Final = 8_192
"""Room for a JWT, by which `serve` knows an auditor."""
_TOKEN: Final = re.compile(rf"[A-Za-z0-9._~+/-]{{{TOKEN_MIN_CHARS},{TOKEN_MAX_CHARS}}}=*", re.ASCII)
"""What RFC 6750 takes for a bearer token, and too long to be guessed."""


def load_tokens(path: Path, most: int = TOKENS_MAX) -> tuple[str, ...]:
    """The tokens in a file that nobody else can read. Raises BadInput; a token is in no message."""
    try:
        data = read_file(path, FILE_MAX_BYTES)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise BadInput(f"{path}: found tokens that others may read, expected mode 0600")
    except OSError as error:
        raise BadInput(f"{path}: found {error.strerror}, expected a file of tokens") from None
    except MalformedError as error:
        raise BadInput(str(error)) from None
    lines = data.decode("ascii", "replace").splitlines()
    for number, line in enumerate(lines, 1):
        if not _TOKEN.fullmatch(line):
            raise BadInput(
                f"{path}: found on line {number} no token, expected {TOKEN_MIN_CHARS} to {TOKEN_MAX_CHARS:,} letters, "
                "digits or ._~+/- (openssl rand -hex 32)"
            )
    if not 1 <= len(lines) <= most:
        raise BadInput(
            f"{path}: found {len(lines)} tokens, expected {f'1 to {most}' if most > 1 else 'one'}, one a line"
        )
    return tuple(lines)
