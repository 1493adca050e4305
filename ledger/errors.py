"""All errors of the ledger in one place. Each message says what was found and what was expected.

LedgerError
├── Refused            a fact that form, id or rules turn away; carries a code that never changes
├── UnknownMembership  a question about a membership that the ledger does not have
├── UnknownDesignation a question about a membership in an area in which it does not strive for the designation
├── PositionUnknown    a position that the book has not reached: to go on from, or to know up to
├── BadInput           an argument or a file that cannot be read as what it should be
├── ExtraMissing       a part of the program that is not installed
├── BrokenHistory      stored bytes that are not what the ledger writes
├── DifferentBook      two stores that should hold the same book and do not
├── ClockWrong         a clock that cannot be believed: nothing is recorded; carries a code
├── LinkKeyWrong       the link key, without which nothing that names an invitation is recorded; carries a code
│   ├── LinkKeyMissing    it is not there
│   ├── LinkKeyMismatch   it is another than the book's
│   └── LinkKeyUnusable   its file is open to others, or cannot be read or made
├── VaultError         what is wrong with the vault, or with a key of it; carries a code
│   ├── NoVault           no vault is named where one is needed
│   ├── VaultKeyMissing   no key-encryption key is at hand
│   ├── VaultKeyMismatch  those at hand are not the vault's
│   ├── VaultKeyUnusable  a file of keys that is open to others, or cannot be read or made
│   ├── VaultDamaged      what does not open, or is not there though it must be
│   ├── VaultSwapped      what was sealed for another subject, field, version, membership or vault
│   ├── AnotherBook       a vault that was used with another book
│   ├── UnknownResponse   a response of which the vault has nothing that is meant
│   ├── UnknownSubject    a subject of which the vault has no contact
│   ├── SubjectErased     a subject that was erased, or is to be
│   └── ErasuresUnfinished  what is asked for may be a person's who is to be erased
├── StoreUnreachable   the store cannot be opened, or stays locked
├── StoreOutdated      the store's tables are of another version than this program
└── SealError          the log in which the book is sealed; carries a code
    ├── BookChanged    the book no longer holds what was sealed
    ├── LogDamaged     the log's own files do not hold together
    ├── LogUnreachable a log at a URL gives no answer now
    ├── LogDenied      what the host of a log does not give to this reader
    ├── LogForked      a witness has seen another history of this log
    ├── QuorumMissing  too few witnesses cosigned
    ├── NotSealed      what is asked for is not under the published checkpoint
    │   └── NotDecided    the book has no such decision either
    ├── WrongKey       a key file that cannot be used for this log
    └── SealerBusy     another sealer is at work
"""

from __future__ import annotations

from typing import Final, Literal, NoReturn

REFUSAL_CODES: Final = (
    "malformed",
    "personal-data",
    "reserved-id",
    "id-reused",
    "vault-needed",
    "in-the-future",
    "unknown-membership",
    "already-enrolled",
    "unknown-location",
    "location-exists",
    "location-needed",
    "organisation-spelling",
    "unknown-organisation",
    "already-joined",
    "not-joined",
    "already-distinct",
    "consent-missing",
    "invitation-exists",
    "unknown-invitation",
    "reminder-not-operator",
    "already-reminded",
    "already-answered",
    "org-mismatch",
    "response-exists",
    "unknown-response",
    "already-void",
    "already-anonymous",
    "evaluation-exists",
    "edition-exists",
    "renewal-date-not-set",
    "renewal-not-due",
    "renewal-already-decided",
    "unknown-area",
    "unknown-designation",
    "already-open",
    "month-not-over",
    "unknown-workload",
    "month-already-closed",
    "month-not-closed",
    "certificate-exists",
    "unknown-certificate",
    "scorebook-exists",
    "anniversary-not-set",
    "anniversary-not-due",
    "designation-already-decided",
)
"""Every code with which a fact can be refused, in the order in which the checks are made."""


class LedgerError(Exception):
    """Base of all errors raised on purpose by this project."""


