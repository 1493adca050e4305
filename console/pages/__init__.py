"""Pages for people, on the service."""
