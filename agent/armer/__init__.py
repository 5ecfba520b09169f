"""Which binaries are probed, and which are about to come."""
