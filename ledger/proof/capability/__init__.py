"""The capability programme's rules a second time, written from docs/capability.md, for who does not trust the ledger's."""
