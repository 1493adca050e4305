"""Kafka itself: connections, topics, groups, and where a reader has left off."""
