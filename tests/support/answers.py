"""Holds what a command printed against its schema, more strictly than the schema is: no field but those that it names."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

SCHEMAS = Path(__file__).parents[2] / "schemas"
FORMATS = FormatChecker(["date"])
FORMATS.checks("date-time", raises=ValueError)(lambda one: not isinstance(one, str) or datetime.fromisoformat(one))


def closed(schema: Any) -> Any:
    """The schema, with `additionalProperties` false wherever fields are named."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return inner | ({"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {})


@cache
def validator(name: str) -> Draft202012Validator:
    schema = closed(json.loads((SCHEMAS / "answers" / f"{name}.json").read_bytes()))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FORMATS)


def wrong_with(name: str, answer: Any) -> list[str]:
    """Each way in which an answer is not what its schema says."""
    return [f"{name}: {error.json_path}: {error.message}" for error in validator(name).iter_errors(answer)]
