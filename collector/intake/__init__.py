"""From bytes to an arrival."""
