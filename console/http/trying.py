"""Trying other figures over HTTP: one at a time, since it takes seconds of all processors, and what was found is remembered."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from console.http.problems import RETRY_AFTER_S, Problem
from ledger.errors import BadInput, ExtraMissing

if TYPE_CHECKING:
    from projections.questions.view import View
    from projections.questions.what_if import WhatIf

_TRYING: Final = Lock()
Page = tuple[str | None, int, str]
"""Of which membership or all, how many, and after which one."""


def what_if_answer(
    view: View,
    edition: str,
    from_us: int | None,
    to_us: int | None,
    now_us: int,
    known_at: int | None,
    page: Page | None,
) -> WhatIf:
    """What would have been; without a page counts alone.

    Raises Problem: 400 for what is no edition or no span, 503 while another is worked out, or where what works by columns is
    not installed.
    """
    try:
        from projections.what_if.figures import counted_hypothesis, hypothesis
        from projections.what_if.question import counts, told, what_if
    except ModuleNotFoundError as error:
        raise Problem(503, "missing", str(ExtraMissing(error.name, "results"))) from None
    try:
        if page is None:
            other = counted_hypothesis(edition, from_us, to_us, now_us)
        else:
            other = hypothesis(edition, from_us, now_us if to_us is None else to_us)
        if not _TRYING.acquire(blocking=False):  # who waited would hold a thread that answers all others
            raise Problem(
                503, "busy", "found other figures being tried, expected nobody else: ask again in a few seconds",
                headers={"Retry-After": RETRY_AFTER_S},
            )  # fmt: skip
        try:
            found = what_if(view, other, known_at)
        finally:
            _TRYING.release()
    except BadInput as error:
        raise Problem(400, "bad-input", str(error), "edition") from None
    return counts(found) if page is None else told(found, *page)
