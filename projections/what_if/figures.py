"""Other figures for the editions of a programme, and which edition is in force when they hold between two instants.

What somebody wants to try is a fact `publish-rulebook` or `publish-scorebook`, or a part of one: the figures that it names
take the place of those of every edition in force in a span, and those that it leaves out stay as they are there. So one
figure can be tried over the whole history, and an edition can be tried before it is published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Literal, TypeVar

import orjson

from ledger.errors import BadInput, Refused
from ledger.instants import format_instant, month_begin_us, parse_instant
from ledger.programmes.capability.editions import Edition as ScoreEdition
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.registry import fact_from_object
from ledger.programmes.survey.editions import FIGURES, Edition, Rulebook
from ledger.telling import has_keys_once

Programme = Literal["survey", "capability"]
PROGRAMME_OF: Final[Mapping[str, Programme]] = {"publish-rulebook": "survey", "publish-scorebook": "capability"}
TEXT_MAX: Final = 65_536
"""So many bytes a hypothesis may have; a whole scorebook has about 3,000."""
FIGURES_OF: Final[Mapping[Programme, tuple[str, ...]]] = {
    "survey": FIGURES,
    "capability": (
        "min_centipoints", "window_months", "net_adds", "intermediate", "advanced", "usage_growth", "deployments", "track",
        "rates",
    ),
}  # fmt: skip
"""The names of the figures of either programme's editions."""
_SET_APART: Final = ("type", "id", "occurred_at", "edition", "effective_from", "area")
_DEPTH_MAX: Final = 4
DIGITS_MAX: Final = 2
"""So many digits before its zeros has a figure of which counts are told."""

AnyEdition = TypeVar("AnyEdition")


