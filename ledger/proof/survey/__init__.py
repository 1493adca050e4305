"""The survey programme's rules a second time, for who does not trust the ledger's."""
