"""
Where the sick servers listen, and how a name, a path or a port says what is wrong.

    https://as.lab.test/zip=403        answers as `answers.py` and `http.py` say
    https://as-h1.lab.test/any=cut     the same without HTTP/2
    https://alert-40.tls.lab.test      TLS broken by hand, see `tls.py`
    https://expired.crt.lab.test       a certificate of `certificates.py`
    http://hp.lab.test:PORT            HTTP and SOCKS proxies, see `proxies.py`
    https://q-servfail-ok.lab.test     asked at DNS_SICK: A fails, AAAA does not, see `names.py`
"""

from ..hosts import DOMAIN

AS, AS_H1, TLS, CRT, PROXIES = (f"10.44.2.{number}" for number in range(1, 6))
NARROW_TO, NARROW_FROM = "10.44.2.6", "10.44.2.7"
"""As AS and CRT, behind a link of 1400 bytes, one way each: see `narrow.py`."""
NOBODY4, NOBODY6 = "10.44.2.250", "2001:db8:44::2:250"
"""Addresses of the servers at which nothing listens, port 53 included."""
DNS_SICK, DNS_SICK_TCP = "10.44.53.3", "10.44.53.4"
"""The first refuses TCP."""
AS6 = "2001:db8:44::2:1"
DROPPED4, DROPPED4B, DROPPED6 = "10.66.2.1", "10.66.2.2", "2001:db8:66::2"
UNREACHABLE4, UNREACHABLE6 = "10.67.2.1", "2001:db8:67::2"
PROHIBITED4 = "10.68.2.1"
"""The router answers by ICMP that it may not."""
LOCAL = {"blackhole": "10.69.1.1", "prohibit": "10.69.2.1", "unreachable": "10.69.3.1"}
"""The client's own routing table refuses these, each by the route type of its name."""

ADDRESSES = (
    *(AS, AS_H1, TLS, CRT, PROXIES, NARROW_TO, NARROW_FROM, NOBODY4, "10.44.2.251", NOBODY6, AS6),
    *(DNS_SICK, DNS_SICK_TCP),
)

SEVERAL: dict[str, tuple[str, ...]] = {
    "as": (AS,),
    "as-h1": (AS_H1,),
    "hp": (PROXIES,),
    "refused2": (NOBODY4, "10.44.2.251"),
    "refused46": (NOBODY4, NOBODY6),
    "refused-then-dropped": (NOBODY4, DROPPED4),
    "dropped-then-refused": (DROPPED4, NOBODY4),
    "dropped2": (DROPPED4, DROPPED4B),
    "dropped46": (DROPPED4, DROPPED6),
    "dropped6-refused4": (DROPPED6, NOBODY4),
    "refused6-dropped4": (NOBODY6, DROPPED4),
    "unreachable6-refused4": (UNREACHABLE6, NOBODY4),
    "unreachable4-refused4": (UNREACHABLE4, NOBODY4),
    "refused6-alert4": (NOBODY6, TLS),
    "refused-then-good": (NOBODY4, AS),
    "unreachable": (UNREACHABLE4,),
    "unreachable6": (UNREACHABLE6,),
    "prohibited": (PROHIBITED4,),
    "narrow-to": (NARROW_TO,),
    "narrow-from": (NARROW_FROM,),
    "refused": (NOBODY4,),
    "refused6": (NOBODY6,),
    "dropped": (DROPPED4,),
    "dropped6": (DROPPED6,),
    **{f"local-{kind}": (address,) for kind, address in LOCAL.items()},
}
"""Names below `to.lab.test`, but for the first three, and their addresses in order."""

CERTIFICATE_OF_HP = "hp"


def fqdn(name: str) -> str:
    """The whole name of an entry of SEVERAL."""
    return f"{name}.{DOMAIN}" if name in ("as", "as-h1", "hp") else f"{name}.to.{DOMAIN}"


def records() -> dict[str, tuple[str, ...]]:
    """Name and addresses of everything that has a record of its own."""
    return {fqdn(name): addresses for name, addresses in SEVERAL.items()}


WILDCARDS = {f"tls.{DOMAIN}": TLS, f"crt.{DOMAIN}": CRT}
"""Every name below these."""
