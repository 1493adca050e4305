"""The form of events: what the data of each type holds, and so what no fact can have made of it.

A form is a function of a value and of what to call it, which raises a ProofError for a value that is otherwise. Each
programme has a table of them: type of event -> the form of its data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ledger.proof.fold import require_label
from ledger.proof.log.errors import MalformedError, ProofError, RefutedError, Words
from ledger.proof.log.event import Event
from ledger.proof.log.strictjson import array, members

Form = Callable[[Any, str], object]
KNOWN_VERSION = 1


def check_event(event: Event, forms: Mapping[str, Form], announced: str = "") -> None:
    """An event of a type of the table, in its form, by a fact; one of the type `announced` needs no fact."""
    form = forms.get(event.type)
    if form is None:
        raise RefutedError(event.where, found=Words("a type that is none here"), expected=sorted(forms))
    try:
        if event.version != KNOWN_VERSION:
            raise MalformedError("version", found=event.version, expected=KNOWN_VERSION)
        if event.actor is not None:
            require_label(event.actor, "actor")
        if event.fact is None and event.type != announced:
            raise RefutedError("fact", found=None, expected=Words("the id of a fact"))
        form(event.data, "")
    except ProofError as error:
        raise _within(error, event.where) from None


def _within(error: ProofError, where: str) -> ProofError:
    """The same error, of a part of something."""
    return type(error)(": ".join(filter(None, (where, error.what))), found=error.found, expected=error.expected)


def record(forms: Mapping[str, Form], optional: Iterable[str] = ()) -> Form:
    """An object with these keys and no others; those in `optional` may be left out."""
    needed, known = frozenset(forms.keys() - {*optional}), forms.keys()

    def check(value: Any, what: str) -> None:
        if not isinstance(value, dict) or (value.keys() != needed and not needed <= value.keys() <= known):
            members(value, what, forms)
        try:
            for key, one in value.items():
                forms[key](one, key)
        except ProofError as error:
            raise _within(error, what) from None

    return check


def pattern(expression: str, words: str) -> Form:
    """A text that matches as a whole."""
    matches = re.compile(expression, re.ASCII).fullmatch

    def check(value: Any, what: str) -> None:
        if not (isinstance(value, str) and matches(value)):
            raise MalformedError(what, found=value, expected=Words(words))

    return check


def one_of(*names: str) -> Form:
    """One of some words."""
    return pattern("|".join(map(re.escape, names)), f"one of {names}")


def whole(least: int, most: int) -> Form:
    """A whole number between two."""

    def check(value: Any, what: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise MalformedError(what, found=value, expected=Words(f"an integer from {least} to {most}"))

    return check


def or_none(form: Form) -> Form:
    """The same, or null."""
    return lambda value, what: None if value is None else form(value, what)


def each(form: Form, least: int, most: int) -> Form:
    """An array of so many, each once."""

    def check(value: Any, what: str) -> None:
        for one in array(value, what, max_items=most):
            form(one, what)
        if not least <= len({*value}) == len(value):
            raise MalformedError(what, found=value, expected=Words(f"{least} or more, each once"))

    return check


REFERENCE = "[A-Za-z0-9][A-Za-z0-9._:/+=~#-]{0,63}"
reference = pattern(REFERENCE, "a reference")


def recomputed(_value: Any, _what: str) -> None:
    """Of a decision: all that it says is worked out again."""
