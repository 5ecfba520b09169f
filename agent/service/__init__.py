"""What both programs need to live under systemd."""
