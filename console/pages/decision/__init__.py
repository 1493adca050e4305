"""The pages about a decision, and the list of them."""