@dataclass(frozen=True, slots=True)
class Segment(Generic[AnyEdition]):
    """From an instant until before another one edition is in force, or none."""

    from_us: int
    to_us: int
    edition: AnyEdition | None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Other figures, of one programme, between two instants."""

    programme: Programme
    area: str | None
    """The area whose scorebook it is about; None for the survey programme."""
    figures: Mapping[str, Any]
    """Those that are named, as in the fact."""
    from_us: int
    """From when on they hold."""
    to_us: int
    """Until before when."""

    def rulebook(self, known: Rulebook) -> list[Segment[Edition]]:
        """Which edition is in force between the two instants. Raises BadInput where the figures are none of an edition."""
        found = segments(_by_start(known.editions), self.from_us, self.to_us)
        if known.editions and not any(
            one.edition for one in found
        ):  # whatever the span, figures that are none are told
            self._changed_survey(known.editions[0])
        return [replace(one, edition=one.edition and self._changed_survey(one.edition)) for one in found]

    def scorebook(self, known: Scorebook) -> Scorebook:
        """The scorebook with those figures between the two instants. Raises BadInput where they are none of an edition."""
        found = Scorebook()
        within = segments(_by_start(known.editions), self.from_us, self.to_us)
        if known.editions and not any(one.edition for one in within):
            self._changed_scores(known.editions[0], known.editions[0].effective_us)
        for one in within:
            if one.edition is not None:
                found.publish(self._changed_scores(one.edition, one.from_us))
        after = known.in_force(self.to_us)
        rest = [one for one in known.editions if not self.from_us <= one.effective_us < self.to_us]
        if after is not None and not any(one.effective_us == self.to_us for one in rest):
            rest.append(replace(after, effective_us=self.to_us))
        for edition in rest:
            found.publish(
                {**edition.figures, "edition": edition.edition, "effective_from": format_instant(edition.effective_us)}
            )
        return found

    def _changed_survey(self, edition: Edition) -> Edition:
        data = filled(edition.to_data(), self.figures)
        self._require_form("publish-rulebook", data)
        return Edition.from_data(data)

    def _changed_scores(self, edition: ScoreEdition, from_us: int) -> Mapping[str, Any]:
        data = filled({**edition.figures, "effective_from": format_instant(from_us)}, self.figures)
        self._require_form("publish-scorebook", {**data, "area": self.area})
        return data

    def _require_form(self, kind: str, data: Mapping[str, Any]) -> None:
        """Figures have to be what could be published. Raises BadInput."""
        try:
            fact_from_object({"type": kind, "id": "what-if", "occurred_at": "2000-01-01T00:00:00Z", **data})
        except Refused as refused:
            raise BadInput(f"edition: put into {str(data['edition'])[:80]!r}: {refused.sentence}") from None


def hypothesis(text: bytes | str, from_us: int | None, to_us: int) -> Hypothesis:
    """What somebody wants to try, from JSON; it holds from `from_us` on, else from its own `effective_from`, else always.

    Without any figure nothing differs, and the answer says which editions there are. Raises BadInput
    where the text is no such object, or where the span is empty.
    """
    raw = text.encode() if isinstance(text, str) else text
    if len(raw) > TEXT_MAX:
        raise BadInput(f"found an edition of {len(raw):,} bytes, expected at most {TEXT_MAX:,}")
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"edition: found what is no JSON ({error}), expected an object of figures") from None
    if not isinstance(found, dict):
        raise BadInput(f"edition: found {type(found).__name__}, expected an object of figures")
    if not has_keys_once(raw):
        raise BadInput("edition: found a figure more than once, expected each once")
    kind = found.get("type", "publish-scorebook" if "area" in found else "publish-rulebook")
    programme = PROGRAMME_OF.get(kind) if isinstance(kind, str) else None
    if programme is None:
        raise BadInput(f"edition: found type {str(kind)[:40]!r}, expected {' or '.join(PROGRAMME_OF)}")
    area = found.get("area")
    if (programme == "capability") != isinstance(area, str):
        expected = "the area of the scorebook" if programme == "capability" else "no area: the rulebook has none"
        raise BadInput(f"edition: found area {str(area)[:40]!r}, expected {expected}")
    figures = {name: value for name, value in found.items() if name not in _SET_APART}
    unknown = next((name for name in figures if name not in FIGURES_OF[programme]), None)
    if unknown is not None:
        expected = ", ".join(FIGURES_OF[programme])
        raise BadInput(f"edition: found the figure {unknown[:40]!r}, expected of these: {expected}")
    if from_us is None:
        start = found.get("effective_from", "0001-01-01T00:00:00Z")
        if not isinstance(start, str):
            raise BadInput(f"edition: found effective_from {str(start)[:40]!r}, expected an instant")
        from_us = parse_instant(start)
    if from_us >= to_us:
        raise BadInput(
            f"to: found {format_instant(from_us)} until before {format_instant(to_us)}, expected a span that is not empty"
        )
    return Hypothesis(programme, area, figures, from_us, to_us)


def counted_hypothesis(text: bytes | str, from_us: int | None, to_us: int | None, now_us: int) -> Hypothesis:
    """The same for who is told counts alone: over whole months, and by round figures.

    Else spans that grow by a second, or figures that grow by a cent, would find the very instant and the very amount at which
    a count moves. By default it ends where the present month begins. Raises BadInput as well where an end is no beginning of a
    month, or a figure has more than two digits that are not zeros at its end.
    """
    other = hypothesis(text, from_us, month_begin_us(now_us) if to_us is None else to_us)
    for name, instant_us in (("from", other.from_us), ("to", other.to_us)):
        if instant_us != month_begin_us(instant_us):
            raise BadInput(
                f"{name}: found {format_instant(instant_us)}, expected the beginning of a month: counts are of whole months"
            )
    for way, figure in _numbers(other.figures):
        if len(str(figure).rstrip("0")) > DIGITS_MAX:
            raise BadInput(
                f"edition: found {figure:,} as {way}, expected a round figure, such as {_rounded(figure):,}: counts are of "
                "figures with two digits and zeros"
            )
    return other


def _numbers(figures: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, int]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{before}{name}.")
        elif isinstance(value, int) and not isinstance(value, bool):
            yield f"{before}{name}"[:80], value


def _rounded(figure: int) -> int:
    unit: int = 10 ** (len(str(abs(figure))) - DIGITS_MAX)
    return figure // unit * unit


def filled(data: Mapping[str, Any], figures: Mapping[str, Any], depth: int = _DEPTH_MAX) -> dict[str, Any]:
    """An edition's data with other figures: what they leave out stays, also within an object, such as one of the rates."""
    found = dict(data)
    for name, value in figures.items():
        there = found.get(name)
        deeper = isinstance(value, Mapping) and isinstance(there, Mapping) and depth
        found[name] = filled(there, value, depth - 1) if deeper else value  # type: ignore[arg-type]
    return found


def segments(editions: Iterable[tuple[int, AnyEdition]], from_us: int, to_us: int) -> list[Segment[AnyEdition]]:
    """Which edition is in force when, within [from_us, to_us): the editions come by the instant of their effect."""
    found: list[Segment[AnyEdition]] = []
    begin_us: int = from_us
    in_force: AnyEdition | None = None
    for start_us, edition in editions:
        if start_us >= to_us:
            break
        if start_us > begin_us:
            found.append(Segment(begin_us, start_us, in_force))
            begin_us = start_us
        in_force = edition
    found.append(Segment(begin_us, to_us, in_force))
    return found


def alike(several: Sequence[Segment[AnyEdition]], figures: Callable[[AnyEdition], object]) -> list[Segment[AnyEdition]]:
    """The segments that have an edition, those that follow one another under the same figures as one."""
    found: list[Segment[AnyEdition]] = []
    for one in several:
        if one.edition is None:
            continue
        last = found[-1] if found else None
        if (
            last is not None
            and last.edition is not None
            and last.to_us == one.from_us
            and (figures(last.edition) == figures(one.edition))
        ):
            found[-1] = Segment(last.from_us, one.to_us, last.edition)
        else:
            found.append(one)
    return found


def _by_start(editions: Sequence[Any]) -> list[tuple[int, Any]]:
    return [(one.effective_us, one) for one in editions]
