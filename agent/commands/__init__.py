"""What each command wires together; decides nothing."""
