"""What is kept of webhooks: in both databases, whole or not at all, by one who knows the row as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.errors import UnknownWebhook
from consumers.webhooks import registry
from consumers.webhooks.backlog import backlog, waiting_of
from consumers.webhooks.registry import (
    Held,
    Progress,
    Webhook,
    held,
    remove,
    replay,
    save,
    start_after,
    webhook,
    webhooks,
)
from ledger.errors import BadInput, PositionUnknown
from ledger.store.base import Store
from ledger.store.bookmark import Bookmark, bookmark_at
from tests.consumers.support import Announcing, announcing, damage
from tests.consumers.webhooks.support import announced
from tests.contracts.backends import BACKENDS, Backend


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def book(request: pytest.FixtureRequest) -> Iterator[Announcing]:
    backend: Backend = request.param
    found = Announcing(backend.opened(backend.place(request)))
    for membership in ("m-1", "m-2"):
        found.record([*found.enrol(membership), *found.flips(membership, 3)])
    found.record(found.qualify("m-1"))
    yield found
    found.close()


def hook(store: Store, name: str = "wh-1", after: int = 0, owner: str = "", **more: object) -> Webhook:
    made = Webhook(
        name,
        "https://crm.example/",
        (),
        "/run/secrets/hook",
        False,
        owner,
        7,
        start_after(store, after),
        **more,  # type: ignore[arg-type]
    )
    registry.add(store, made)
    return made


def wait(membership: str, position: int, **more: object) -> Held:
    return Held(membership, position, 1, 2, 3, False, "found status 500, expected 2xx")._replace(**more)


def end_of(store: Store) -> Bookmark:
    mark = bookmark_at(store, store.max_position())
    assert mark is not None
    return mark


def test_what_is_registered_is_found_again_as_it_was(book: Announcing) -> None:
    first, second = hook(book.store), hook(book.store, "wh-2", 5, "anne")
    assert webhooks(book.store) == [first, second]
    assert webhook(book.store, "wh-2") == second
    remove(book.store, "wh-1")
    assert webhooks(book.store) == [second]
    for ask in (lambda: webhook(book.store, "wh-1"), lambda: remove(book.store, "wh-1")):
        with pytest.raises(UnknownWebhook):
            ask()


def test_there_are_so_many_at_most_and_so_many_of_one_owner(book: Announcing) -> None:
    hook(book.store, "wh-x0", owner="anne")
    one_more = Webhook("wh-y", "https://crm.example/", (), "", False, "anne", 7, start_after(book.store, 0))
    with pytest.raises(BadInput, match="of your own"):
        registry.add(book.store, one_more, own_max=1)
    for number in range(registry.WEBHOOKS_MAX - 1):
        hook(book.store, f"wh-{number}")
    with pytest.raises(BadInput, match="found 50 webhooks"):
        registry.add(book.store, one_more)


def test_a_sender_keeps_who_is_held_and_forgets_who_is_not(book: Announcing) -> None:
    hook(book.store)
    end = end_of(book.store)
    first, second = wait("m-1", 3), wait("m-2", 4, parked=True)
    assert save(book.store, [Progress("wh-1", 0, end, "hm", {"m-1": first, "m-2": second})]) == []
    assert held(book.store, "wh-1") == [first, second]
    assert (webhook(book.store, "wh-1").mark, webhook(book.store, "wh-1").trouble) == (end, "hm")
    moved = wait("m-2", 9, attempts=1)
    assert save(book.store, [Progress("wh-1", 1, end, "", {"m-1": None, "m-2": moved})]) == []
    assert held(book.store, "wh-1") == [moved]


def test_a_sender_that_knows_an_older_row_changes_nothing_and_the_others_are_kept(book: Announcing) -> None:
    for name in ("wh-1", "wh-2"):
        hook(book.store, name)
    end = end_of(book.store)
    assert save(book.store, [Progress("wh-1", 0, end, "", {})]) == []
    late = Progress("wh-1", 0, Bookmark(0, ""), "", {"m-1": wait("m-1", 3)})
    gone = Progress("wh-9", 0, end, "", {"m-1": wait("m-1", 3)})
    assert save(book.store, [late, Progress("wh-2", 0, end, "", {}), gone]) == ["wh-1", "wh-9"]
    assert [one.mark for one in webhooks(book.store)] == [end, end]
    assert held(book.store, "wh-1") == held(book.store, "wh-9") == []


def test_a_replay_keeps_who_waits_from_before_and_tries_them_at_once(book: Announcing) -> None:
    hook(book.store)
    end = end_of(book.store)
    waiting = {"m-1": wait("m-1", 3, parked=True), "m-2": wait("m-2", end.position)}
    save(book.store, [Progress("wh-1", 0, end, "", waiting)])
    assert replay(book.store, "wh-1", 10, 99) == end.position
    assert held(book.store, "wh-1") == [wait("m-1", 3, since_us=99, next_us=99, attempts=0)]
    assert webhook(book.store, "wh-1").mark == bookmark_at(book.store, 10)
    with pytest.raises(BadInput, match="nothing after that was sent yet"):
        replay(book.store, "wh-1", 11, 99)
    with pytest.raises(PositionUnknown):
        start_after(book.store, end.position + 1)


def test_what_waits_is_counted_from_the_book(book: Announcing) -> None:
    at = announced(book.store)
    all_of_them = sorted(position for some in at.values() for position in some)
    hook(book.store)
    (behind,) = backlog(book.store)
    assert (behind.waiting, behind.held, behind.parked) == (len(all_of_them), 0, 0)
    assert behind.oldest_us is not None
    end = end_of(book.store)
    waiting = {"m-1": wait("m-1", at["m-1"][1]), "m-2": wait("m-2", at["m-2"][0], parked=True)}
    save(book.store, [Progress("wh-1", 0, end, "", waiting)])
    (behind,) = backlog(book.store)
    assert (behind.waiting, behind.held, behind.parked) == (2, 1, 1)
    found = waiting_of(book.store, webhook(book.store, "wh-1"), held(book.store, "wh-1"))
    assert found == {"m-1": len(at["m-1"]) - 1, "m-2": len(at["m-2"])}
    assert waiting_of(book.store, webhook(book.store, "wh-1"), []) == {}


def test_what_cannot_be_read_waits_since_it_failed(tmp_path: Path) -> None:
    with announcing(tmp_path / "book.db") as book:
        book.record([*book.enrol("m-1"), *book.flips("m-1", 1)])
        (position,) = announced(book.store)["m-1"]
        hook(book.store)
        save(book.store, [Progress("wh-1", 0, end_of(book.store), "", {"m-1": wait("m-1", position, since_us=77)})])
        damage(book.store, position, b"{}")
        assert [one.oldest_us for one in backlog(book.store)] == [77]
