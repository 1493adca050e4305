"""Bodies that are no JSON in UTF-8 but are known for what they are: named once, and not a malformed fact for each line.

`record` unpacks and recodes what is a file (`console.cli.fact_files.opening`); here the sender does.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Final

from console.cli.fact_files.foreign import HEAD_BYTES, known_as
from console.http.problems import Problem

_EXPECTED: Final = "expected facts as JSON in UTF-8"
_ENCODED: Final = (
    (b"\x1f\x8b", "what is compressed by gzip"),
    (b"\xff\xfe\x00\x00", "text in UTF-32"),
    (b"\x00\x00\xfe\xff", "text in UTF-32"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"{\x00", "text in UTF-16"),
    (b"[\x00", "text in UTF-16"),
    (b"\x00{", "text in UTF-16"),
    (b"\x00[", "text in UTF-16"),
)
"""What bodies begin with that would be facts if they were unpacked or recoded."""


def refuse_foreign_body(head: bytes) -> None:
    """Raises Problem (422) where the beginning of a body shows that it is no JSON in UTF-8."""
    head = head.removeprefix(BOM_UTF8)
    what = next((what for mark, what in _ENCODED if head.startswith(mark)), None)
    if what is None:
        foreign = known_as("", head[:HEAD_BYTES])
        what = None if foreign is None else foreign[0]
    if what is not None:
        raise Problem(422, "malformed", f"found {what}, {_EXPECTED}")


def refuse_no_single_fact(body: bytes) -> None:
    """Raises Problem (422) where a body that should be one fact is empty, several lines of facts, or foreign."""
    said = body.strip()
    if not said:
        raise Problem(422, "malformed", "found an empty body, expected a fact, or an array of facts")
    if said.startswith(b"{") and said[1:2] != b"\x00":
        first, _, rest = said.partition(b"\n")
        if first.rstrip().endswith(b"}") and rest.lstrip().startswith(b"{"):
            raise Problem(
                422, "malformed", "found several lines of facts, expected one fact or an array of facts; lines are of the "
                "type application/x-ndjson", "Content-Type",
            )  # fmt: skip
        return
    refuse_foreign_body(body)
