"""The forms of the fields of the survey programme's facts and events, for their schemas."""

from __future__ import annotations

from typing import Final

from ledger.fact import CompanyName, Label, MembershipId, Reference
from ledger.programmes.schema_forms import COUNT, DATE, INSTANT, SchemaForms, StreamForm, form, pattern_of, tidy
from ledger.programmes.survey.events import RULEBOOK_STREAM, membership_stream
from ledger.programmes.survey.facts import LocationName, PublishRulebook, UpdateMembership
from ledger.programmes.survey.samples import EVENT_SAMPLES, FACT_SAMPLES

_INSTANTS: Final = ("evaluated_at", "received_at")
_REFERENCES: Final = ("subject", "invitation", "response", "evaluation")
_LABELS: Final = ("customer_org", "organisation", "same_as", "from", "group", "location", "business_model")
_LISTS_OF_LABELS: Final = ("competencies", "solution_areas", "locations", "also")
_COUNTS: Final = ("counted", "organisations", "applied_total", "left_out_total")
_LISTS_IN_PART: Final = ("applied", "left_out")
"""Of what a decision went by, so many stand in the event at most."""
_FIGURES: Final = ("min_responses", "per_org_cap", "min_organisations", "window_months", "min_evaluations")


def _figures() -> dict[str, dict[str, object]]:
    fields = tidy(PublishRulebook.model_json_schema())["properties"]
    return {name: fields[name] for name in _FIGURES}


FORMS: Final = SchemaForms(
    facts=FACT_SAMPLES,
    events=EVENT_SAMPLES,
    subjects=StreamForm(
        {"type": "string", "pattern": f"^{membership_stream(pattern_of(MembershipId))}$"}, membership_stream("m-1")
    ),
    streams={"RulebookPublished": StreamForm({"const": RULEBOOK_STREAM}, RULEBOOK_STREAM)},
    fact_fields={
        "renewal_date": DATE,
        **{key: {"type": "array", "uniqueItems": True} for key in _LISTS_OF_LABELS},
    },
    event_fields={
        **dict.fromkeys(_INSTANTS, INSTANT),
        **dict.fromkeys(_REFERENCES, form(Reference)),
        **dict.fromkeys(_LABELS, form(Label)),
        **{key: {"type": "array", "items": form(Label), "uniqueItems": True} for key in _LISTS_OF_LABELS},
        **dict.fromkeys(_COUNTS, COUNT),
        **{key: {"type": "array", "maxItems": 100} for key in _LISTS_IN_PART},
        **_figures(),
        "answer_token": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "renewal_date": DATE,
        "name": form(CompanyName),
        "seq": {"type": "integer", "minimum": 1},
    },
    facts_also={
        "update-membership": {
            "anyOf": [
                {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
                for name in UpdateMembership.FIELDS
            ]
        }
    },
    events_also={"MembershipUpdated": {"minProperties": 1}},
    shared={"LocationName": form(LocationName)},
)
