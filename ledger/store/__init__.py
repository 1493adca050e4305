"""Where the book is kept. `base` is the port; each database has a module of its own that passes the same suite."""
