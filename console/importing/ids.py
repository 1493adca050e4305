"""Ids and references that are the same whenever the same row is imported, and for two rows never the same.

    key of one text in the alphabet of references     source:text         limesurvey-482913:17
    anything else                                     source:~digest      msforms-q3:~1f0c…, 40 digits of SHA-256

A source is a name of letters, digits, `.`, `_` and `-`, without a colon; a text that stands as it is begins with a letter or
digit. So no id can be read in two ways. The digest is over the canonical JSON list of the texts. The id of a fact is
`import:`, its type, `:`, and that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import orjson

from ledger.errors import BadInput

SOURCE_CHARACTERS_MAX: Final = 22
"""So that a reference with a digest has at most 64 characters."""
_SOURCE: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{SOURCE_CHARACTERS_MAX - 1}}}", re.ASCII)
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+=#-]{0,39}", re.ASCII)
DIGITS: Final = 40


def checked_source(text: str) -> str:
    """A name of a source. Raises BadInput."""
    if not _SOURCE.fullmatch(text):
        raise BadInput(
            f"--source: found another text, expected 1 to {SOURCE_CHARACTERS_MAX} letters, digits, '.', '_' and '-', such as "
            "limesurvey-482913"
        )
    return text


def reference_of(source: str, key: Sequence[str]) -> str:
    """The reference of what a key of the source identifies."""
    if len(key) == 1 and _PLAIN.fullmatch(key[0]):
        return f"{source}:{key[0]}"
    return f"{source}:~{sha256(orjson.dumps(list(key))).hexdigest()[:DIGITS]}"


def fact_id(kind: str, reference: str) -> str:
    """The id of the fact of a type about what has a reference."""
    return f"import:{kind}:{reference}"
