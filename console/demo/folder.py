"""The folder of a demo: made anew each time, unless somebody added something to it.

When a demo is done it notes in its marker how far its ledger goes and which files it wrote. What is there beyond that
is somebody's own, and is not removed without being asked for.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Final

from console.cli.exits import Failure
from console.cli.output import plural
from console.wiring import CONSOLE_KEY_ENDING, DEV_KEY_ENDING, driver_errors, open_store
from ledger.errors import LedgerError
from ledger.store.base import Store
from ledger.store.link_key_file import ENDING

MARKER: Final = "this-is-a-demo"
LEDGER: Final = "ledger.db"
LINK_KEY: Final = f"{LEDGER}{ENDING}"
FACTS: Final = "facts.jsonl"
REFUSED: Final = "refused.jsonl"
CAPABILITY_FACTS: Final = "capability.jsonl"
CAPABILITY_REFUSED: Final = "capability-refused.jsonl"
VAULT: Final = "people.db"
VAULT_KEY: Final = "vault-key"
PROOF: Final = "proof"
MADE: Final = (
    *(f"{name}{end}" for name in (LEDGER, f"{LEDGER}.projections", VAULT) for end in ("", "-wal", "-shm")),
    *(f"{LEDGER}{end}" for end in (DEV_KEY_ENDING, CONSOLE_KEY_ENDING)),
    LINK_KEY,
    VAULT_KEY,
    FACTS,
    REFUSED,
    CAPABILITY_FACTS,
    CAPABILITY_REFUSED,
    MARKER,
)
SHOWN: Final = 3
FEED_CHUNK: Final = 1_000


def make_folder(folder: Path, *, force: bool) -> None:
    """Makes the folder, or empties it of what a demo made.

    Raises Failure where it is no demo, or where something was added to it, unless `force` says that this may go.
    """
    marker = folder / MARKER
    try:
        if folder.exists() and not marker.exists() and not force:
            raise Failure("usage", f"found {folder}, which is no demo; --force uses it, --folder names another")
        if marker.exists() and not force and (added := _added(folder)):
            raise Failure(
                "usage",
                f"found {folder}, a demo with more in it than the demo made: {', '.join(added)}; --force makes it anew "
                "without that (make demo DEMO=--force), --folder names another",
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name in MADE:
            (folder / name).unlink(missing_ok=True)
        marker.write_text("A demo that was not finished; `csat-ledger demo` makes it anew.\n")
    except OSError as error:
        raise Failure("unreadable", f"{folder}: {error.strerror}") from None


def note_what_was_made(folder: Path, position: int) -> None:
    """Notes how far the ledger goes and which files there are."""
    note = {"made_by": "csat-ledger demo", "position": position, "files": _files(folder)}
    (folder / MARKER).write_text(json.dumps(note) + "\n")


def _added(folder: Path) -> list[str]:
    """What is in a finished demo beyond what it made; nothing for one that was stopped."""
    try:
        note = json.loads((folder / MARKER).read_text())
        position, files = int(note["position"]), dict(note["files"])
    except (ValueError, KeyError, TypeError):
        return []
    found = []
    if (folder / LEDGER).exists():
        where = str(folder / LEDGER)
        try:
            with driver_errors(where), closing(open_store(where, create=False)) as store:
                more = _events_beyond(store, position)
        except LedgerError as error:
            found.append(f"a ledger that cannot be read ({error})")
        else:
            if more:
                found.append(f"{plural(more, 'event')} in {LEDGER}")
    changed = sorted(name for name, size in _files(folder).items() if files.get(name) != size)
    found += changed[:SHOWN]
    if len(changed) > SHOWN:
        found.append(f"{len(changed) - SHOWN:,} more files")
    return found


def _events_beyond(store: Store, position: int) -> int:
    """How many events came after a position, but for that of `clock-accept`, which the demo itself advises."""
    number = 0
    while rows := store.read_feed(position, FEED_CHUNK):
        position = rows[-1].position
        number += sum(row.type != "ClockAccepted" for row in rows)
    return number


def _files(folder: Path) -> dict[str, int]:
    """The files that a demo would remove, but for databases, by their names, with their sizes in bytes."""
    lines = (FACTS, REFUSED, CAPABILITY_FACTS, CAPABILITY_REFUSED)
    paths = [*(folder / name for name in lines), *(folder / PROOF).rglob("*")]
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in paths
        if path.is_file() and ".db" not in path.name
    }
