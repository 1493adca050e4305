"""The form of a fact, checked in the plainest way: which fields each type has, and what each field may hold.

This is the oracle's own reading of the contract. It shares nothing with the models of the ledger.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any

from tests.oracle.personal import says_of_somebody
from tests.oracle.survey.fold import can_be_seen
from tests.oracle.survey.time import instant

Fact = dict[str, Any]

MEMBERSHIP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z", re.ASCII)
REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=~#-]{0,63}\Z", re.ASCII)
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6}0*)?([Zz]|[+-]\d\d:[0-5]\d)\Z", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
LANGUAGE = re.compile(r"(?=.{,35}\Z)[A-Za-z]{2}(-[A-Za-z0-9]{1,8})*\Z", re.ASCII)
LANGUAGES = {
    *("zh", "hr", "cs", "da", "nl", "en", "et", "fi", "fr", "de", "el", "he", "hu", "id", "it"),
    *("ja", "ko", "lv", "lt", "nb", "pl", "pt", "ro", "ru", "sk", "sl", "es", "sv", "th", "tr"),
}


def _is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= longest


def _is_fact_id(value: Any) -> bool:
    return _is_text(value, 200) and all(unicodedata.category(character) not in ("Cc", "Cs") for character in value)


def _is_name(value: Any) -> bool:
    return _is_text(value, 200) and can_be_seen(value)


def _is_label(value: Any) -> bool:
    return _is_text(value, 64) and can_be_seen(value) and "@" not in value and value == value.strip()


def _is_labels(value: Any) -> bool:
    if not isinstance(value, list) or len(value) > 50:
        return False
    return all(_is_label(item) for item in value) and len(set(value)) == len(value)


def _is_location(value: Any) -> bool:
    return _is_label(value) and value != "*"


def _is_locations(value: Any) -> bool:
    return _is_labels(value) and len(value) >= 1 and all(map(_is_location, value))


def _is_membership(value: Any) -> bool:
    return isinstance(value, str) and MEMBERSHIP.match(value) is not None


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and REFERENCE.match(value) is not None


def _is_instant(value: Any) -> bool:
    if not isinstance(value, str) or INSTANT.match(value) is None:
        return False
    try:
        instant(value)
    except (ValueError, OverflowError):
        return False
    return True


def _is_date(value: Any) -> bool:
    if not isinstance(value, str) or DATE.match(value) is None:
        return False
    try:
        return date.fromisoformat(value) > date.min
    except ValueError:
        return False


def _is_language(value: Any) -> bool:
    return isinstance(value, str) and LANGUAGE.match(value) is not None and value[:2].lower() in LANGUAGES


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_figure(value: Any) -> bool:
    return type(value) is int and 1 <= value <= 1_000_000


def _is_window(value: Any) -> bool:
    return _is_figure(value) and value <= 1200


def _is_one_of(*choices: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in choices


Check = Callable[[Any], bool]

COMPANY: dict[str, Check] = {
    "name": _is_name,
    "level": _is_one_of("gold", "silver", "small-business"),
    "competencies": _is_labels,
    "solution_areas": _is_labels,
    "business_model": _is_label,
}
NEEDED: dict[str, dict[str, Check]] = {
    "enrol-membership": {"name": COMPANY["name"], "level": COMPANY["level"]},
    "update-membership": {},
    "add-location": {"location": _is_location},
    "set-renewal-date": {"renewal_date": _is_date},
    "record-consent": {"subject": _is_reference, "customer_org": _is_label},
    "withdraw-consent": {"subject": _is_reference, "customer_org": _is_label},
    "record-invitation": {
        "invitation": _is_reference,
        "subject": _is_reference,
        "customer_org": _is_label,
        "channel": _is_one_of("operator", "partner"),
    },
    "record-reminder": {"invitation": _is_reference},
    "record-response": {"response": _is_reference, "customer_org": _is_label},
    "choose-anonymity": {"response": _is_reference},
    "void-response": {
        "response": _is_reference,
        "reason": _is_one_of("test", "duplicate", "fraud", "withdrawn"),
    },
    "record-evaluation": {"evaluation": _is_reference},
    "same-organisation": {"organisation": _is_label, "same_as": _is_label},
    "separate-organisations": {"organisation": _is_label, "same_as": _is_label},
    "distinct-organisation": {"organisation": _is_label, "from": _is_label},
    "decide-renewal": {"renewal_date": _is_date},
    "publish-rulebook": {
        "edition": _is_label,
        "effective_from": _is_instant,
        "min_responses": _is_figure,
        "per_org_cap": _is_figure,
        "min_organisations": _is_figure,
        "window_months": _is_window,
        "min_evaluations": _is_figure,
        "pool_locations": _is_boolean,
    },
}
OPTIONAL: dict[str, dict[str, Check]] = {
    "enrol-membership": {
        "competencies": _is_labels,
        "solution_areas": _is_labels,
        "business_model": _is_label,
        "locations": _is_locations,
    },
    "update-membership": COMPANY,
    "record-invitation": {"location": _is_location, "language": _is_language},
    "record-response": {"location": _is_location, "invitation": _is_reference, "anonymous": _is_boolean},
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "enrol-membership": {"competencies": [], "solution_areas": [], "locations": ["main"]},
    "record-response": {"anonymous": False},
}


def is_well_formed(fact: Any) -> bool:
    """Whether every field that the type needs is there, nothing else is, and each holds what it may hold."""
    if not isinstance(fact, dict) or not isinstance(fact.get("type"), str) or fact["type"] not in NEEDED:
        return False
    kind = fact["type"]
    needed: dict[str, Check] = {"type": _is_name, "id": _is_fact_id, "occurred_at": _is_instant} | NEEDED[kind]
    if kind != "publish-rulebook":
        needed["membership"] = _is_membership
    optional: dict[str, Check] = {"actor": _is_label} | OPTIONAL.get(kind, {})
    for field, check in needed.items():
        if field not in fact or not check(fact[field]):
            return False
    for field, value in fact.items():
        if field not in needed and field not in optional:
            return False
        has_default = field in DEFAULTS.get(kind, {})
        if field in optional and (value is not None or has_default) and not optional[field](value):
            return False
    if kind == "update-membership" and all(fact.get(field) is None for field in COMPANY):
        return False
    return not is_personal(fact)


def is_personal(fact: Any) -> bool:
    """Whether a fact of a known type says of somebody what it must not, well-formed or not."""
    kind = fact.get("type") if isinstance(fact, dict) else None
    if not isinstance(kind, str) or kind not in NEEDED:
        return False
    whose = () if kind == "publish-rulebook" else ("membership",)
    return says_of_somebody(fact, {"id", "occurred_at", "actor", *whose, *NEEDED[kind], *OPTIONAL.get(kind, {})})


def is_reserved(fact_id: str) -> bool:
    """Whether an id is one of the program's own, which nobody else may give to a fact."""
    return fact_id.startswith("csat-ledger:")


class NotStrictError(ValueError):
    """A line that is no strict JSON."""


def read_line(line: bytes) -> Any:
    """The JSON value in a line, read strictly: UTF-8, no key twice at any depth, no NaN, nothing after the value.

    Raises:
        NotStrictError: It is anything else, or is nested too deeply to be read.
    """

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise NotStrictError("found a key twice, expected each key once")
        return dict(pairs)

    def no_number(text: str) -> Any:
        raise NotStrictError(f"found {text}, expected a number of JSON")

    try:
        return json.loads(line.decode("utf-8"), object_pairs_hook=object_of, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise NotStrictError(str(error)) from error


def content_of(fact: Fact) -> Fact:
    """What a fact says, however it is spelt: defaults filled in, instants in UTC. Equal ids must mean equal content."""
    said = dict(DEFAULTS.get(fact["type"], {}))
    for field, value in fact.items():
        if value is not None:
            said[field] = instant(value) if field in ("occurred_at", "effective_from") else value
    return said
