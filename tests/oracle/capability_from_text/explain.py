"""Why a score differs between two instants or two states of knowledge.

Readings of the text:
- A metric is told where its points differ. Its causes are what is not the same on both sides, even where the other
  side's cause takes the points back; each is one of
  - `scorebook`: another edition is in force; the figures are the editions' names;
  - `close`: another month is compared; the figures are the months (not for the certificates);
  - `report`: a (customer, workload, month, association) counts with another figure on the two sides, 0 where it does
    not; the figure is a pair's MCV in thousandths or its revenue in cents;
  - `certificate` / `expiry`: a certificate counts on one side only; the figures are 1 and 0.
- Causes are sorted by the absolute difference of figures, the largest first; figures that are no numbers come before
  all that are; ties by kind, customer, workload, month, association, certificate.
- A report's `because` is `time` where its month is compared on one side only; else `restated` where a figure under its keys,
  or, if that is the same, under another association of the same customer and workload, was replaced by another; `added`
  where one side knows of none there; `rules` where its own figure is the same and the editions are not.
- `position` is left out: a number of an accepted fact is no position of a book.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.oracle.capability_from_text.book import Book
from tests.oracle.capability_from_text.score import METRICS, counting, reports, spans, state

Side = tuple[datetime, int | None]
_NAMES = ("kind", "customer", "workload", "month", "association", "certificate")


def explain(book: Book, membership: str, area: str, left: Side, right: Side) -> list[dict[str, Any]]:
    """The metrics whose points differ, the largest difference first, each with its causes."""
    sides = [state(book, membership, area, *side) for side in (left, right)]
    found = []
    for name in METRICS:
        points = [side["metrics"][name]["centipoints"] for side in sides]
        if points[0] != points[1]:
            causes = _causes(book, membership, area, name, left, right)
            found.append({"metric": name, "from": points[0], "to": points[1], "causes": causes})
    return sorted(found, key=lambda one: (-abs(one["to"] - one["from"]), one["metric"]))


def _causes(book: Book, membership: str, area: str, name: str, left: Side, right: Side) -> list[dict[str, Any]]:
    here, there = [state(book, membership, area, *side) for side in (left, right)]
    found: list[dict[str, Any]] = []
    if here["edition"] != there["edition"]:
        found.append({"kind": "scorebook", "figure_from": here["edition"], "figure_to": there["edition"]})
    if name in ("intermediate", "advanced"):
        found += _certificates(book, membership, area, name, left, right)
    else:
        if here["month"] != there["month"]:
            found.append({"kind": "close", "figure_from": here["month"], "figure_to": there["month"]})
        what = "revenue" if name == "net-adds" else "usage"
        figures = [_figures(book, membership, area, what, side) for side in (left, right)]
        for key in sorted({*figures[0], *figures[1]}):
            before, after = figures[0].get(key, 0), figures[1].get(key, 0)
            if before != after:
                named = dict(zip(_NAMES[1:5], key, strict=True))
                because = _because(book, membership, area, what, named, left, right)
                figures_of = {"figure_from": before, "figure_to": after}
                found.append({"kind": "report", **named, **figures_of, "because": because})
    return sorted(found, key=_rank)


def _because(book: Book, membership: str, area: str, what: str, named: dict[str, str], left: Side, right: Side) -> str:
    """Why a report counts otherwise on the two sides."""
    scores = [state(book, membership, area, *side) for side in (left, right)]
    if any(named["month"] not in (score["month"], score["compared_with"]) for score in scores):
        return "time"
    told = [reports(book, membership, area, named["month"], what, known) for _, known in (left, right)]
    pair = (named["customer"], named["workload"])
    changed = {key for key in {*told[0], *told[1]} if key[:2] == pair and told[0].get(key, 0) != told[1].get(key, 0)}
    own = (*pair, named["association"])
    if own in changed:
        changed = {own}
    elif scores[0]["edition"] != scores[1]["edition"]:
        return "rules"
    return "restated" if any(key in told[0] and key in told[1] for key in changed) else "added"


def _figures(book: Book, membership: str, area: str, what: str, side: Side) -> dict[tuple[str, str, str, str], int]:
    """What each report that counts at one side brings: an MCV in thousandths, or cents."""
    at, known = side
    score, edition = state(book, membership, area, at, known), book.edition(area, at, known)
    found = {}
    for month in (score["month"], score["compared_with"]):
        if month is None or edition is None:
            continue
        for (customer, workload), (figure, association) in counting(
            book, membership, area, edition, month, what, known
        ).items():
            rate = edition["rates"][workload]["rate_milli"] if what == "usage" else 1
            found[(customer, workload, month, association)] = figure * rate
    return found


def _certificates(book: Book, membership: str, area: str, tier: str, left: Side, right: Side) -> list[dict[str, Any]]:
    counts = []
    for at, known in (left, right):
        counts.append(
            {
                one["certificate"]
                for one in spans(book, membership, area, known)
                if one["tier"] == tier and one["since"] <= at and (one["until"] is None or at < one["until"])
            }
        )
    return [
        {
            "kind": "certificate" if certificate in counts[1] else "expiry",
            "certificate": certificate,
            "figure_from": int(certificate in counts[0]),
            "figure_to": int(certificate in counts[1]),
        }
        for certificate in counts[0] ^ counts[1]
    ]


def _rank(cause: dict[str, Any]) -> tuple[Any, ...]:
    before, after = cause["figure_from"], cause["figure_to"]
    is_number = isinstance(before, int) and isinstance(after, int)
    difference = abs(after - before) if is_number else 0
    return (is_number, -difference, *(cause.get(name, "") for name in _NAMES))
