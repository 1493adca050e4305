"""Whether a new version of a JSON Schema breaks those who rely on a released one.

There are two directions, and what is harmless in the one breaks the other:

    messages that we write        what the new schema allows, the old one must allow: a reader of the release gets nothing
                                  that it did not expect. No field vanishes, none that was always there becomes optional,
                                  no type or set of values grows. New fields are free: readers pass over them.
    messages that others write    what the old schema allows, the new one must allow: a writer of the release is not turned
                                  away. No field vanishes, none becomes required, no type or set of values shrinks.

Schemas are taken as the models generate them: types, enums, bounds, patterns, formats, anyOf, arrays, objects, objects
whose names are data (`additionalProperties`, `patternProperties`), local $refs.
Where a pattern or format changed, nobody can tell in general whether it grew or shrank: that is reported as a break.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

Schema = dict[str, Any]
Direction = Literal["ours", "others"]
"""Who writes the messages."""

LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
EXACT: Final = ("pattern", "format")


def breaks(released: Schema, present: Schema, written_by: Direction) -> list[str]:
    """Each way in which the present schema breaks those who rely on the released one, as a sentence."""
    comparison = _Comparison(released, present, written_by)
    if "properties" in released and "properties" in present:
        return list(comparison.objects(released, present, ""))
    return list(comparison.any_of(released, present))


class _Comparison:
    """Two schemas: the values that the narrow one allows, the wide one must allow."""

    def __init__(self, released: Schema, present: Schema, written_by: Direction) -> None:
        self._ours = written_by == "ours"
        self._narrow_root, self._wide_root = (present, released) if self._ours else (released, present)

    def objects(self, released: Schema, present: Schema, place: str) -> Iterator[str]:
        """Of an object's fields."""
        before, now = released.get("properties", {}), present.get("properties", {})
        for name in before:
            if name not in now:
                yield f"{place}{name}: found no such field any more"
        required_before, required_now = set(released.get("required", ())), set(present.get("required", ()))
        if self._ours:
            for name in sorted((required_before - required_now) & set(now)):
                yield f"{place}{name}: found an optional field that readers take for granted"
        else:
            for name in sorted(required_now - required_before):
                yield f"{place}{name}: found a required field that writers do not send"
        for name in before:
            if name in now:
                narrow, wide = (now[name], before[name]) if self._ours else (before[name], now[name])
                yield from self._values(narrow, wide, f"{place}{name}")

    def any_of(self, released: Schema, present: Schema) -> Iterator[str]:
        """Of objects of several kinds."""
        yield from self._values(*((present, released) if self._ours else (released, present)), "")

    def _values(self, narrow: Schema, wide: Schema, place: str) -> Iterator[str]:
        """Where the wide one does not allow a value that the narrow one does."""
        allowed = list(_alternatives(wide, self._wide_root))
        for alternative in _alternatives(narrow, self._narrow_root):
            reasons = [list(self._alternative(alternative, candidate, place)) for candidate in allowed]
            if all(reasons):
                yield from min(reasons, key=len, default=[f"{place}: found nothing that is allowed"])

    def _alternative(self, narrow: Schema, wide: Schema, place: str) -> Iterator[str]:
        kind, allowed = _kind(narrow), _kind(wide)
        if allowed is not None and kind != allowed and (kind, allowed) != ("integer", "number"):
            yield f"{place}: found type {kind}, expected {allowed}"
            return
        values, allowed_values = _values(narrow), _values(wide)
        if allowed_values is not None:
            if values is None:
                yield f"{place}: found any {kind}, expected one of {_list(allowed_values)}"
            elif added := [value for value in values if value not in allowed_values]:
                yield f"{place}: found the values {_list(added)}, expected one of {_list(allowed_values)}"
            return
        if values is not None:
            return
        yield from _bounds(narrow, wide, place)
        if kind == "array" and "items" in wide:
            yield from self._values(narrow.get("items", {}), wide["items"], f"{place}[]")
        if kind == "object" and isinstance(values_of := wide.get("additionalProperties"), dict):
            yield from self._values(narrow.get("additionalProperties", {}), values_of, f"{place}.*")
        if kind == "object" and (by_pattern := wide.get("patternProperties")) is not None:
            yield from self._by_pattern(narrow.get("patternProperties", {}), by_pattern, place)
        if kind == "object" and ("properties" in wide or "properties" in narrow):
            released, present = (wide, narrow) if self._ours else (narrow, wide)
            yield from self.objects(released, present, f"{place}.")

    def _by_pattern(self, narrow: Schema, wide: Schema, place: str) -> Iterator[str]:
        """Of an object whose names are no fields but have a form."""
        if narrow.keys() != wide.keys():
            yield f"{place}: found names of the form {_list([*narrow])}, expected {_list([*wide])}"
            return
        for pattern, values in wide.items():
            yield from self._values(narrow[pattern], values, f"{place}.*")


def _bounds(narrow: Schema, wide: Schema, place: str) -> Iterator[str]:
    for bound in LOWER_BOUNDS:
        if bound in wide and narrow.get(bound, float("-inf")) < wide[bound]:
            yield f"{place}: found {bound} {narrow.get(bound)}, expected {wide[bound]} or more"
    for bound in UPPER_BOUNDS:
        if bound in wide and narrow.get(bound, float("inf")) > wide[bound]:
            yield f"{place}: found {bound} {narrow.get(bound)}, expected {wide[bound]} or less"
    if wide.get("uniqueItems") and not narrow.get("uniqueItems"):
        yield f"{place}: found the same value twice allowed, expected each once"
    for form in EXACT:
        if form in wide and narrow.get(form) != wide[form]:
            yield f"{place}: found {form} {narrow.get(form)!r}, expected {wide[form]!r}"


def _alternatives(schema: Schema, root: Schema) -> Iterator[Schema]:
    """The schema as a list of schemas with one type each."""
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        yield from _alternatives(target, root)
    elif "anyOf" in schema or "oneOf" in schema:
        for option in schema.get("anyOf") or schema["oneOf"]:
            yield from _alternatives(option, root)
    elif isinstance(schema.get("type"), list):
        for kind in schema["type"]:
            yield {**schema, "type": kind}
    else:
        yield schema


def _list(values: list[Any]) -> str:
    return ", ".join(sorted(map(str, values)))


def _kind(schema: Schema) -> str | None:
    kind: str | None = schema.get("type")
    if kind is None and (values := _values(schema)):
        kinds = {_KINDS[type(value)] for value in values}
        return kinds.pop() if len(kinds) == 1 else None
    return kind


def _values(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


_KINDS: Final = {
    str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null", list: "array", dict: "object",
}  # fmt: skip
