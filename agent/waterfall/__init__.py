"""What people see of one command; pure but for terminal."""
