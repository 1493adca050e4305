"""Facts: the one way in (DESIGN 4). Each is a command, an immutable value; its form is checked here and nowhere else.

This is what the facts of all programmes have in common: the base of their models, the kinds of text that they are made
of, and the parser. `FactParser` turns a line of a file or a message into a fact or refuses it as `malformed`, or as
`personal-data` (`ledger.door`).
Two facts with one id are the same fact when their contents are: `digest` is taken over the content with all defaults
filled in and the instant in UTC, so that neither key order nor white space nor the offset makes a difference.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Union, get_args

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema

from ledger import door
from ledger.answers import IN_VAULT, Answered
from ledger.errors import BadInput, Refused
from ledger.fold import first_refused, refused_class
from ledger.fold_tables import UNICODE
from ledger.instants import RFC3339_PATTERN, canonical_instant, parse_instant
from ledger.wording import no_utf8, told

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from ledger.link_key import Link

OWN_IDS: Final = "csat-ledger:"
"""The ids that begin so are the program's own: no source can take the id of a decision or an edition away from it."""
LINE_BYTES_MAX: Final = 65_536
"""A fact is refused unread beyond this: no event of it could be stored."""

COMPARED_MAX: Final = 64
"""So many characters of an unknown type are compared with the known ones."""

NEAR_TYPES: Final = 3
"""So many types are named where a fact has one that is none."""


def utc_instant(text: str) -> str:
    try:
        return canonical_instant(text)
    except BadInput as error:
        said = str(error) if _LIKE_AN_INSTANT.fullmatch(text) else _NO_INSTANT  # what somebody wrote is not told back
        raise ValueError(said) from None


_LIKE_AN_INSTANT: Final = re.compile(r"[0-9TtZz :.,+-]{1,40}")
_NO_INSTANT: Final = (
    "found a text of another form, expected an RFC 3339 instant with an offset, such as 2010-06-15T10:22:33Z"
)


def visible(text: str) -> str:
    """Without what cannot be seen, or makes a text look like another (DESIGN 4)."""
    refused = first_refused(text)
    if refused is not None:
        raise ValueError(f"found {refused}, expected none that is invisible or that Unicode {UNICODE} does not assign")
    return text


def label_text(text: str) -> str:
    if "@" in text:
        raise ValueError(
            f"found @ at character {text.index('@') + 1}, expected a name: mail addresses have no place here"
        )
    if text[0] == " " or text[-1] == " ":
        raise ValueError(f"found a space at the {'beginning' if text[0] == ' ' else 'end'}, expected none there")
    return visible(text)


def distinct(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError(f"found a name twice among {len(names)}, expected each once")
    return names


_ID: Final = r"^[^\x00-\x1f\x7f-\x9f]+$"
_MEMBERSHIP: Final = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
_REFERENCE: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/+=~#-]{0,63}$"
_REFERENCES: Final = frozenset((_MEMBERSHIP, _REFERENCE))
FactId = Annotated[str, Field(min_length=1, max_length=200, pattern=_ID)]
MembershipId = Annotated[str, Field(pattern=_MEMBERSHIP)]
Reference = Annotated[str, Field(pattern=_REFERENCE)]
"""An opaque reference. It has no '@' and no spaces: names of people and mail addresses have no place in the book."""


def label_schema(never: str) -> dict[str, Any]:
    """The schema of a label that a pattern never matches."""
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "pattern": f"^[^{refused_class()}@]+$",
        "not": {"pattern": never},
    }


