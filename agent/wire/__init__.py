"""Readers of what is on the wire; pure, bounded, and unimpressed by hostile bytes."""
