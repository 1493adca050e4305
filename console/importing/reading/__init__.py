"""Exports as rows of texts, whatever kind of file they are, in bounded memory."""
