"""The code of a refusal that a request names."""

from __future__ import annotations

from console.http.problems import Problem
from console.wiring import Ledger
from ledger.errors import BadInput
from projections.questions.refusals import require_refusal_code


def require_code(ledger: Ledger, code: str | None) -> None:
    """Raises Problem (400) for a code with which no fact is refused."""
    try:
        require_refusal_code(ledger.store.refusals, code)
    except BadInput as error:
        raise Problem(400, "bad-input", str(error), "code") from None
