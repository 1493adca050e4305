"""As known by which position other figures are tried, and what two questions have in common that are the same."""

from __future__ import annotations

from collections.abc import Hashable

import orjson

from projections.build_reader import BuildReader
from projections.questions.view import View
from projections.what_if.figures import Hypothesis


def asked_of(view: View, other: Hypothesis, known_at: int | None) -> tuple[int, Hashable | None]:
    """As known by which position it is asked, and under which name what is found may be remembered; None where it may not."""
    readers: tuple[BuildReader, BuildReader]
    if other.area is None:
        readers = view.eligibility(), view.renewals()
    else:
        readers = view.scores(), view.designations()
    known = min(reader.known_at(known_at) for reader in readers)
    identities = [reader.identity for reader in readers]
    if None in identities:
        return known, None
    asked = orjson.dumps([other.programme, other.area, other.figures], option=orjson.OPT_SORT_KEYS)
    return known, (*identities, known, asked, other.from_us, other.to_us)
