"""What waits for a client comes out as it went in, and takes no more room than there is."""

from __future__ import annotations

import random

import pytest

from console.http.spool import READ_BYTES, Room, Spool, SpoolFull


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_written_and_read_in_turns_comes_out_in_order(seed: int) -> None:
    chance = random.Random(seed)
    room = Room(1 << 20)
    spool = Spool(room, memory_bytes=500)
    written, read = bytearray(), bytearray()
    for _ in range(300):
        if chance.random() < 0.55:
            data = chance.randbytes(chance.randrange(1, 400))
            spool.write(data)
            written += data
        else:
            read += spool.read()
        assert len(spool) == len(written) - len(read)
    while data := spool.read():
        assert len(data) <= READ_BYTES
        read += data
    assert (read == written, room.used, len(spool)) == (True, 0, 0)


def test_where_the_room_is_used_up_nothing_is_written_until_it_is_read() -> None:
    room = Room(1_000)
    one, other = Spool(room, memory_bytes=0), Spool(room, memory_bytes=0)
    one.write(b"in memory: something may always be there")
    one.write(b"a" * 600)
    other.write(b"b")
    with pytest.raises(SpoolFull):
        other.write(b"c" * 401)
    assert (len(other), room.used) == (1, 600)
    while one.read():
        pass
    other.write(b"c" * 401)
    assert other.read() + other.read() == b"b" + b"c" * 401


def test_one_spool_leaves_some_of_the_room_to_others() -> None:
    """Who sends facts for ever and reads nothing used up all of it, and everybody else's streams stood still with his."""
    room = Room(1_000)
    one, other = Spool(room, memory_bytes=0), Spool(room, memory_bytes=0)
    one.write(b"in memory")
    one.write(b"a" * 900)
    with pytest.raises(SpoolFull):
        one.write(b"a")
    other.write(b"in memory")
    other.write(b"b" * 100)
    assert room.used == 1_000
    one.close()
    assert room.used == 100


def test_what_nobody_takes_gives_its_room_back() -> None:
    room = Room(1_000)
    spool = Spool(room, memory_bytes=0)
    spool.write(b"a")
    spool.write(b"b" * 500)
    spool.close()
    assert (room.used, len(spool), spool.read()) == (0, 0, b"")
    spool.write(b"a")
    spool.write(b"b" * 500)
    del spool
    assert room.used == 0
