"""The checksum database: its status, its answers, its signature; asked directly and by a proxy."""

from lab.answers import SUM_NAME, WRONG_SUM_NAME
from lab.sumdb import Signer

from .member import AS, Member, on

KIND = "checksum database"
KEY = Signer(SUM_NAME).verifier
WRONG_KEY = Signer(WRONG_SUM_NAME).verifier


def _direct(spec: str, says: str, cls: str, /, **more: object) -> Member:
    options = {
        "kind": KIND,
        "name": f"{spec}, asked directly",
        "goproxy": AS,
        "env": {"GOSUMDB": f"{KEY} https://as-h1.lab.test/{spec}"},
        "says": says,
        "cls": cls,
        "party": "checksum database",
        "host": "as-h1.lab.test",
        "endpoint": "sumdb",
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


def _proxied(spec: str, says: str, cls: str, /, **more: object) -> Member:
    return _direct(
        spec, says, cls,
        **{"name": f"{spec}, through the proxy", "goproxy": on(spec), "env": {"GOSUMDB": KEY},
           "host": "as.lab.test", "party": "module proxy", **more},
    )  # fmt: skip


def _at(url: str, name: str, says: str, cls: str, host: str, /, **more: object) -> Member:
    return _direct("", says, cls, **{
        "name": name, "env": {"GOSUMDB": f"{KEY} {url}"}, "host": host, **more,
    })  # fmt: skip


STATUSES = {
    400: "http.4xx", 401: "auth.401", 403: "auth.403", 407: "auth.407", 429: "http.429",
    451: "http.4xx", 500: "http.5xx", 502: "http.5xx", 503: "http.5xx",
}  # fmt: skip
CONTENT = "malformed|invalid|missing|unexpected|verif|signature|mismatch|checksum"
REFUSED = "http.content|checksum.sumdb"
BODIES = ("page", "empty", "text", "binary", "malformed", "no-record", "other-record",
          "bad-number")  # fmt: skip
SIGNED = ("forged", "unsigned", "broken-signature", "other-tree")
MEMBERS = (
    *(
        make(f"lookup={status}", f"{status} ", cls, words=str(status))
        for status, cls in STATUSES.items() for make in (_direct, _proxied)
    ),
    *(
        make(f"lookup={status}", f"{status} ", "", section="not found", party="nobody")
        for status in (404, 410) for make in (_direct, _proxied)
    ),
    *(make(f"lookup={word}", CONTENT, REFUSED) for word in BODIES for make in (_direct, _proxied)),
    *(
        make(f"lookup={word}", CONTENT, "checksum.sumdb")
        for word in SIGNED for make in (_direct, _proxied)
    ),
    _direct("lookup=other-sum", "cannot authenticate record data", "checksum.sumdb"),
    *(
        make(f"tile={word}", CONTENT, REFUSED)
        for word in ("page", "empty", "half", "flipped") for make in (_direct, _proxied)
    ),
    *(make(f"tile={status}", f"{status} ", cls) for status, cls in STATUSES.items()
      for make in (_direct,)),
    *(
        make("tile=404", "404 ", "", section="not found", party="nobody")
        for make in (_direct, _proxied)
    ),
    *(
        _proxied(f"supported={status}", f"{status} ", cls)
        for status, cls in STATUSES.items()
    ),
    _proxied("supported=404", "", "", name="supported=404, then its own host", exit_code=0,
             party="nobody", section="", final="ok", host=""),
    _proxied("supported=close", "EOF|closed", "http.reset"),
    _direct("lookup=close", "EOF", "http.reset"),
    _direct("lookup=cut", "unexpected EOF", "http.body"),
    _direct("tile=cut", "unexpected EOF", "http.body"),
    _at(f"{AS}/lookup=rst.2", "lookup=rst INTERNAL_ERROR, asked directly", "INTERNAL_ERROR",
        "http.reset", "as.lab.test"),
    _at(f"{AS}/lookup=goaway-all.2", "lookup=goaway INTERNAL_ERROR, asked directly", "GOAWAY",
        "http.reset", "as.lab.test"),
    _direct("lookup=stall-head", "", "http.stalled", end=(4.0, 15), exit_code=-15,
            section="killed", final="cancelled", takes_s=4),
    _at("https://refused.to.lab.test", "refused", "connection refused", "tcp.refused",
        "refused.to.lab.test"),
    _at("https://refused.to.lab.test:8443/sum/db", "refused at a port and path",
        "connection refused", "tcp.refused", "refused.to.lab.test"),
    _at("https://gone.lab.test", "name unknown", "no such host", "dns.nxdomain", "gone.lab.test",
        party="resolver"),
    _at("https://expired-1h.crt.lab.test", "expired", "expired", "tls.expired",
        "expired-1h.crt.lab.test"),
    _at("https://silent.tls.lab.test", "TLS silent", "TLS handshake timeout", "tls.timeout",
        "silent.tls.lab.test", takes_s=10),
    _direct("", "invalid GOSUMDB", "local.config", name="another key", endpoint="", host="",
            words="GOSUMDB",
            env={"GOSUMDB": f"{SUM_NAME}+{WRONG_KEY.split('+', 1)[1]} https://as-h1.lab.test"},
            party="configuration", judgement=True),
    _direct("", CONTENT, "checksum.sumdb|local.config", name="a key of another name",
            env={"GOSUMDB": f"{WRONG_KEY} https://sum.lab.test"}, host="sum.lab.test",
            party="configuration", judgement=True),
    _direct("", "SECURITY ERROR", "checksum.sumdb", name="knows another sum",
            env={"GOSUMDB": f"{WRONG_KEY} https://wrong-sum.lab.test"}, host="as.lab.test",
            party="module proxy", endpoint="zip|mod"),
    _direct("", "SECURITY ERROR", "checksum.sumdb", name="a tampering proxy", endpoint="zip",
            goproxy="https://altered.lab.test", env={"GOSUMDB": KEY}, host="altered.lab.test",
            party="module proxy"),
    _direct("", "", "", name="a private module", section="not found", party="nobody",
            requires=("private.lab.test/x@v1.0.0",), says="404|not found",
            env={"GOSUMDB": f"{KEY} https://sum.lab.test"}, goproxy="https://as.lab.test",
            host="as.lab.test", endpoint="mod"),
    *(
        Member(
            kind="go.sum", name=f"{what} differs", goproxy=AS, says="SECURITY ERROR",
            cls="checksum.gosum", host="as.lab.test", endpoint=endpoint, go_sum=line,
        )
        for what, endpoint, line in (
            ("zip", "zip", f"mod.lab.test/m00 v1.1.0 h1:{'A' * 43}=\n"),
            ("go.mod", "mod", f"mod.lab.test/m00 v1.1.0/go.mod h1:{'A' * 43}=\n"),
        )
    ),
)  # fmt: skip
