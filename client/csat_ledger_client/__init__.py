"""What downstream services of a CSAT ledger install."""
