"""The verdict on a request: class, who failed, where."""

import pytest
from builders import (
    ADDRESS,
    HOST,
    cancelled,
    connection,
    content_failed,
    errno,
    fatal,
    go_error,
    hop,
    request,
)

from modpulse.agent.binary.probes import Site
from modpulse.agent.records import Certificate, Failure
from modpulse.agent.tracker.judge import judge, judge_rejection

UNTRUSTED = go_error("x509.UnknownAuthorityError")


def verdict(made, held=None, certificate=None) -> Failure | None:
    return judge(made, held, (), certificate, 0)


@pytest.mark.parametrize(
    ("made", "cls"),
    [
        (request(hop()), None),
        (request(hop(status=404)), None),
        (request(hop(status=503)), "http.5xx"),
        (request(hop(status=302), operation_error=go_error(text="stopped after 10 redirects")),
         "http.protocol"),
        (request(hop(status=302), reported=True), "http.stalled"),
        (request(hop(), operation_error=go_error(text="unexpected EOF")), "http.body"),
        (request(hop(closed_at_ns=None), reported=True), "http.stalled"),
        (request(hop(closed_at_ns=1), reported=True), None),
        (request(hop(status=None, error=errno())), "tcp.refused"),
        (request(hop(status=None, error=cancelled())), None),
        (request(hop(status=None), reported=True), "http.stalled"),
        (request(hop(status=None), operation_error=errno(104)), "tcp.reset"),
        (request(hop(status=None)), None),
        (request(), None),
        (request(operation_error=errno()), "tcp.refused"),
        (request(hop(), rejected=("checksum.gosum", "sent what go.sum contradicts")),
         "checksum.gosum"),
    ],
)  # fmt: skip
def test_class(made, cls: str | None) -> None:
    """The facts of the last hop decide, then the error of the operation."""
    found = verdict(made)

    assert (found and found.cls) == cls


def test_who_and_where() -> None:
    """The evidence is a sentence that begins with who failed; the address is that tried last."""
    found = verdict(request(hop(status=503)), connection(host=HOST))

    assert found == Failure("http.5xx", "https", f"{HOST} answered 503", HOST, f"{ADDRESS}:443")


def test_ipv6_address() -> None:
    """An IPv6 address stands in brackets before its port."""
    found = verdict(request(hop(status=500)), connection(address="fd00::7"))

    assert found is not None
    assert found.address == "[fd00::7]:443"


@pytest.mark.parametrize(
    ("made", "culprit"),
    [
        (request(hop(status=None, error=errno())), "squid.test:3128"),
        (request(hop(status=None, error=go_error(text="Bad Gateway"))), "squid.test:3128"),
        (request(hop(status=None, error=UNTRUSTED)), HOST),
    ],
)
def test_http_proxy_in_between(made, culprit: str) -> None:
    """What fails before the tunnel stands is the HTTP proxy's, what fails in it is not."""
    found = verdict(made, connection(via="squid.test:3128"))

    assert found is not None
    assert found.host == culprit


def test_a_lookup_has_no_address() -> None:
    """A name that was not found is nowhere, whatever was connected before."""
    error = go_error("*net.OpError", "*net.DNSError", text="no such host")
    found = verdict(request(hop(status=None, error=error)), connection())

    assert found is not None
    assert (found.cls, found.address) == ("dns.nxdomain", None)


def test_the_certificate_is_quoted() -> None:
    """Where the certificate is known, the evidence says what is wrong with it."""
    certificate = Certificate(
        subject="CN=x", issuer="CN=Lab CA", dns_names=("x",), not_before=0, not_after=1, sha256=""
    )
    found = verdict(request(hop(status=None, error=UNTRUSTED)), None, certificate)

    assert found is not None
    assert found.evidence == f"certificate of {HOST} is signed by an unknown authority: CN=Lab CA"


@pytest.mark.parametrize(
    ("event", "cls"),
    [
        (fatal(0, "verifying %s@%s: checksum mismatch"), "checksum.gosum"),
        (fatal(0, "go: %v"), None),
        (content_failed(0, Site.CHECK_SUM_DB_RET, "verifying m: checksum mismatch"),
         "checksum.sumdb"),
        (content_failed(0, Site.CHECK_SUM_DB_RET, "dial tcp: refused"), None),
        (content_failed(0, Site.DOWNLOAD_ZIP_RET, "zip: not a valid zip file"), "http.protocol"),
        (content_failed(0, Site.DOWNLOAD_ZIP_RET, "no space left"), None),
        (content_failed(0, Site.READ_REMOTE_RET, "zip"), None),
        (content_failed(0, Site.CHECK_SUM_DB_RET), None),
    ],
)  # fmt: skip
def test_rejection(event, cls: str | None) -> None:
    """Content is refused by go.sum, by the database, or as a zip; else nobody's answer is."""
    cause = judge_rejection(event)

    assert (cause and cause[0]) == cls
