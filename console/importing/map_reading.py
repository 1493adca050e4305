"""A map out of a TOML table, read strictly: an unknown key is a mistake, and each mistake says where it stands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final

from console.importing.columns import ColumnRef
from console.importing.fact_fields import OWN, RESPONSE, field_is_known, fields_of, models
from console.importing.mapping import (
    CONTACT_FIELDS,
    FIELD_MARK,
    FROM,
    KINDS,
    PERSONAL,
    ExportMap,
    FactRule,
    FieldRule,
    Layout,
    Pivot,
    SkipRule,
    Times,
)
from console.importing.time_forms import check_languages, time_form
from console.importing.zones import zone_named
from ledger.errors import BadInput

FACTS_MAX: Final = 16
OWN_MAX: Final = 100
"""As many own questions as a response has."""
COLUMNS_JOINED_MAX: Final = 8
_REF_KEYS: Final = frozenset(("column", "under", "nth", "position", "missing"))
_RULE_KEYS: Final = _REF_KEYS | frozenset(
    ("columns", "value", "from", "optional", "values", "empty", "strip", "decimal", "grouping", "text")
)


def read_map(name: str, table: Mapping[str, Any]) -> ExportMap:
    """A map out of what its file says. Raises BadInput."""
    try:
        return _map(name, table)
    except BadInput as error:
        raise BadInput(f"map {name}: {error}") from None


def _map(name: str, table: Mapping[str, Any]) -> ExportMap:
    _check_keys("", table, ("title", "source", "layout", "time", "fact", "contact", "skip", "rows"))
    facts = _typed("fact", table.get("fact", []), list)
    contact = dict(_typed("contact", table.get("contact", {}), dict))
    drop = _typed("contact.drop", contact.pop("drop", False), bool)
    if not len(facts) + bool(contact) > 0 or len(facts) > FACTS_MAX:
        raise BadInput(f"found {len(facts)} [[fact]], expected 1 to {FACTS_MAX}, or a [contact]")
    _check_keys("contact", contact, CONTACT_FIELDS)
    if contact and "email" not in contact:
        raise BadInput("contact: found no email, expected the column of mail addresses")
    rules = {field: _field(f"contact.{field}", rule) for field, rule in contact.items()}
    personal = {column.name for field in PERSONAL if field in rules for column in rules[field].columns}
    return ExportMap(
        name=name,
        title=_typed("title", table.get("title", name), str),
        source=_typed("source", table.get("source", ""), str),
        layout=_layout(_typed("layout", table.get("layout", {}), dict)),
        times=_times(_typed("time", table.get("time", {}), dict)),
        facts=tuple(_fact(f"fact {number}", fact, personal, bool(rules)) for number, fact in enumerate(facts, 1)),
        contact=rules,
        drop_contacts=drop,
        skips=tuple(
            _skip(f"skip {place}", one) for place, one in enumerate(_typed("skip", table.get("skip", []), list), 1)
        ),
        pivot=_pivot(_typed("rows", table["rows"], dict)) if "rows" in table else None,
    )


def _layout(table: Mapping[str, Any]) -> Layout:
    _check_keys(
        "layout", table,
        ("kinds", "delimiter", "encoding", "header_rows", "names_from", "zone_from", "skip_rows", "records", "sheet"),
    )  # fmt: skip
    header_rows = _number("layout.header_rows", table.get("header_rows", 1), 1, 10)
    names_from = tuple(
        _number("layout.names_from", one, 1, header_rows)
        for one in _typed("layout.names_from", table.get("names_from", [1]), list)
    )
    if not 1 <= len(names_from) <= 2:
        raise BadInput(f"layout.names_from: found {len(names_from)} rows of headings, expected one or two")
    kinds = _texts("layout.kinds", table.get("kinds", list(KINDS)))
    if not kinds or not set(kinds) <= set(KINDS):
        raise BadInput(f"layout.kinds: found others, expected of {', '.join(KINDS)}")
    delimiter = _optional("layout.delimiter", table, str)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise BadInput("layout.delimiter: found another text, expected one character")
    zone_from = table.get("zone_from")
    return Layout(
        kinds=kinds,
        delimiter=delimiter,
        encoding=_optional("layout.encoding", table, str),
        header_rows=header_rows,
        names_from=names_from,
        zone_from=None if zone_from is None else _number("layout.zone_from", zone_from, 1, header_rows),
        skip_rows=_number("layout.skip_rows", table.get("skip_rows", 0), 0, 1_000),
        records=_optional("layout.records", table, str),
        sheet=_optional("layout.sheet", table, str),
    )


def _times(table: Mapping[str, Any]) -> Times:
    _check_keys("time", table, ("forms", "zone", "languages"))
    zone = _optional("time.zone", table, str)
    languages = _texts("time.languages", table.get("languages", ["en"]))
    _named("time.languages", lambda: check_languages(languages))
    forms = _texts("time.forms", table.get("forms", []))
    return Times(
        forms=tuple(_named("time.forms", partial(time_form, text)) for text in forms),
        zone=None if zone is None else _named("time.zone", lambda: zone_named(zone)),
        languages=languages,
    )


def _fact(where: str, table: Any, personal: Collection[str | None], has_contact: bool) -> FactRule:
    table = _typed(where, table, dict)
    _check_keys(where, table, ("type", "key", "fields", "only_with"))
    kind = table.get("type")
    if not isinstance(kind, str) or kind not in models():
        raise BadInput(f"{where}.type: found another, expected a type of fact, such as record-response")
    where = f"{where} ({kind})"
    fields = {}
    for field, rule in _typed(f"{where}.fields", table.get("fields", {}), dict).items():
        if not field_is_known(kind, field):
            answers = (
                ", comment, answers.overall …, answers.own.KEY (a to z, 0 to 9, _ and -)" if kind == RESPONSE else ""
            )
            names = ", ".join(sorted(fields_of(kind)))
            raise BadInput(f"{where}: found the field {field!r}, expected of {names}{answers}")
        fields[field] = _field(f"{where}.fields.{field}", rule)
        if fields[field].source == "contact" and not has_contact:
            raise BadInput(f"{where}.fields.{field}: found from = 'contact', expected a [contact] beside it")
        if fields[field].source == "contact" and field not in ("subject", "person"):
            raise BadInput(f"{where}.fields.{field}: found from = 'contact', expected it of subject or person alone")
    own = sum(field.startswith(OWN) for field in fields)
    if own > OWN_MAX:
        raise BadInput(f"{where}.fields: found {own} own questions, expected at most {OWN_MAX}")
    key = _typed(f"{where}.key", table.get("key", []), list)
    columns = tuple(_key_part(where, kind, one) for one in key)
    if not columns:
        raise BadInput(f"{where}.key: found none, expected the columns that identify a row in its source")
    for one in columns:
        if isinstance(one, ColumnRef) and one.name in personal:
            raise BadInput(f"{where}.key: found a column of the contact, expected none: ids name no person")
    only_with = table.get("only_with")
    return FactRule(kind, columns, fields, None if only_with is None else _ref(f"{where}.only_with", only_with))


def _key_part(where: str, kind: str, found: Any) -> ColumnRef | str:
    if not isinstance(found, str) or not found.startswith(FIELD_MARK):
        return _ref(f"{where}.key", found)
    if found.removeprefix(FIELD_MARK) not in fields_of(kind) - {"subject", "person"}:
        raise BadInput(f"{where}.key: found {found!r}, expected a column, or {FIELD_MARK} and a field of the fact")
    return found


def _field(where: str, rule: Any) -> FieldRule:
    if isinstance(rule, str):
        return FieldRule(columns=(ColumnRef(rule),))
    rule = _typed(where, rule, dict)
    _check_keys(where, rule, _RULE_KEYS)
    optional = _typed(f"{where}.optional", rule.get("optional", False), bool)
    columns: tuple[ColumnRef, ...] = ()
    if "columns" in rule:
        named = _texts(f"{where}.columns", rule["columns"])
        if not 0 < len(named) <= COLUMNS_JOINED_MAX:
            raise BadInput(f"{where}.columns: found {len(named)}, expected 1 to {COLUMNS_JOINED_MAX}")
        columns = tuple(ColumnRef(name, optional=_may_be_missing(where, rule)) for name in named)
    elif _REF_KEYS & rule.keys() - {"missing"}:
        columns = (_ref(where, {name: value for name, value in rule.items() if name in _REF_KEYS}),)
    value, source = rule.get("value"), rule.get("from")
    if bool(columns) + (value is not None) + (source is not None) != 1:
        raise BadInput(f"{where}: found none or several of column, value and from, expected one of them")
    if source is not None and source not in FROM:
        raise BadInput(f"{where}.from: found another, expected one of {', '.join(FROM)}")
    if value is not None and not isinstance(value, str | bool | int):
        raise BadInput(f"{where}.value: found neither text nor whole number nor true or false, expected one")
    values = _typed(f"{where}.values", rule.get("values", {}), dict)
    if any(not isinstance(one, str | bool | int) for one in values.values()):
        raise BadInput(f"{where}.values: found neither text nor whole number nor true or false, expected one for each")
    decimal = _typed(f"{where}.decimal", rule.get("decimal", "."), str)
    grouping = _typed(f"{where}.grouping", rule.get("grouping", ""), str)
    if decimal not in (".", ",") or grouping == decimal or len(grouping) > 1 or grouping.isdigit():
        raise BadInput(
            f"{where}: found a decimal or grouping mark that is none, expected . or , and another for grouping"
        )
    return FieldRule(
        columns=columns,
        value=value,
        source=source,
        optional=optional,
        values={text.casefold(): one for text, one in values.items()},
        empty=frozenset(text.casefold() for text in _texts(f"{where}.empty", rule.get("empty", []))),
        strip=_texts(f"{where}.strip", rule.get("strip", [])),
        decimal=decimal,
        grouping=grouping,
        text=_typed(f"{where}.text", rule.get("text", False), bool),
    )


def _ref(where: str, found: Any) -> ColumnRef:
    if isinstance(found, str):
        return ColumnRef(found)
    found = _typed(where, found, dict)
    _check_keys(where, found, _REF_KEYS)
    name, position = found.get("column"), found.get("position")
    if (name is None) == (position is None):
        raise BadInput(f"{where}: found neither or both of column and position, expected one")
    nth = found.get("nth")
    return ColumnRef(
        name=_optional(f"{where}.column", found, str, "column"),
        under=_optional(f"{where}.under", found, str, "under"),
        nth=None if nth is None else _number(f"{where}.nth", nth, 1, 16_384),
        position=None if position is None else _number(f"{where}.position", position, 1, 16_384),
        optional=_may_be_missing(where, found),
    )


def _may_be_missing(where: str, table: Mapping[str, Any]) -> bool:
    found: bool = _typed(f"{where}.missing", table.get("missing", False), bool)
    return found


def _skip(where: str, table: Any) -> SkipRule:
    table = _typed(where, table, dict)
    _check_keys(where, table, _REF_KEYS | {"is", "is_not", "why"})
    ref = _ref(where, {name: value for name, value in table.items() if name in _REF_KEYS})
    among, unless = (
        frozenset(text.casefold() for text in _texts(f"{where}.{name}", table[name])) if name in table else None
        for name in ("is", "is_not")
    )
    if (among is None) == (unless is None):
        raise BadInput(f"{where}: found neither or both of is and is_not, expected one")
    return SkipRule(ref, _typed(f"{where}.why", table.get("why", "skipped"), str), among, unless)


def _pivot(table: Mapping[str, Any]) -> Pivot:
    _check_keys("rows", table, ("key", "question", "answer"))
    key = tuple(_ref("rows.key", one) for one in _typed("rows.key", table.get("key", []), list))
    if not key or "question" not in table or "answer" not in table:
        raise BadInput("rows: found no key, question or answer, expected the columns of all three")
    return Pivot(key, _ref("rows.question", table["question"]), _ref("rows.answer", table["answer"]))


def _check_keys(where: str, table: Mapping[str, Any], known: Collection[str]) -> None:
    for name in table:
        if name not in known:
            raise BadInput(f"{where and where + ': '}found {name!r}, expected of {', '.join(sorted(known))}")


def _typed(where: str, found: Any, kind: type) -> Any:
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        names = {dict: "a table", list: "a list", str: "a text", bool: "true or false", int: "a whole number"}
        raise BadInput(f"{where}: found something else, expected {names[kind]}")
    return found


def _number(where: str, found: Any, low: int, high: int) -> int:
    number: int = _typed(where, found, int)
    if not low <= number <= high:
        raise BadInput(f"{where}: found {number}, expected {low} to {high}")
    return number


def _texts(where: str, found: Any) -> tuple[str, ...]:
    return tuple(_typed(where, one, str) for one in _typed(where, found, list))


def _optional(where: str, table: Mapping[str, Any], kind: type, name: str | None = None) -> Any:
    name = where.rpartition(".")[2] if name is None else name
    return None if name not in table else _typed(where, table[name], kind)


def _named(where: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
