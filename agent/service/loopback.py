"""Whether an address is this machine's own. Pure."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a token may go there in the clear."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
