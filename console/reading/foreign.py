"""Files that are no facts but are known for what they are, and what to do with them."""

from __future__ import annotations

import re
from shlex import quote
from typing import Final

from console.exits import Failure

_FOREIGN: Final = (
    (b"PK\x03\x04", "a ZIP archive (a spreadsheet is one too)", "unzip -p {file} | csat-ledger record -"),
    (b"PK\x05\x06", "an empty ZIP archive", None),
    (b"BZh", "a file compressed by bzip2", "bzcat {file} | csat-ledger record -"),
    (b"\xfd7zXZ\x00", "a file compressed by xz", "xzcat {file} | csat-ledger record -"),
    (b"\x28\xb5\x2f\xfd", "a file compressed by zstd", "zstdcat {file} | csat-ledger record -"),
    (b"SQLite format 3\x00", "an SQLite database", "csat-ledger copy --from {file} --to STORE, if it is a ledger"),
    (b"PGDMP", "a PostgreSQL dump", "pg_restore it, then csat-ledger copy --from postgresql://… --to STORE"),
)
"""What foreign files begin with, their names, and what to do with them."""

_SQL: Final = re.compile(
    rb"\s*(?:--[^\n]*\n\s*|/\*.*?\*/;?\s*)*(?:PRAGMA |BEGIN[ ;]|CREATE |INSERT INTO |SET |SELECT |DROP |\\restrict )",
    re.DOTALL,
)
_MARKUP: Final = re.compile(rb"\s*<[!?A-Za-z]")
_CSV: Final = re.compile(rb"\s*([^\n,;\t:{}\[\]]{1,60}(?:[,;\t][^\n,;\t:{}\[\]]{0,60})+)\n")
_A_JSON_LINE: Final = re.compile(rb"^[ \t]*\{", re.MULTILINE)


def refuse_foreign(file: str, head: bytes) -> None:
    """Raises Failure where a file is known not to be facts."""
    for mark, what, advice in _FOREIGN:
        if head.startswith(mark):
            raise _foreign(file, what, advice)
    if _A_JSON_LINE.search(head) is not None:
        return
    if _SQL.match(head):
        raise _foreign(
            file, "an SQL dump", "sqlite3 restored.db < {file}, or psql; then csat-ledger copy --from that --to STORE"
        )
    if _MARKUP.match(head):
        raise _foreign(file, "XML or HTML", None)
    if b"\x00" in head:
        raise _foreign(file, "a binary file", None)
    if (csv := _CSV.match(head)) is not None:
        columns = [
            column.strip(" \"'\r") or "(none)"
            for column in re.split(r"[,;\t]", csv.group(1).decode("utf-8", "replace"))
        ]
        raise _foreign(
            file,
            f"CSV with the columns {', '.join(columns[:8])}",
            "write each row as an object with type, id, membership, occurred_at and the fields of its type",
        )


def _foreign(file: str, what: str, advice: str | None) -> Failure:
    said = f": {advice.format(file=quote(file))}" if advice else ""
    return Failure("unreadable", f"{file}: found {what}, expected JSON lines or a JSON array of facts{said}")
