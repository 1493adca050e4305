"""The roles, each a long-running process: relay, inbox, worker, clock."""
