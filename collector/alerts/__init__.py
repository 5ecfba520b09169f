"""From reports to incidents and what is to be told of them; sends nothing."""