Label = Annotated[
    str,
    Field(min_length=1, max_length=64),
    AfterValidator(label_text),
    WithJsonSchema(label_schema("^ | $")),
]
"""The name of an organisation or a category."""
CompanyName = Annotated[
    str,
    Field(min_length=1, max_length=200),
    AfterValidator(visible),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200, "pattern": f"^[^{refused_class()}]+$"}),
]
Instant = Annotated[
    str,
    AfterValidator(utc_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": RFC3339_PATTERN}),
]
Labels = Annotated[list[Label], Field(max_length=50), AfterValidator(distinct)]
Figure = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


def content_digest(content: dict[str, Any]) -> bytes:
    """SHA-256 of a fact's content, whatever the order of its keys."""
    return sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


class Fact(BaseModel):
    """What all facts have. `occurred_at` is kept in the canonical text, `occurred_us` is the same instant."""

    publishes: ClassVar[bool] = False
    """Whether it publishes an edition of a programme's rules."""
    hidden: ClassVar[frozenset[str]] = frozenset()
    """The fields that nobody is told but the source of the fact: what they name must not be tied to it (DESIGN 13)."""
    sealed: ClassVar[frozenset[str]] = frozenset()
    """The fields that are for the vault alone: the parser takes their values off (`set_apart`)."""

    noted: ClassVar[tuple[str, ...]] = ("_answered",)
    """What may stand beside its content once it was recorded."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: FactId
    occurred_at: Instant
    actor: Label | None = None
    if TYPE_CHECKING:
        type: str  # each model says which, after its own fields

    def occurred_us(self) -> int:
        """The instant at which it was so."""
        return parse_instant(self.occurred_at)

    @property
    def stream(self) -> str:
        """The name of the stream in which its event stands."""
        raise NotImplementedError

    def tie(self, link: Link) -> None:
        """Hands the fact what ties it to what it names in secret, for those that do: before its digest and the rules."""

    def told(self) -> Mapping[str, str | None]:
        """What stands in the place of each of the fields that are `hidden`, wherever the fact is told on."""
        return dict.fromkeys(self.hidden)

    def set_apart(self) -> int:
        """Takes the values of what is `sealed` off, for those that have such fields; how many members stand inside them."""
        return 0

    def answered(self) -> Answered | None:
        """What was taken off; None where there was nothing."""
        found: Answered | None = self.__dict__.get("_answered")
        return found

    def notes(self) -> dict[str, Any]:
        """What recording has noted on it beside its content (`noted`), which `told` and `answered` go by."""
        return {name: self.__dict__[name] for name in self.noted if name in self.__dict__}

    def take_notes(self, notes: Mapping[str, Any]) -> None:
        """Takes over what was noted on a copy of it that another process recorded."""
        self.__dict__.update(notes)

    def digest(self) -> bytes:
        """32 bytes that are equal for two facts exactly when their contents are (up to SHA-256), but for what is `sealed`.

        Raises LinkKeyMissing where that takes a link key which is not there.
        """
        return content_digest(self.__dict__)


class FactParser:
    """The parser of the facts of some programmes."""

    def __init__(self, models: Iterable[type[Fact]]) -> None:
        self.models = tuple(models)
        self.by_type = {get_args(model.model_fields["type"].annotation)[0]: model for model in self.models}
        """The model of each type of fact."""
        union: Any = Union[self.models]  # noqa: UP007 - the models are known here only
        self._adapter: TypeAdapter[Fact] = TypeAdapter(Annotated[union, Field(discriminator="type")])

    def parse(self, line: bytes | str) -> Fact:
        """The fact that one JSON object from outside states.

        Raises Refused("malformed") saying what was found and expected, Refused("personal-data") where a text looks like
        what may not stand in the book (`ledger.door`), Refused("reserved-id") for an id of the program's own.
        """
        fact = self._parse(line)
        door.check(fact, line)
        if fact.id.startswith(OWN_IDS):
            raise Refused("reserved-id", f"found id {fact.id!r}, expected one that does not begin with {OWN_IDS!r}")
        return fact

    def own(self, content: dict[str, Any]) -> Fact:
        """A fact of the program's own, whose id begins with OWN_IDS. Raises Refused("malformed")."""
        return self._parse(orjson.dumps(content))

    def from_object(self, content: Any) -> Fact:
        """As `parse`, for an object that is parsed already."""
        try:
            encoded = orjson.dumps(content)
        except TypeError as error:
            raise Refused("malformed", f"found what is no JSON object: {error}") from None
        return self.parse(encoded)

    def parse_kept(self, kept: str) -> Fact:
        """As `parse`, for a fact that was kept as refused: what it carried may be in the vault (`IN_VAULT`)."""
        content = _object_with(kept, IN_VAULT)
        if content is None or content.get("answers") != IN_VAULT:
            return self.parse(kept)
        del content["answers"]
        fact = self.from_object(content)
        fact.__dict__["_answered"] = Answered(None, None, from_vault=True)
        return fact

    def _parse(self, line: bytes | str) -> Fact:
        if len(line) > LINE_BYTES_MAX:
            raise too_long(len(line))
        try:
            fact = self._adapter.validate_json(line)
        except ValidationError as error:
            code, parts, more = _parts(error, line, self.by_type)
            said = "; ".join(f"{where or 'the fact'}: {what}" for where, what in parts)
            sentence = f"{said}; and {more} more" if more > 0 else said
            raise Refused(code, sentence, parts[0][0]) from None
        fields = fact.model_fields_set
        members = len(fields)
        if not fact.sealed.isdisjoint(fields):
            members += fact.set_apart()
        _check_keys_once(line if isinstance(line, bytes) else line.encode(), members)
        return fact


def too_long(length: int) -> Refused:
    """What is raised of a line of more than LINE_BYTES_MAX bytes."""
    return Refused("malformed", f"found a fact of {length:,} bytes, expected at most {LINE_BYTES_MAX:,}")


def _object_with(text: str, word: str) -> dict[str, Any] | None:
    """The JSON object of a text that has a word in it; None for anything else."""
    if word not in text:
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


_SPACED_COLON: Final = re.compile(rb"[ \t\n\r]:")


def _check_keys_once(line: bytes, fields: int) -> None:
    """Refuses a fact that has a key twice: a reader keeps the first, another the last.

    A line that ends as many strings with `":` as its fact has fields, and has no space before a colon, has each key once;
    only others are read a second time.
    """
    if line.count(b'":') == fields and _SPACED_COLON.search(line) is None:
        return
    json.loads(line, object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    names = Counter(name for name, _ in pairs)
    twice = [name for name, times in names.items() if times > 1]
    if twice:
        raise Refused("malformed", f"found {', '.join(map(repr, twice[:5]))} more than once, expected each key once")


PARTS_MAX: Final = 5
"""So many faults of a fact are told."""


def _parts(
    error: ValidationError, line: bytes | str, by_type: Mapping[str, type[Fact]]
) -> tuple[str, list[tuple[str | None, str]], int]:
    """The code, where a line is wrong (None: as a whole) and what is wrong there, and how much more there is.

    The words quote neither an unknown member's name nor an unknown type. What looks like personal data comes first, and
    gives the code.

    Sentences go onto topics and into logs, and nobody knows what stands in what has no form: an invitation beside the
    answer to it, or a command to a terminal. So a member that its type does not know is named by its place.
    """
    faults = error.errors(include_url=False)[: door.FAULTS_MAX]
    personal: dict[str | None, str] = {}
    others: list[tuple[str | None, str]] = []
    for found in faults:
        if found["type"] == "union_tag_invalid":
            others.append(("type", _unknown_type(found["ctx"]["tag"], found["ctx"]["expected_tags"])))
        elif found["type"] == "union_tag_not_found":
            others.append(("type", "found none, expected that of a fact, such as 'record-response'"))
        elif len(found["loc"]) < 2:
            others.append((None, no_utf8(line) or told(found)))
        elif found["type"] == "extra_forbidden":
            if len(others) < PARTS_MAX:
                said = f"found one that {found['loc'][0]} does not have there, expected none"
                others.append((_place(found, line, by_type), said))
        elif (
            found["loc"][1] not in by_type[str(found["loc"][0])].sealed  # what is for the vault may say anything
            and (what := door.kind_of_fault(found, _words_of(found))) is not None
        ):
            personal[_place(found, line, by_type)] = door.said_of(what)
        elif len(others) < PARTS_MAX:
            others.append((_place(found, line, by_type), told(found)))
    model = by_type.get(str(faults[0]["loc"][0])) if faults[0]["loc"] else None
    if model is not None:
        known = [field.alias or name for name, field in model.model_fields.items() if name not in model.sealed]
        personal |= {where: door.said_of(what) for where, what in door.found_beside(line, known)}
    parts = [*personal.items(), *((where, said) for where, said in others if where not in personal)][:PARTS_MAX]
    return door.CODE if personal else "malformed", parts, error.error_count() - len(parts)


def _place(found: ErrorDetails, line: bytes | str, by_type: Mapping[str, type[Fact]]) -> str:
    kind, *steps = found["loc"]
    return _where(steps, line, _member_names(by_type[str(kind)]))


def _words_of(found: ErrorDetails) -> int | None:
    """How many words in a row are free text where a fault was found; None where no reference belongs."""
    if found["loc"][1:] == ("id",):
        return door.ID_WORDS
    return door.REFERENCE_WORDS if found.get("ctx", {}).get("pattern") in _REFERENCES else None


def _where(steps: list[int | str], line: bytes | str, known: frozenset[str]) -> str:
    """The way to a member, such as `rates.member 2.associations.0`: a name that is not `known` is a place, from 1 on."""
    if known.issuperset(steps):
        return ".".join(map(str, steps))
    named: list[str] = []
    # Numbers stay text: nothing here asks for their values.
    value = json.loads(line, object_pairs_hook=_Members, parse_int=str, parse_float=str)
    for step in steps:
        if isinstance(value, _Members):
            place = next((place for place, (name, _) in enumerate(value, 1) if name == step), 0)
            named.append(f"member {place}" if place and step not in known else str(step))
            value = value[place - 1][1] if place else value  # a step that names no member is a word of the model's
        else:
            named.append(str(step))
            value = value[step] if isinstance(step, int) and isinstance(value, list) else value
    return ".".join(named)


class _Members(list[tuple[str, Any]]):
    """The members of a JSON object in their order."""


@cache
def _member_names(model: type[Fact]) -> frozenset[str]:
    """The names of all members that a model has, of the objects in it too."""
    names: set[str] = set()

    def collect(schema: Any) -> None:
        if isinstance(schema, dict):
            properties = schema.get("properties")
            names.update(properties if isinstance(properties, dict) else ())
        for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
            collect(inner)

    collect(model.model_json_schema())
    return frozenset(names)


def _unknown_type(tag: str, expected: str) -> str:
    """What is said of a type that no fact has: the few that are written most like it, since all of them are too many."""
    from difflib import get_close_matches

    types = expected.replace("'", "").split(", ")
    near = get_close_matches(tag[:COMPARED_MAX], types, n=NEAR_TYPES, cutoff=0.0)
    return f"found another, expected one of {len(types)} types, such as {', '.join(map(repr, near))}"
