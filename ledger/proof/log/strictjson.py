"""JSON, read strictly.

Bytes from outside are read once and only one way. Refused with `MalformedError`, although many parsers accept them:

    {"a":1,"a":2}       a key given twice
    1.5  1e9  NaN       numbers that are not plain integers
    9223372036854775808 integers outside a signed 64-bit integer
    "\\ud800"            half of a surrogate pair, which has no UTF-8 form
    [[[[…               nesting deeper than 32 levels
    ï»¿{}               a byte order mark, or bytes that are not UTF-8

Example: `loads(b'{"size":5}')` is `{"size": 5}`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any, NoReturn

from ledger.proof.log.errors import MalformedError, Words

INTEGER_MAX = 2**63 - 1
INTEGER_MAX_DIGITS = 19
DEPTH_MAX = 32
DEFAULT_MAX_BYTES = 1 << 29
HASH_BYTES = 32
_OTHERS = {b"": "nothing", b"\xef\xbb\xbf": "a byte order mark", b"\xff\xfe": "UTF-16", b"\x1f\x8b": "gzip"}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise MalformedError(
                    "JSON object", found=Words(f"the key {key!a} twice"), expected=Words("each key once")
                )
            seen.add(key)
    return members


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) <= INTEGER_MAX_DIGITS and -INTEGER_MAX - 1 <= (value := int(digits)) <= INTEGER_MAX:
        return value
    raise MalformedError("JSON number", found=Words(digits[:40]), expected=Words("an integer of at most 64 bits"))


def _refuse_number(text: str) -> NoReturn:
    raise MalformedError("JSON number", found=Words(text[:40]), expected=Words("an integer"))


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_refuse_number, parse_constant=_refuse_number
)


def loads(data: bytes, what: str = "JSON", *, max_bytes: int = DEFAULT_MAX_BYTES) -> Any:
    """The value that `data` encodes; `what` names it in the error."""
    if len(data) > max_bytes:
        raise MalformedError(what, found=Words(f"{len(data)} bytes"), expected=Words(f"at most {max_bytes}"))
    try:
        text = data.decode("utf-8")
        value = _decoder.decode(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # a lone surrogate has no UTF-8 form
    except MalformedError as error:
        raise MalformedError(f"{what}: {error.what}", found=error.found, expected=error.expected) from None
    except RecursionError:
        raise MalformedError(what, found=Words("deep nesting"), expected=Words("a few levels")) from None
    except UnicodeError as error:
        raise _other(what, data, f"bytes that are not UTF-8 ({error.reason})") from None  # type: ignore[attr-defined]
    except json.JSONDecodeError as error:
        raise _other(what, data, f"an error at character {error.pos} ({error.msg})") from None
    if text.count("[") + text.count("{") > DEPTH_MAX:
        _require_depth(value, what)
    return value


def _other(what: str, data: bytes, found: str) -> MalformedError:
    """Says what the bytes are instead of JSON, where they begin with it."""
    said = _OTHERS.get(data[:3], _OTHERS.get(data[:2], found))
    return MalformedError(what, found=Words(said), expected=Words("JSON"))


def _require_depth(value: Any, what: str) -> None:
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX + 1):
        level = [v for v in level if isinstance(v, (dict, list))]
        if not level:
            return
        level = [inner for v in level for inner in (v.values() if isinstance(v, dict) else v)]
    raise MalformedError(what, found=Words("deep nesting"), expected=Words(f"at most {DEPTH_MAX} levels"))


def members(value: Any, what: str, keys: Iterable[str]) -> dict[str, Any]:
    """`value`, which has to be an object with exactly these keys."""
    wanted = set(keys)
    if not isinstance(value, dict):
        raise MalformedError(what, found=value, expected=Words("an object"))
    if value.keys() != wanted:
        raise MalformedError(what, found=Words(f"the keys {sorted(value)!a}"), expected=Words(f"{sorted(wanted)!a}"))
    return value


def text(value: Any, what: str) -> str:
    """`value`, which has to be a string."""
    if not isinstance(value, str):
        raise MalformedError(what, found=value, expected=Words("a string"))
    return value


def natural(value: Any, what: str) -> int:
    """`value`, which has to be an integer from 0 on."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedError(what, found=value, expected=Words("an integer from 0 on"))
    return value


def truth(value: Any, what: str) -> bool:
    """`value`, which has to be true or false."""
    if not isinstance(value, bool):
        raise MalformedError(what, found=value, expected=Words("true or false"))
    return value


def array(value: Any, what: str, *, max_items: int | None = None) -> list[Any]:
    """`value`, which has to be an array, of at most `max_items`."""
    if not isinstance(value, list):
        raise MalformedError(what, found=value, expected=Words("an array"))
    if max_items is not None and len(value) > max_items:
        raise MalformedError(what, found=Words(f"{len(value)} items"), expected=Words(f"at most {max_items}"))
    return value


def base64_bytes(value: str, what: str) -> bytes:
    """Standard base64, padded and canonical: there is one text for each byte string, and every other is refused."""
    try:
        decoded = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        decoded = None
    if decoded is None or base64.b64encode(decoded).decode("ascii") != value:
        raise MalformedError(what, found=value, expected=Words("canonical base64"))
    return decoded


def hash_bytes(value: Any, what: str) -> bytes:
    """A SHA-256 hash in base64."""
    decoded = base64_bytes(text(value, what), what)
    if len(decoded) != HASH_BYTES:
        raise MalformedError(what, found=Words(f"{len(decoded)} bytes"), expected=Words(f"{HASH_BYTES} bytes"))
    return decoded


def hashes(value: Any, what: str, most: int) -> tuple[bytes, ...]:
    """An array of SHA-256 hashes in base64, of at most so many."""
    return tuple(hash_bytes(one, what) for one in array(value, what, max_items=most))


def base64_text(data: bytes) -> str:
    """Standard base64 of `data`."""
    return base64.b64encode(data).decode("ascii")


def decimal(value: str, what: str) -> int:
    """An ASCII decimal number without sign or leading zeros, at most 2^63 - 1."""
    plain = value.isascii() and value.isdigit() and len(value) <= INTEGER_MAX_DIGITS
    if not plain or (len(value) > 1 and value[0] == "0") or int(value) > INTEGER_MAX:
        raise MalformedError(what, found=value, expected=Words("a decimal number without leading zeros, below 2^63"))
    return int(value)


def canonical(value: Any) -> bytes:
    """Sorted keys, no spaces, UTF-8: the form in which the ledger stores events."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode("utf-8")


def first_difference(recorded: dict[str, Any], recomputed: dict[str, Any]) -> tuple[str, Any, Any] | None:
    """(key, recorded, recomputed) of the first of the recomputed keys that differs, or of a key too many; true is not 1."""
    for key in [*recomputed, *(key for key in recorded if key not in recomputed)]:
        found, expected = recorded.get(key, Words("nothing")), recomputed.get(key, Words("nothing"))
        if (key in recorded) != (key in recomputed) or canonical(found) != canonical(expected):
            return key, found, expected
    return None
