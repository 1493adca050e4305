"""The service: questions and facts over HTTP, for each role what it may see (DESIGN 11)."""
