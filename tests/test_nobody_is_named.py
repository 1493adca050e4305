"""Whoever has everything but the link key tries to name the author of an answer, and does no better than guessing.

All that leaves the ledger, and all that it keeps, lies open here: every row of every table of book and projections, each
snapshot, the log's folder, a bundle of evidence, the messages on every topic, and what is told of refusals.

"Guessing" is this. The stream says who was invited, when and for which organisation; a response says when it came and from
which. So its author is one of those who were invited for that organisation before, and were not reminded after it. To whom
among them it belongs, nothing tells: the same programme is run once for each of them as the author, and all that lies open
comes out the same but for tokens, and digests and hashes over them, which nobody can work out without the key.
Where only one was invited for an organisation, there is one guess to make.
"""

from __future__ import annotations

import hmac
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from consumers.messages.cloudevents import event_message, refused_message
from consumers.messages.registry import MESSAGES
from consumers.roles.inbox import refused_fact
from ledger.errors import Refused
from ledger.fact import Fact
from ledger.link_key import HeldKey, LinkKey
from ledger.programmes.registry import PROGRAMMES
from ledger.proof.survey.programme import Survey
from ledger.seal.evidence import collect_evidence
from ledger.seal.folder import LogFolder
from ledger.seal.sealer import open_sealer
from ledger.store.link_key_file import encoded
from ledger.store.sqlite import SQLiteStore
from ledger.telling import as_told
from ledger.writing.refused import RefusalKeeper, TurnedAway
from ledger.writing.salts import foreseeable_salts
from ledger.writing.writer import Writer
from projections.database import SQLiteDatabase
from projections.registry import all_projections
from projections.runner import Runner
from tests.ledger.seal.support import LOG_KEY
from tests.support.signing import Unbound

NOW_US = 1_577_836_800_000_000
SECRET = sha256(b"what the attacker lacks").digest()
HARBOUR, MILL = "Harbour Works", "Mill"
INVITED = {f"inv-{number}": HARBOUR for number in range(1, 7)} | {"inv-7": MILL}
AUTHORS = ("inv-1", "inv-2", "inv-3", "inv-4")
"""Invited for HARBOUR before ANSWER came, and not reminded after it."""
ANSWER = "res-1"
RESPONSES = ("res-1", "res-2", "res-3", "res-4", "res-5")

Open = dict[str, list[str]]
"""What lies open, by where: a text for each row, message, file or entry."""


