"""Whether a new OpenAPI document breaks the clients of a released one.

    breaks(released, present)  ->  ["GET /v1/renewals: within: found no such parameter any more", …]

A client of the release must get along with the present service. So no path, method, parameter, type of body, status, header or
member of an answer vanishes; nothing becomes required that was not; no value that could be asked with is refused; and an
answer says nothing that the release did not allow: no type or set of values grows, no member that was always there is
left out, and no new status says that it went well. New paths, optional parameters, members of answers and ways of going
wrong are free: a problem has its `code`, and who does not know a status goes by its first digit (RFC 9110, section 15).

A set of values in an answer may grow where the release says so beside it: `"x-may-grow": true`.

Schemas are compared as those of messages are (`consumers.messages.compatibility`): answers as what we write, parameters and
bodies as what others write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from consumers.messages.compatibility import Direction
from consumers.messages.compatibility import breaks as schema_breaks

Document = Mapping[str, Any]
METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
MAY_GROW: Final = "x-may-grow"


def breaks(released: Document, present: Document) -> list[str]:
    """Each way in which the present document breaks the clients of the released one, as a sentence."""
    return list(_Documents(released, present).all())


class _Documents:
    def __init__(self, released: Document, present: Document) -> None:
        self._released, self._present = released, present
        self._known = released.get("components", {})
        self._known_to_grow = _grown(self._known)

    def all(self) -> Iterator[str]:
        """Of all paths, and of the webhooks."""
        now = self._present["paths"]
        for path, methods in self._released["paths"].items():
            if path not in now:
                yield f"{path}: found no such path any more"
                continue
            for method in METHODS:
                if method in methods:
                    place = f"{method.upper()} {path}"
                    if method not in now[path]:
                        yield f"{place}: found no such method any more"
                    else:
                        yield from self._operation(methods[method], now[path][method], place)
        yield from self._sent()

    def _sent(self) -> Iterator[str]:
        """Of what is posted to receivers of webhooks, which we write."""
        now = self._present.get("webhooks", {})
        for name, methods in self._released.get("webhooks", {}).items():
            if name not in now:
                yield f"webhook {name}: found no such webhook any more"
                continue
            for media, content in methods["post"]["requestBody"]["content"].items():
                present = now[name]["post"]["requestBody"]["content"]
                if media not in present:
                    yield f"webhook {name}: found no body of {media} any more"
                else:
                    yield from self._schemas(content["schema"], present[media]["schema"], "ours", f"webhook {name}")

    def _operation(self, before: Any, now: Any, place: str) -> Iterator[str]:
        if before.get("operationId") != now.get("operationId"):
            yield f"{place}: found the operation {now.get('operationId')!r}, expected {before.get('operationId')!r}"
        if self._is_open(self._released, before) and not self._is_open(self._present, now):
            yield f"{place}: found that a token is needed, expected none to be"
        yield from self._parameters(before.get("parameters", []), now.get("parameters", []), place)
        yield from self._body(before.get("requestBody"), now.get("requestBody"), place)
        yield from self._answers(before["responses"], now["responses"], place)

    @staticmethod
    def _is_open(document: Document, operation: Any) -> bool:
        security = operation.get("security", document.get("security", []))
        return not security or {} in security

    def _parameters(self, before: Any, now: Any, place: str) -> Iterator[str]:
        there = {(one["in"], one["name"]): one for one in now}
        known = {(one["in"], one["name"]): one for one in before}
        for (where, name), one in known.items():
            if (where, name) not in there:
                yield f"{place}: {name}: found no such parameter any more"
                continue
            present = there[where, name]
            if present.get("required") and not one.get("required"):
                yield f"{place}: {name}: found a parameter that must be given, expected one that may be"
            yield from self._schemas(one["schema"], present["schema"], "others", f"{place}: {name}")
        for (_, name), one in there.items():
            if one.get("required") and name not in {known_name for _, known_name in known}:
                yield f"{place}: {name}: found a new parameter that must be given"

    def _body(self, before: Any, now: Any, place: str) -> Iterator[str]:
        if now is None:
            if before is not None:
                yield f"{place}: found no body any more"
            return
        if now.get("required") and not (before or {}).get("required"):
            yield f"{place}: found that a body must be sent, expected that it may be"
        for media, content in (before or {"content": {}})["content"].items():
            if media not in now["content"]:
                yield f"{place}: found no body of {media} any more"
            else:
                yield from self._schemas(content["schema"], now["content"][media]["schema"], "others", f"{place}: body")

    def _answers(self, before: Any, now: Any, place: str) -> Iterator[str]:
        for status, answer in before.items():
            here = f"{place}: {status}"
            if status not in now:
                yield f"{here}: found no such status any more"
                continue
            for name in answer.get("headers", {}):
                if name not in now[status].get("headers", {}):
                    yield f"{here}: found no header {name} any more"
            content = now[status].get("content", {})
            for media, said in answer.get("content", {}).items():
                if media not in content:
                    yield f"{here}: found no answer of {media} any more"
                else:
                    yield from self._schemas(said["schema"], content[media]["schema"], "ours", here)
        for status in now:
            if status not in before and status.startswith("2"):
                yield f"{place}: found the new status {status}, which clients do not know to be one of success"

    def _schemas(self, before: Any, now: Any, direction: Direction, place: str) -> Iterator[str]:
        ours = direction == "ours"
        released = {
            **_unpacked(_grown(before) if ours else before),
            "components": self._known_to_grow if ours else self._known,
        }
        present = {**_unpacked(now), "components": self._present.get("components", {})}
        for sentence in schema_breaks(released, present, direction):
            yield f"{place}: {sentence}"


def _unpacked(schema: Any) -> Any:
    """A schema with that of the content in the place of a text that holds JSON, as the events of a stream do."""
    if isinstance(schema, list):
        return [_unpacked(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return (
        _unpacked(schema["contentSchema"])
        if "contentSchema" in schema
        else {name: _unpacked(one) for name, one in schema.items()}
    )


def _grown(schema: Any) -> Any:
    """A schema with any value of its type in the place of a set of values that may grow."""
    if isinstance(schema, list):
        return [_grown(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    left = {name: _grown(one) for name, one in schema.items()}
    if left.get(MAY_GROW) is True:
        left.pop("enum", None)
        left.pop("const", None)
    return left
