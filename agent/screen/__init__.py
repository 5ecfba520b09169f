"""How words fit a terminal."""
