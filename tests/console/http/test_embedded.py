"""The duties of a service: of several on one ledger one does them; and one in trouble holds up nobody."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from console.cli.sealing import Sealing
from console.http.embedded import CLOCK, LAST_EVENTS, SEALING, Embedded
from console.wiring import Ledger, open_store
from ledger.proof.log.note import ED25519
from ledger.seal.folder import LogFolder
from ledger.seal.keyfiles import make_key_files
from ledger.seal.rounds import Rounds
from ledger.seal.sealer import Sealed, Sealer
from tests.console.http.process import PATIENCE_S
from tests.console.http.support import NOW_US, PROVEN, Served, serving
from tests.console.support import enrolment, fact, met, response
from tests.consumers.support import eventually
from tests.ledger.seal.support import LOG_KEY

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer

DECIDED = fact("decide-renewal", "decided", "2011-03-02T00:00:00Z", renewal_date="2011-03-01")
QUICK = Rounds(1_000, 0.05)


def sealing_into(folder: Path) -> Sealing:
    """A new log in a folder, with a key of its own."""
    if not (folder / "keys/log.key").exists():
        make_key_files(folder / "keys", LOG_KEY.name, ED25519)
    return Sealing([folder / "keys/log.key"], folder / "log", QUICK)


def all_duties(folder: Path) -> Embedded:
    return Embedded(clock=True, sealing=sealing_into(folder), tiles=folder / "log")


def announced(store: str) -> int:
    """How many changes of eligibility the book announces."""
    ledger = Ledger(open_store(store, create=False), lambda: NOW_US)
    try:
        return len(ledger.store.read_type("EligibilityChanged", 0, 1_000))
    finally:
        ledger.close()


def active(served: Served) -> Callable[[], bool]:
    """Whether a service does all of its duties itself."""
    return lambda: all(duty.position and not duty.standby and not duty.failed for duty in served.duties.values())


def stands_by(served: Served) -> Callable[[], bool]:
    return lambda: all(duty.standby and not duty.failed for duty in served.duties.values())


def two_services(store: str, folder: Path) -> None:
    """Of two, one announces and seals; where it ends the other goes on, and nothing is announced or sealed twice."""
    with serving(store, all_duties(folder)) as one:
        assert one.duties.keys() == {CLOCK, SEALING}
        assert {said["status"] for said in one.post("/v1/facts", met()).json()} == {"accepted"}
        eventually(active(one), "the first is at work")
        with ExitStack() as later:
            two = later.enter_context(serving(store, all_duties(folder)))
            eventually(stands_by(two), "the second stands by")
            assert {said["status"] for said in two.post("/v1/facts", met("m-2")).json()} == {"accepted"}
            eventually(lambda: announced(store) == 4 and sealed_all(one), "all is announced and sealed")
            assert active(one)()
            assert stands_by(two)()
            later.close()
    with serving(store, all_duties(folder)) as three:
        eventually(active(three), "the next takes over")
    assert announced(store) == 4  # satisfied, and expired, of each


def sealed_all(served: Served) -> bool:
    """Whether what this service sealed is the whole book."""
    return served.duties[SEALING].position == int(served.get("/v1/memberships").headers["ledger-position"])


def test_of_two_services_on_a_file_one_announces_and_seals(tmp_path: Path) -> None:
    two_services(str(tmp_path / "ledger.db"), tmp_path)


@pytest.mark.server
def test_of_two_services_on_postgresql_one_announces_and_seals(tmp_path: Path, postgres_url: str) -> None:
    two_services(postgres_url, tmp_path)


def test_the_other_takes_over_while_both_are_there(tmp_path: Path) -> None:
    store = str(tmp_path / "ledger.db")
    with ExitStack() as first:
        one = first.enter_context(serving(store, all_duties(tmp_path)))
        assert one.post("/v1/facts", enrolment()).status_code == 200
        eventually(active(one), "the first is at work")
        with serving(store, all_duties(tmp_path)) as two:
            eventually(stands_by(two), "the second stands by")
            first.close()
            eventually(active(two), "the second takes over")


@pytest.mark.server
def test_duties_go_on_when_their_database_was_away(tmp_path: Path, own_postgres: PostgresServer) -> None:
    store = own_postgres.create_database()
    with serving(store, all_duties(tmp_path)) as served:
        assert {said["status"] for said in served.post("/v1/facts", met()).json()} == {"accepted"}
        eventually(lambda: sealed_all(served), "all is sealed")
        own_postgres.stop()
        eventually(lambda: all(duty.failed for duty in served.duties.values()), "both fail", PATIENCE_S)
        assert {duty.detail for duty in served.duties.values()} == {
            f"{name}: store-unreachable; the service's log says why" for name in (CLOCK, SEALING)
        }
        own_postgres.start()
        eventually(active(served), "both go on", PATIENCE_S)
        eventually(lambda: served.post("/v1/facts", met("m-2")).status_code == 200, "facts are taken", PATIENCE_S)
        eventually(lambda: announced(store) == 4 and sealed_all(served), "all is announced and sealed", PATIENCE_S)
    for name in (CLOCK, SEALING):
        told = [sentence.split(": ")[1] for sentence in served.said if sentence.startswith(f"{name}: ")]
        assert (told[0], told[-1], len(told)) == ("store-unreachable", "goes on", 2), served.said


def test_at_the_end_what_is_left_is_sealed_in_one_round_however_few_events_a_round_takes_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a service that is far behind would still be sealing when it is killed."""
    store = str(tmp_path / "ledger.db")
    with serving(store) as served:
        for number in range(30):
            assert {said["status"] for said in served.post("/v1/facts", met(f"m-{number}")).json()} == {"accepted"}
    rounds: list[tuple[int, int]] = []
    whole = Sealer.seal

    def seal(sealer: Sealer, events: int) -> Sealed:
        done = whole(sealer, events)
        rounds.append((events, done.sealed))
        return done

    monkeypatch.setattr(Sealer, "seal", seal)
    few = replace(sealing_into(tmp_path), rounds=Rounds(1, 3_600))
    with serving(store, Embedded(sealing=few, tiles=tmp_path / "log")):
        eventually(lambda: rounds, "it seals an event at a time")
    assert rounds[0] == (1, 1)
    assert (rounds[-1][0], rounds[-1][1] > 1) == (LAST_EVENTS, True), rounds
    assert [events for events, _ in rounds[:-1]] == [1] * (len(rounds) - 1), "one round is enough for the rest"
    ledger = Ledger(open_store(store, create=False), lambda: NOW_US)
    try:
        assert sum(sealed for _, sealed in rounds) == ledger.store.max_position()
    finally:
        ledger.close()


