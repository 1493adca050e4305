"""`what-if` in words: who gains and loses, which decisions differ, counts alone, and what is no edition."""

from __future__ import annotations

import pytest

from tests.console.support import Program, edition, fact, met


@pytest.fixture
def decided(program: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A membership that was decided met by ten responses of two organisations."""
    monkeypatch.setenv("CSAT_LEDGER_NOW", "2011-06-01T00:00:00Z")
    program.record(*met(), fact("decide-renewal", "m-1-decide", "2011-03-02T00:00:00Z", renewal_date="2011-03-01"))
    return program


def test_it_says_in_words_who_and_which(decided: Program) -> None:
    decided.stdin(b'{"min_responses": 11}')
    ran = decided.run("what-if", "--edition", "-")
    assert ran.code == 0, ran.err
    words = " ".join(ran.out.split())
    assert "of 1 membership 0 would have gained and 1 lost the status at some time" in words
    assert "of 1 decisions that stand 1 would have differed" in words
    assert "m-1 2010-06-10T10:00:00Z to 2011-06-01T00:00:00Z" in words
    assert "m-1 2011-03-01 1 met not-met" in words


def test_a_fact_that_is_to_be_published_can_be_tried(decided: Program) -> None:
    file = decided.write("edition.json", [edition("2011-07", "2011-01-01T00:00:00Z", per_org_cap=7)])
    ran = decided.json("what-if", "--edition", file, "--membership", "m-1")
    assert ran.json["from"] == "2011-01-01T00:00:00.000000Z"
    assert ran.json["status"] == [
        {"membership": "m-1", "gained": [],
         "lost": [{"from": "2011-01-01T00:00:00.000000Z", "to": "2011-06-01T00:00:00.000000Z"}]}
    ]  # fmt: skip
    assert [one["would_be"] for one in ran.json["decisions"]] == ["not-met"]


def test_counts_say_how_many_and_of_few_that_they_are_few(decided: Program) -> None:
    file = decided.write("edition.json", ['{"min_responses": 11}'])
    ran = decided.run("what-if", "--edition", file, "--counts")
    words = " ".join(ran.out.split())
    assert "fewer than five would have gained and fewer than five lost" in words
    assert "of fewer than five decisions that stand fewer than five would have differed" in words
    assert "m-1" not in ran.out


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"{", [], "found what is no JSON"),
        (b'{"min_responses": 0}', [], "min_responses"),
        (b'{"responses": 11}', [], "found the figure 'responses', expected of these: min_responses"),
        (b"[" + b" " * 70_000, [], "expected at most 65,536"),
        (b'{"min_responses": 11}', ["--counts", "--membership", "m-1"], "expected one of them"),
        (b'{"min_responses": 11}', ["--counts", "--to", "2011-05-02"], "expected the beginning of a month"),
        (b'{"min_responses": 125}', ["--counts"], "found 125 as min_responses, expected a round figure, such as 120"),
        (b'{"min_responses": 11}', ["--from", "2011-05-02", "--to", "2011-05-02"], "expected a span that is not empty"),
        (b'{"min_responses": 11}', ["--membership", "m-9"], "m-9"),
    ],
)
def test_what_cannot_be_tried_is_said(decided: Program, content: bytes, options: list[str], said: str) -> None:
    decided.stdin(content)
    ran = decided.run("what-if", "--edition", "-", *options)
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_file_that_is_not_there_is_named(decided: Program) -> None:
    ran = decided.run("what-if", "--edition", decided.folder / "none.json")
    assert (ran.code, "none.json: found No such file" in ran.err) == (2, True)
