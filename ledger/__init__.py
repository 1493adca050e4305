"""The book: facts, events, the rules, the store and the one writer."""
