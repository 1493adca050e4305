"""The capability programme: a score of at least 70 points over five metrics on any one day of the window (C2, C3)."""
