"""What is read from the book for the survey programme."""