class Refused(LedgerError):
    """A fact that is not recorded. `code` is one of REFUSAL_CODES, `sentence` says what was found and expected.

    `field` names the member that its form is about, where it is one.
    """

    def __init__(self, code: str, sentence: str, field: str | None = None) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.field = field


def refuse(code: str, sentence: str) -> NoReturn:
    """Turns a fact away."""
    raise Refused(code, sentence)


class UnknownMembership(LedgerError):
    """A question about a membership that is not in the ledger (as it was known then)."""

    code: Final = "unknown-membership"

    def __init__(self, membership: str) -> None:
        super().__init__(f"no membership {membership!r} is enrolled in what the ledger knew then")
        self.membership = membership


class UnknownDesignation(LedgerError):
    """A question about a designation that is not in the ledger (as it was known then).

    Without a membership it is about an area in which nobody has one.
    """

    code: Final = "unknown-designation"

    def __init__(self, membership: str, area: str) -> None:
        whose = f"of {membership!r} " if membership else ""
        super().__init__(f"no designation {whose}in the area {area!r} was opened in what the ledger knew then")
        self.membership = membership
        self.area = area


class PositionUnknown(LedgerError):
    """A position that the book has not reached: somebody means another book, or this is an older one."""

    code: Final = "position-unknown"

    @classmethod
    def to_go_on_from(cls, position: int, end: int) -> PositionUnknown:
        """For who has read to a position and wants what follows."""
        return cls(
            f"found position {position} to go on from, expected at most {end}, where the book ends: it is another book, "
            "or one restored from before that position; what was read of the other must be compared with it"
        )

    @classmethod
    def to_know_up_to(cls, position: int, end: int) -> PositionUnknown:
        """For who asks what was known at a position: the answer would be another as soon as the book grows."""
        return cls(
            f"found position {position} to know up to, expected at most {end}, where the book ends "
            "(or a date or an instant, such as 2010-06-15 or 2010-06-15T10:22:33Z)"
        )


class BadInput(LedgerError):
    """An argument or a file that cannot be read as what it should be."""


class ExtraMissing(LedgerError):
    """A module that only comes with an extra of this project, and is not installed."""

    def __init__(self, module: str | None, extra: str) -> None:
        super().__init__(
            f"found no module {module}, expected the extra `{extra}` to be installed: in the checkout, "
            f"pip install {'-e ./client ' if extra == 'kafka' else ''}-e '.[{extra}]'"
        )


class BrokenHistory(LedgerError):
    """Stored bytes that are not what the ledger writes: damaged, or of a version this program does not know."""


class DifferentBook(LedgerError):
    """Two stores that should hold the same book, or one the beginning of the other, and do not."""


