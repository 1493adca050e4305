"""What PostgreSQL's write-ahead log still holds of who was erased, and for how long: as docs/people.md says it."""

from __future__ import annotations

import re
from pathlib import Path

from ledger.vault.erasing import erase
from tests.ledger.vault.erasing_support import ASKED, book_at, clock, in_files, kept, sealed
from tests.ledger.vault.support import ANNA, BACKENDS, Place, line
from tests.servers.postgres import PostgresServer

DOCS = Path(__file__).parents[3] / "docs" / "people.md"


def in_log(place: Place, secrets: list[bytes]) -> int:
    """How many of some bytes stand in a segment of the log that is there."""
    with place.raw() as raw:
        ((folder,),) = raw("SELECT current_setting('data_directory')")
    content = [path.read_bytes() for path in (Path(folder) / "pg_wal").iterdir() if path.is_file()]
    return sum(any(secret in one for one in content) for secret in secrets)


def test_the_log_holds_it_until_its_segments_go_and_the_statements_of_the_docs_make_them_go_and_say_so(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    block = re.search(r"```sql\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert block is not None
    setting, reload, position, *going, looking = [one.strip() for one in block[1].split(";") if one.strip()]
    place = Place(next(one for one in BACKENDS if one.name == "postgres"), own_postgres.create_database())
    with place.vault() as vault, book_at(tmp_path / "book.db") as book:
        (anna,) = kept(vault, line(2, ANNA))
        secrets = sealed(place, anna)
        erase(vault, book, [anna], ASKED, clock)
        assert in_files(place, secrets) == 0
        assert in_log(place, secrets) == len(secrets)
        with place.raw() as raw:
            raw(setting)
            raw(reload)
            ((erased_at,),) = raw(position)
            looking = looking.replace(":position", f"'{erased_at}'")
            assert raw(looking) != []
            for statement in going:
                raw(statement)
            assert raw(looking) == []
        assert in_log(place, secrets) == 0
