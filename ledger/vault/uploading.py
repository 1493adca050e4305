"""Taking a partner's list in: each line becomes a contact or is refused, and the facts are made that the book is to hear.

A line is taken whole or not at all, many in one transaction. Who is ended half-way gives the same file again: what was
taken is `known` then, has the same subject and makes the same facts, with the same ids, so that the book takes them once.

    outcome    the line
    added      is a new contact, with a subject of its own
    changed    is of a contact that is there, whose details are now those of the line: what it leaves out is gone
    known      says what is there already
    refused    is not taken; `code` says why

An address that stands in a file twice is taken the first time and refused then (`repeated`), and a contact that stands under
another organisation stays where it is (`other-organisation`), as does one that is to be erased (`being-erased`). But a
withdrawal is never refused: where such a line says `withdrawn`, the fact is made, under the organisation of the contact,
and the contact is left as it is.

    {"type":"record-consent","id":"contact-…","membership":"m-1","occurred_at":"…Z","subject":"…","customer_org":"Brontegard"}

The id is `contact-` and 32 hex digits of the SHA-256 of the rest of the fact. No fact has anything of a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

import orjson

from ledger.errors import BadInput
from ledger.instants import format_instant
from ledger.vault.addresses import normalise
from ledger.vault.partner_list import ListLine, RefusedLine
from ledger.vault.vault import Kept, Vault

BATCH: Final = 2_000
"""Lines a transaction."""
ADDRESS_DIGEST_BYTES: Final = 16
"""Of an address that stood in the file before: kept in memory alone, while the file is read."""
_REFUSALS: Final[Mapping[str, str]] = {
    "repeated": "found an address that stood in the file before, expected each once",
    "being-erased": "found an address whose contact is to be erased, expected that to be over: `csat-ledger erase --replay` "
    "ends it, and the line makes another contact then",
    "other-organisation": "found an address whose contact stands under another organisation, expected the same; the contact "
    "is left as it is",
}


@dataclass(frozen=True, slots=True)
class LineTaken:
    """What became of a line of a partner's list. It has nothing of the person."""

    line: int
    """Where it begins in the file; the header is line 1."""
    outcome: Literal["added", "changed", "known", "refused"]
    """What became of it."""
    subject: str | None
    """The reference of the person, in the vault and in the book; null where the line was refused without one."""
    code: str | None
    """Why it was refused; null where it was not."""
    sentence: str | None
    """The same in words, without anything of the line."""


Taken = Callable[[Sequence[LineTaken], bytes], None]
"""Told of each batch that is committed: what became of its lines, and the facts as JSON lines."""


def upload(vault: Vault, membership: str, lines: Iterable[ListLine | RefusedLine], now_us: int, taken: Taken) -> None:
    """Takes all lines in. Raises what reading them raises; what stood before that is taken and told."""
    seen: set[bytes] = set()
    batch: list[ListLine | RefusedLine] = []
    try:
        for line in lines:
            batch.append(line)
            if len(batch) == BATCH:
                taken(*_take(vault, membership, batch, seen, now_us))
                batch.clear()
    except BadInput:
        taken(*_take(vault, membership, batch, seen, now_us))
        raise
    taken(*_take(vault, membership, batch, seen, now_us))


def _take(
    vault: Vault, membership: str, batch: Sequence[ListLine | RefusedLine], seen: set[bytes], now_us: int
) -> tuple[list[LineTaken], bytes]:
    """One transaction: what became of each line, and the facts that they make."""
    fresh: dict[int, ListLine] = {}
    repeated: dict[int, ListLine] = {}
    for line in batch:
        if isinstance(line, ListLine):
            digest = sha256(normalise(line.contact.email).encode()).digest()[:ADDRESS_DIGEST_BYTES]
            (repeated if digest in seen else fresh)[line.number] = line
            seen.add(digest)
    kept: dict[int, Kept | None] = dict(zip(fresh, vault.keep(membership, list(fresh.values()), now_us), strict=True))
    kept |= dict(zip(repeated, vault.standing(membership, list(repeated.values())), strict=True))
    outcomes, facts = [], []
    for line in batch:
        if isinstance(line, RefusedLine):
            outcomes.append(LineTaken(line.number, "refused", None, line.code, line.sentence))
            continue
        found = kept[line.number]
        outcome = _outcome(line, found)
        outcomes.append(outcome)
        if found is None:
            continue
        if line.consent_us is not None and (outcome.outcome != "refused" or line.consent == "withdrawn"):
            given = line.consent == "given"
            facts.append(consent_fact(membership, found.subject, found.customer_org, given, line.consent_us))
    return outcomes, b"".join(facts)


def _outcome(line: ListLine, kept: Kept | None) -> LineTaken:
    if kept is None:
        return LineTaken(line.number, "refused", None, "repeated", _REFUSALS["repeated"])
    sentence = _REFUSALS.get(kept.how)
    if sentence is None:
        return LineTaken(line.number, kept.how, kept.subject, None, None)  # type: ignore[arg-type]
    return LineTaken(line.number, "refused", kept.subject, kept.how, sentence)


def consent_fact(membership: str, subject: str, customer_org: str, given: bool, at_us: int) -> bytes:
    """The line of the fact that permission was given or withdrawn."""
    fact = {
        "type": "record-consent" if given else "withdraw-consent",
        "membership": membership,
        "occurred_at": format_instant(at_us),
        "subject": subject,
        "customer_org": customer_org,
    }
    digest = sha256(orjson.dumps(fact, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return orjson.dumps({**fact, "id": f"contact-{digest[:32]}"}) + b"\n"
