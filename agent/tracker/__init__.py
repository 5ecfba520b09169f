"""Joins events into records; pure."""
