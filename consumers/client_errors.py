"""The errors of `csat_ledger_client`, for who does not need it: where it is not loaded, nothing raises them.

Only the extra `kafka` installs the client beside the ledger, and no command may become slower, or fail, for its sake.

    if isinstance(error, (LedgerError, *client_errors())): …
"""

from __future__ import annotations

import sys

MODULE = "csat_ledger_client.errors"


def client_errors() -> tuple[type[Exception], ...]:
    """The base of the client's errors where it is loaded; else nothing."""
    module = sys.modules.get(MODULE)
    return () if module is None else (module.ClientError,)


def code_of(error: Exception) -> str | None:
    """The code of an error of the client; None of any other."""
    code: str | None = getattr(error, "code", None) if isinstance(error, client_errors()) else None
    return code
