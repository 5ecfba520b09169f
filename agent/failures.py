"""Failure classes and the four roots that Go users know: the one list of their names."""

from typing import Literal

from .records import Failure, Root

FailureClass = Literal[
    "dns.nxdomain", "dns.servfail", "dns.refused", "dns.timeout",
    "tcp.refused", "tcp.timeout", "tcp.reset", "tcp.unreachable",
    "tls.timeout", "tls.expired", "tls.untrusted", "tls.hostname", "tls.alert", "tls.not_tls",
    "http.5xx", "http.429", "http.stalled", "http.body", "http.protocol",
    "checksum.gosum", "checksum.sumdb",
    "auth.401", "auth.403", "auth.407",
]  # fmt: skip

CLASSES: dict[FailureClass, Root] = {
    "dns.nxdomain": "dns",
    "dns.servfail": "dns",
    "dns.refused": "dns",
    "dns.timeout": "dns",
    "tcp.refused": "https",
    "tcp.timeout": "https",
    "tcp.reset": "https",
    "tcp.unreachable": "https",
    "tls.timeout": "https",
    "tls.expired": "https",
    "tls.untrusted": "https",
    "tls.hostname": "https",
    "tls.alert": "https",
    "tls.not_tls": "https",
    "http.5xx": "https",
    "http.429": "https",
    "http.stalled": "https",
    "http.body": "https",
    "http.protocol": "https",
    "checksum.gosum": "checksum",
    "checksum.sumdb": "checksum",
    "auth.401": "auth",
    "auth.403": "auth",
    "auth.407": "auth",
}

ROOTS: tuple[Root, ...] = ("dns", "https", "checksum", "auth")
"""In the order in which a person rules them out."""


def failure(
    cls: FailureClass, evidence: str, host: str | None = None, address: str | None = None
) -> Failure:
    """Make a failure of a known class; its root follows from the class."""
    return Failure(cls, CLASSES[cls], evidence, host, address)