def test_evidence_can_be_had_at_any_moment_while_the_log_grows(tmp_path: Path) -> None:
    with serving(tmp_path / "ledger.db", all_duties(tmp_path)) as served:
        assert {said["status"] for said in served.post("/v1/facts", [*met(), DECIDED]).json()} == {"accepted"}
        eventually(lambda: sealed_all(served), "all is sealed")
        sizes = set()
        for number in range(120):
            many = [response(1_000 + 10 * number + n, "Brontegard", "2010-06-20T10:00:00Z") for n in range(10)]
            assert served.post("/v1/facts", many).status_code == 200
            found = served.get(PROVEN["evidence"])
            assert found.status_code == 200, found.text
            sizes.add(found.json()["heads"]["index"])
            assert served.get("/log/checkpoints.jsonl", None).status_code == 200
        assert len(sizes) > 3  # of logs before and after their first tile was full
        assert max(sizes) > 256


def test_a_full_disk_is_told_once_shown_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path / "ledger.db", all_duties(tmp_path)) as served:
        assert served.post("/v1/facts", enrolment()).status_code == 200
        eventually(lambda: sealed_all(served), "all is sealed")
        duty = served.duties[SEALING]
        with monkeypatch.context() as full:

            def no_room(*_: Any) -> None:
                raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "log/checkpoint"))

            full.setattr(LogFolder, "promise", no_room)
            made = served.post("/v1/facts", enrolment("m-2"))
            eventually(lambda: duty.failed, "sealing fails")
            assert (duty.since, duty.detail) == (NOW_US, "sealing: disk-full; the service's log says why")
            assert served.get("/v1/memberships", **{"Min-Position": made.headers["ledger-position"]}).status_code == 200
            assert not served.duties[CLOCK].failed
        eventually(lambda: not duty.failed and sealed_all(served), "it goes on")
    told = [sentence for sentence in served.said if sentence.startswith("sealing: ")]
    assert [sentence.split(": ")[1] for sentence in told] == ["disk-full", "goes on"]


def test_a_clock_that_cannot_be_believed_fails_by_itself(tmp_path: Path) -> None:
    store = str(tmp_path / "ledger.db")
    with serving(store, Embedded(clock=True)) as served:
        assert served.post("/v1/facts", enrolment()).status_code == 200
    behind_us = NOW_US - 3_600 * 1_000_000
    with serving(store, Embedded(clock=True), now_us=behind_us) as served:
        eventually(lambda: served.duties[CLOCK].failed, "the clock is behind")
        assert served.duties[CLOCK].detail == "clock: clock-behind; the service's log says why"
        assert served.get("/v1/memberships").status_code == 200


def test_a_book_that_is_not_the_one_that_was_sealed_is_not_sealed(tmp_path: Path) -> None:
    with serving(tmp_path / "ledger.db", all_duties(tmp_path)) as served:
        assert served.post("/v1/facts", enrolment()).status_code == 200
        eventually(lambda: sealed_all(served), "all is sealed")
    before = (tmp_path / "log/checkpoint").read_bytes()
    with serving(tmp_path / "another.db", all_duties(tmp_path)) as served:
        eventually(lambda: served.duties[SEALING].failed, "it does not seal")
        assert served.duties[SEALING].detail == "sealing: book-changed; the service's log says why"
        assert served.post("/v1/facts", enrolment()).status_code == 200
    assert (tmp_path / "log/checkpoint").read_bytes() == before
