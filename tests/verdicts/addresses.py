"""TCP: one address and several."""

from lab.sick import places

from .member import Member


def _to(name: str, says: str, cls: str, /, **more: object) -> Member:
    host = f"{name}.to.lab.test"
    options = {
        "kind": "TCP",
        "name": name,
        "goproxy": f"https://{host}",
        "says": says,
        "cls": cls,
        "host": host,
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


REFUSED, TIMEOUT, NO_ROUTE = "connection refused", "i/o timeout", "no route to host|unreachable"
MEMBERS = (
    _to("refused", REFUSED, "tcp.refused", words="10.44.2.250|refused"),
    _to("refused6", REFUSED, "tcp.refused"),
    _to("refused2", REFUSED, "tcp.refused"),
    _to("refused46", REFUSED, "tcp.refused"),
    _to("dropped", TIMEOUT, "tcp.timeout", takes_s=30),
    _to("dropped6", TIMEOUT, "tcp.timeout", takes_s=30),
    _to("dropped2", TIMEOUT, "tcp.timeout", takes_s=30),
    _to("dropped46", TIMEOUT, "tcp.timeout", takes_s=30),
    _to("refused-then-dropped", REFUSED + "|" + TIMEOUT, "tcp.refused|tcp.timeout", takes_s=30),
    _to("dropped-then-refused", REFUSED + "|" + TIMEOUT, "tcp.refused|tcp.timeout", takes_s=15),
    _to("dropped6-refused4", REFUSED + "|" + TIMEOUT, "tcp.refused|tcp.timeout", takes_s=30),
    _to("refused6-dropped4", REFUSED + "|" + TIMEOUT, "tcp.refused|tcp.timeout", takes_s=30),
    _to("unreachable", NO_ROUTE, "tcp.unreachable"),
    _to("unreachable6", NO_ROUTE, "tcp.unreachable"),
    _to("prohibited", NO_ROUTE, "tcp.unreachable"),
    _to("unreachable6-refused4", REFUSED + "|" + NO_ROUTE, "tcp.refused|tcp.unreachable"),
    _to("unreachable4-refused4", REFUSED + "|" + NO_ROUTE, "tcp.refused|tcp.unreachable"),
    _to("refused6-alert4", "certificate|unrecognized|EOF|reset|tls",
        "tls.alert|tcp.reset|tls.not_tls",
        judgement=True),
    _to("narrow-to", "TLS handshake timeout", "tcp.mtu", words="large packets: of 1500 bytes",
        takes_s=10),
    _to("narrow-from", "TLS handshake timeout", "tcp.mtu", takes_s=10,
        words="cannot send large packets"),
    _to("refused-then-good", "certificate", "tls.hostname", words="as.lab.test|lab.test"),
    _to("local-unreachable", NO_ROUTE, "tcp.unreachable", judgement=True),
    _to("local-prohibit", "permission denied", "local.permission", party="this machine", host=""),
    _to("local-blackhole", "invalid argument", "local.permission|tcp.unreachable",
        party="this machine", host="", judgement=True),
    _to("by address", "cannot validate certificate for 10.44.2.1 because", "tls.hostname",
        goproxy=f"https://{places.AS}", host=places.AS),
    _to("refused by address", REFUSED, "tcp.refused", goproxy=f"https://{places.NOBODY4}",
        host=places.NOBODY4),
    _to("refused by address v6", REFUSED, "tcp.refused", goproxy=f"https://[{places.NOBODY6}]",
        host=places.NOBODY6),
    _to("another port refused", REFUSED, "tcp.refused", goproxy="https://as.lab.test:8443",
        host="as.lab.test"),
    _to("port of plain HTTP", "TLS handshake timeout", "tls.timeout|tls.not_tls", takes_s=10,
        goproxy="https://as.lab.test:80", host="as.lab.test"),
    _to("TLS port by plain HTTP", "400|malformed|EOF|reset",
        "http.protocol|http.reset|http.4xx|tcp.reset",
        goproxy="http://as.lab.test:443", host="as.lab.test", judgement=True),
    _to("refused, plain HTTP", REFUSED, "tcp.refused", goproxy="http://refused.to.lab.test",
        host="refused.to.lab.test"),
    _to("no network at all", "network is unreachable", "dns.unreachable|local.permission",
        goproxy="https://as.lab.test", before=("unshare", "-n"), party="this machine",
        host="as.lab.test", judgement=True),
    _to("no network at all, by address", "network is unreachable",
        "tcp.unreachable|local.permission",
        goproxy=f"https://{places.AS}", before=("unshare", "-n"), party="this machine", host="",
        judgement=True),
)  # fmt: skip
