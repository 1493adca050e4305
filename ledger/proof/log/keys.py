"""New keys, and the statement by which one key of the log hands over to another.

A rotation has an overlap, in which every checkpoint is signed by the old key and by the new one, and an event
`KeyRotated` on the stream `log`, so that the log itself tells its keys. The event's data, exactly these keys:

    old, new    verifier keys
    statement   a signed note, by both keys, over the text

        csat-ledger/key-rotated/v1
        <old verifier key>
        <new verifier key>

The first line keeps the statement apart from every checkpoint: no log has this origin. Which key holds for which sizes
is said by the auditor's policy alone; the event is what an auditor goes by when the policy is extended.
"""

from __future__ import annotations

import os
from typing import Any, Protocol

from ledger.proof.log import strictjson
from ledger.proof.log.errors import MalformedError, TamperedError, Words
from ledger.proof.log.note import ED25519, KEY_BYTES, Signature, VerifierKey, open_note, parse_verifier_key
from ledger.proof.log.signer import SignerKey, format_note

EVENT_TYPE = "KeyRotated"
FIRST_LINE = "csat-ledger/key-rotated/v1"


def new_key(name: str, signature_type: int = ED25519) -> SignerKey:
    """A key that nobody has seen before."""
    return SignerKey(name, signature_type, os.urandom(KEY_BYTES))


class Signs(Protocol):
    """A key that signs, wherever its secret is."""

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        ...

    def sign(self, text: bytes) -> Signature:
        """A signature over a text."""
        ...


def rotation_data(old: Signs, new: Signs) -> dict[str, str]:
    """The data of the event by which `old` hands over to `new`."""
    if old.verifier.name != new.verifier.name or old.verifier == new.verifier:
        raise MalformedError("keys of a rotation", found=[str(old.verifier), str(new.verifier)],
                             expected=Words("two keys of one name"))  # fmt: skip
    text = _text(old.verifier, new.verifier)
    statement = format_note(text, [key.sign(text.encode("utf-8")) for key in (old, new)])
    return {"old": str(old.verifier), "new": str(new.verifier), "statement": statement.decode("utf-8")}


def check_rotation(data: Any, what: str) -> tuple[VerifierKey, VerifierKey]:
    """The old and the new key of a rotation that both of them signed."""
    value = strictjson.members(data, what, ("old", "new", "statement"))
    old = parse_verifier_key(strictjson.text(value["old"], f"{what}: old"))
    new = parse_verifier_key(strictjson.text(value["new"], f"{what}: new"))
    note = open_note(strictjson.text(value["statement"], f"{what}: statement").encode("utf-8"), [old, new])
    if note.text != _text(old, new):
        raise TamperedError(f"{what}: statement", found=note.text, expected=_text(old, new))
    if (signed := {key for key, _ in note.verified}) != {old, new}:
        raise TamperedError(
            f"{what}: signatures", found=sorted(map(str, signed)), expected=sorted([str(old), str(new)])
        )
    return old, new


def _text(old: VerifierKey, new: VerifierKey) -> str:
    return f"{FIRST_LINE}\n{old}\n{new}\n"
