"""What is loaded into the kernel and how its records come back; decides nothing."""
