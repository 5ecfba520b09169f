"""The host agent: watches go processes, aggregates, ships."""
