"""Packets for later."""
