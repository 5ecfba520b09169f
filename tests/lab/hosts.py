"""
Every host of the lab: its addresses, what speaks there, and how it misbehaves.

A table and nothing else: the proxy server, both DNS servers and the namespaces are set up from it.
The addresses are private (10.0.0.0/8) and documentation (2001:db8::/32) ranges; not fd00::/8,
because RFC 6724 ranks that below IPv4 and `go` would then never try IPv6 first.
"""

from dataclasses import dataclass, field, replace

DOMAIN = "lab.test"
CLIENT4, CLIENT6 = "10.45.0.1", "2001:db8:45::1"
ROUTER4, ROUTER6 = "10.45.0.2", "2001:db8:45::2"
DNSMASQ, DNSMASQ6 = "10.44.53.1", "2001:db8:44::53:1"
DNS_FAULTS = "10.44.53.2"
DNS_DEAD = "10.66.53.1"
DNS_ADDRESSES = (DNSMASQ, DNSMASQ6, DNS_FAULTS)
DROPPED4, DROPPED6 = "10.66.0.1", "2001:db8:66::1"
UNREACHABLE4 = "10.67.0.1"
DROPPED_NETS = ("10.66.0.0/16", "2001:db8:66::/64")
UNREACHABLE_NETS = ("10.67.0.0/16", "2001:db8:67::/64")


@dataclass(frozen=True, slots=True)
class Host:
    """One name below lab.test."""

    name: str
    """First label; `Host.fqdn` is the whole name."""
    answer: str = "good"
    """How HTTP requests are answered: a name in answers.py."""
    wire: str = "serve"
    """What happens on TCP port 443: `serve`, `none` (refused) or a name in wire_faults.py."""
    certificate: str = "good"
    """Which leaf is shown: a name in ca.py."""
    tls: tuple[str, ...] = ("1.2", "1.3")
    alpn: tuple[str, ...] = ("h2", "http/1.1")
    families: tuple[int, ...] = (4,)
    """IP versions of the host's own addresses."""
    extra: tuple[str, ...] = ()
    """Addresses that DNS names before the host's own."""
    alias_of: str = ""
    """Another host whose addresses this name has too."""
    own: tuple[str, ...] = field(default=(), compare=False)
    """Its own addresses, filled by `numbered`."""

    @property
    def fqdn(self) -> str:
        return f"{self.name}.{DOMAIN}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """What DNS answers, in order."""
        return self.extra + self.own


def numbered(hosts: tuple[Host, ...]) -> dict[str, Host]:
    """Give each host its own addresses, by its place in the table."""
    table: dict[str, Host] = {}
    for number, host in enumerate(hosts, start=1):
        own = {4: f"10.44.0.{number}", 6: f"2001:db8:44::{number:x}"}
        addresses = tuple(own[family] for family in host.families)
        if host.alias_of:
            addresses = table[host.alias_of].own
        table[host.name] = replace(host, own=addresses)
    return table


def only_dns(name: str, *addresses: str) -> Host:
    """A name without a server."""
    return Host(name, wire="none", families=(), extra=addresses)


HOSTS = numbered(
    (
        Host("ok"),
        Host("a"),
        Host("b"),
        Host("c"),
        Host("twin", alias_of="ok"),
        Host("storage"),
        Host("mod", "go_get"),
        Host("dual", families=(4, 6)),
        Host("v6", families=(6,)),
        Host("dead-v6", families=(4,), extra=(DROPPED6,)),
        Host("refused-v6", families=(4,), extra=("2001:db8:44::dead",)),
        Host("first-dropped", extra=(DROPPED4,)),
        Host("first-refused", extra=("10.44.0.250",)),
        Host("h1-tls12", tls=("1.2",), alpn=("http/1.1",)),
        Host("h1-tls13", tls=("1.3",), alpn=("http/1.1",)),
        Host("h2-tls12", tls=("1.2",)),
        Host("h2-tls13", tls=("1.3",)),
        Host("no-alpn", alpn=()),
        Host("good"),
        Host("slow", "slow"),
        Host("failing", "failing"),
        Host("e404", "status_404"),
        Host("e410", "status_410"),
        Host("e401", "status_401"),
        Host("e403", "status_403"),
        Host("e429", "status_429"),
        Host("e500", "status_500"),
        Host("e502", "status_502"),
        Host("e503", "status_503"),
        Host("auth", "basic_auth"),
        Host("stall-head", "stall_head"),
        Host("stall-body", "stall_body"),
        Host("stall-zip", "stall_zip"),
        Host("cut", "cut"),
        Host("cut-h1", "cut", alpn=("http/1.1",)),
        Host("cut-zip", "cut_zip"),
        Host("reset", "reset"),
        Host("html", "html"),
        Host("html-info", "html_info"),
        Host("not-a-zip", "not_a_zip"),
        Host("foreign-zip", "foreign_zip"),
        Host("altered", "altered"),
        Host("redirect", "redirect_zip"),
        Host("redirect-loop", "redirect_loop"),
        Host("redirect-plain", "redirect_plain"),
        Host("no-sumdb", "no_sumdb"),
        Host("sum", "sumdb"),
        Host("wrong-sum", "sumdb_wrong"),
        Host("expired", certificate="expired"),
        Host("wrong-host", certificate="wrong_host"),
        Host("unknown-ca", certificate="unknown_ca"),
        Host("soon", certificate="soon"),
        Host("tls-hang", wire="hang"),
        Host("tls-alert", wire="alert"),
        Host("tls-reset", wire="reset"),
        Host("tls-close", wire="close"),
        Host("not-tls", wire="plain_http"),
        Host("refused", wire="none"),
        only_dns("dropped", DROPPED4),
        only_dns("unreachable", UNREACHABLE4),
        Host("connect", wire="none"),
        Host("connect-407", wire="none"),
        Host("connect-502", wire="none"),
        Host("real-a", wire="none"),
        Host("real-b", wire="none"),
        Host("real-c", wire="none"),
        Host("real-d", wire="none"),
        only_dns("dns-servfail"),
        only_dns("dns-refused"),
        only_dns("dns-silent"),
        only_dns("dns-nxdomain"),
        Host("dns-truncated", alias_of="ok"),
        Host("dns-slow", alias_of="ok"),
        Host("dns-first-lost", alias_of="ok"),
    )
)
"""
By name. `real-*` have addresses, names and certificates and nothing that listens: for real parts.
`dns-*` misbehave when asked at DNS_FAULTS; dnsmasq does not know those without addresses.
"""


def server_addresses() -> list[str]:
    """Every address that the servers' namespace must have, each once."""
    own = [address for host in HOSTS.values() for address in host.own]
    return list(dict.fromkeys([*own, "10.44.0.250", "2001:db8:44::dead", *DNS_ADDRESSES]))
