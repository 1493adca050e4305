"""The client's messages say what the ledger's events say: it has its own copy of each set of values, and they are the same."""

from __future__ import annotations

from typing import get_args

from csat_ledger_client.messages import capability, survey
from csat_ledger_client.messages.kinds import KINDS
from csat_ledger_client.messages.topic_names import ANNOUNCEMENT_TOPICS
from ledger.programmes.capability import events as of_capability
from ledger.programmes.registry import PROGRAMMES
from ledger.programmes.survey import events as of_survey


def test_causes_ways_and_tracks_are_those_of_the_events() -> None:
    assert get_args(survey.Via) == get_args(of_survey.Via)
    assert get_args(survey.Cause) == get_args(of_survey.Cause)
    assert get_args(capability.Track) == get_args(of_capability.Track)
    assert get_args(capability.Cause) == get_args(of_capability.Cause)


def test_a_message_names_the_stream_that_the_ledger_names() -> None:
    eligible = survey.EligibilityChanged.model_construct(membership="m-1")
    qualified = capability.DesignationChanged.model_construct(membership="m-1", area="azure")
    assert eligible.stream == of_survey.membership_stream("m-1")
    assert qualified.stream == of_capability.designation_stream("m-1", "azure")


def test_every_announcement_of_a_programme_has_its_messages() -> None:
    assert {kind.event_type for kind in KINDS} == PROGRAMMES.announcements
    assert tuple(kind.topics for kind in KINDS) == ANNOUNCEMENT_TOPICS
