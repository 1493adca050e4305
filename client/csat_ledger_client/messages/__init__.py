"""What the ledger announces, as it comes over Kafka, over HTTP and to webhooks."""
