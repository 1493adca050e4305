"""The parameters of the routes: how each is read, and what the OpenAPI document says of it.

A parameter that a route does not have, or that is given twice, is an error and not passed over: a misspelt `known_at` would
be answered with what is known now.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args
from urllib.parse import parse_qsl

from console.cli.options import POSITION_DIGITS_MAX, WITHIN_DAYS_MAX, KnownAt, read_instant, read_known_at
from console.http.problems import Problem
from ledger.errors import BadInput
from ledger.instants import RFC3339_PATTERN
from ledger.membership import can_be_membership
from ledger.programmes.capability.events import can_be_area
from projections.questions.board import State
from projections.questions.board_page import CURSOR_MAX, LIMIT_MAX, SEARCH_MAX, read_cursor
from projections.questions.decisions_page import EDITION_NAME_MAX, OUTCOMES, Programme
from projections.questions.decisions_page import read_cursor as read_decisions_cursor
from projections.questions.expiring import MONTHS, MONTHS_MAX
from projections.questions.refusals import CODE_MAX, SOURCE_MAX, read_refusals_cursor
from projections.questions.score_months import MONTHS as MONTHS_BEFORE
from projections.questions.score_months import MONTHS_MAX as MONTHS_BEFORE_MAX
from projections.questions.upcoming import read_cursor as read_upcoming_cursor
from projections.questions.what_would_it_take import MORE_MAX
from projections.results.periods import parse_month

PARAMETERS_MAX: Final = 20
NO_UTF8: Final = "found what is no UTF-8 in the query, expected UTF-8, in which ü is %C3%BC"
LIMIT: Final = 100
EDITION_MAX: Final = 3_000
WITHIN: Final = 90
BY: Final = ("membership", "quarter", "month")
PLUS_AS_SPACE: Final = re.compile(r"\d \d\d:\d\d$")
"""The end of an instant whose offset has lost its +."""
Schema = Mapping[str, Any]

DATE: Final[Schema] = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
INSTANT: Final[Schema] = {"anyOf": [DATE, {"type": "string", "format": "date-time", "pattern": RFC3339_PATTERN}]}
POSITION: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 10**POSITION_DIGITS_MAX - 1}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the path or in the query; `read` raises BadInput."""

    name: str
    description: str
    schema: Schema
    read: Callable[[str], Any]
    example: Any
    place: Literal["path", "query"] = "query"
    required: bool = False


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number within bounds."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= POSITION_DIGITS_MAX and least <= int(text) <= most:
            return int(text)
        raise BadInput(f"found {text[:40]!r}, expected a whole number from {least:,} to {most:,}")

    return read


def whole_number_parameter(name: str, description: str, least: int, most: int, example: int) -> Parameter:
    """A parameter of the query that is a whole number: what its schema says and what is read have the same bounds."""
    schema: Schema = {"type": "integer", "minimum": least, "maximum": most}
    return Parameter(name, description, schema, whole_number(least, most), example)


def one_of(values: Sequence[str]) -> Callable[[str], str]:
    """Reads one of some words."""

    def read(text: str) -> str:
        if text in values:
            return text
        raise BadInput(f"found {text[:40]!r}, expected one of {', '.join(values)}")

    return read


def _search(text: str) -> str:
    if not 1 <= len(text) <= SEARCH_MAX:
        raise BadInput(f"found {len(text):,} characters, expected 1 to {SEARCH_MAX}")
    return text


def _edition(text: str) -> str:
    if not 2 <= len(text) <= EDITION_MAX:
        raise BadInput(
            f"found {len(text):,} characters, expected 2 to {EDITION_MAX:,}: name the figures alone that differ"
        )
    return text


def _matching(pattern: str, expected: str) -> Callable[[str], str]:
    form = re.compile(pattern)

    def read(text: str) -> str:
        if form.fullmatch(text):
            return text
        raise BadInput(f"found {text[:40]!r}, expected {expected}")

    return read


def _designation(text: str) -> tuple[str, str]:
    membership, slash, area = text.partition("/")
    if not (slash and can_be_membership(membership) and can_be_area(area)):
        raise BadInput(f"found {text[:110]!r}, expected a membership and an area with a slash between them")
    return membership, area


