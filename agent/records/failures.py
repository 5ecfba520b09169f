"""Failure classes and their roots: the one list of their names."""

from typing import Literal, get_args

from ..service.foreign import said
from .records import Against, Failure, Root

FailureClass = Literal[
    "dns.nxdomain", "dns.nodata", "dns.servfail", "dns.refused", "dns.timeout", "dns.unreachable",
    "tcp.refused", "tcp.timeout", "tcp.reset", "tcp.unreachable",
    "tcp.mtu",
    "tls.timeout", "tls.expired", "tls.untrusted", "tls.hostname", "tls.alert", "tls.not_tls",
    "http.5xx", "http.429", "http.4xx", "http.reset", "http.stalled", "http.body",
    "http.redirect", "http.content", "http.protocol",
    "git.failed",
    "checksum.gosum", "checksum.sumdb",
    "auth.401", "auth.403", "auth.407",
    "local.files", "local.disk", "local.permission", "local.ca", "local.clock", "local.config",
    "local.memory", "local.tool",
]  # fmt: skip

_ROOTS: dict[str, Root] = {
    "dns": "dns",
    "tcp": "https",
    "tls": "https",
    "http": "https",
    "git": "https",
    "checksum": "checksum",
    "auth": "auth",
    "local": "local",
}
"""What stands before the dot of a class -> its root."""
CLASSES: dict[FailureClass, Root] = {
    cls: _ROOTS[cls.partition(".")[0]] for cls in get_args(FailureClass)
}

_USUALLY: dict[Root, Against] = {"dns": "resolver", "local": "machine"}
"""Whom a failure speaks against where nothing else is known."""

ROOTS: tuple[Root, ...] = ("dns", "https", "checksum", "auth", "local")
"""In the order in which a person rules them out."""


def failure(
    cls: FailureClass,
    evidence: str,
    host: str | None = None,
    address: str | None = None,
    against: Against | None = None,
) -> Failure:
    """Make a failure of a known class, its words said; without `against` as is usual for it."""
    root = CLASSES[cls]
    against = against or _USUALLY.get(root, "proxy")
    return said(Failure(cls, root, evidence, host, address, against))
