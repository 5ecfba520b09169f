"""Each failure class, provoked for real; what `go` prints and returns is the oracle."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from eyes import Eyes
from lab.lab import DEAD_DNS, FAULTY_DNS, Lab

from modpulse.agent.records.failures import CLASSES

pytestmark = pytest.mark.root

DOWNLOAD = ("mod", "download")
ALTERED_SUM = "h1:" + "A" * 43 + "="


@dataclass(frozen=True)
class Fault:
    """One way to be sick, what `go` says of it, and what it is called."""

    host: str
    cls: str
    says: str
    evidence: str
    endpoint: str = "mod"
    options: dict[str, Any] = field(default_factory=dict)
    culprit: str = ""
    """The host of the failure where it is not the proxy's."""
    name: str = ""


def _dns(host: str, cls: str, says: str, evidence: str, resolver: Any = FAULTY_DNS) -> Fault:
    return Fault(host, cls, says, evidence, options={"resolver": resolver})


def _via(proxy: str, cls: str, says: str, evidence: str) -> Fault:
    options = {"env": {"HTTPS_PROXY": f"http://{proxy}.lab.test:3128"}}
    return Fault("ok", cls, says, evidence, "mod", options, f"{proxy}.lab.test:3128", proxy)


QUICK = (
    _dns("dns-nxdomain", "dns.nxdomain", "no such host", "does not exist, says 10.44.53.2"),
    _dns("dns-servfail", "dns.servfail", "server misbehaving", "10.44.53.2 answered SERVFAIL"),
    _dns("dns-refused", "dns.refused", "server misbehaving", "10.44.53.2 answered REFUSED"),
    Fault("refused", "tcp.refused", "connection refused", "refused the connection"),
    Fault("unreachable", "tcp.unreachable", "no route to host", "cannot be reached"),
    Fault("reset", "tcp.reset", "", "the connection"),
    Fault("tls-reset", "tcp.reset", "connection reset by peer", "reset the connection"),
    Fault("tls-close", "tcp.reset", "EOF", "closed the connection"),
    Fault("expired", "tls.expired", "certificate has expired", "expired 3 h ago"),
    Fault("unknown-ca", "tls.untrusted", "signed by unknown authority", "unknown authority"),
    Fault("wrong-host", "tls.hostname", "certificate is valid for", "is for elsewhere.example"),
    Fault("not-tls", "tls.not_tls", "HTTP response to HTTPS client", "in plain text"),
    Fault("tls-alert", "tls.alert", "remote error: tls: internal error", "alert internal error"),
    Fault("e500", "http.5xx", "500 Internal Server Error", "answered 500"),
    Fault("e502", "http.5xx", "502 Bad Gateway", "answered 502"),
    Fault("e503", "http.5xx", "503 Service Unavailable", "answered 503"),
    Fault("e429", "http.429", "429 Too Many Requests", "answered 429"),
    Fault("e401", "auth.401", "401 Unauthorized", "answered 401"),
    Fault("e403", "auth.403", "403 Forbidden", "answered 403"),
    _via("connect-407", "auth.407", "Proxy Authentication Required", "answered CONNECT with 407"),
    _via("connect-502", "http.5xx", "Bad Gateway", "answered CONNECT with 502"),
    Fault("cut", "http.body", "INTERNAL_ERROR", "in the middle of the body"),
    Fault("cut-h1", "http.body", "unexpected EOF", "in the middle of the body"),
    Fault("cut-zip", "http.body", "INTERNAL_ERROR", "in the middle of the body", "zip"),
    Fault("html-info", "http.content", "invalid response from proxy", "not the JSON", "info"),
    Fault("not-a-zip", "http.content", "not a valid zip file", "not a valid zip file", "zip"),
    Fault("foreign-zip", "http.content", "unexpected file", "unexpected file", "zip"),
    Fault("redirect-loop", "http.redirect", "stopped after 10 redirects", "redirects without end"),
    Fault(
        "altered", "checksum.gosum", "checksum mismatch", "go.sum contradicts", "zip",
        {"go_sum": "SUM_OF_ANOTHER"},
    ),
    Fault(
        "altered", "checksum.sumdb", "SECURITY ERROR", "checksum database contradicts", "zip",
        {"env": {"GOSUMDB": "SUMDB"}}, name="altered-sumdb",
    ),
)  # fmt: skip


def _options(lab: Lab, fault: Fault) -> dict[str, Any]:
    """Fill in what only the running lab knows."""
    options = {"requires": ["m00"], **fault.options}
    if options.get("env") == {"GOSUMDB": "SUMDB"}:
        options["env"] = {"GOSUMDB": lab.gosumdb()}
    if options.get("go_sum"):
        good = lab.go(*DOWNLOAD, "-json", goproxy=lab.url("ok"), requires=["m00"])
        sums = json.loads(good.stdout)
        module = f"{sums['Path']} {sums['Version']}"
        options["go_sum"] = f"{module} {ALTERED_SUM}\n{module}/go.mod {sums['GoModSum']}\n"
    return options


