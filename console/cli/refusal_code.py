"""The code of a refusal that an option names: a misspelt one would find nothing, which looks like good news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.cli.exits import Failure
from ledger.errors import BadInput
from projections.questions.refusals import require_refusal_code

if TYPE_CHECKING:
    from console.wiring import Ledger


def check_refusal_code(ledger: Ledger, code: str | None) -> None:
    """Raises Failure for a code that is no refusal's, and with which this ledger has never refused a fact either."""
    try:
        require_refusal_code(ledger.store.refusals, code)
    except BadInput as error:
        said = str(error).replace("found ", "found --code ", 1)
        raise Failure("usage", f"{said}: `csat-ledger help refusals` lists them") from None
