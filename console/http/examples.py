"""The examples of answers in the OpenAPI document: what a service answered to the examples of the requests.

They lie in `examples.json` beside this module, by operation:

    {"status": {"status": 200, "answer": {…}}, …}

`python -m tests.console.http.examples --write` asks a real service over a small book, and writes them; a test asks again, and
an operation without an example fails it. Of a list the first elements are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

FILE: Final = "examples.json"
SHOWN: Final = 2
"""So many elements of a list are shown."""
CURSOR: Final = re.compile("([1-9][0-9]{0,17})-[0-9a-f]{16}")
HASH_SHOWN: Final = "5feceb66ffc86f38"
ROOT: Final = re.compile("[A-Za-z0-9+/]{43}=")
ROOT_SHOWN: Final = "z30VlLA2ve0uzerIv0S6FNeeb97fpWB7ect4+jL9dTc="
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"


@cache
def examples() -> Mapping[str, Any]:
    """The answers by operation."""
    found: Mapping[str, Any] = orjson.loads(files("console.http").joinpath(FILE).read_bytes())
    return found


def put_examples(paths: Mapping[str, Any]) -> None:
    """Puts the examples of the answers into the paths of the document, as each type of content that they are answered as."""
    for methods in paths.values():
        for operation in methods.values():
            example = examples().get(operation["operationId"])
            if example is None:
                continue
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                if status == str(example["status"]) and JSON in content:
                    content[JSON]["example"] = as_shown(example["answer"], JSON)
                if status == "200" and NDJSON in content:
                    content[NDJSON]["example"] = as_shown(example["answer"], NDJSON)


def _plain(answer: Any) -> Any:
    """An answer with made-up digits in the place of what goes by the salts of a book: the hash in a cursor, a log's root."""
    if isinstance(answer, list):
        return [_plain(one) for one in answer]
    if isinstance(answer, dict):
        return {name: _plain(one) for name, one in answer.items()}
    if isinstance(answer, str) and ROOT.fullmatch(answer):
        return ROOT_SHOWN
    found = CURSOR.fullmatch(answer) if isinstance(answer, str) else None
    return f"{found[1]}-{HASH_SHOWN}" if found else answer


def as_shown(answer: Any, media: str) -> Any:
    """An answer as an example: the first elements of a list, as lines where these are asked for; cursors of no real event."""
    answer = _plain(answer)
    if media == NDJSON:
        lines = answer if isinstance(answer, list) else [answer]
        return "".join(orjson.dumps(one).decode() + "\n" for one in lines[:SHOWN])
    return answer[:SHOWN] if isinstance(answer, list) else answer
