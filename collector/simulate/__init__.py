"""A fleet that is made up, in front of the real collector, with the truth beside it."""
