"""Hosts that are sick in every way that was thought of: chosen by path, by name or by port."""
