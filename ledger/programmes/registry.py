"""The ledger's registry: the programmes of our books, as one value. The verifier has a registry of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ledger.programmes.capability.programme import CAPABILITY
from ledger.programmes.programme import Programmes
from ledger.programmes.survey.programme import SURVEY

if TYPE_CHECKING:
    from ledger.fact import Fact

PROGRAMMES: Final = Programmes([SURVEY, CAPABILITY])


def parse_fact(line: bytes | str) -> Fact:
    """The fact that one JSON object from outside states. Raises Refused, see `ledger.fact.FactParser.parse`."""
    return PROGRAMMES.facts.parse(line)


def parse_kept(kept: str) -> Fact:
    """The fact that was kept as refused. Raises Refused, see `ledger.fact.FactParser.parse_kept`."""
    return PROGRAMMES.facts.parse_kept(kept)


def fact_from_object(content: Any) -> Fact:
    """As `parse_fact`, for an object that is parsed already."""
    return PROGRAMMES.facts.from_object(content)


def own_fact(content: dict[str, Any]) -> Fact:
    """A fact of the program's own, whose id no source can take. Raises Refused."""
    return PROGRAMMES.facts.own(content)
