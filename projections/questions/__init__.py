"""Each question of a user: one function with a typed answer."""
