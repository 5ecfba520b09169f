"""Where on its way each request of the catalogue failed, as the facts say, by real `go`."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from eyes import Eyes
from lab.lab import Lab
from lab.parts import machine_go
from lab.sick import proxies
from verdicts.catalogue import MEMBERS
from verdicts.member import AS, Member
from verdicts.provoke import provoke

from modpulse.agent.tracker import openprocess
from modpulse.agent.tracker.connections import Connections
from modpulse.agent.tracker.openconnection import OpenConnection
from modpulse.agent.tracker.requests import OpenRequest
from modpulse.agent.tracker.route import at_http_proxy, decided

pytestmark = pytest.mark.root

LOCAL_S = 12.0
"""Those that take longer differ from quick ones in what was waited for alone."""
WITHIN_TLS = Member(
    kind="HTTP proxy", name="the tunnel stands within TLS, then 403", says="", cls="auth.403",
    goproxy=f"{AS}/mod=403", env={"HTTPS_PROXY": proxies.url("tls-good")},
)  # fmt: skip
BY_CHECKSUM = "HTTP_PROXY answers what go.sum contradicts"
"""Over plain HTTP what came whole may be anybody's: the verdict tells by why it was refused."""
OF_PROXIES = [m for m in MEMBERS if m.kind == "HTTP proxy" and m.takes_s < LOCAL_S]


@dataclass
class Facts:
    """What the tracker held when it let go."""

    requests: list[OpenRequest] = field(default_factory=list)
    connections: dict[int, OpenConnection] = field(default_factory=dict)

    def last(self, pid: int) -> OpenRequest:
        """The request that ended the command."""
        return [found for found in self.requests if found.pid == pid and found.hops][-1]


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> Facts:
    """Filled by whatever is watched meanwhile."""
    held = Facts()
    begin, forget = openprocess.open_request, Connections.forget

    def note_request(*args) -> OpenRequest:
        held.requests.append(begin(*args))
        return held.requests[-1]

    def note_connection(self: Connections, cookie: int) -> None:
        found = self.get(cookie)
        if found is not None:
            held.connections[cookie] = found
        forget(self, cookie)

    monkeypatch.setattr(openprocess, "open_request", note_request)
    monkeypatch.setattr(Connections, "forget", note_connection)
    return held


@pytest.fixture(scope="module")
def sick_lab() -> Iterator[Lab]:
    """A lab with the sick hosts."""
    with Lab(machine_go(), sick=True) as lab:
        yield lab


def connection_of(facts: Facts, request: OpenRequest) -> OpenConnection | None:
    """In hand, or of the attempt that decided."""
    hop = request.hops[-1]
    attempt = decided(hop.attempts)
    cookie = hop.cookie or (attempt.cookie if attempt else None)
    return facts.connections.get(cookie) if cookie is not None else None


def told(connection: OpenConnection | None) -> str:
    if connection is None:
        return "no connection"
    return f"via {connection.via} {connection.tunnel} {connection.connect_status}"


def expected(member: Member) -> str | None:
    """What a member's name says of its tunnel; None where it says nothing."""
    word = member.name.removeprefix("CONNECT answered ")
    if word != member.name and word[:3].isdecimal():
        return f"via {proxies.url(word).removeprefix('http://')} refused {word[:3]}"
    if word.startswith("then-") or (word != member.name and word == "page"):
        tunnel = "stands" if word.startswith("then-") else "refused"
        return f"via {proxies.url(word).removeprefix('http://')} {tunnel} 200"
    if member.name.startswith("the tunnel stands,"):
        return f"via {proxies.url('good').removeprefix('http://')} stands 200"
    if member is WITHIN_TLS:
        return f"via {proxies.url('tls-good').removeprefix('https://')} stands None"
    code = member.env.get("HTTPS_PROXY", "").rpartition(":")[2]
    number = next((c for c in range(1, 10) if code == str(proxies.PORTS[f"socks-{c}"])), None)
    if number is not None:
        return f"via {places_of(member)} refused {number}"
    return "no connection" if "name unknown" in member.name else None


def places_of(member: Member) -> str:
    return member.env["HTTPS_PROXY"].rpartition("//")[2]


def test_each_proxy_is_told_by_facts(sick_lab: Lab, eyes: Eyes, facts: Facts) -> None:
    """Through whom it went, what the proxy answered, and on which side of it the request failed."""
    wrong = {}
    outcomes = provoke(sick_lab, [*OF_PROXIES, WITHIN_TLS], lambda: eyes.look(0.01))
    lookups = {(found.pid, found.host): found for found in eyes.seen().lookups}
    for outcome in outcomes:
        member, request = outcome.member, facts.last(outcome.pid)
        hop, connection = request.hops[-1], connection_of(facts, request)
        failed = [found for found in lookups.values() if found.pid == outcome.pid]
        lookup = failed[-1] if connection is None and failed else None
        error = hop.error or request.operation_error
        at_proxy = at_http_proxy(hop, connection, lookup, error)  # type: ignore[arg-type]
        if expected(member) not in (None, told(connection)):
            wrong[member.name] = f"{told(connection)}, not {expected(member)}"
        elif member.party in ("HTTP proxy", "module proxy") and at_proxy is not (
            (member.party == "HTTP proxy" and member is not WITHIN_TLS)
            or member.name == BY_CHECKSUM
        ):
            wrong[member.name] = f"at the proxy: {at_proxy}; {told(connection)} {error}"
    assert wrong == {}


def test_the_address_that_decided(sick_lab: Lab, eyes: Eyes, facts: Facts) -> None:
    """All addresses are listed, and the one that `go` prints is the one that decided."""
    wrong = {}
    members = [m for m in MEMBERS if m.kind == "TCP" and "refused" in m.name and not m.takes_s]
    outcomes = provoke(sick_lab, members, lambda: eyes.look(0.01))
    eyes.seen()
    for outcome in outcomes:
        attempts = facts.last(outcome.pid).hops[-1].attempts
        found = decided(attempts)
        if found is None or any(each.outcome is None for each in attempts):
            wrong[outcome.member.name] = f"{attempts}"
        elif "dial tcp" in outcome.said and f"{found.address}" not in outcome.said:
            wrong[outcome.member.name] = f"{found} is not in {outcome.said}"
    assert wrong == {}
