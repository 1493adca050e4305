"""The programmes: what each gives to the book, side by side; none knows of another."""
