"""All errors of the proofs, and the verdict that each leads to.

    ProofError                  base; never raised itself
    ├── MalformedError          the bytes cannot be read as the format they claim     -> unverifiable
    ├── UnknownKeyError         nothing is signed by a key that the policy trusts     -> unverifiable
    ├── TamperedError           a hash, a chain or a proof does not hold              -> tampered
    │   └── InvalidSignatureError   a trusted key's signature does not verify         -> tampered
    ├── IncompleteError         something that has to be there is left out            -> incomplete
    ├── OtherDecisionError      sound or not, it is not what was asked for            -> not-this-decision
    └── RefutedError            the log is sound, the decision does not follow        -> refuted

Every error says what was looked at, what was found and what was expected:

    root of the log at size 5: found 'AAAA…', expected 'OWzC…'
"""

from __future__ import annotations

from typing import Any

SHOWN_MAX_CHARS = 200


def shown(value: Any) -> str:
    """A short printable form of a value found in untrusted input."""
    try:
        text = value if isinstance(value, Words) else ascii(value)
    except (RecursionError, ValueError):  # absurdly nested, or an integer with too many digits to print
        text = f"a {type(value).__name__}"
    return text if len(text) <= SHOWN_MAX_CHARS else text[: SHOWN_MAX_CHARS - 1] + "…"


def printable(text: str) -> str:
    """All but printable ASCII escaped, line breaks too: nothing out of a file can pass for a line of our own."""
    return "".join(char if " " <= char <= "~" else ascii(char)[1:-1] for char in text)


class Words(str):
    """A description in words, shown as it is; any other value is shown as a Python literal."""

    __slots__ = ()


class ProofError(ValueError):
    """What was looked at, what was found there, and what was expected."""

    verdict = "unverifiable"

    def __init__(self, what: str, *, found: Any, expected: Any) -> None:
        self.what = what
        self.found = found
        self.expected = expected
        super().__init__(f"{what}: found {shown(found)}, expected {shown(expected)}")


class MalformedError(ProofError):
    """The bytes cannot be read as the format that they claim to be."""


class UnknownKeyError(ProofError):
    """No signature is by a key that is trusted here."""


class TamperedError(ProofError):
    """A hash, a chain or a proof does not hold."""

    verdict = "tampered"


class InvalidSignatureError(TamperedError):
    """A signature that names a trusted key was not made by it."""


class IncompleteError(ProofError):
    """Something that has to be there is left out."""

    verdict = "incomplete"


class OtherDecisionError(ProofError):
    """The evidence is of another decision, or of another stream, than the one that was asked for."""

    verdict = "not-this-decision"


class RefutedError(ProofError):
    """The log is sound, but what it records does not follow from the rules."""

    verdict = "refuted"
