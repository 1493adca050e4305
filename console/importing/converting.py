"""From a map to what turns rows into facts and contacts; everything that does not change from row to row is done once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from console.importing.cells import TIMED, Clock, Problem, checked_constant, converter, trimmed
from console.importing.columns import ColumnRef, place_in
from console.importing.fact_fields import ANSWERS, COMMENT, fields_of, required_fields
from console.importing.fact_making import Cells, FactMaker, Get, known
from console.importing.mapping import FIELD_MARK, ExportMap, FactRule, FieldRule
from console.importing.zones import zone_named
from ledger.errors import BadInput
from ledger.instants import format_instant, parse_instant

if TYPE_CHECKING:
    from ledger.vault.partner_list import ListLine

NOBODY: Final = "0" * 32
"""The subject of a fact until the vault has named one."""


class Made(NamedTuple):
    """What a row makes."""

    facts: list[dict[str, Any]]
    """Sound in themselves; those that need a subject have NOBODY in its place."""
    contact: ListLine | None
    membership: str | None
    """Whose list the contact is on."""
    anonymous: bool


@dataclass(frozen=True, slots=True)
class Given:
    """What is said beside the map, for the whole export."""

    source: str
    membership: str | None = None
    area: str | None = None
    as_of_us: int | None = None
    zone: tzinfo | None = None
    with_contacts: bool = False
    without_answers: bool = False


class Slots:
    """The columns that are wanted, each once, in the order in which rows will have them."""

    def __init__(self) -> None:
        self.columns: list[ColumnRef] = []

    def of(self, column: ColumnRef) -> int:
        """The place that a column will have in a row."""
        if column not in self.columns:
            self.columns.append(column)
        return self.columns.index(column)


class Converter:
    """Turns rows into facts. `slots` has the columns that a row must have, in this order."""

    def __init__(self, export_map: ExportMap, given: Given, slots: Slots, header: Sequence[Sequence[str]] = ()) -> None:
        """Raises BadInput where the map and what is given beside it do not make whole facts.

        `header` is the export's, once it is open; before, a converter tells no more than its columns.
        """
        self._map = export_map
        self._given = given
        self._slots = slots
        self.clock = Clock(export_map.times, _zone(export_map, given, header))
        self._skips = [(slots.of(skip.column), skip) for skip in export_map.skips]
        self._rules = [self._rule(rule) for rule in export_map.facts]
        self._contact = self._contact_maker() if export_map.contact and given.with_contacts else None
        said = export_map.facts and all("membership" in rule.fields for rule in export_map.facts)
        if self._contact is not None and given.membership is None and not said:
            raise BadInput(
                f"map {export_map.name}: found nothing that says whose contacts these are, expected --membership"
            )

    @property
    def has_contacts(self) -> bool:
        """Whether rows make contacts."""
        return self._contact is not None

    def skipped(self, cells: Cells) -> str | None:
        """Why a row is passed over; None where it is not."""
        for place, skip in self._skips:
            text = trimmed(cells[place]).casefold()
            if (skip.among is not None and text in skip.among) or (skip.unless is not None and text not in skip.unless):
                return skip.why
        return None

    def made(self, place: int, cells: Cells) -> Made:
        """What a row makes. Raises Problem."""
        facts = [fact for rule in self._rules if (fact := rule.make(cells)) is not None]
        anonymous, contact = False, None
        if self._contact is not None:
            anonymous = any(fact.get("anonymous") is True for fact in facts)
            if not anonymous:  # who stays anonymous is not put on the partner's list (P2)
                contact = self._contact(place, cells)
            if contact is None and any(NOBODY in (fact.get("subject"), fact.get("person")) for fact in facts):
                sentence = "found no mail address, expected one for a fact about its subject"
                raise Problem("no-contact", "contact.email", sentence)
        membership = facts[0].get("membership") if facts else self._given.membership
        if contact is not None and membership is None:
            raise Problem("missing", "membership", "found nothing that says whose contact it is, expected --membership")
        return Made(facts, contact, membership, anonymous)

    def _rule(self, rule: FactRule) -> FactMaker:
        slots = self._slots
        where = f"map {self._map.name}: {rule.type}"
        given = {"membership": self._given.membership, "area": self._given.area}
        fields = dict(rule.fields)
        for name, value in given.items():
            if value is not None and name not in fields and name in fields_of(rule.type):
                fields[name] = FieldRule(value=value)
        if self._given.without_answers:
            fields = {name: one for name, one in fields.items() if name != COMMENT and not name.startswith(ANSWERS)}
        if missing := sorted(required_fields(rule.type) - fields.keys()):
            options = [f"--{name}" for name in missing if name in given]
            raise BadInput(
                f"{where}: found nothing for {', '.join(missing)}, expected a column in the map, or --column {missing[0]}=…"
                + (f", or {' and '.join(options)}" if options else "")
            )
        getters = [(name, self._getter(rule.type, name, one)) for name, one in fields.items()]
        key = [one.removeprefix(FIELD_MARK) if isinstance(one, str) else slots.of(one) for one in rule.key]
        referring = [name for name, one in fields.items() if one.source == "key"]
        only = None if rule.only_with is None else slots.of(rule.only_with)
        return FactMaker(rule.type, self._given.source, getters, key, referring, only)

    def _getter(self, kind: str, name: str, rule: FieldRule) -> Get:
        if rule.value is not None:
            try:
                value = checked_constant(name, rule.value)
            except Problem as problem:
                raise BadInput(f"map {self._map.name}: {kind}.{name}: {problem.sentence}") from None
            return lambda _: value
        if rule.source == "key":
            return lambda _: None
        if rule.source == "contact":
            if not self._given.with_contacts:
                raise BadInput(
                    f"map {self._map.name}: {kind}.{name} is the subject of a contact, found no --vault, expected "
                    "it: the vault names subjects"
                )
            return lambda _: NOBODY
        if rule.source == "as-of":
            if self._given.as_of_us is None:
                raise BadInput(
                    f"map {self._map.name}: {kind}.{name}: found no --as-of, expected when the export was made"
                )
            text = format_instant(self._given.as_of_us)
            return lambda _: text
        convert = converter(name, rule, self.clock)
        get, optional = self._text_getter(rule), rule.optional

        def value_of(text: str) -> Any:
            if text:
                return convert(text)
            if optional:
                return None
            raise Problem("missing", name, "found an empty cell, expected one that says it")

        if name in TIMED or name == COMMENT:
            return lambda cells: value_of(get(cells))
        value_known = known(value_of)
        if len(rule.columns) == 1 and not rule.empty:
            place = self._slots.of(rule.columns[0])
            cell_known = known(lambda cell: value_of(trimmed(cell)))
            return lambda cells: cell_known(cells[place])
        return lambda cells: value_known(get(cells))

    def _text_getter(self, rule: FieldRule) -> Callable[[Cells], str]:
        """The text of a rule's column or columns; empty where they say nothing."""
        places = [self._slots.of(column) for column in rule.columns]
        empty = rule.empty
        if len(places) == 1:
            (place,) = places

            def one(cells: Cells) -> str:
                text = trimmed(cells[place])
                return "" if text.casefold() in empty else text

            return one if empty else lambda cells: trimmed(cells[place])

        def several(cells: Cells) -> str:
            texts = (trimmed(cells[place]) for place in places)
            return " ".join(text for text in texts if text and text.casefold() not in empty)

        return several

    def _contact_maker(self) -> Callable[[int, Cells], ListLine | None]:
        from console.importing.contacts import contact_maker

        rules = dict(self._map.contact)
        if "customer_org" not in rules:
            of_facts = [rule.fields["customer_org"] for rule in self._map.facts if "customer_org" in rule.fields]
            if not of_facts:
                raise BadInput(f"map {self._map.name}: contact: found no customer_org, expected it there or in a fact")
            rules["customer_org"] = of_facts[0]
        getters = {name: self._contact_getter(name, rule) for name, rule in rules.items()}
        return contact_maker(getters)

    def _contact_getter(self, name: str, rule: FieldRule) -> Callable[[Cells], str]:
        if rule.value is not None:
            text = str(rule.value)
            return lambda _: text
        if rule.source is not None:
            if rule.source != "as-of" or self._given.as_of_us is None:
                raise BadInput(
                    f"map {self._map.name}: contact.{name}: found from, expected a column, or as-of with --as-of"
                )
            at = format_instant(self._given.as_of_us)
            return lambda _: at
        get = self._text_getter(rule)
        values = rule.values

        def text_of(cells: Cells) -> str:
            text = get(cells)
            found = str(values.get(text.casefold(), text))
            if name == "consent_at" and found:
                try:
                    return format_instant(self.clock.instant_us(found))
                except BadInput as error:
                    raise Problem("time", "contact.consent_at", str(error)) from None
            return found

        return text_of


def _zone(export_map: ExportMap, given: Given, header: Sequence[Sequence[str]]) -> tzinfo | None:
    """The zone of local times: the one given, else the one in the header of the column of times, else the map's."""
    row = export_map.layout.zone_from
    if given.zone is not None or row is None or len(header) < row:
        return given.zone or export_map.times.zone
    names = [header[number - 1] for number in export_map.layout.names_from]
    for rule in export_map.facts:
        for column in rule.fields.get("occurred_at", FieldRule()).columns:
            place = place_in(names, column)
            if place is not None and place < len(header[row - 1]) and (zone := _stated(header[row - 1][place])):
                return zone_named(zone)
    return export_map.times.zone


def _stated(cell: str) -> str | None:
    try:
        found = orjson.loads(cell)
    except orjson.JSONDecodeError:
        return None
    zone = found.get("timeZone") if isinstance(found, dict) else None
    return zone if isinstance(zone, str) and zone else None


def occurred_us(fact: Mapping[str, Any]) -> int:
    """When a fact was so."""
    return parse_instant(fact["occurred_at"])
