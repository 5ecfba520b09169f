"""All members of all kinds."""

from . import (
    addresses,
    configuration,
    content,
    handshakes,
    http_proxies,
    killed,
    local,
    missing,
    names,
    redirects,
    statuses,
    sumdb,
    transport,
)

KINDS = (
    statuses, content, redirects, transport, handshakes, addresses, names, http_proxies, sumdb,
    local, configuration, missing, killed,
)  # fmt: skip
MEMBERS = tuple(member for kind in KINDS for member in kind.MEMBERS)