def _bounded(text: str) -> str:
    """A name of whatever form: one that is none is not known, which is for the question to say."""
    return text


MEMBERSHIP: Final = Parameter(
    "membership",
    "The membership.",
    {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"},
    _bounded,
    "m-1",
    "path",
    required=True,
)
AREA: Final = Parameter(
    "area",
    "The solution area of the designation.",
    {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
    _bounded,
    "business-applications",
    "path",
    required=True,
)
OF_MEMBERSHIP: Final = Parameter("membership", "Of this membership only.", MEMBERSHIP.schema, _bounded, "m-1")
WITH_DESIGNATION: Final = Parameter("membership", "Of this membership only.", MEMBERSHIP.schema, _bounded, "m-3")
"""The same, with an example that has a designation."""
IN_AREA: Final = Parameter("area", "Of this area only.", AREA.schema, _bounded, "business-applications")
AT: Final = Parameter(
    "at",
    "The instant asked about, RFC 3339, or a date for its beginning in UTC; default: now. A + in a query is written %2B.",
    INSTANT,
    read_instant,
    "2011-02-28T23:59:59.999999Z",
)
UNTIL: Final = Parameter(
    "at",
    "What was so by this instant, or by the beginning of this date; default: all.",
    INSTANT,
    read_instant,
    "2030-01-01",
)
KNOWN_AT: Final = Parameter(
    "known_at",
    "What was known at this position of the ledger, or recorded by this instant; default: all that is known.",
    {"anyOf": [POSITION, *INSTANT["anyOf"]]},
    read_known_at,
    "2025-01-31",
)
FROM: Final = Parameter("from", "The one instant.", INSTANT, read_instant, "2024-07-01", required=True)
TO: Final = Parameter("to", "The other instant.", INSTANT, read_instant, "2024-09-02", required=True)
SINCE_WHEN: Final = Parameter(
    "from", "The first instant that is told; default: before the first receipt.", INSTANT, read_instant, "2010-01-01"
)
UNTIL_WHEN: Final = Parameter(
    "to", "The last one; default: when what counts has expired.", INSTANT, read_instant, "2012-01-01"
)
FROM_KNOWN_AT: Final = Parameter(
    "from_known_at", "What was known on the side of `from`.", KNOWN_AT.schema, read_known_at, "2025-01-31"
)
TO_KNOWN_AT: Final = Parameter(
    "to_known_at", "What was known on the side of `to`.", KNOWN_AT.schema, read_known_at, "2025-06-30"
)
EDITION: Final = Parameter(
    "edition",
    "The figures that are tried: a fact `publish-rulebook` or `publish-scorebook`, or as much of one, as JSON.",
    {"type": "string", "minLength": 2, "maxLength": EDITION_MAX},
    _edition,
    '{"min_responses":5}',
    required=True,
)
HOLDS_FROM: Final = Parameter(
    "from", "From when on they hold; default: their `effective_from`, else always.", INSTANT, read_instant, "2010-01-01"
)
HOLDS_TO: Final = Parameter(
    "to", "Until before when; default: the last full ten minutes, in UTC.", INSTANT, read_instant, "2012-01-01"
)
AFTER_MEMBERSHIP: Final = Parameter(
    "after", "Only memberships that follow this one.", MEMBERSHIP.schema, _bounded, "m-0"
)
COUNTS_ALONE: Final = Parameter(
    "counts",
    "How many, not who: in fives, rounded down; over whole months, and by figures with two digits and zeros.",
    {"type": "string", "enum": ["true", "false"]},
    one_of(("true", "false")),
    "true",
)
WITHIN_DAYS: Final = whole_number_parameter(
    "within", f"So many days ahead; default: {WITHIN}.", 0, WITHIN_DAYS_MAX, 365
)
MONTHS_AHEAD: Final = whole_number_parameter("months", f"So many months ahead; default: {MONTHS}.", 1, MONTHS_MAX, 12)
MONTHS_BACK: Final = whole_number_parameter(
    "months", f"So many months; default: {MONTHS_BEFORE}.", 1, MONTHS_BEFORE_MAX, 6
)
MORE_NET_ADDS: Final = whole_number_parameter(
    "more_net_adds", "Suppose so many more net customer adds; default: 0.", 0, MORE_MAX, 2
)
MORE_INTERMEDIATE: Final = whole_number_parameter(
    "more_intermediate", "Suppose so many more people with an intermediate certificate; default: 0.", 0, MORE_MAX, 1
)
MORE_ADVANCED: Final = whole_number_parameter(
    "more_advanced", "Suppose so many more people with an advanced certificate; default: 0.", 0, MORE_MAX, 1
)
MORE_PERCENT: Final = whole_number_parameter(
    "more_percent", "Suppose so many more whole percents of usage growth; default: 0.", 0, MORE_MAX, 10
)
MORE_DEPLOYMENTS: Final = whole_number_parameter(
    "more_deployments", "Suppose so many more deployments; default: 0.", 0, MORE_MAX, 3
)
SEARCH: Final = Parameter(
    "search",
    "Only memberships with this in their id or name.",
    {"type": "string", "minLength": 1, "maxLength": SEARCH_MAX},
    _search,
    "alder",
)
STATE: Final = Parameter(
    "state", "Only memberships in this state.", {"type": "string", "enum": [*get_args(State)]}, one_of(get_args(State)),
    "losing",
)  # fmt: skip
PAGE_LIMIT: Final = whole_number_parameter(
    "limit", f"So many memberships on a page at most; default: {LIMIT}.", 1, LIMIT_MAX, 10
)
DECISIONS_LIMIT: Final = whole_number_parameter(
    "limit", f"So many decisions on a page at most; default: {LIMIT}.", 1, LIMIT_MAX, 10
)
UPCOMING_LIMIT: Final = whole_number_parameter(
    "limit", f"So many changes on a page at most; default: {LIMIT}.", 1, LIMIT_MAX, 10
)
PROGRAMME: Final = Parameter(
    "programme", "Only those on renewals (survey), or on designations (capability).",
    {"type": "string", "enum": [*get_args(Programme)]}, one_of(get_args(Programme)), "survey",
)  # fmt: skip
OUTCOME: Final = Parameter(
    "outcome", "Only those with this outcome.", {"type": "string", "enum": [*OUTCOMES]}, one_of(OUTCOMES), "met"
)
OF_EDITION: Final = Parameter(
    "edition",
    "Only those that name this edition of the rules.",
    {"type": "string", "minLength": 1, "maxLength": EDITION_NAME_MAX, "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]+$"},
    _matching(f"[^\\x00-\\x1f\\x7f-\\x9f]{{1,{EDITION_NAME_MAX}}}", "the name of an edition, such as 2013-04"),
    "2009-11",
)
FIRST: Final = whole_number_parameter("limit", "So many at most, the first ones; default: all.", 1, LIMIT_MAX, 10)
LAST_EVENTS: Final = whole_number_parameter("last", "Only the last so many events; default: all.", 1, LIMIT_MAX, 10)
BEFORE_EVENT: Final = whole_number_parameter(
    "before", "Only events whose number in the stream is below this one.", 1, 10**POSITION_DIGITS_MAX - 1, 5
)
AFTER_DESIGNATION: Final = Parameter(
    "after",
    "Only those that follow this one, a membership and an area with a slash between them.",
    {
        "type": "string",
        "minLength": 3,
        "maxLength": 105,
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}/[a-z0-9-]{1,40}$",
    },
    _designation,
    "m-1/business-applications",
)
CURSOR: Final = Parameter(
    "cursor",
    "The `next` of the page before; it holds what the first page was asked, and stands beside `limit` alone.",
    {"type": "string", "minLength": 1, "maxLength": CURSOR_MAX, "pattern": "^[A-Za-z0-9_-]+$"},
    read_cursor,
    None,
)
DECISIONS_CURSOR: Final = Parameter("cursor", CURSOR.description, CURSOR.schema, read_decisions_cursor, None)
UPCOMING_CURSOR: Final = Parameter("cursor", CURSOR.description, CURSOR.schema, read_upcoming_cursor, None)
GROUPED_BY: Final = Parameter(
    "by", "A line for each of these; default: membership.", {"type": "string", "enum": [*BY]}, one_of(BY), "quarter"
)

PERIODS: Final = Parameter(
    "by", "What the periods are; default: quarter.", {"type": "string", "enum": ["quarter", "month"]},
    one_of(("quarter", "month")), "quarter",
)  # fmt: skip
MONTH: Final = Parameter(
    "month", "A month that is closed.", {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"}, parse_month,
    "2010-06", required=True,
)  # fmt: skip

BOOLEAN: Final[Schema] = {"type": "string", "enum": ["true", "false"]}
COUNTS: Final = Parameter(
    "counts", "Counts by code, in the place of the refused facts.", BOOLEAN, one_of(BOOLEAN["enum"]), "true"
)
WITH_RESOLVED: Final = Parameter(
    "resolved", "Those, too, that are in the book by now.", BOOLEAN, one_of(BOOLEAN["enum"]), "true"
)
CODE: Final = Parameter(
    "code",
    "Those that were refused with this code last.",
    {"type": "string", "minLength": 1, "maxLength": CODE_MAX, "pattern": "^[a-z-]+$"},
    _matching(f"[a-z-]{{1,{CODE_MAX}}}", "a code of a refusal, such as consent-missing"),
    "unknown-membership",
)
SOURCE: Final = Parameter(
    "source",
    "Those that came from here last: `file:NAME`, `http:PSEUDONYM`, `kafka:TOPIC/PARTITION/OFFSET`.",
    {"type": "string", "minLength": 1, "maxLength": SOURCE_MAX, "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]+$"},
    _matching(f"[^\\x00-\\x1f\\x7f-\\x9f]{{1,{SOURCE_MAX}}}", "the source of a refusal, such as file:facts.jsonl"),
    "file:facts.jsonl",
)
SINCE: Final = Parameter("since", "Refused last at this instant, or later.", INSTANT, read_instant, "2010-01-01")
BEFORE: Final = Parameter("until", "Refused last before this instant.", INSTANT, read_instant, "2030-01-01")
REFUSALS_LIMIT: Final = whole_number_parameter(
    "limit", f"So many on a page at most; default: {LIMIT}.", 1, LIMIT_MAX, 10
)
REFUSALS_CURSOR: Final = Parameter("cursor", CURSOR.description, CURSOR.schema, read_refusals_cursor, None)

Values = dict[str, Any]


def read_values(parameters: Sequence[Parameter], path: Mapping[str, str], query: bytes) -> Values:
    """The values of a route's parameters by their names. Raises Problem (400) that names the parameter."""
    texts = _query_texts(parameters, query) if query else {}
    values: Values = {}
    for parameter in parameters:
        found = path.get(parameter.name) if parameter.place == "path" else texts.get(parameter.name)
        if found is None:
            if parameter.required:
                raise Problem(400, "bad-input", "found none, expected it: " + parameter.description, parameter.name)
            continue
        try:
            values[parameter.name] = parameter.read(found)
        except BadInput as error:
            plus = PLUS_AS_SPACE.search(found) is not None
            said = f"{error}; a + in a query is a space, and written %2B" if plus else str(error)
            raise Problem(400, "bad-input", said, parameter.name) from None
    return values


def query_pairs(query: bytes, most: int) -> list[tuple[str, str]]:
    """Names and texts of a query, so many at most. Raises Problem (400)."""
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=most, errors="strict")
    except UnicodeDecodeError:
        raise Problem(400, "bad-input", NO_UTF8) from None
    except ValueError:
        raise Problem(400, "bad-input", f"found more than {most} parameters, expected {most} at most") from None


def _query_texts(parameters: Sequence[Parameter], query: bytes) -> dict[str, str]:
    """What a query says of parameters, each once. Raises Problem (400)."""
    pairs = query_pairs(query, PARAMETERS_MAX)
    names = [parameter.name for parameter in parameters if parameter.place == "query"]
    texts: dict[str, str] = {}
    for name, text in pairs:
        if name not in names:
            expected = ", ".join(names) or "none"
            raise Problem(400, "bad-input", f"found an unknown parameter, expected of these: {expected}", name[:40])
        if name in texts:
            raise Problem(400, "bad-input", "found it more than once, expected it once", name)
        texts[name] = text
    return texts


def known_in(values: Values) -> Mapping[str, KnownAt]:
    """The values that say what was known when."""
    return {name: value for name, value in values.items() if isinstance(value, KnownAt)}
