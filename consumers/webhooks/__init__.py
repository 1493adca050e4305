"""Webhooks: announcements sent to whoever gave a URL, at least once each, in order for each membership."""
