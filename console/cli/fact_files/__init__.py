"""How files of facts are read: what they are is found out, and they become lines."""
