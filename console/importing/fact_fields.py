"""What fields the facts have, asked of their models; and how a map names those that lie inside of others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_args

from ledger.fact import Fact
from ledger.programmes.registry import PROGRAMMES

RESPONSE: Final = "record-response"
COMMENT: Final = "comment"
ANSWERS: Final = "answers."
OWN: Final = "answers.own."
CORE: Final = ("overall", "continue", "re_engage", "recommend")
"""The core questions of the survey, each answered by 0 to 10."""


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


def takes_answers() -> bool:
    """Whether the model of a response has answers and a comment itself."""
    return "answers" in models()[RESPONSE].model_fields


def field_is_known(kind: str, field: str) -> bool:
    """Whether facts of a type have a field; answers and the comment are a response's."""
    if kind not in models():
        return False
    return field in fields_of(kind) or (kind == RESPONSE and (field == COMMENT or is_answer(field)))


def is_answer(field: str) -> bool:
    """Whether a field is an answer: to a core question, or to one of the partner's own."""
    return field.removeprefix(ANSWERS) in CORE if not field.startswith(OWN) else len(field) > len(OWN)


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
