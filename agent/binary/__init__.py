"""Reads `go` binaries: where to probe them, what their errors are called."""
