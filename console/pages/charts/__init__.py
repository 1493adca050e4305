"""Charts as SVG that can be read without their colours; beside each a page has the same as a table."""
