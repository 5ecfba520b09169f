"""Who may do what: tokens and certificates with their roles, and the file that lists them."""
