"""The code of a refusal that an option names: a misspelt one would find nothing, which looks like good news."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from console.cli.exits import Failure
from ledger.errors import REFUSAL_CODES

if TYPE_CHECKING:
    from console.wiring import Ledger


def check_refusal_code(ledger: Ledger, code: str | None) -> None:
    """Raises Failure for a code that is no refusal's, and with which this ledger has never refused a fact either."""
    if code is None or code in REFUSAL_CODES:
        return
    given = {totals.code for totals in ledger.store.refusals.totals()}
    if code in given:  # a fault of the program, or a code of a newer one
        return
    near = get_close_matches(code, sorted(given.union(REFUSAL_CODES)), n=3)
    such = f", such as {', '.join(near)}" if near else ""
    raise Failure(
        "usage",
        f"found --code {code!r}, expected a code with which facts are refused{such}: `csat-ledger help refusals` lists them",
    )
