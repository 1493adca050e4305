"""The heads entry: the root of the map of heads (see `map`), as an entry of the log.

    {"map":"<base64 of the root>","streams":<n>,"through":<events>,"type":"heads","v":2}

Canonical JSON, exactly these keys; 1 <= streams <= through, and the root is not 32 zero bytes. Rules for who writes the log:

    1. The last entry under every checkpoint of a log that is not empty is a heads entry. Nothing can then hide between
       the heads and the end of the log: a verifier refuses a heads entry that is not at index size - 1.
    2. Every entry of the log is a ledger event or a heads entry. The heads entry at log index h covers exactly the
       ledger events at log indexes below h; `through` is their number, that is h less the number of heads entries
       before it. As the log takes the ledger's events in feed order, these are the first `through` events of the feed.
       `streams` is the number of their streams; who re-derives the map checks it, a single proof does not show it.
    3. Heads entries are no ledger events: they belong to no stream, and have no head of their own. No event can be
       taken for one, since the keys differ.
    4. A heads entry follows an event, never another heads entry, so `through` grows from one to the next. When nothing
       was added since the last one, the checkpoint may be signed anew.

Example, the single stream of the example in `map`:

    {"map":"z30VlLA2ve0uzerIv0S6FNeeb97fpWB7ect4+jL9dTc=","streams":1,"through":2,"type":"heads","v":2}
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.proof.log import strictjson
from ledger.proof.log.errors import MalformedError, Words
from ledger.proof.log.map import EMPTY

HEADS_BEGIN = b'{"map":'
ENTRY_TYPE = "heads"
ENTRY_VERSION = 2
ENTRY_MAX_BYTES = 1024


@dataclass(frozen=True, slots=True)
class HeadsEntry:
    """The log entry: root of the map, number of its streams, and how many ledger events it covers."""

    root: bytes
    streams: int
    through: int

    @property
    def encoded(self) -> bytes:
        """The bytes of the log entry."""
        return strictjson.canonical(
            {
                "map": strictjson.base64_text(self.root),
                "streams": self.streams,
                "through": self.through,
                "type": ENTRY_TYPE,
                "v": ENTRY_VERSION,
            }
        )


def parse_heads_entry(entry: bytes) -> HeadsEntry:
    """The heads entry that the bytes of a log entry hold. Raises MalformedError."""
    what = "heads entry"
    value = strictjson.members(
        strictjson.loads(entry, what, max_bytes=ENTRY_MAX_BYTES), what, ("map", "streams", "through", "type", "v")
    )
    if value["type"] != ENTRY_TYPE or value["v"] != ENTRY_VERSION:
        raise MalformedError(what, found=[value["type"], value["v"]], expected=[ENTRY_TYPE, ENTRY_VERSION])
    parsed = HeadsEntry(
        strictjson.hash_bytes(value["map"], f"{what}: map"),
        strictjson.natural(value["streams"], f"{what}: streams"),
        strictjson.natural(value["through"], f"{what}: through"),
    )
    if parsed.root == EMPTY or not 1 <= parsed.streams <= parsed.through:
        raise MalformedError(
            what, found=entry, expected=Words("the root of a map of 1 or more streams, each with 1 or more events")
        )
    if parsed.encoded != entry:
        raise MalformedError(what, found=entry, expected=parsed.encoded)
    return parsed


def is_heads_entry(entry: bytes) -> bool:
    """Whether a log entry is a heads entry and not an event: no event begins like this."""
    return entry.startswith(HEADS_BEGIN)
