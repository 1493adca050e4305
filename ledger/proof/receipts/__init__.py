"""Receipts: what who hands in a fact is promised, whether the log keeps it, and the proof of that for a third party."""
