"""What is told of a fact that was refused: the message as it came, but for what would tie an answer to its invitation.

Many read the topic of refused facts, and the book as well, which says who was invited. So a field that its model calls
`hidden` holds the token there, or null where there is none (`Fact.told`), and one that is `sealed`, such as the answers and
the comment of a response, is left out: these are for the vault alone. Of a message that is no fact, nobody knows what
stands where: a member that the model of its `type` does not have is left out with its name, one whose value holds further
objects becomes null, and a message without such a type is not told at all. Whoever may see the message itself finds it on
the topic of facts, at the place that is told with the refusal.
"""

from __future__ import annotations

from typing import Any

import orjson

from ledger.fact import Fact, FactParser


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
    told = {name: hidden.get(name, one) if one is not None else None for name, one in found.items() if name in known}
    if told == found and (fact is not None or not (model.hidden or model.sealed)):
        return value
    return orjson.dumps(told)  # a key that stood there twice stands there once: what was hidden of it is told nowhere


def _plain(value: Any) -> bool:
    """Whether it is a scalar or a list of them."""
    values = value if isinstance(value, list) else [value]
    return not any(isinstance(one, (dict, list)) for one in values)
