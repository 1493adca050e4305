"""The survey programme: ten responses in the twelve months before a renewal, at most eight of one organisation."""
