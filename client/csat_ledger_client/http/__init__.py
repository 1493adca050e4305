"""The ledger over HTTP: facts in, questions, and what changes."""
