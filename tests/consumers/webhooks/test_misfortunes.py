"""Everything at once, by chance: a receiver that comes and goes, days that pass, replays, senders that end and begin."""

from __future__ import annotations

import random
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("httpcore")

from consumers.webhooks.registry import held, replay, webhook
from consumers.webhooks.sender import Sender
from tests.consumers.support import announcing
from tests.consumers.webhooks.support import HOUR_US, TowerClock, announced, drive, drive_on, inbox, quick, register
from tests.support.soak import scaled

MEMBERSHIPS = [f"m-{number}" for number in range(10)]
MOODS = ([204], [204, 204, 204, 500], [500], ["close", 204], [404, 204], ["hang", 204, 204, 204, 204])


def test_whatever_happens_each_announcement_arrives_and_those_of_a_membership_in_order(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance, clock = Random(seed), TowerClock()
    mood: list[int | str] = [204]
    moods: dict[str, list[int | str]] = {}
    with announcing(tmp_path / "book.db") as book, inbox(tmp_path) as receiver:
        receiver.clock = clock
        receiver.behave = lambda membership, _position: chance.choice(moods.get(membership, mood))
        for membership in MEMBERSHIPS:
            book.record(book.enrol(membership))
        hook = register(book.store, receiver.url, tmp_path / "hook.secret")
        rules = quick(retry_for_us=3 * HOUR_US, bounds=quick().bounds._replace(whole_s=0.5))
        sender = Sender(book.store, clock, rules)
        try:
            for _ in range(scaled(25)):
                for membership in chance.sample(MEMBERSHIPS, chance.randrange(4)):
                    book.record(book.flips(membership, chance.randrange(1, 6)))
                mood = list(chance.choice(MOODS))
                moods = {name: list(chance.choice(MOODS)) for name in chance.sample(MEMBERSHIPS, 3)}
                clock.ahead_us += chance.choice([0, 0, HOUR_US, 4 * HOUR_US])
                match chance.randrange(5):
                    case 0:
                        sender.close()
                        sender = Sender(book.store, clock, rules)
                    case 1:
                        mark = webhook(book.store, hook.id).mark
                        replay(book.store, hook.id, chance.randrange(mark.position + 1), clock())
                drive_on(sender, chance.random() * 0.4)
            mood, moods = [204], {}
            receiver.let_go.set()
            replay(book.store, hook.id, webhook(book.store, hook.id).mark.position, clock())
            drive(sender, lambda: receiver.by_membership() == announced(book.store), "all arrive, in order")
            drive(sender, lambda: not held(book.store, hook.id), "nothing waits")
        finally:
            sender.close()
        early = "too old or too new"  # of what was under way when days passed
        assert all(early in one for one in receiver.wrong)
