"""Files that are no facts but are known for what they are, and what to do with them."""

from __future__ import annotations

import re
from shlex import quote
from typing import Final

from console.cli.exits import Failure

HEAD_BYTES: Final = 65_536
"""So much of a file's beginning is looked at."""

_ROW_BY_ROW: Final = "write each row as an object with type, id, membership, occurred_at and the fields of its type"

_FOREIGN: Final = (
    (
        b"PK\x03\x04",
        "a ZIP archive (a spreadsheet is one too)",
        "`unzip -p {file} | csat-ledger record -` takes files of facts in it; of a spreadsheet " + _ROW_BY_ROW,
    ),
    (b"PK\x05\x06", "an empty ZIP archive", ""),
    (b"BZh", "a file compressed by bzip2", "bzcat {file} | csat-ledger record -"),
    (b"\xfd7zXZ\x00", "a file compressed by xz", "xzcat {file} | csat-ledger record -"),
    (b"\x28\xb5\x2f\xfd", "a file compressed by zstd", "zstdcat {file} | csat-ledger record -"),
    (b"SQLite format 3\x00", "an SQLite database", "csat-ledger copy --from {file} --to STORE, if it is a ledger"),
    (b"PGDMP", "a PostgreSQL dump", "pg_restore makes a database of it"),
)
"""What foreign files begin with, their names, and what to do with them."""

_RESTORE: Final = "`sqlite3 restored.db < {file}` or psql makes a database of it"

_SQL: Final = re.compile(
    rb"\s*(?:--[^\n]*\n\s*|/\*.*?\*/;?\s*)*(?:PRAGMA |BEGIN[ ;]|CREATE |INSERT INTO |SET |SELECT |DROP |\\restrict )",
    re.DOTALL,
)
_MARKUP: Final = re.compile(rb"\s*<[!?A-Za-z]")
_CSV: Final = re.compile(rb"\s*([^\n,;\t:{}\[\]]{1,60}(?:[,;\t][^\n,;\t:{}\[\]]{0,60})+)\n")
_A_JSON_LINE: Final = re.compile(rb"^[ \t]*\{", re.MULTILINE)


def refuse_foreign(file: str, head: bytes) -> None:
    """Raises Failure where the beginning of a file shows that it is no facts."""
    foreign = known_as(file, head)
    if foreign is not None:
        what, advice = foreign
        raise Failure(
            "unreadable",
            f"{file}: found {what}, expected JSON lines or a JSON array of facts{advice and f': {advice}'}",
        )


def known_as(file: str, head: bytes) -> tuple[str, str] | None:
    """What a file is by its beginning, and what to do with it ('' for nothing); None where it may be facts."""
    for mark, what, advice in _FOREIGN:
        if head.startswith(mark):
            return what, advice.format(file=quote(file))
    if _A_JSON_LINE.search(head) is not None:
        return None
    if _SQL.match(head):
        return "an SQL dump", _RESTORE.format(file=quote(file))
    if _MARKUP.match(head):
        return "XML or HTML", ""
    if b"\x00" in head:
        return "a binary file", ""
    csv = _CSV.match(head)
    if csv is None:
        return None
    columns = [
        column.strip(" \"'\r") or "(none)" for column in re.split(r"[,;\t]", csv.group(1).decode("utf-8", "replace"))
    ]
    return f"CSV with the columns {', '.join(columns[:8])}", _ROW_BY_ROW
