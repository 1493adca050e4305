"""Makes the library's applications keep their events in a ledger's table (PERSISTENCE_MODULE=ledger.store.postgres)."""

from __future__ import annotations

from eventsourcing.postgres import PostgresFactory

from ledger.store.postgres_recorders import LedgerApplicationRecorder, LedgerProcessRecorder


class Factory(PostgresFactory):
    """The library's factory with the ledger's recorders; its settings are the library's (POSTGRES_…)."""

    application_recorder_class = LedgerApplicationRecorder
    process_recorder_class = LedgerProcessRecorder
