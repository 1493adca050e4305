"""What is said of a value whose form is wrong: what was found and what was expected, in the place of pydantic's words.

Pydantic says what it expects and not what it found, or in words of its own (`Input should be less than or equal to 10`).
A sentence of ours never has the value: it may be somebody's name, a secret, or a command to a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_TOLD: Final = {  # a pattern without quotes: what stands between quotes is left out where a refusal is kept
    "missing": "found none, expected one",
    "extra_forbidden": "found a member that there is not, expected none",
    "string_type": "found what is no text, expected text",
    "string_too_long": "found more than {max_length} characters, expected {max_length} at most",
    "string_too_short": "found fewer than {min_length} characters, expected {min_length} at least",
    "string_pattern_mismatch": "found a text of another form, expected one that matches {pattern}",
    "int_type": "found what is no whole number, expected one",
    "int_parsing": "found what is no whole number, expected one",
    "int_from_float": "found what is no whole number, expected one",
    "int_parsing_size": "found a number of too many digits, expected fewer",
    "float_type": "found what is no number, expected one",
    "float_parsing": "found what is no number, expected one",
    "finite_number": "found a number without an end, expected another",
    "bool_type": "found neither true nor false, expected one of them",
    "bool_parsing": "found neither true nor false, expected one of them",
    "less_than_equal": "found more than {le}, expected {le} at most",
    "greater_than_equal": "found less than {ge}, expected {ge} at least",
    "greater_than": "found {gt} or less, expected more",
    "too_long": "found more than {max_length} in it, expected {max_length} at most",
    "too_short": "found fewer than {min_length} in it, expected {min_length} at least",
    "literal_error": "found another, expected {expected}",
    "model_attributes_type": "found no object, expected one",
    "model_type": "found no object, expected one",
    "dict_type": "found no object, expected one",
    "list_type": "found no list, expected one",
    "json_invalid": "found no JSON: {error}",
}


def told(found: ErrorDetails) -> str:
    """What was found and expected, without the value."""
    said = _TOLD.get(found["type"])
    return found["msg"].removeprefix("Value error, ") if said is None else said.format_map(found.get("ctx", {}))


def no_utf8(content: bytes | str) -> str | None:
    """What is said of bytes that are no UTF-8; None of those that are.

    It names Windows-1252: nearly always somebody saved a file as an older program does.
    """
    if isinstance(content, str):
        return None
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return f"found what is no UTF-8 at byte {error.start + 1:,}, as in Windows-1252, expected JSON in UTF-8"
    return None
