"""What is read from the book for the capability programme."""
