"""Makes the library's applications keep their events in a ledger's table (PERSISTENCE_MODULE=ledger.store.sqlite)."""

from __future__ import annotations

from typing import Any

from eventsourcing.sqlite import SQLiteFactory

from ledger.store.sqlite_recorders import LedgerApplicationRecorder, LedgerDatastore, LedgerProcessRecorder


class Factory(SQLiteFactory):
    """The library's factory with the ledger's recorders; its settings are the library's (SQLITE_…)."""

    application_recorder_class = LedgerApplicationRecorder
    process_recorder_class = LedgerProcessRecorder

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        plain = self.datastore
        self.datastore = LedgerDatastore(
            plain.pool.db_name,
            lock_timeout=plain.pool.lock_timeout,
            single_row_tracking=plain.single_row_tracking,
            originator_id_type=plain.originator_id_type,
        )
        plain.close()
