"""Other figures over HTTP: the answer that the command prints, what each role may ask, pages, and what is wrong."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from console.http import trying
from console.http.problems import Problem
from console.http.trying import Tried, Turns, what_if_answer
from console.wiring import Ledger, open_store
from ledger.instants import SECOND_US, format_instant
from tests.console.designation_story import AREA
from tests.console.http.support import NOW_US, Served
from tests.console.http.test_answers import printed

SURVEY = {"min_responses": 5, "per_org_cap": 3}
SCORES = {"type": "publish-scorebook", "area": AREA, "min_centipoints": 7_500}


def path_of(edition: Any, **more: str) -> str:
    text = edition if isinstance(edition, str) else orjson.dumps(edition).decode()
    return f"/v1/what-if?{urlencode({'edition': text, **more})}"


@pytest.mark.parametrize("edition", [SURVEY, SCORES], ids=["survey", "capability"])
@pytest.mark.parametrize(
    ("more", "options"),
    [
        ({}, []),
        ({"from": "2010-03-01", "to": "2012-01-01", "known_at": "20"},
         ["--from", "2010-03-01", "--to", "2012-01-01", "--known-at", "20"]),
        ({"membership": "m-1"}, ["--membership", "m-1"]),
        ({"counts": "true"}, ["--counts"]),
    ],
    ids=["all", "a span of before", "one", "counts"],
)  # fmt: skip
def test_the_answer_has_the_bytes_that_the_command_prints(
    served: Served, edition: Any, more: dict[str, str], options: list[str], tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if edition is SCORES and "known_at" in more:
        more, options = {**more, "known_at": "51"}, [*options[:-1], "51"]
    file = tmp_path / "edition.json"
    file.write_bytes(orjson.dumps(edition))
    (line,) = printed(served.store, ["what-if", "--edition", str(file), *options], capsys, monkeypatch)
    found = served.get(path_of(edition, **more))
    assert found.status_code == 200, found.text
    assert found.content == line


def test_it_says_who_and_which_decisions(served: Served) -> None:
    found = served.get(path_of({"min_responses": 50}, to="2014-01-01")).json()
    (one,) = [one for one in found["status"] if one["membership"] == "m-1"]
    assert (one["gained"], one["lost"][0]["from"]) == ([], "2010-06-10T10:00:00.000000Z")
    assert found["decisions"]
    assert found["outcomes"] == [{"outcome": "met", "would_be": "not-met", "decisions": len(found["decisions"])}]
    assert {"membership": "m-1", "day": "2011-03-01", "outcome": "met", "would_be": "not-met"}.items() <= found[
        "decisions"
    ][0].items()
    assert [one["edition"] for one in found["editions"]] == ["2009-11", "2013-04"]
    assert served.get(path_of({"min_responses": 10}, to="2014-01-01")).json()["status"] == []
    assert served.get(path_of({}, to="2014-01-01")).json()["outcomes"] == []


def test_pages_are_the_whole_list(served: Served) -> None:
    every = served.get(path_of({"min_responses": 1, "min_organisations": 1}, to="2014-01-01")).json()
    found, after = [], ""
    while True:
        page = served.get(
            path_of(
                {"min_responses": 1, "min_organisations": 1},
                to="2014-01-01",
                limit="1",
                **({"after": after} if after else {}),
            )
        ).json()
        found += page["status"]
        after = page["after"]
        if after is None:
            break
    assert found == every["status"]
    assert len(found) > 0


def test_the_owner_is_told_how_many_and_never_who(served: Served) -> None:
    asked = path_of({"min_responses": 11}, to="2014-01-01", counts="true")
    found = served.get(asked, "owner").json()
    assert (found["gained"], found["lost"]) == (None, None), "fewer than five and none look the same"
    assert not found.keys() & {"status", "decisions"}
    assert found["outcomes"] == []
    for more in ({"membership": "m-1"}, {"limit": "1"}, {"after": "m-0"}, {"known_at": "20"}):
        assert served.get(path_of(SURVEY, to="2014-01-01", counts="true", **more), "owner").status_code == 403
    assert served.get(path_of(SURVEY, to="2014-01-01"), "owner").status_code == 403
    for field, more in (("to", {"to": "2014-01-02"}), ("from", {"from": "2010-01-01T00:00:01Z", "to": "2014-01-01"})):
        refused = served.get(path_of(SURVEY, counts="true", **more), "owner")
        assert (refused.status_code, refused.json()["field"]) == (400, field)
    backwards = served.get(path_of(SURVEY, **{"from": "2013-01-01", "to": "2012-01-01"}))
    assert (backwards.status_code, backwards.json()["field"]) == (400, "to")
    odd = {"type": "publish-scorebook", "area": AREA, "net_adds": {"threshold_cents": {"smb": 25_100}}}
    told = served.get(path_of(odd, to="2025-01-01", counts="true"), "owner")
    assert (told.status_code, "net_adds.threshold_cents.smb" in told.json()["detail"]) == (400, True)
    within = {**SURVEY, "effective_from": "2010-06-10T10:00:00Z"}
    assert served.get(path_of(within, to="2014-01-01", counts="true"), "owner").status_code == 400


@pytest.mark.parametrize(
    ("edition", "said"),
    [
        ("{}}", "no JSON"),
        ("[]", "expected an object"),
        ({"min_responses": 0}, "min_responses"),
        ({"min_responses": 1e400}, "JSON"),
        ({"min_responses": True}, "min_responses"),
        ({"window_months": 2_000}, "window_months"),
        ({"no_such": 1}, "no_such"),
        ({"type": "record-response", "min_responses": 5}, "publish-rulebook or publish-scorebook"),
        ({"type": ["publish-rulebook"], "min_responses": 5}, "publish-rulebook or publish-scorebook"),
        ({"type": "publish-rulebook", "area": AREA, "min_responses": 5}, "no area"),
        ({"area": AREA, "min_responses": 5}, "found the figure 'min_responses'"),
        ({"type": "publish-scorebook", "min_centipoints": 5}, "the area of the scorebook"),
        ({**SCORES, "rates": {"crm": 5}}, "rates"),
        ({**SCORES, "usage_growth": {"base_mcv": {"smb": "many"}}}, "usage_growth"),
        ({**SCORES, "usage_growth": []}, "usage_growth"),
        ({"effective_from": 5, "min_responses": 5}, "effective_from"),
        ({"effective_from": "2030-01-01T00:00:00Z", "min_responses": 5}, "not empty"),
        ({"min_responses": 5, "edition": "x" * 3_000}, "characters"),
        ('{"min_responses": 5, "min_responses": 6}', "more than once"),
        ('{"area": "a", "rates": {"crm": {"rate_milli": 1, "rate_milli": 2}}}', "more than once"),
    ],
)  # fmt: skip
def test_what_is_no_edition_is_said_to_be_none(served: Served, edition: Any, said: str) -> None:
    if isinstance(edition, dict) and edition.get("min_responses") == float("inf"):
        edition = '{"min_responses": 1e400}'
    refused = served.get(path_of(edition, to="2014-01-01"))
    assert refused.status_code == 400, refused.text
    assert said in refused.json()["detail"]


def test_what_is_not_there_is_not_found(served: Served) -> None:
    assert served.get(path_of(SURVEY, membership="m-999")).json()["code"] == "unknown-membership"
    assert served.get(path_of({**SCORES, "area": "no-such"})).json()["code"] == "unknown-designation"
    assert served.get(path_of(SCORES, membership="m-3")).status_code in (200, 404)


def test_one_is_worked_out_at_a_time_and_one_more_waits() -> None:
    turns, done = Turns(), []

    def take(who: str) -> None:
        with turns.one(who):
            done.append(who)

    with turns.one("first"):
        with pytest.raises(Problem, match="503 busy"), turns.one("first"):
            pass
        waiting = Thread(target=take, args=("second",))
        waiting.start()
        while turns._waiting is None:
            time.sleep(0.001)
        for who in ("second", "third"):
            with pytest.raises(Problem, match="503 busy"), turns.one(who):
                pass
        assert done == []
    waiting.join(20)
    assert done == ["second"]
    take("third")


def test_who_is_told_to_ask_again_is_told_when(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "WAIT_S", 0.01)
    with trying.TURNS.one("somebody else"):
        refused = served.get(path_of({"min_responses": 7}))
    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert int(refused.headers["retry-after"]) > 0
    assert served.get(path_of({"min_responses": 7})).status_code == 200


def test_who_asks_again_a_while_later_is_answered_at_once(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end was the present microsecond: under a clock that goes nothing was remembered, and each page took as long again."""
    monkeypatch.setattr(trying, "WAIT_S", 0.01)
    wanted = Tried('{"min_responses":8}', None, None, None, (None, 50, ""))
    opened = Ledger(open_store(str(served.store), create=False), lambda: NOW_US, str(served.store), lambda _: None)
    with closing(opened) as ledger, ledger.view() as view:
        found = what_if_answer(ledger, view, wanted, NOW_US + 7, "auditor")
        assert found.to == format_instant(NOW_US)
        with trying.TURNS.one("somebody else"):
            assert what_if_answer(ledger, view, wanted, NOW_US + 599 * SECOND_US, "auditor") == found
            assert (
                what_if_answer(ledger, view, wanted._replace(page=(None, 1, "")), NOW_US + 8, "auditor").gained
                == found.gained
            )
            with pytest.raises(Problem, match="503 busy"):
                what_if_answer(ledger, view, wanted._replace(edition='{"min_responses":6}'), NOW_US + 7, "auditor")
