"""What is read from the book of the capability programme."""
