"""The page: from reports, incidents and histories to HTML. It decides nothing, and is pure."""
