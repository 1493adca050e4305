"""Rotation of the log's key: the event that makes a new key known is in the book before the new key signs anything."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import suppress

from ledger.book import rows_of_type
from ledger.errors import WrongKey
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import LOG, parse_event
from ledger.proof.log.keys import EVENT_TYPE, Signs, check_rotation, rotation_data
from ledger.proof.log.note import VerifierKey
from ledger.store.base import Reader
from ledger.writing.writer import Writer


def record_rotations(book: Reader, writer: Writer, signers: Sequence[Signs]) -> list[int]:
    """Records that each key hands over to the next, unless the book says so already; the positions of new events.

    Raises WrongKey where the keys are not those of one log.
    """
    known = set(rotations(book))
    positions = []
    for old, new in itertools.pairwise(signers):
        try:
            data = rotation_data(old, new)
        except ProofError as error:
            raise WrongKey(str(error)) from error
        if (old.verifier, new.verifier) not in known:
            fact = f"csat-ledger:key-rotated:{old.verifier.key_id.hex()}:{new.verifier.key_id.hex()}"
            positions.append(writer.note(EVENT_TYPE, data, fact))
    return positions


def rotations(book: Reader) -> list[tuple[VerifierKey, VerifierKey]]:
    """The hand-overs that the book knows, in their order; those that are not signed by both keys are none."""
    found: list[tuple[VerifierKey, VerifierKey]] = []
    for row in rows_of_type(book, EVENT_TYPE, stream=LOG):  # erasures stand in this stream too, and may be many
        event = parse_event(bytes(row.stored))
        with suppress(ProofError):
            found.append(check_rotation(event.data, event.where))
    return found