@pytest.mark.parametrize("fault", QUICK, ids=lambda fault: fault.name or fault.host)
def test_class_and_evidence(fault: Fault, lab: Lab, eyes: Eyes) -> None:
    """A failure has the class of what went wrong, and `go` stopped there with the same words."""
    options = _options(lab, fault)
    eyes.forget()
    done = lab.go(*DOWNLOAD, goproxy=lab.url(fault.host), **options)

    seen = eyes.seen()
    failed = [request for request in seen.requests if request.failure is not None]

    assert [process.exit_code for process in seen.processes] == [done.returncode]
    assert done.returncode == 1
    assert fault.says in done.stderr
    assert [request.endpoint for request in failed] == [fault.endpoint]
    failure = failed[0].failure
    assert failure is not None
    assert failure.cls == fault.cls
    assert failure.root == CLASSES[fault.cls]  # type: ignore[index]
    assert failure.host == (fault.culprit or f"{fault.host}.lab.test")
    assert fault.evidence in failure.evidence
    assert failed[0].final == "stopped"
    assert failed[0].host == f"{fault.host}.lab.test"


FALLS_THROUGH = [fault for fault in QUICK if fault.endpoint == "mod" and not fault.culprit]


@pytest.mark.parametrize("fault", FALLS_THROUGH, ids=lambda fault: fault.name or fault.host)
def test_bar_goes_on(fault: Fault, lab: Lab, eyes: Eyes) -> None:
    """After `|` every failure falls through to the next entry, which `go` never mentions."""
    done = lab.go(
        *DOWNLOAD, goproxy=lab.url(fault.host, "ok", separator="|"), **_options(lab, fault)
    )

    seen = eyes.seen()
    proxies = {fault.host, "ok"}

    assert (done.returncode, done.stderr) == (0, "")
    finals = {(request.host.removesuffix(".lab.test"), request.final) for request in seen.requests}
    assert finals == {(fault.host, "fell_through"), ("ok", "ok")}
    assert {host for host, _ in finals} == proxies
    classes = {request.failure.cls for request in seen.requests if request.failure}
    assert classes == {fault.cls}
    # mod, info and zip each begin at the first entry again
    assert [request.chain_index for request in seen.requests] == [0, 1] * 3


@pytest.mark.parametrize("status", [404, 410])
def test_misses_are_no_failures(status: int, lab: Lab, eyes: Eyes) -> None:
    """404 and 410 fall through `,` and are counted as misses, each once although asked twice."""
    done = lab.go(*DOWNLOAD, goproxy=lab.url(f"e{status}", "ok"), requires=["m00"])

    seen = eyes.seen()

    assert done.returncode == 0
    rows = [
        (request.chain_index, request.status, request.attempts, request.final, request.failure)
        for request in seen.requests
    ]
    assert rows == [
        (0, status, 2, "fell_through", None), (1, 200, 1, "ok", None),
        (0, status, 2, "fell_through", None), (1, 200, 1, "ok", None),
        (0, status, 2, "fell_through", None), (1, 200, 1, "ok", None),
    ]  # fmt: skip


SLOW = (
    # host, how long `go` needs to notice, class or None, resolver
    ("tls-hang", 14, "tls.timeout", None),
    ("dropped", 33, "tcp.timeout", None),
    ("dns-dead", 24, "dns.timeout", DEAD_DNS),
    ("stall-head", 5, "http.stalled", None),
    ("stall-body", 6, "http.stalled", None),
    ("stall-zip", 6, "http.stalled", None),
)


def test_what_takes_long(lab: Lab, eyes: Eyes) -> None:
    """Time-outs are named by what did not answer; what `go` would wait for without end is
    reported while it hangs, and once more when the command was killed."""
    started = {
        host: lab.start_go(
            *DOWNLOAD,
            goproxy=lab.url("ok" if host == "dns-dead" else host),
            requires=["m00"],
            **({"resolver": resolver} if resolver else {}),
        )
        for host, _, _, resolver in SLOW
    }
    until = time.monotonic() + max(seconds for _, seconds, _, _ in SLOW)
    hanging = ("stall-head", "stall-body", "stall-zip")
    while time.monotonic() < until and any(
        process.poll() is None for host, process in started.items() if host not in hanging
    ):
        eyes.look(0.5)
    codes = {host: process.poll() for host, process in started.items()}
    for process in started.values():
        if process.poll() is None:
            process.kill()
        process.communicate()

    seen = eyes.seen()

    assert {host for host, code in codes.items() if code is None} == set(hanging)
    for host, _, cls, _ in SLOW:
        name = "ok" if host == "dns-dead" else host
        failed = [request for request in seen.of(f"{name}.lab.test") if request.failure]
        assert [request.failure and request.failure.cls for request in failed] == [cls], host
        expected = "cancelled" if host in hanging else "stopped"
        assert [request.final for request in failed] == [expected], host
