"""`help` tells about topics and commands, and what it tells is what the program does."""

from __future__ import annotations

import re

import pytest

from console.cli.help_topics import EXTRAS, TOPICS
from console.cli.main import COMMANDS
from ledger.errors import REFUSAL_CODES
from ledger.programmes.registry import PROGRAMMES
from tests.console.support import ROOT, Program


def told(program: Program, *topic: str) -> str:
    ran = program.run_bare("help", *topic)
    assert ran.code == 0
    return ran.out


def test_without_a_topic_the_topics_are_listed(program: Program) -> None:
    text = told(program)
    for name, topic in TOPICS.items():
        assert re.search(rf"^  {name} +{re.escape(topic.summary)}$", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_is_what_the_command_itself_says(program: Program, name: str) -> None:
    assert told(program, name) == program.run_bare(name, "--help").out


def test_facts_are_told_with_their_fields(program: Program) -> None:
    text = told(program, "facts")
    assert "record-invitation" in text
    assert "invitation, subject, customer_org, location?, channel, language?" in text
    assert "certificate, person, code, tier, valid_from, valid_until?" in text
    assert len(re.findall(r"^  [a-z-]+  ", text, re.MULTILINE)) == sum(
        len(programme.facts()) for programme in PROGRAMMES.all
    )


def test_refusals_settings_extras_exit_codes_and_times_are_told(program: Program) -> None:
    assert set(REFUSAL_CODES) <= set(told(program, "refusal-codes").split())
    assert "CSAT_LEDGER_NOW" in told(program, "settings")
    assert "pydantic" not in told(program, "settings")
    assert "  3   done, but something was refused" in told(program, "exit-codes")
    assert "--known-at K" in told(program, "times")
    for name, what in EXTRAS.items():
        assert what in told(program, "extras")
        readme = re.findall(rf"^\| `{name}` \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
        assert any(said.replace("`", "").startswith(what) for said in readme), name


def test_help_speaks_json_and_refuses_what_it_does_not_know(program: Program) -> None:
    assert program.run_bare("help", "times", "--json").json["topic"] == "times"
    ran = program.run_bare("help", "everything", "--json")
    assert (ran.code, ran.json["error"]) == (2, "usage")
