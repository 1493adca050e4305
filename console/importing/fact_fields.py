"""What fields the facts have, asked of their models; and how a map names those that lie inside of others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_args

from ledger.answers import CORE
from ledger.fact import Fact
from ledger.programmes.registry import PROGRAMMES

RESPONSE: Final = "record-response"
COMMENT: Final = "comment"
ANSWERS: Final = "answers."
OWN: Final = "answers.own."
_QUESTION: Final = re.compile("[a-z0-9_-]{1,64}", re.ASCII)
"""The key of a question of the partner's own, as the fact takes it."""


@cache
def models() -> dict[str, type[Fact]]:
    """The model of each type of fact."""
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in PROGRAMMES.facts.models}


@cache
def fields_of(kind: str) -> frozenset[str]:
    """The fields that facts of a type may have, but for those that are made: id and type."""
    fields = models()[kind].model_fields
    return frozenset(info.alias or name for name, info in fields.items()) - {"id", "type", "answers", COMMENT}


@cache
def required_fields(kind: str) -> frozenset[str]:
    """The fields that facts of a type must have, but for those that are made."""
    fields = models()[kind].model_fields
    return frozenset(info.alias or name for name, info in fields.items() if info.is_required()) - {"id", "type"}


def field_is_known(kind: str, field: str) -> bool:
    """Whether facts of a type have a field; answers and the comment are a response's."""
    if kind not in models():
        return False
    return field in fields_of(kind) or (kind == RESPONSE and (field == COMMENT or is_answer(field)))


def is_answer(field: str) -> bool:
    """Whether a field is an answer: to a core question, or to one of the partner's own."""
    if field.startswith(OWN):
        return _QUESTION.fullmatch(field.removeprefix(OWN)) is not None
    return field.startswith(ANSWERS) and field.removeprefix(ANSWERS) in CORE


def flattened(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with those inside of `answers` by their whole names: TOML's `answers.overall = …` makes a table of them."""
    found: dict[str, Any] = {}
    for name, rule in fields.items():
        if name != "answers" or not isinstance(rule, dict):
            found[name] = rule
            continue
        for inner, below in rule.items():
            if inner == "own" and isinstance(below, dict):
                found.update({f"{OWN}{question}": one for question, one in below.items()})
            else:
                found[f"{ANSWERS}{inner}"] = below
    return found
