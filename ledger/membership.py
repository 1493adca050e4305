"""The id of a membership: the partner's unit in every programme (R10, C14)."""

from __future__ import annotations

import re
from typing import Final

MEMBERSHIP_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def can_be_membership(text: str) -> bool:
    """Whether a text has the form of a membership's id. What has another form is in no book, and no database is asked:

    a text with a NUL, or half of a character, would be refused by the driver as if the database were at fault.
    """
    return MEMBERSHIP_ID.fullmatch(text) is not None


def membership_or_stream(stream: str) -> str:
    """The membership whose stream it is, in whatever programme; of a stream that is no membership's: its own name.

    Streams of a membership are named `<kind>-<membership>` or `<kind>-<membership>/<part>`, where a kind has letters only
    and no membership has a slash. So all that is said of one membership has one key, and stays in order.
    """
    found = _OF_A_MEMBERSHIP.fullmatch(stream)
    return stream if found is None else found[1]


_OF_A_MEMBERSHIP: Final = re.compile(r"[a-z]+-([^/]+)(?:/[^/]*)?")
