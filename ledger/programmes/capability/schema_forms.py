"""The forms of the fields of the capability programme's facts and events, for their schemas."""

from __future__ import annotations

from typing import Any, Final

from ledger.fact import CompanyName, MembershipId, Reference
from ledger.programmes.capability.events import area_of, designation_stream, scorebook_stream
from ledger.programmes.capability.facts import (
    Amount,
    Area,
    Associations,
    FigureFromOne,
    PublishScorebook,
    Rate,
    Workload,
)
from ledger.programmes.capability.samples import EVENT_SAMPLES, FACT_SAMPLES, SAMPLE_STREAM
from ledger.programmes.schema_forms import COUNT, DATE, INSTANT, Schema, SchemaForms, StreamForm, form, pattern_of, tidy

_DATES: Final = ("valid_from", "valid_until", "on")
_INSTANTS: Final = ("closed_at", "window_from", "window_to", "first_qualified_at", "at")
_REFERENCES: Final = ("customer", "person", "certificate", "code")
_COUNTS: Final = (
    "centipoints", "now", "year_before", "people", "net-adds", "intermediate", "advanced", "usage-growth", "deployments",
)  # fmt: skip
_FIGURES: Final = (
    "min_centipoints",
    "max",
    "each",
    "each_percent",
    "enterprise",
    "smb",
    "threshold_cents",
    "workloads",
)
_MONTH: Final[Schema] = {
    "type": "string",
    "pattern": "^(?:19[0-9]{2}|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])-(?:0[1-9]|1[0-2])$",
}
"""1900-01 to 9998-12."""
_ANNIVERSARY: Final[Schema] = {
    **DATE,
    "pattern": "^(?:19[0-9]{2}|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])-[0-9]{2}-[0-9]{2}$",
}
"""1900-01-01 to 9998-12-31."""
_MCV: Final[Schema] = {"type": "string", "pattern": "^(?:0|[1-9][0-9]*)$"}
_PERCENT: Final[Schema] = {"type": "string", "pattern": "^(?:0|-?[1-9][0-9]*)$"}


def _rates() -> Schema:
    """Workload -> rate; in an event, whose model knows no form of a key."""
    rates: Schema = tidy(PublishScorebook.model_json_schema())["properties"]["rates"]
    sizes = {name: rates[name] for name in ("minProperties", "maxProperties")}
    pattern = form(Workload)["pattern"]
    kinds: dict[str, Any] = {
        "additionalProperties": False,
        "patternProperties": {pattern: {"$ref": "#/$defs/RateFigures"}},
    }
    return {"type": "object", **sizes, **kinds}


def _field(model: Any, name: str) -> Schema:
    return {key: value for key, value in tidy(model.model_json_schema())["properties"][name].items() if key != "title"}


_OF_BOTH: Final[dict[str, Schema]] = {
    **dict.fromkeys(_DATES, DATE),
    "anniversary": _ANNIVERSARY,
    "month": _MONTH,
    "associations": {**form(Associations), "uniqueItems": True},
}

FORMS: Final = SchemaForms(
    facts=FACT_SAMPLES,
    events=EVENT_SAMPLES,
    subjects=StreamForm(
        {"type": "string", "pattern": f"^{designation_stream(pattern_of(MembershipId), pattern_of(Area))}$"},
        SAMPLE_STREAM,
    ),
    streams={
        "ScorebookPublished": StreamForm(
            {"type": "string", "pattern": f"^{scorebook_stream(pattern_of(Area))}$"},
            scorebook_stream(area_of(SAMPLE_STREAM)),
        )
    },
    fact_fields={**_OF_BOTH, "rates": {"type": "object", "additionalProperties": False}},
    event_fields={
        **_OF_BOTH,
        **dict.fromkeys(_INSTANTS, INSTANT),
        **dict.fromkeys(_REFERENCES, form(Reference)),
        **dict.fromkeys(_COUNTS, COUNT),
        **dict.fromkeys(_FIGURES, form(FigureFromOne)),
        **dict.fromkeys(("units", "amount_cents"), form(Amount)),
        **dict.fromkeys(("mcv_milli", "mcv_milli_year_before"), _MCV),
        "percent": _PERCENT,
        "name": form(CompanyName),
        "area": form(Area),
        "workload": form(Workload),
        "window_months": _field(PublishScorebook, "window_months"),
        "rate_milli": _field(Rate, "rate_milli"),
        "rates": _rates(),
    },
)