def told(kind: str, fact_id: str, at: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": fact_id, "membership": "m-1", "occurred_at": f"2010-{at}T00:00:00Z", **fields}


def programme(author: str) -> Iterator[dict[str, Any]]:
    """A year of one membership in which ANSWER is by `author`, and everybody else's part does not depend on that."""
    swap = {author: "inv-1", "inv-1": author}

    def answers(invitation: str) -> str:
        return swap.get(invitation, invitation)

    yield told("enrol-membership", "f-1", "01-01", name="Alderbrook", level="gold")
    yield told("set-renewal-date", "f-2", "01-01", renewal_date="2010-12-01")
    for number, (invitation, organisation) in enumerate(INVITED.items(), 1):
        about = {"subject": f"sub-{number}", "customer_org": organisation}
        yield told("record-consent", f"c-{number}", "01-02", **about)
        yield told(
            "record-invitation",
            f"i-{number}",
            f"01-{number + 2:02}",
            invitation=invitation,
            channel="operator",
            **about,
        )
    harbour, mill = {"customer_org": HARBOUR}, {"customer_org": MILL}
    # What comes twice, too early, under another organisation, or spoilt is refused, and told of.
    yield told("record-response", "r-0", "02-01", response="res-1", invitation="inv-unknown", **harbour)
    yield told("record-response", "r-1", "02-01", response="res-1", invitation=answers("inv-1"), anonymous=True, **mill)
    yield told(
        "record-response",
        "r-1x",
        "02-01",
        response="res-1",
        invitation=answers("inv-1"),
        **harbour,
        **{f"more {answers('inv-1')}": 1, "nested": {"of": answers("inv-1")}},
    )
    yield told(
        "record-response", "r-1", "02-01", response="res-1", invitation=answers("inv-1"), anonymous=True, **harbour
    )
    yield told("record-response", "r-2", "02-02", response="res-x", invitation=answers("inv-1"), **harbour)
    yield told("record-response", "r-1", "02-02", response="res-x", invitation=answers("inv-1"), **harbour)
    yield told("record-reminder", "m-1", "02-03", invitation=answers("inv-1"))
    yield told("record-reminder", "m-1x", "02-03", invitation="inv-unknown")
    yield told("record-reminder", "m-5", "02-03", invitation="inv-5")
    yield told("record-reminder", "m-5x", "02-04", invitation="inv-5")
    yield told("record-response", "r-3", "02-04", response="res-2", invitation=answers("inv-2"), **harbour)
    yield told("void-response", "v-2", "02-05", response="res-2", reason="test")
    yield told("record-response", "r-4", "02-06", response="res-3", invitation=answers("inv-2"), **harbour)
    yield told("record-response", "r-5", "02-07", response="res-4", invitation="inv-7", **mill)
    yield told("record-response", "r-6", "02-08", response="res-5", **harbour)
    yield told("choose-anonymity", "a-3", "02-09", response="res-3")
    yield told("decide-renewal", "d-1", "12-02", renewal_date="2010-12-01")


class World:
    """The programme, run over everything that there is of the ledger."""

    def __init__(self, folder: Path, author: str = "inv-1") -> None:
        folder.mkdir()
        self.folder = folder
        self.open: Open = {}
        with closing(SQLiteStore(folder / "book.db")) as store:
            writer = Writer(
                store,
                lambda: NOW_US,
                PROGRAMMES,
                rehearsal=True,
                salts=foreseeable_salts("test"),
                link_keys=HeldKey(LinkKey(SECRET)),
            )
            keeper = RefusalKeeper(store, PROGRAMMES.facts, lambda: NOW_US, pytest.fail)
            self.open["refused"] = list(self._record(writer, keeper, author))
            state, survey = writer._cache.get("membership-m-1"), PROGRAMMES.of("membership-m-1")
            assert survey is not None
            self.open["snapshots"] = [survey.dump(state).decode()]  # as it is kept of a stream that grew long
            writer.close()
            with closing(SQLiteDatabase(str(folder / "projections"))) as database:
                Runner(store, database, all_projections()).catch_up()
            log = LogFolder(folder / "log")
            with open_sealer(store, log, [Unbound(LOG_KEY)]) as sealer:
                sealer.seal()
            self.open["bundle"] = [
                collect_evidence(store, log, Survey(), "membership-m-1", "2010-12-01").encoded().decode()
            ]
            self.rows = store.read_feed(0, 1_000)
            self.digests = {row.fact: row.digest for row in store.read_feed_full(0, 1_000)}
        self.open["messages"] = [
            repr((one.topic, one.key, one.headers, one.value))
            for row in self.rows
            for one in (event_message(row), *MESSAGES.of(row))
        ]
        for name in ("book.db", "projections"):
            self.open |= {f"{name} {table}": rows for table, rows in _tables(folder / name).items()}
        files = sorted(path for path in (folder / "log").rglob("*") if path.is_file())
        self.open["log"] = [path.read_bytes().decode("latin-1") for path in files]
        self.events = [json.loads(row.stored) for row in self.rows]

    def _record(self, writer: Writer, keeper: RefusalKeeper, author: str) -> Iterator[str]:
        """As an inbox does; what is told of each fact that is refused, which is kept beside the book, too."""
        for offset, content in enumerate(programme(author)):
            message = SimpleNamespace(value=json.dumps(content).encode(), topic="facts", partition=0, offset=offset)
            fact: Fact | None = None
            try:
                fact = PROGRAMMES.facts.parse(message.value)
                (outcome,) = writer.record([fact])
                if outcome.status != "refused":
                    assert outcome.status == "accepted"
                    continue
                code, sentence = outcome.code or "", outcome.sentence or ""
            except Refused as refusal:
                code, sentence = refusal.code, refusal.sentence
            left = as_told(message.value, PROGRAMMES.facts, fact)
            keeper.require_kept([TurnedAway(message.value, fact, code, sentence, None, f"kafka:facts/0/{offset}")])
            sent = refused_message(refused_fact(message, left, code, sentence), NOW_US, b"m-1")
            yield repr((sent.key, sent.headers, sent.value))

    def response(self, name: str) -> dict[str, Any]:
        (found,) = [one for one in self.events if one["type"] == "ResponseReceived" and one["data"]["response"] == name]
        return found


def _tables(path: Path) -> dict[str, list[str]]:
    """Every row of every table of a database, as text."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [repr(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in names}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world") / "it")


def test_the_programme_is_refused_what_it_is_meant_to_be(world: World) -> None:
    codes = [re.findall(r'"code":"([a-z-]+)"', one)[0] for one in world.open["refused"]]
    assert codes == [
        "unknown-invitation", "org-mismatch", "malformed", "already-answered", "id-reused", "already-answered",
        "unknown-invitation", "already-reminded",
    ]  # fmt: skip
    assert len([one for one in world.events if one["type"] == "ResponseReceived"]) == len(RESPONSES)
    for place in ("snapshots", "bundle", "log", "messages", "book.db events", "book.db refusals"):
        assert world.open[place], place
    assert [name for name in world.open if re.fullmatch("projections .*responses", name) and world.open[name]]


def test_nothing_small_holds_an_invitation_and_a_response(world: World) -> None:
    """But for a snapshot, a bundle and the log, which hold whole streams: their entries are the events, and columns."""
    whole = ("snapshots", "bundle", "log", "book.db snapshots")
    for place, texts in world.open.items():
        for text in texts if place not in whole else ():
            assert not (tied(text)), (place, text)
    for kind in ("bundle", "log"):
        entries = [one for text in world.open[kind] for one in re.findall(r'\{\\?"actor\\?":.*?\\?"v\\?":\d+\}', text)]
        assert len(entries) >= len(RESPONSES), kind
        assert [entry for entry in entries if tied(entry)] == []
    for text in world.open["snapshots"]:
        for column in _innermost(json.loads(text)):
            assert not tied(json.dumps(column)), column


def test_what_is_told_of_a_refusal_names_no_invitation_and_no_other_response(world: World) -> None:
    """Neither in the sentence nor in what is kept of the message, an unknown member's name among it."""
    refused = [one for one in programme("inv-1") if one["id"] in ("r-0", "r-1", "r-1x", "r-2", "m-1x", "m-5x")]
    assert any("inv-1" in name for one in refused for name in one)
    for text in world.open["refused"] + world.open["book.db refusals"]:
        assert "inv-" not in text
        own = re.search(r'response\\*":\\*"(res-[0-9x]+)', text)
        assert set(re.findall(r"\bres-[0-9x]+", text)) <= ({own[1]} if own else set())


def tied(text: str) -> bool:
    return "inv-" in text and bool(re.search(r"\bres-", text))


def _innermost(value: Any) -> Iterator[Any]:
    """The lists without a list in them, and the objects likewise."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    deeper = [one for one in inner if isinstance(one, (dict, list))]
    if not deeper:
        yield value
    for one in deeper:
        yield from _innermost(one)


def test_a_snapshots_columns_of_invitations_say_nothing_of_answers(world: World) -> None:
    snapshots = [one for one in map(json.loads, world.open["snapshots"]) if one.get("invitations")]
    assert snapshots
    for snapshot in snapshots:
        assert "res-" not in json.dumps(snapshot["invitations"])
        assert not re.search("[0-9a-f]{64}", json.dumps(snapshot["invitations"]))
        assert "inv-" not in json.dumps([snapshot["answers"], snapshot["responses"]])


def test_the_key_lies_nowhere_and_nothing_that_lies_open_serves_as_one(world: World) -> None:
    everything = "\n".join(text for texts in world.open.values() for text in texts)
    files = b"".join(path.read_bytes() for path in world.folder.rglob("*") if path.is_file())
    for form in (SECRET, SECRET.hex().encode(), encoded(LinkKey(SECRET))[:32]):
        assert form not in files
        assert form.decode("latin-1") not in everything
    tokens = {one["data"]["answer_token"] for one in world.events if one["type"] == "ResponseReceived"} - {None}
    assert len(tokens) == 3
    keys = {b"", b"csat-ledger", b"m-1", *(one["salt"].encode() for one in world.events)}
    for digits in re.findall(r"[0-9a-f]{64}|\b[0-9a-f]{16}\b", everything):
        keys |= {digits.encode(), bytes.fromhex(digits)}
    for invitation in INVITED:
        messages = [json.dumps(["m-1", invitation], separators=(",", ":")).encode(), invitation.encode()]
        for message in messages:
            found = {hmac.new(key, message, "sha256").hexdigest() for key in keys} | {sha256(message).hexdigest()}
            assert not found & tokens
    assert len(keys) > 50


def test_who_has_the_key_finds_the_author_so_book_and_key_are_kept_apart(world: World) -> None:
    token = world.response(ANSWER)["data"]["answer_token"]
    message = {one: json.dumps(["m-1", one], separators=(",", ":")).encode() for one in INVITED}
    assert [one for one in INVITED if hmac.new(SECRET, message[one], "sha256").hexdigest() == token] == ["inv-1"]


def test_the_digest_of_an_answer_does_not_let_anybody_try_all_invitations(world: World) -> None:
    event = world.response(ANSWER)
    content = {
        "actor": event["actor"], "id": event["fact"], "membership": "m-1", "occurred_at": event["occurred_at"],
        "type": "record-response", "location": None,
        **{name: event["data"][name] for name in ("anonymous", "customer_org", "response")},
    }  # fmt: skip

    def digest(invitation: str | None) -> bytes:
        said = json.dumps({**content, "invitation": invitation}, sort_keys=True, separators=(",", ":"))
        return sha256(said.encode()).digest()

    kept = world.digests[event["fact"]]
    assert kept == digest(event["data"]["answer_token"]), "the attacker has the content right"
    assert kept not in {digest(invitation) for invitation in (*INVITED, None)}


@pytest.mark.parametrize("author", AUTHORS[1:])
def test_whoever_the_author_is_all_that_lies_open_is_the_same(world: World, tmp_path: Path, author: str) -> None:
    other = World(tmp_path / author, author)
    tokens = [one.response(ANSWER)["data"]["answer_token"] for one in (world, other)]
    assert tokens[0] != tokens[1]
    found, expected = masked(other.open), masked(world.open)
    assert found.keys() == expected.keys()
    for place, texts in expected.items():
        assert found[place] == texts, place
    assert any("token 1" in text for text in expected["book.db events"])


def masked(lies_open: Mapping[str, list[str]]) -> Open:
    """Without what is a hash, a signature or a digest; tokens by the order in which the book has them."""
    order: dict[str, str] = {}
    for text in lies_open["book.db events"]:
        for token in re.findall(r'"answer_token":"([0-9a-f]{64})"', text):
            order.setdefault(token, f"token {len(order) + 1}")

    def mask(text: str) -> str:
        for token, name in order.items():
            text = text.replace(token, name)
        text = re.sub(r"b'(?!\{)(?:[^'\\]|\\.)*'\)$|b\"(?!\{)(?:[^\"\\]|\\.)*\"\)$", "<digest>)", text)
        text = re.sub(r"^(\(\d+), b(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", r"\1, <digest>", text)
        text = re.sub(r"\b[0-9a-f]{64}\b", "<hash>", text)
        text = re.sub(r"(\d+)-[0-9a-f]{16}\b", r"\1-<hash>", text)
        return re.sub(r"[A-Za-z0-9+/]{40,}={0,2}", "<base64>", text)

    readable = {
        place: texts for place, texts in lies_open.items() if place != "log"
    }  # its tiles are hashes, and events
    return {place: [mask(text) for text in texts] for place, texts in readable.items()}


def test_the_mask_hides_no_difference_that_could_be_read(world: World) -> None:
    spoilt = {place: [text.replace("sub-1", "sub-2") for text in texts] for place, texts in world.open.items()}
    assert masked(spoilt) != masked(world.open)
    without = {place: [text.replace("f-2", "f-3") for text in texts] for place, texts in world.open.items()}
    assert masked(without)["messages"] != masked(world.open)["messages"]


def test_where_one_alone_was_invited_for_an_organisation_there_is_one_guess_to_make(world: World) -> None:
    """No token helps there: whom the stream leaves no choice of, it names. The documents say so."""
    event = world.response("res-4")
    before = [
        one["data"]["invitation"]
        for one in world.events[: world.events.index(event)]
        if one["type"] == "InvitationSent" and one["data"]["customer_org"] == event["data"]["customer_org"]
    ]
    assert before == ["inv-7"]
