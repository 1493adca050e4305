"""Snapshots: the state of a long stream as bytes: a length, a JSON object, and the packed reports of each month.

Reports stay packed until their month is touched (`months`), so that a state of millions of reports loads at once. The
JSON holds the sums of each month that were worked out. A snapshot of another format is ignored.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from ledger.programmes.capability.certificates import Certificate
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.capability.months import Month, Pairs
from ledger.programmes.capability.state import Announcement, Decision, Designation

FORMAT: Final = 1
LENGTH_BYTES: Final = 8


def dump_state(state: Designation) -> bytes:
    """The state as bytes."""
    packed = {number: month.pack() for number, month in state.months.items()}
    head = orjson.dumps(
        {
            "format": FORMAT,
            "seq": state.seq,
            "head": state.head,
            "first_position": state.first_position,
            "horizon_us": state.horizon_us,
            "opened": state.opened,
            "anniversaries": [(day, one.revision, one.content) for day, one in state.anniversaries.items()],
            "pairs": state.pairs.names,
            "months": [(number, len(content), state.months[number].kept_sums()) for number, content in packed.items()],
            "closes": list(state.closes.closed_us.items()),
            "certificates": [
                (name, one.person, one.tier, one.first_us, one.until_us, one.ended_us)
                for name, one in state.certificates.items()
            ],
            "announced": [list(entry) for entry in state.announced],
        }
    )
    return b"".join((len(head).to_bytes(LENGTH_BYTES, "big"), head, *packed.values()))


def load_state(stored: bytes) -> Designation | None:
    """The state that bytes hold; None where they are of another format."""
    length = int.from_bytes(stored[:LENGTH_BYTES], "big")
    raw: dict[str, Any] = orjson.loads(stored[LENGTH_BYTES : LENGTH_BYTES + length])
    if raw.get("format") != FORMAT:
        return None
    state = Designation(
        seq=raw["seq"],
        head=raw["head"],
        first_position=raw["first_position"],
        horizon_us=raw["horizon_us"],
        opened=raw["opened"],
        pairs=Pairs([(customer, workload) for customer, workload in raw["pairs"]]),
    )
    state.anniversaries = {day: Decision(revision, content) for day, revision, content in raw["anniversaries"]}
    start = LENGTH_BYTES + length
    for number, size, kept in raw["months"]:
        state.months[number] = Month(stored[start : start + size], kept)
        start += size
    for month, closed_us in raw["closes"]:
        state.closes.close(month, closed_us)
    state.certificates = {name: Certificate(*attributes) for name, *attributes in raw["certificates"]}
    state.announced = [Announcement(*entry) for entry in raw["announced"]]
    return state


def is_of(stored: bytes, state: Designation, scorebook: Scorebook) -> bool:
    """Whether a snapshot says the same as a state that was folded anew.

    Which sums are among it depends on what was asked for: so those that it has are worked out anew and compared, but for
    those of editions in whose place another came, which nobody asks for any more.
    """
    editions = {edition.edition: edition for edition in scorebook.editions}
    head = _head(stored)
    for number, _, kept in head["months"]:
        for name in [name for name in kept if name not in editions]:
            del kept[name]
        for name in kept:
            state.sums(number, editions[name])
    anew = dump_state(state)
    return head == _head(anew) and _packed(stored) == _packed(anew)


def _head(stored: bytes) -> dict[str, Any]:
    length = int.from_bytes(stored[:LENGTH_BYTES], "big")
    head: dict[str, Any] = orjson.loads(stored[LENGTH_BYTES : LENGTH_BYTES + length])
    return head


def _packed(stored: bytes) -> bytes:
    return stored[LENGTH_BYTES + int.from_bytes(stored[:LENGTH_BYTES], "big") :]
