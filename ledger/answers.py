"""What a respondent said, on its way to the vault: answers and a comment, split off from the fact that carries them.

A `record-response` may carry both:

    "answers": {"overall": 9, "continue": 10, "re_engage": 8, "recommend": 9, "own": {"delivery": 7, "wish": "a word"}},
    "comment": "in the respondent's own words"

The parser takes them off (`ledger.fact.FactParser`). From then on no digest, event, message, log line or kept refusal has
them; the fact holds them in memory for whoever hands it to the vault. Nothing here has a repr that shows a word of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CORE: Final = ("overall", "continue", "re_engage", "recommend")
"""The core questions of the survey, each answered by a whole number from 0 to 10 or not at all."""
IN_VAULT: Final = "in the vault"
"""What stands for `answers` in a refused fact that is kept, where the vault holds what it carried."""


@dataclass(frozen=True, slots=True, repr=False)
class Answers:
    """The answers of a response."""

    core: tuple[int | None, ...]
    """In the order of CORE; None where a question was not answered."""
    own: Mapping[str, int | str]
    """The partner's own questions, by key."""


@dataclass(slots=True, repr=False)
class Answered:
    """What was split off from a fact."""

    answers: Answers | None
    comment: str | None
    from_vault: bool = False
    """The fact was kept as refused, and the vault holds what it carried."""
    held: bool = False
    """Whether the vault holds it now, so that the fact can be taken again without it."""
