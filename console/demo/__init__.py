"""The demo: programmes that are made up, run from nothing to a verified decision."""
