"""The verdict on a request: class, who failed, where."""

import struct

import pytest
from builders import (
    ADDRESS,
    HOST,
    at,
    cancelled,
    connection,
    errno,
    go_error,
    hop,
    request,
)

from modpulse.agent.records.records import Certificate, Failure, Query
from modpulse.agent.tracker.cause import Cause
from modpulse.agent.tracker.dials import Attempt
from modpulse.agent.tracker.resolution import FailedLookup
from modpulse.agent.tracker.verdict import (
    Surroundings,
    judge,
)

UNTRUSTED = go_error("x509.UnknownAuthorityError")


def verdict(made, held=None, certificate=None) -> Failure | None:
    return judge(made, Surroundings(held, (), certificate, 0))


@pytest.mark.parametrize(
    ("made", "cls"),
    [
        (request(hop()), None),
        (request(hop(status=404)), None),
        (request(hop(status=503)), "http.5xx"),
        (request(hop(status=302), failed=go_error(text="stopped after 10 redirects")),
         "http.redirect"),
        (request(hop(status=302), overdue=True), None),
        (request(hop(), failed=go_error(text="unexpected EOF")), "http.body"),
        (request(hop(closed_at_ns=None), overdue=True), "http.stalled"),
        (request(hop(closed_at_ns=1), overdue=True), None),
        (request(hop(status=None, error=errno())), "tcp.refused"),
        (request(hop(status=None, error=cancelled())), None),
        (request(hop(status=None), overdue=True), "http.stalled"),
        (request(hop(status=None), failed=errno(104)), "tcp.reset"),
        (request(hop(status=None)), None),
        (request(), None),
        (request(failed=errno()), "tcp.refused"),
        (request(hop(), refused=Cause("checksum.gosum", "sent what go.sum contradicts")),
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


@pytest.mark.parametrize(("at_http_proxy", "culprit"), [(True, "squid.test:3128"), (False, HOST)])
def test_http_proxy_in_between(at_http_proxy: bool, culprit: str) -> None:
    """What fails at the HTTP proxy is its own fault, what fails behind it is the host's."""
    around = Surroundings(connection(via="squid.test:3128"), at_http_proxy=at_http_proxy)
    found = judge(request(hop(status=None, error=errno())), around)

    assert found is not None
    assert found.host == culprit


PLAIN = Surroundings(connection(via="squid.test:3128", host=HOST), at_http_proxy=True)


def test_a_page_without_tls() -> None:
    """Over plain HTTP what cannot be used is told of the HTTP proxy, and whom it was asked of."""
    page = Cause("http.content", "sent a go.mod that go refused")
    found = judge(request(hop(), refused=page), PLAIN)

    assert found is not None
    assert (found.host, found.against) == ("squid.test:3128", "http_proxy")
    assert found.evidence == (
        f"the HTTP proxy squid.test:3128 sent a go.mod that go refused, as the answer of {HOST}"
    )


def test_a_checksum_without_tls() -> None:
    """A module that a checksum contradicts is no page of an HTTP proxy."""
    found = judge(request(hop(), refused=Cause("checksum.gosum", "sent what go.sum denies")), PLAIN)

    assert found is not None
    assert (found.host, found.against) == (HOST, "proxy")
    assert found.evidence.endswith("through the HTTP proxy squid.test:3128")


def test_a_status_without_tls() -> None:
    """Who gave a status that is any server's cannot be told: through whom it came can."""
    around = PLAIN._replace(at_http_proxy=False)
    found = judge(request(hop(status=403)), around)

    assert found is not None
    assert found.evidence == f"{HOST} answered 403, through the HTTP proxy squid.test:3128"


@pytest.mark.parametrize(
    ("made", "is_socks", "kind"),
    [
        (request(hop(status=None, error=errno(104))), False, "HTTP"),
        (request(hop(status=502)), False, "HTTP"),
        (request(hop(), refused=Cause("http.content", "sent a page")), True, "SOCKS"),
    ],
)
def test_behind_a_way_that_stands(made, is_socks: bool, kind: str) -> None:
    """Through whom it went is told, for it may be his doing; his address is not the host's."""
    held = connection(
        via="squid.test:3128", host=HOST, tunnel="stands", is_socks=is_socks, alpn="http/1.1"
    )
    found = judge(made, Surroundings(connection=held))

    assert found is not None
    assert (found.host, found.against, found.address) == (HOST, "proxy", None)
    assert found.evidence.endswith(f", through the {kind} proxy squid.test:3128")


def test_an_http_proxy_without_a_name() -> None:
    """Where HTTPS_PROXY has a port alone, go dials its own machine: not whom it asks."""
    attempt = Attempt(None, 3128, at(0), 2, None, end_ns=at(1), error=errno())
    found = judge(
        request(hop(status=None, error=errno(), attempts=[attempt])),
        Surroundings(at_http_proxy=True),
    )

    assert found is not None
    assert (found.host, found.against) == ("localhost:3128", "http_proxy")
    assert HOST not in found.evidence


@pytest.mark.parametrize(
    ("made", "cls"),
    [
        (request(hop(status=None, error=errno())), "local.config"),
        (request(hop(status=407)), "auth.407"),
        (request(hop(), refused=Cause("http.content", "sent a page")), "http.content"),
    ],
)
def test_a_proxy_that_go_misreads(made, cls: str) -> None:
    """Where nobody answered as a proxy, the setting that made one of it is what is wrong."""
    around = PLAIN._replace(proxy_settings={"HTTPS_PROXY": "ftp://squid.test:3128"})
    found = judge(made, around)

    assert found is not None
    assert found.cls == cls
    assert (found.against == "configuration") is (cls == "local.config")


def test_nobody_is_blamed_who_was_not_asked() -> None:
    """An error before any lookup, dial or connection is of how it is asked: configuration."""
    error = go_error(text="http: some error of how a request is made")
    asked = hop(status=None, error=error)
    asked.cookie = None
    found = judge(request(asked), Surroundings())
    dialled = judge(request(asked), Surroundings(connection()))

    assert found is not None
    assert (found.cls, found.host, found.against) == ("local.config", None, "configuration")
    assert found.evidence.endswith("it is to ask: http: some error of how a request is made")
    assert dialled is not None
    assert dialled.against == "proxy"


def by_search(cls: str):
    longer = f"{HOST}.corp.test"
    query = Query(
        qtype="A", name=longer, server="10.0.0.1:53", transport="udp", at_ns=0, addresses=(ADDRESS,)
    )
    return judge(
        request(hop(status=None, error=go_error(cls, leaf=struct.pack("<Q", 111)))),
        Surroundings(connection(host=HOST), FailedLookup(HOST, (query,))),
    )


def test_an_address_of_a_search_domain() -> None:
    """Whose address it is is said; a certificate for another name tells that it is another's."""
    another, refused = by_search("x509.HostnameError"), by_search("syscall.Errno")

    assert another is not None
    assert refused is not None
    assert another.against == "resolver"
    assert refused.against == "proxy"
    assert f"its address is that of {HOST}.corp.test, by a search domain" in refused.evidence


def test_the_port_of_a_redirect() -> None:
    """Where it was sent on, the port is told with the host."""
    made = request(hop(status=302), hop(host=f"{HOST}:81", status=None, error=errno()))
    found = verdict(made)

    assert found is not None
    assert found.evidence == f"{HOST}:81 refused the connection"
    assert found.host == HOST


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


def test_a_local_cause_is_nobodys() -> None:
    """What is of this machine names no host and speaks against none."""
    found = verdict(request(hop(status=None, error=errno(24))), connection())

    assert found == Failure(
        "local.files", "local", "this machine: too many open files in this process",
        None, None, "machine",
    )  # fmt: skip
