"""What is told of a fact that was refused: the message as it came, but for what would tie an answer to its invitation.

Many read the topic of refused facts, and the book as well, which says who was invited. So a field that its model calls
`hidden` holds the token there, or null where there is none (`Fact.told`), and one that is `sealed`, such as the answers and
the comment of a response, is left out: these are for the vault alone. Of a message that is no fact, nobody knows what
stands where: a member that the model of its `type` does not have is left out with its name, one whose value holds further
objects becomes null, and a message without such a type is not told at all. Whoever may see the message itself finds it on
the topic of facts, at the place that is told with the refusal.

Nor is a person told (DESIGN 13). What looks like a mail address, a phone or an IP number is left out (`ledger.personal_data`).
Of a fact whose form is wrong a text stays only where it is an instant, a date or an opaque reference, without a space:
everything else there could be somebody's name, and is null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from ledger.personal_data import looks_personal, without_personal_data

if TYPE_CHECKING:
    from ledger.fact import Fact, FactParser

OPAQUE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=~#-]{0,63}")
"""A text that may be told of a fact whose form is wrong, unless it looks personal."""
_KEY: Final = re.compile(r"[A-Za-z0-9._:/+=~#-]*")


def as_told(value: bytes, parser: FactParser, fact: Fact | None) -> bytes | None:
    """A message as it is told on: the bytes themselves where they hide nothing; None where nothing of it may be told.

    `fact` is what it was parsed as; None where it is malformed.
    """
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None if value else value
    kind = found.get("type") if isinstance(found, dict) else None
    model = parser.by_type.get(kind) if isinstance(kind, str) else None
    if model is None:
        return None
    hidden: dict[str, Any] = dict.fromkeys(model.hidden) if fact is None else dict(fact.told())
    if fact is None:
        hidden |= {name: None for name, one in found.items() if not _plain(one)}
    known = {field.alias or name for name, field in model.model_fields.items()} - model.sealed
    told = {
        name: clean(hidden.get(name, one), well_formed=fact is not None) if one is not None else None
        for name, one in found.items()
        if name in known
    }
    plain = fact is not None or (not (model.hidden or model.sealed) and has_keys_once(value))
    if told == found and plain:
        return value
    return orjson.dumps(told)  # a key that stood there twice stands there once: what was hidden of it is told nowhere


def has_keys_once(value: bytes) -> bool:
    """Whether each key of the JSON objects in some bytes stands there once: else they say more than what is read of them."""
    try:
        json.loads(value, object_pairs_hook=_unless_twice)
    except (ValueError, RecursionError):
        return False
    return True


def _unless_twice(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("found a key twice")


def clean(value: Any, *, well_formed: bool) -> Any:
    """A value of JSON without what may not be told; null in the place of a text of which that cannot be told."""
    if isinstance(value, str):
        if well_formed:
            return without_personal_data(value)
        return value if OPAQUE.fullmatch(value) and not looks_personal(value) else None
    if isinstance(value, list):
        return [clean(one, well_formed=well_formed) for one in value]
    if isinstance(value, Mapping):
        return {
            clean(name, well_formed=well_formed) or "": clean(one, well_formed=well_formed)
            for name, one in value.items()
        }
    return value


def key_as_told(key: bytes) -> bytes:
    """The key that a message came with, as it is told on: empty where it could be somebody's."""
    text = key.decode("utf-8", "replace")
    return key if _KEY.fullmatch(text) and not looks_personal(text) else b""


def _plain(value: Any) -> bool:
    """Whether it is a scalar or a list of them."""
    values = value if isinstance(value, list) else [value]
    return not any(isinstance(one, (dict, list)) for one in values)
