"""The announcements over Kafka: the subscriber, exactly-once effects, and what talks to the broker (extra `kafka`)."""
