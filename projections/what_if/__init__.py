"""What would have been under other figures: status over the whole history, and every decision, worked out by columns."""
