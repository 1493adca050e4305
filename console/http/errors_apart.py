"""An error of another process of this program, as it comes from there."""

from __future__ import annotations

import pickle
from traceback import format_exception
from typing import Any

from ledger.errors import LedgerError

Told = tuple[type[BaseException], tuple[Any, ...], dict[str, Any], str]
"""Its class, what it was made of and holds, and from where it came, where it is no error that is raised on purpose."""


def told_of(error: BaseException) -> Told:
    """An error as it goes to the other process: by its class and content, since not every error is made of its arguments."""
    trace = "" if isinstance(error, LedgerError) else "".join(format_exception(error))
    told = type(error), error.args, error.__dict__, trace
    try:  # there it is too late: nobody would be told of anything that comes with an error which cannot be made
        error_of(*pickle.loads(pickle.dumps(told)))
    except Exception:
        return RuntimeError, (f"{type(error).__name__}: {error}",), {}, trace
    return told


def error_of(kind: type[BaseException], arguments: tuple[Any, ...], content: dict[str, Any], trace: str) -> Exception:
    """The error that was told, with where it came from as a note."""
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(content)
    if trace:
        error.add_note(f"In another process:\n{trace}")
    return error if isinstance(error, Exception) else RuntimeError(f"found {kind.__name__} in another process")
