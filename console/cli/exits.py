"""Exit codes, and which one each error ends the program with (the contract that scripts rely on).

0   done
1   what was asked is not so: a decision that does not hold, a history that is damaged
2   usage, unreadable input, or a membership or designation that the ledger does not know
3   done, but something was refused
4   the store, the broker, enough witnesses or a log at a URL cannot be reached, another sealer is at work, the clock
    cannot be believed, or the link key or a vault's key is missing or not the right one
70  a fault of this program; a traceback stands on stderr. `record` refuses the fact over which it failed as `fault`, and
    records the others
74  done, but the answer, or what is refused, could not be written: a full disk
130, 143  stopped by SIGINT, by SIGTERM; 141: nobody reads the output any more
"""

from __future__ import annotations

from typing import Final

from consumers.client_errors import code_of
from consumers.errors import RelayStopped, UnknownWebhook
from ledger.errors import (
    AnotherBook,
    BadInput,
    BrokenHistory,
    ClockWrong,
    DifferentBook,
    ExtraMissing,
    LedgerError,
    LinkKeyWrong,
    LogDenied,
    LogUnreachable,
    PositionUnknown,
    QuorumMissing,
    Refused,
    SealerBusy,
    SealError,
    StoreOutdated,
    StoreUnreachable,
    SubjectErased,
    UnknownDesignation,
    UnknownMembership,
    UnknownResponse,
    UnknownSubject,
    VaultDamaged,
    VaultError,
    VaultSwapped,
    WrongKey,
)

DONE: Final = 0
NOT_SO: Final = 1
USAGE: Final = 2
SOME_REFUSED: Final = 3
UNREACHABLE: Final = 4
FAULT: Final = 70
UNWRITTEN: Final = 74
SIGNAL_BASE: Final = 128
BROKEN_PIPE: Final = 141


CLIENT_ENDS: Final = {
    "bad-request": ("bad-input", USAGE),
    "missing": ("missing", USAGE),
    "broker-unreachable": ("broker-unreachable", UNREACHABLE),
    "topics-unfit": ("topics-unfit", UNREACHABLE),
    "messages-lost": ("messages-lost", UNREACHABLE),
    "bad-message": ("bad-message", UNREACHABLE),
}
"""By the code of an error of `csat_ledger_client`, which is not imported for it."""


class Failure(LedgerError):
    """An error of the command line itself: its code for scripts, its sentence for people, its exit code."""

    def __init__(self, code: str, message: str, exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.exit_code = exit_code


def failure_of(error: Exception) -> Failure:
    """How an error of the ledger, or of what it shares with its client, ends the program."""
    if isinstance(error, Failure):
        return error
    if (ends := CLIENT_ENDS.get(code_of(error) or "")) is not None:
        return Failure(ends[0], str(error), ends[1])
    if isinstance(error, Refused):
        # What does not exist is the caller's mistake, wherever it is found out.
        exit_code = USAGE if error.code in (UnknownMembership.code, UnknownDesignation.code) else SOME_REFUSED
        return Failure(error.code, error.sentence, exit_code)
    if isinstance(error, (ClockWrong, LinkKeyWrong)):
        return Failure(error.code, str(error), UNREACHABLE)
    if isinstance(error, SealError):
        return Failure(
            error.code, str(error), next((end for kind, end in _SEAL_ENDS if isinstance(error, kind)), NOT_SO)
        )
    if isinstance(error, VaultError):
        return Failure(
            error.code, str(error), next((end for kind, end in _VAULT_ENDS if isinstance(error, kind)), UNREACHABLE)
        )
    for kind, code, exit_code in _ENDS:
        if isinstance(error, kind):
            return Failure(code, str(error), exit_code)
    return Failure("failed", str(error), FAULT)  # an error that nobody gave a meaning must not look like an answer


_ENDS: Final[tuple[tuple[type[LedgerError], str, int], ...]] = (
    (UnknownMembership, UnknownMembership.code, USAGE),
    (UnknownDesignation, UnknownDesignation.code, USAGE),
    (PositionUnknown, PositionUnknown.code, USAGE),
    (UnknownWebhook, UnknownWebhook.code, USAGE),
    (BadInput, "bad-input", USAGE),
    (ExtraMissing, "missing", USAGE),
    (BrokenHistory, "broken-history", NOT_SO),
    (DifferentBook, "different-book", NOT_SO),
    (StoreUnreachable, "store-unreachable", UNREACHABLE),
    (StoreOutdated, "store-outdated", UNREACHABLE),
    (RelayStopped, "relay-stopped", UNREACHABLE),
)
_SEAL_ENDS: Final[tuple[tuple[type[SealError], int], ...]] = (
    (WrongKey, USAGE),
    (LogDenied, USAGE),
    (QuorumMissing, UNREACHABLE),  # of these three nothing is wrong with the book or its log: try again
    (SealerBusy, UNREACHABLE),
    (LogUnreachable, UNREACHABLE),
)
"""Of an error of the log; of what stands here not it is NOT_SO."""
_VAULT_ENDS: Final[tuple[tuple[type[VaultError], int], ...]] = (
    (UnknownSubject, USAGE),
    (SubjectErased, USAGE),
    (UnknownResponse, USAGE),
    (AnotherBook, USAGE),
    (VaultDamaged, NOT_SO),
    (VaultSwapped, NOT_SO),
)
"""Of an error of the vault; what stands here not is a key that must be mended, UNREACHABLE."""
