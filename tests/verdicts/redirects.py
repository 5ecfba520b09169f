"""Redirects: the failure is the last hop's, and of a bad Location that of the one who sent it."""

from lab.answers import SUM_NAME
from lab.sumdb import Signer

from .member import AS, AS_H1, VERSIONS, Member, on

KIND = "redirect"
KEY = Signer(SUM_NAME).verifier


def _to(
    name: str, says: str, cls: str, host: str, endpoint: str = "zip", /, **more: object
) -> Member:
    options = {
        "kind": KIND,
        "name": f"{name} from {endpoint}",
        "goproxy": on(f"{endpoint}=redirect.{name}"),
        "says": says,
        "cls": cls,
        "host": host,
        "endpoint": endpoint,
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


H1 = "as-h1.lab.test"
STATUSES = {
    400: "http.4xx", 401: "auth.401", 403: "auth.403", 429: "http.429",
    500: "http.5xx", 502: "http.5xx", 503: "http.5xx",
}  # fmt: skip
MEMBERS = (
    *(
        _to(str(status), f"{status} ", cls, H1, endpoint, words=str(status))
        for status, cls in STATUSES.items() for endpoint in ("zip", "mod")
    ),
    *(
        _to("404", "404 Not Found", "", H1, endpoint, section="not found", party="nobody",
            reasons=(H1,))
        for endpoint in ("zip", "mod")
    ),
    _to("none", "302|Location", "http.redirect", "as.lab.test", words="Location"),
    _to("none", "302|Location", "http.redirect", "as.lab.test", "mod", words="Location"),
    _to("empty", "Location|stopped after 10|302", "http.redirect", "as.lab.test"),
    _to("bad", "failed to parse Location header", "http.redirect", "as.lab.test", words="Location"),
    _to("bad", "failed to parse Location header", "http.redirect", "as.lab.test", "mod"),
    _to("scheme", "unsupported protocol scheme|insecure", "http.redirect", "as.lab.test"),
    _to("insecure", "redirected from secure URL .* to insecure URL", "http.redirect",
        "as.lab.test", words="http:|insecure"),
    _to("insecure", "redirected from secure URL .* to insecure URL", "http.redirect",
        "as.lab.test", "mod"),
    _to("loop", "stopped after 10 redirects", "http.redirect", "as.lab.test",
        words="10|without end"),
    _to("relative-loop", "stopped after 10 redirects", "http.redirect", "as.lab.test", "mod"),
    _to("dead", "connection refused", "tcp.refused", "refused.to.lab.test"),
    _to("dead", "connection refused", "tcp.refused", "refused.to.lab.test", "mod"),
    _to("closed-port", "connection refused", "tcp.refused", "as.lab.test",
        goproxy=on("zip=redirect.closed-port", "http://as.lab.test"), words="as.lab.test:81 "),
    _to("dropped", "i/o timeout", "tcp.timeout", "dropped.to.lab.test", takes_s=30),
    _to("gone", "no such host", "dns.nxdomain", "gone.lab.test", party="resolver"),
    _to("expired", "expired", "tls.expired", "expired-1h.crt.lab.test"),
    _to("stranger", "unknown authority", "tls.untrusted", "stranger.crt.lab.test"),
    _to("alert", "handshake failure", "tls.alert", "alert-40.tls.lab.test"),
    _to("login", "not a valid zip file", "http.content", H1, words="HTML|web page|text/html"),
    _to("login", "missing module line|unknown directive|invalid|parsing", "http.content", H1,
        "mod"),
    _to("login", "invalid character", "http.content", H1, "info"),
    _to("notzip", "not a valid zip file", "http.content", H1),
    _to("cut", "unexpected EOF", "http.body", H1),
    _to("closed", "EOF", "http.reset", H1),
    _to("closed", "EOF", "http.reset", H1, "mod"),
    _to("403", "403 Forbidden", "auth.403", H1, name="403 from zip, twice with |",
        goproxy=f"{on('zip=redirect.403')}|{on('zip=redirect.403', AS_H1)}"),
    _to("403", "", "auth.403", H1, name="403 from zip, then served with |", exit_code=0,
        goproxy=f"{on('zip=redirect.403')}|{AS}", final="fell_through"),
    _to("401", "401 ", "auth.401", H1, "toolchain", name="401 from a toolchain",
        args=("version",), requires=(), env={"GOTOOLCHAIN": "go1.99.1"},
        goproxy=on("zip=redirect.401")),
    _to("loop", "stopped after 10 redirects", "http.redirect", "as.lab.test", "mod"),
    _to("dead", "connection refused", "tcp.refused", "refused.to.lab.test", "info"),
    _to("expired", "expired", "tls.expired", "expired-1h.crt.lab.test", "list", args=VERSIONS),
    _to("notzip", "missing module line", "http.content", H1, "mod"),
    _to("cut", "unexpected EOF", "http.body", H1, "mod"),
    _to("gone", "", "dns.nxdomain", "gone.lab.test", "mod", exit_code=0, final="fell_through",
        name="gone from mod, then served with |", party="resolver",
        goproxy=f"{on('mod=redirect.gone')}|{AS_H1}"),
    *(
        _to(name, says, cls, host, "sumdb", name=f"{name} from a {part} of the database",
            goproxy=AS, env={"GOSUMDB": f"{KEY} {on(f'{part}=redirect.{name}')}"},
            party="checksum database")
        for part, name, says, cls, host in (
            ("lookup", "500", "500 ", "http.5xx", H1),
            ("lookup", "login", "malformed", "checksum.sumdb", H1),
            ("tile", "dead", "connection refused", "tcp.refused", "refused.to.lab.test"),
        )
    ),
)  # fmt: skip
