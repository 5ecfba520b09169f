"""What this host tells: /proc, settings of go, who called us."""
