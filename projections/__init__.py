"""What is read from the book: projections, the runner that keeps them, and the answers they give."""
