"""The kernel side: eBPF sources, compiled by modpulse.agent.loader; no Python lives here."""