class ClockWrong(LedgerError):
    """A clock that cannot be believed; nothing is recorded. `code` is clock-behind or clock-ahead."""

    def __init__(self, code: Literal["clock-behind", "clock-ahead"], sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class LinkKeyWrong(LedgerError):
    """The link key cannot be used (DESIGN 13). `code` never changes."""

    code = "link-key"


class LinkKeyMissing(LinkKeyWrong):
    """There is no link key. What needs none goes on; what does waits for it, and is refused by no rule."""

    code = "link-key-missing"


class LinkKeyMismatch(LinkKeyWrong):
    """The key is another than the one whose id the book recorded: its tokens would tie nothing to anything."""

    code = "link-key-mismatch"


class LinkKeyUnusable(LinkKeyWrong):
    """The key's file cannot be read or made, holds something else, or is open to others."""

    code = "link-key-unusable"


class VaultError(LedgerError):
    """What is wrong with the vault (DESIGN 13). No message has anything of a person. `code` never changes."""

    code = "vault"


class NoVault(VaultError):
    """No vault is named, and what is asked for is kept in one."""

    code = "no-vault"


class VaultKeyMissing(VaultError):
    """No key-encryption key is at hand."""

    code = "vault-key-missing"


class VaultKeyMismatch(VaultError):
    """The keys at hand are not those that the vault was sealed under, or another one of them must wrap."""

    code = "vault-key-mismatch"


class VaultKeyUnusable(VaultError):
    """A file of keys cannot be read or made, holds something else, or is open to others."""

    code = "vault-key-unusable"


class VaultDamaged(VaultError):
    """Something does not open, or is not there though it must be. It is never taken for erased."""

    code = "vault-damaged"


class VaultSwapped(VaultError):
    """Something was sealed for another subject, field, version, membership or vault, and was put here."""

    code = "vault-swapped"


class AnotherBook(VaultError):
    """The vault was used with another book: its subjects are not those of this one."""

    code = "vault-of-another-book"


class UnknownResponse(VaultError):
    """A response of which the vault keeps no answers, or no comment."""

    code = "unknown-response"

    def __init__(self, membership: str, response: str, what: str) -> None:
        super().__init__(f"found no {what} of response {response!r} of {membership!r} in the vault, expected one")


class UnknownSubject(VaultError):
    """A subject of which the vault has no contact."""

    code = "unknown-subject"

    def __init__(self, subject: str) -> None:
        # What stands in its place by mistake, an address for instance, is repeated in no log.
        named = f"subject {subject}" if _is_reference(subject) else "what is no reference"
        super().__init__(f"found no contact of {named} in the vault, expected one that was uploaded")


def _is_reference(text: str) -> bool:
    """Whether a text can be one: neither a mail address nor a number of a phone or an IP."""
    plain = text.translate(dict.fromkeys(map(ord, "._:-")))
    return len(text) <= 64 and plain.isascii() and plain.isalnum() and not plain.isdigit()


class SubjectErased(VaultError):
    """A subject whose erasure was asked for: nothing of it is shown any more, whether it is over or not."""

    code = "subject-erased"

    def __init__(self, subject: str, requested_at: str, completed_at: str | None) -> None:
        if completed_at is None:
            found = f"whose erasure was asked for at {requested_at} and is not over"
            super().__init__(f"found subject {subject!r} {found}: `csat-ledger erase --replay` ends it")
        else:
            found = f"that was erased at {completed_at}"
            super().__init__(f"found subject {subject!r} {found}, expected one with a contact: nothing is kept of it")


class ResultsLost(VaultError):
    """Months were published that the vault does not have: it was restored from before."""

    code = "results-lost"


class ErasuresUnfinished(VaultError):
    """Erasures are not over, and what is asked for may be theirs."""

    code = "erasures-unfinished"


class StoreUnreachable(LedgerError):
    """The store cannot be opened or stays locked for longer than the patience of the caller."""


class StoreOutdated(LedgerError):
    """The store's tables are of another version than this program."""


class SealError(LedgerError):
    """Something about the log in which the book is sealed. `code` never changes."""

    code = "seal"


class BookChanged(SealError):
    """The book no longer holds what was sealed: somebody changed it behind the ledger's back."""

    code = "book-changed"


class LogDamaged(SealError):
    """The log's own files do not hold together."""

    code = "log-damaged"


class LogUnreachable(SealError):
    """A log at a URL gives no answer now, or one that no log's server gives; nothing is wrong with the log itself."""

    code = "log-unreachable"


class LogDenied(SealError):
    """The host of a log does not give this to this reader: entries are for who has the token."""

    code = "log-denied"


class LogForked(SealError):
    """A witness, or the memory of the key itself, has seen another history of this log."""

    code = "log-forked"


class QuorumMissing(SealError):
    """Too few witnesses cosigned; what was signed is kept, and published once enough of them do."""

    code = "quorum-missing"


class NotSealed(SealError):
    """What is asked for is not under the published checkpoint."""

    code = "not-sealed"


class NotDecided(NotSealed):
    """The book has no decision on what is asked for, so none is sealed."""


class WrongKey(SealError):
    """A key file that cannot be read, is open to others, or is not a key of this log."""

    code = "wrong-key"


class SealerBusy(SealError):
    """Another sealer is at work; there is never more than one."""

    code = "sealer-busy"
