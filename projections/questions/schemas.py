"""JSON Schema 2020-12 of answers, made of their dataclasses.

    answer_schema("status", Status)                      the schema of one kind of answer
    answer_schema("replay", ReplayStep | DecisionCheck)  of a list whose lines are of several kinds

An object's description is the first paragraph of its class's docstring; a field's is the string beneath it, else, where it
is an object, that of the object. What a reader
may rely on is said, and no more: later versions may add fields, so `additionalProperties` is not false.
"""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import reduce
from operator import or_
from textwrap import dedent
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NotRequired, Union

from projections.questions.answer import LEFT_OUT, Form, json_names

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
JSON_TYPES: Final[Mapping[Any, str]] = {
    str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null",
}  # fmt: skip

Schema = dict[str, Any]


def answer_schema(name: str, kind: Any) -> Schema:
    """The schema of an answer, or of each line of a list. Raises TypeError for a type that JSON does not have."""
    definitions: dict[str, Schema] = {}
    schema = _schema(kind, definitions)
    if "$ref" in schema:
        schema = definitions.pop(kind.__name__)
    head = {"$schema": DIALECT, "$id": f"urn:csat-ledger:answer:{name}", "title": name}
    return {**head, **schema} | ({"$defs": dict(sorted(definitions.items()))} if definitions else {})


def _schema(kind: Any, definitions: dict[str, Schema]) -> Schema:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return {}
    if kind in JSON_TYPES:
        return {"type": JSON_TYPES[kind]}
    if origin is Annotated:
        forms = [form for form in arguments[1:] if isinstance(form, Form)]
        said = {key: value for form in forms for key, value in form._asdict().items() if value is not None}
        return _schema(arguments[0], definitions) | said
    if origin is Literal:
        (json_type,) = {JSON_TYPES[type(value)] for value in arguments}
        return {"type": json_type} | ({"enum": [*arguments]} if len(arguments) > 1 else {"const": arguments[0]})
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(one, definitions) for one in arguments]}
    if origin is tuple and len(arguments) == 2 and arguments[1] is ...:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin in (Mapping, dict):
        return _mapping(arguments[0], arguments[1], definitions)
    if is_dataclass(kind) or typing.is_typeddict(kind):
        return _reference(kind, definitions)
    raise TypeError(f"found {kind!r} in an answer, expected a dataclass, or what JSON has")


def _mapping(key: Any, value: Any, definitions: dict[str, Schema]) -> Schema:
    schema: Schema = {"type": "object"}
    if key is not str:
        schema["propertyNames"] = _schema(key, definitions)
    return schema if value is Any else schema | {"additionalProperties": _schema(value, definitions)}


def _reference(kind: Any, definitions: dict[str, Schema]) -> Schema:
    """An object stands once among the definitions. Raises TypeError where two classes have one name."""
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}  # stands in while the object's own fields are looked at
        definitions[name] = _object(kind, definitions)
    elif definitions[name] and definitions[name] != _object(kind, definitions):
        raise TypeError(f"found two classes {name} in one answer, expected names of their own")
    return {"$ref": f"#/$defs/{name}"}


def _object(kind: Any, definitions: dict[str, Schema]) -> Schema:
    hints = typing.get_type_hints(kind, include_extras=True)
    names = tuple((name, name) for name in hints) if typing.is_typeddict(kind) else json_names(kind)
    described = _descriptions(kind)
    properties, required = {}, []
    for name, shown in names:
        always, hint = _present(hints[name])
        said = described.get(name) or _said_of(hint)
        properties[shown] = ({"description": said} if said else {}) | _schema(hint, definitions)
        if always:
            required.append(shown)
    return {"type": "object", "description": _said_of(kind), "properties": properties, "required": required}


def _said_of(kind: Any) -> str:
    """The first paragraph of a class's docstring; of what is no such class nothing."""
    is_object = is_dataclass(kind) or typing.is_typeddict(kind)
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split()) if is_object else ""


def _present(hint: Any) -> tuple[bool, Any]:
    """Whether a field is always there, and its type where it is."""
    if typing.get_origin(hint) is NotRequired:
        return False, typing.get_args(hint)[0]
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (Union, UnionType) else (hint,)
    there = tuple(kind for kind in kinds if typing.get_args(kind) != (LEFT_OUT,))
    return len(there) == len(kinds), reduce(or_, there)


def _descriptions(kind: Any) -> dict[str, str]:
    """The string beneath each field, of a class and of those that it takes fields from."""
    found = {}
    for one in reversed([base for base in kind.__mro__ if is_dataclass(base) or base is kind]):
        try:
            (tree,) = ast.parse(dedent(inspect.getsource(one))).body
        except OSError:
            continue  # a TypedDict that is made by a call has no source, and no fields to look at
        if not isinstance(tree, ast.ClassDef):
            continue
        for field, text in zip(tree.body, tree.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                found[field.target.id] = " ".join(str(text.value.value).split())
    return found
