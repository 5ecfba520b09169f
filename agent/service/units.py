"""Units that both programs count in."""

NS = 1_000_000_000
"""In a second."""
