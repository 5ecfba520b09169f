"""The command line's side of the collector."""
