"""Ended while it waited: what for, since when, how much had come."""

import signal

from lab.answers import SUM_NAME
from lab.sick import places
from lab.sumdb import Signer

from .member import AS, AS_H1, HUP, INT, KILL, TERM, Member, on


def _waits(name: str, goproxy: str, host: str, cls: str, words: str, /, **more: object) -> Member:
    options = {
        "kind": "killed",
        "name": name,
        "goproxy": goproxy,
        "says": "",
        "cls": cls,
        "host": host,
        "section": "killed",
        "words": words,
        "final": "cancelled",
        "end": (4.0, TERM),
        "exit_code": -TERM,
        "takes_s": 4,
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


KEY = Signer(SUM_NAME).verifier
STALLED = "http.stalled"
HEAD, BODY = "head|answer", "body|bytes"
MEMBERS = (
    *(
        _waits(f"waiting for the head of {endpoint}, {version}", on(f"{endpoint}=stall-head", base),
               base.removeprefix("https://"), STALLED, HEAD, endpoint=endpoint)
        for base, version in ((AS, "HTTP/2"), (AS_H1, "HTTP/1.1")) for endpoint in ("mod", "zip")
    ),
    *(
        _waits(f"in the middle of the body of {endpoint}, {version}",
               on(f"{endpoint}=stall-body", base), base.removeprefix("https://"), STALLED, BODY,
               endpoint=endpoint)
        for base, version in ((AS, "HTTP/2"), (AS_H1, "HTTP/1.1"))
        for endpoint in ("mod", "info", "zip")
    ),
    *(
        _waits(f"{name} while it waits for a head", on("mod=stall-head"), "as.lab.test", STALLED,
               HEAD, end=(4.0, number), exit_code=code)
        for name, number, code in (("SIGINT", INT, -INT), ("SIGKILL", KILL, -KILL),
                                   ("SIGHUP", HUP, -HUP))
    ),
    _waits("after half a second", on("mod=stall-head"), "as.lab.test", f"|{STALLED}", HEAD,
           end=(0.5, TERM), takes_s=0.5),
    _waits("on plain HTTP", on("mod=stall-head", "http://as.lab.test"), "as.lab.test", STALLED,
           HEAD),
    _waits("for a redirect's target", on("zip=redirect.silent"), "as-h1.lab.test", STALLED, HEAD,
           endpoint="zip"),
    _waits("for the second entry", f"{on('mod=404')},{on('mod=stall-head', AS_H1)}",
           "as-h1.lab.test", STALLED, HEAD),
    _waits("in TLS", "https://silent.tls.lab.test", "silent.tls.lab.test",
           "tls.timeout|http.stalled", "TLS|handshake"),
    _waits("in TCP", "https://dropped.to.lab.test", "dropped.to.lab.test",
           "tcp.timeout|http.stalled",
           "connect|SYN"),
    _waits("in DNS", "https://as.lab.test", "as.lab.test", "dns.timeout|http.stalled", "DNS|resolv",
           resolver=("10.66.53.1",), party="resolver"),
    _waits("in an HTTP proxy's TCP", AS, "dropped.to.lab.test", "tcp.timeout|http.stalled",
           "HTTP proxy",
           env={"HTTPS_PROXY": "http://dropped.to.lab.test:3128"}, party="HTTP proxy"),
    _waits("for a toolchain", on("zip=stall-body"), "as.lab.test", STALLED, BODY,
           args=("version",), requires=(), env={"GOTOOLCHAIN": "go1.99.1"}, endpoint="toolchain"),
    _waits("for a page of an import path", "direct", "as.lab.test", STALLED, HEAD,
           requires=("as.lab.test/get.stall-head/x@v1.0.0",), endpoint="go-get"),
    _waits("for a tile of the checksum database", AS, "as-h1.lab.test", STALLED, BODY,
           env={"GOSUMDB": f"{KEY} https://as-h1.lab.test/tile=stall-body"}, endpoint="sumdb",
           party="checksum database"),
    _waits("for the checksum database through the proxy", on("supported=stall-head"),
           "as.lab.test", STALLED, HEAD, env={"GOSUMDB": KEY}, endpoint="sumdb"),
    _waits("in DNS over TCP", "https://q-tc-tc-silent.lab.test", "q-tc-tc-silent.lab.test",
           "dns.timeout|http.stalled", "DNS|resolv", resolver=(places.DNS_SICK_TCP,),
           party="resolver"),
    _waits("for another go's lock", AS, "", "", "lock", party="this machine", endpoint="",
           judgement=True,
           before=("sh", "-c", 'd=$GOMODCACHE/cache/download/mod.lab.test/m00/@v; mkdir -p $d; '
                   'setsid setpriv --pdeathsig=KILL flock $d/v1.1.0.lock sleep 8 & '
                   'sleep 0.3; exec "$@"',
                   "sh")),
    _waits("twelve requests at once", on("mod=stall-head"), "as.lab.test", STALLED, HEAD,
           requires=tuple(f"m{number:02}" for number in range(12)), env={"GOMAXPROCS": "8"}),
    *(
        _waits(f"{number.name} while it waits for a head, which go answers with a crash",
               on("mod=stall-head"), "as.lab.test", STALLED, HEAD, end=(5.0, number), exit_code=2,
               says=number.name, section="", takes_s=5)
        for number in (signal.SIGQUIT, signal.SIGABRT)
    ),
    _waits("SIGQUIT after half a second", on("mod=stall-head"), "as.lab.test", f"|{STALLED}", "",
           end=(0.5, signal.SIGQUIT), exit_code=2, says="SIGQUIT", takes_s=0.5,
           section="nothing on the network", reasons=("1 request had no answer yet",)),
    _waits("while a body drips", on("mod=drip-body", AS_H1), "as-h1.lab.test", "", ""),
    _waits("killed while nothing is wrong", on("any=slow"), "as.lab.test", "|http.stalled", "",
           end=(1.0, KILL), exit_code=-KILL, takes_s=1, judgement=True),
)  # fmt: skip
