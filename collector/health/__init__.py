"""From arrivals to a state with its reason."""
