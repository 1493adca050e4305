"""The sender: each announcement at least once, in order for each membership, whatever its receivers do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("httpcore")
pytest.importorskip("standardwebhooks")

from consumers.webhooks.backlog import backlog, waiting_of
from consumers.webhooks.gate import FAILING_MAX
from consumers.webhooks.network import Bounds
from consumers.webhooks.registry import GONE, Progress, held, remove, replay, save, webhook
from consumers.webhooks.sender import Sender
from consumers.webhooks.shown import all_shown
from ledger.errors import StoreUnreachable
from ledger.instants import DAY_US
from ledger.store.bookmark import Bookmark
from tests.consumers.support import Announcing, announcing, damage
from tests.consumers.webhooks.support import (
    HOUR_US,
    Inbox,
    TowerClock,
    announced,
    drive,
    drive_on,
    inbox,
    quick,
    register,
)

MEMBERSHIPS = [f"m-{number}" for number in range(6)]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Announcing]:
    with announcing(tmp_path / "book.db") as found:
        for membership in MEMBERSHIPS:
            found.record(found.enrol(membership))
            found.record(found.flips(membership, 4))
        found.record(found.qualify("m-1"))
        found.record(found.restate("m-1", 3))
        yield found


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Inbox]:
    with inbox(tmp_path) as found:
        yield found


def has_all(book: Announcing, receiver: Inbox) -> bool:
    return receiver.by_membership() == announced(book.store)


def failing_at(receiver: Inbox, way: int | str, only: str | None = None) -> threading.Event:
    """Has a receiver fail in a way, at one membership only where one is named, until what is given back is cleared."""
    failing = threading.Event()
    failing.set()
    receiver.behave = lambda membership, _position: way if failing.is_set() and only in (None, membership) else 204
    return failing


def test_each_announcement_of_both_programmes_arrives_once_signed_and_in_order(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    register(book.store, receiver.url, tmp_path / "hook.secret")
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: has_all(book, receiver), "all arrive")
        book.record(book.flips("m-2", 3))
        drive(sender, lambda: has_all(book, receiver), "what comes later arrives too")
    assert len(receiver.got) == sum(map(len, announced(book.store).values())), "each once, as nothing went wrong"
    assert not receiver.wrong
    assert {one.payload["type"] for one in receiver.got} == {"EligibilityChanged", "DesignationChanged"}
    assert webhook(book.store, "wh-1").mark.position >= max(map(max, announced(book.store).values()))
    first = min(receiver.got, key=lambda one: one.position)
    assert first.id == f"membership-m-0/{first.payload['data']['seq']}"
    assert set(first.payload) == {"type", "timestamp", "data"}


def test_progress_is_kept_in_few_transactions(book: Announcing, receiver: Inbox, tmp_path: Path) -> None:
    register(book.store, receiver.url, tmp_path / "hook.secret")
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: has_all(book, receiver), "all arrive")
        drive_on(sender, 2.5)
        assert 1 <= sender.state.commits <= 3, (
            "as many as seconds in which something was delivered, not as announcements"
        )


def test_only_the_types_that_are_wanted_arrive(book: Announcing, receiver: Inbox, tmp_path: Path) -> None:
    register(book.store, receiver.url, tmp_path / "hook.secret", types=("DesignationChanged",))
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: len(receiver.taken()) == 4, "four arrive")
        drive_on(sender, 0.5)
    assert {one.payload["type"] for one in receiver.got} == {"DesignationChanged"}


@pytest.mark.parametrize("way", [500, 404, 302, "hang", "close", "drip"])
def test_a_membership_that_fails_holds_its_later_ones_and_no_others(
    book: Announcing, receiver: Inbox, tmp_path: Path, way: int | str
) -> None:
    failing = failing_at(receiver, way, "m-1")
    register(book.store, receiver.url, tmp_path / "hook.secret")
    others = {membership: at for membership, at in announced(book.store).items() if membership != "m-1"}
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: receiver.by_membership() == others, "the others arrive")
        drive(sender, lambda: sender.state.failed >= 3, "it is tried again")
        tried = {one.position for one in receiver.got if one.membership == "m-1"}
        assert tried == {announced(book.store)["m-1"][0]}, "what comes after the one that failed waits"
        (waiting,) = held(book.store, "wh-1") or [None]
        assert waiting is None or (waiting.membership, waiting.parked) == ("m-1", False)
        failing.clear()
        receiver.let_go.set()
        drive(sender, lambda: has_all(book, receiver), "it goes on where it was held")
        drive(sender, lambda: not held(book.store, "wh-1"), "nothing is held any more")


def test_an_answer_of_any_length_counts_by_its_status_and_is_left_unread(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    receiver.behave = lambda membership, _position: {"m-1": "huge", "m-2": "endless"}.get(membership, 200)
    register(book.store, receiver.url, tmp_path / "hook.secret")
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: has_all(book, receiver), "all arrive")
        assert sender.state.failed == 0


def test_a_redirect_is_followed_nowhere(book: Announcing, receiver: Inbox, tmp_path: Path) -> None:
    receiver.behave = lambda _membership, _position: 307
    register(book.store, receiver.url, tmp_path / "hook.secret")
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: len(held(book.store, "wh-1")) == len(MEMBERSHIPS), "all are held")
    assert {one.reason for one in held(book.store, "wh-1")} == {
        "found status 307, a redirect, which is not followed, expected 2xx"
    }
    assert {one.position for one in receiver.got} == {at[0] for at in announced(book.store).values()}


def test_a_receiver_that_says_that_it_is_gone_ends_its_webhook_until_a_replay(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    """Standard Webhooks: on 410 (Gone) the endpoint is disabled, and nothing more is sent to it."""
    last = announced(book.store)["m-1"][1]
    receiver.behave = lambda membership, position: 410 if (membership, position) == ("m-1", last) else 204
    register(book.store, receiver.url, tmp_path / "hook.secret")
    (tmp_path / "other").mkdir()
    with inbox(tmp_path / "other") as other:
        register(book.store, other.url, tmp_path / "other" / "hook.secret", "wh-2")
        with Sender(book.store, TowerClock(), quick()) as sender:
            drive(sender, lambda: webhook(book.store, "wh-1").gone, "it is ended")
            got = len(receiver.got)
            book.record(book.flips("m-2", 2))
            drive(sender, lambda: has_all(book, other), "the other webhook goes on")
            drive_on(sender, 1.5)
            assert len(receiver.got) == got, "nothing more is sent"
    hook = webhook(book.store, "wh-1")
    assert hook.mark.position < last
    assert held(book.store, "wh-1") == [], "the announcement is neither taken nor held"
    (shown, _) = all_shown(book.store)
    assert shown.trouble == GONE
    assert (shown.waiting > 0, shown.oldest_waiting_at) == (True, None), "nothing waits that somebody has to look after"
    receiver.behave = lambda _membership, _position: 204
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive_on(sender, 1.5)
        assert len(receiver.got) == got, "another sender sends nothing either"
        replay(book.store, "wh-1", hook.mark.position, TowerClock()())
        drive(sender, lambda: has_all(book, receiver), "a replay starts it again, and nothing is left out")
    assert all_shown(book.store)[0].trouble is None


def test_a_membership_that_was_held_when_its_webhook_ended_is_sent_after_a_replay(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    answers = iter([500])
    receiver.behave = lambda membership, _position: next(answers, 410) if membership == "m-1" else 204
    register(book.store, receiver.url, tmp_path / "hook.secret")
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: webhook(book.store, "wh-1").gone, "the second attempt ends it")
    assert [one.membership for one in held(book.store, "wh-1")] == ["m-1"]
    receiver.behave = lambda _membership, _position: 204
    replay(book.store, "wh-1", webhook(book.store, "wh-1").mark.position, TowerClock()())
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: has_all(book, receiver), "all arrive")
        drive(sender, lambda: not held(book.store, "wh-1"), "nothing is held any more")


def test_what_failed_under_a_clock_ten_years_ahead_is_tried_once_that_is_mended_and_for_three_days(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    failing = failing_at(receiver, 500, "m-1")
    register(book.store, receiver.url, tmp_path / "hook.secret")
    clock = receiver.clock = TowerClock()
    clock.ahead_us = 3_650 * DAY_US
    with Sender(book.store, clock, quick()) as sender:
        drive(sender, lambda: len(held(book.store, "wh-1")) == 1, "it is held")
    clock.ahead_us = 0
    with Sender(book.store, clock, quick()) as sender:
        drive(sender, lambda: sender.state.failed >= 3, "it is tried")
        drive(sender, lambda: held(book.store, "wh-1")[0].since_us <= clock(), "its three days begin now")
        failing.clear()
        drive(sender, lambda: has_all(book, receiver), "all arrive")
    assert not receiver.wrong


def test_a_clock_that_is_set_back_does_not_keep_a_receiver_shut_that_was_down(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    for number in range(6, 6 + FAILING_MAX):
        book.record(book.enrol(f"m-{number}"))
        book.record(book.flips(f"m-{number}", 1))
    failing = failing_at(receiver, 503)
    register(book.store, receiver.url, tmp_path / "hook.secret")
    clock = receiver.clock = TowerClock()
    with Sender(book.store, clock, quick()) as sender:
        drive(sender, lambda: sender.state.failed > FAILING_MAX, "it is taken for down")
        got = len(receiver.got)
        clock.ahead_us = -HOUR_US
        drive(sender, lambda: len(receiver.got) > got + 3, "it is tried all the same", 20)
        failing.clear()
        drive(sender, lambda: has_all(book, receiver), "and has all as soon as it is back", 20)


def test_after_three_days_a_membership_is_parked_and_its_later_ones_park_with_it_until_a_replay(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    failing = failing_at(receiver, 500, "m-1")
    hook = register(book.store, receiver.url, tmp_path / "hook.secret")
    clock = receiver.clock = TowerClock()
    with Sender(book.store, clock, quick(retry_for_us=3 * DAY_US)) as sender:
        drive(sender, lambda: len(held(book.store, "wh-1")) == 1, "it is held")
        clock.ahead_us = 71 * HOUR_US
        drive(sender, lambda: held(book.store, "wh-1")[0].attempts >= 4, "it is tried after 71 hours")
        assert not held(book.store, "wh-1")[0].parked
        clock.ahead_us = 73 * HOUR_US
        drive(sender, lambda: held(book.store, "wh-1")[0].parked, "it is parked after 72")
        tries = sender.state.failed
        book.record(book.flips("m-1", 2))
        book.record(book.flips("m-3", 1))
        drive(sender, lambda: len(receiver.by_membership()["m-3"]) == 5, "the others go on")
        clock.ahead_us = 200 * HOUR_US
        drive_on(sender, 1.5)
        assert sender.state.failed == tries, "what is parked is not tried"
        waiting = waiting_of(book.store, webhook(book.store, hook.id), held(book.store, hook.id))
        assert waiting == {"m-1": len(announced(book.store)["m-1"])}
        (behind,) = backlog(book.store)
        assert (behind.held, behind.parked, behind.oldest_us, behind.waiting) == (0, 1, None, 1)
        failing.clear()
        replay(book.store, hook.id, webhook(book.store, hook.id).mark.position, clock())
        drive(sender, lambda: has_all(book, receiver), "a replay tries what is parked again, from where it was")
        drive(sender, lambda: not held(book.store, hook.id), "nothing is held any more")


def test_a_replay_sends_again_from_a_position_under_the_same_ids(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    register(book.store, receiver.url, tmp_path / "hook.secret")
    clock = TowerClock()
    with Sender(book.store, clock, quick()) as sender:
        drive(sender, lambda: has_all(book, receiver), "all arrive")
        drive(sender, lambda: webhook(book.store, "wh-1").mark.position > 0, "that is kept")
        before = [(one.id, one.position) for one in receiver.got]
        middle = sorted(one.position for one in receiver.got)[10]
        replay(book.store, "wh-1", middle, clock())
        drive(sender, lambda: len(receiver.got) >= 2 * len(before) - 11, "those after it arrive again")
        drive_on(sender, 1.2)
    again = sorted((one.id, one.position) for one in receiver.got[len(before) :])
    assert again == sorted(one for one in before if one[1] > middle)


def test_a_replay_for_one_membership_can_leave_out_what_its_receiver_never_takes(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    poison = announced(book.store)["m-2"][1]
    receiver.behave = lambda _membership, position: 400 if position == poison else 204
    register(book.store, receiver.url, tmp_path / "hook.secret")
    clock = TowerClock()
    with Sender(book.store, clock, quick()) as sender:
        drive(sender, lambda: [one.position for one in held(book.store, "wh-1")] == [poison], "it is held")
        replay(book.store, "wh-1", poison, clock(), "m-2")
        drive(sender, lambda: not held(book.store, "wh-1"), "it goes on behind it")
    expected = announced(book.store)
    expected["m-2"].remove(poison)
    assert receiver.by_membership() == expected


def test_a_receiver_that_is_down_has_few_memberships_held_and_all_go_out_once_it_is_back(
    tmp_path: Path, receiver: Inbox
) -> None:
    down = threading.Event()
    down.set()
    receiver.behave = lambda _membership, _position: 503 if down.is_set() else 204
    with announcing(tmp_path / "book.db") as book:
        for number in range(60):
            book.record([*book.enrol(f"m-{number}"), *book.flips(f"m-{number}", 1)])
        register(book.store, receiver.url, tmp_path / "hook.secret")
        with Sender(book.store, TowerClock(), quick()) as sender:
            drive(sender, lambda: sender.state.failed >= 25, "it is tried")
            drive_on(sender, 1.2)
            assert 0 < len(held(book.store, "wh-1")) < 50, "the others wait at the cursor"
            (behind,) = backlog(book.store)
            assert behind.waiting >= 60
            assert behind.oldest_us is not None
            down.clear()
            drive(sender, lambda: has_all(book, receiver), "all arrive")


def test_nothing_is_sent_while_the_secret_is_open_to_others_and_all_of_it_once_it_is_not(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    secret = tmp_path / "hook.secret"
    secret.chmod(0o644)
    register(book.store, receiver.url, secret)
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: "expected 0600" in webhook(book.store, "wh-1").trouble, "that is said")
        assert not receiver.got
        secret.chmod(0o600)
        drive(sender, lambda: has_all(book, receiver), "all arrive")
        drive(sender, lambda: not webhook(book.store, "wh-1").trouble, "nothing is wrong any more")


def test_while_a_secret_is_exchanged_each_delivery_holds_under_both(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    other = "whsec_" + "b" * 44
    secret = tmp_path / "hook.secret"
    old = secret.read_text()
    secret.write_text(f"{other}\n{old}")
    register(book.store, receiver.url, secret)
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: has_all(book, receiver), "all arrive under the old one")
        receiver.secret = other
        book.record(book.flips("m-2", 2))
        drive(sender, lambda: has_all(book, receiver), "and under the new one")
        secret.write_text(f"{other}\n")
        book.record(book.flips("m-2", 2))
        drive(sender, lambda: has_all(book, receiver), "and when the old one is gone")
    assert not receiver.wrong


def test_a_webhook_that_is_removed_or_added_is_noticed(book: Announcing, receiver: Inbox, tmp_path: Path) -> None:
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive_on(sender, 0.3)
        register(book.store, receiver.url, tmp_path / "hook.secret")
        drive(sender, lambda: has_all(book, receiver), "all arrive")
        number = len(receiver.got)
        remove(book.store, "wh-1")
        drive_on(sender, 1.2)
        book.record(book.flips("m-2", 3))
        drive_on(sender, 0.5)
    assert len(receiver.got) == number


def test_one_sender_is_active_and_another_takes_over_where_it_ended(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    register(book.store, receiver.url, tmp_path / "hook.secret")
    clock = TowerClock()
    with Sender(book.store, clock, quick()) as first, Sender(book.store, clock, quick()) as second:
        drive(first, lambda: has_all(book, receiver), "all arrive")
        assert second.step() > 0
        assert second.state.phase == "standby"
        first.close()
        book.record(book.flips("m-2", 3))
        drive(second, lambda: has_all(book, receiver), "the other goes on")
        assert second.state.delivered == 3, "with what the first had not sent"


def test_a_receiver_that_hangs_holds_up_no_other(
    book: Announcing, receiver: Inbox, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    receiver.behave = lambda _membership, _position: "hang"
    register(book.store, receiver.url, tmp_path / "hook.secret", "wh-1")
    other = tmp_path_factory.mktemp("other")
    with inbox(other) as sound:
        register(book.store, sound.url, other / "hook.secret", "wh-2")
        with Sender(book.store, TowerClock(), quick(bounds=Bounds(whole_s=30.0))) as sender:
            drive(sender, lambda: has_all(book, sound), "all arrive at the other", 10)
            drive(sender, lambda: webhook(book.store, "wh-2").mark.position > 0, "that is kept", 10)
            receiver.let_go.set()
    assert receiver.got
    assert webhook(book.store, "wh-1").mark.position < announced(book.store)["m-0"][0]


def test_an_announcement_that_cannot_be_read_holds_its_membership_alone(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    (row,) = book.store.read_at([announced(book.store)["m-2"][0]])
    damage(book.store, row.position, b"{}")
    register(book.store, receiver.url, tmp_path / "hook.secret")
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: len(receiver.by_membership()) == len(MEMBERSHIPS) - 1, "the others arrive")
        drive(sender, lambda: len(held(book.store, "wh-1")) == 1, "it is held")
        (waits,) = held(book.store, "wh-1")
        assert (waits.membership, waits.position) == ("m-2", row.position)
        assert f"position {row.position}" in waits.reason
        damage(book.store, row.position, row.stored)
        drive(sender, lambda: has_all(book, receiver), "mended, it goes out")


def test_of_another_book_nothing_is_sent_until_a_replay_says_from_where(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    hook = register(book.store, receiver.url, tmp_path / "hook.secret", after=5)
    assert save(book.store, [Progress(hook.id, 0, Bookmark(5, "0" * 64), "", {})]) == []
    clock = TowerClock()
    with Sender(book.store, clock, quick()) as sender:
        drive(sender, lambda: "another book" in webhook(book.store, hook.id).trouble, "that is said")
        assert not receiver.got
        replay(book.store, hook.id, 0, clock())
        drive(sender, lambda: has_all(book, receiver), "all arrive")
        drive(sender, lambda: not webhook(book.store, hook.id).trouble, "nothing is wrong any more")


def test_a_sender_whose_store_fails_while_it_keeps_what_is_held_keeps_nothing_more(
    book: Announcing, receiver: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.behave = lambda membership, _position: 500 if membership == "m-2" else 204
    register(book.store, receiver.url, tmp_path / "hook.secret")
    kept = book.store.beside
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: "m-2" in {one.membership for one in receiver.got}, "it failed")
        monkeypatch.setattr(book.store, "beside", lost)
        with pytest.raises(StoreUnreachable):
            drive(sender, lambda: False, "the store fails", 5)
        monkeypatch.setattr(book.store, "beside", kept)
    assert webhook(book.store, "wh-1").mark.position == 0, "nobody knows what was kept: it is sent again"
    receiver.behave = lambda _membership, _position: 204
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: has_all(book, receiver), "nothing is skipped")


def lost() -> None:
    raise StoreUnreachable("lost for once")
