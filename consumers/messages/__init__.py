"""The messages on Kafka: what they hold, their schemas, and whether a new one breaks who relies on an old one."""
