"""Two troubles at once: fleets with two faults, and what is said of each."""

import pytest
from parted import Asked, Fails, Play, agents

from modpulse.collector.health.causes import later_than

BEGIN = 8
HOSTS = agents(("ams", 6), ("fra", 6), resolvers=("10.0.0.53", "10.1.0.53"))


def _first(*fails: Fails) -> Fails:
    """What a request meets first."""
    return lambda asked: next((how for one in fails if (how := one(asked))), None)


def everybody(asked: Asked) -> str | None:
    """An outage."""
    return "tcp.refused" if asked.window >= BEGIN + 4 else None


def one_host(asked: Asked) -> str | None:
    """The network of one."""
    return "dns.timeout" if asked.agent.name == "ams-3" and asked.window >= BEGIN else None


def one_resolver(asked: Asked) -> str | None:
    """Names at one site."""
    return "dns.servfail" if asked.site == "fra" and asked.window >= BEGIN else None


def one_pool(asked: Asked) -> str | None:
    """A credential."""
    is_it = asked.agent.labels["pool"] == "ci" and asked.window >= BEGIN
    return "auth.401" if is_it else None


def lists(asked: Asked) -> str | None:
    """An endpoint."""
    return "http.5xx" if asked.endpoint == "list" and asked.window >= BEGIN else None


def one_address(asked: Asked) -> str | None:
    """One of three."""
    return "tcp.refused" if asked.address == "192.0.2.7" and asked.window >= BEGIN else None


TWO: dict[str, tuple[Fails, str, set[tuple[str | None, str | None]]]] = {
    "a host in an outage": (
        _first(one_host, everybody), "down", {(None, None), ("host", "ams-3")}),
    "a resolver in an outage": (
        _first(one_resolver, everybody), "down", {(None, None), ("resolver", "10.1.0.53")}),
    "a host and a pool": (
        _first(one_host, one_pool), "degraded", {("host", "ams-3"), ("pool", "ci")}),
    "an address and an endpoint": (
        _first(one_address, lists), "degraded", {("address", "192.0.2.7"), ("endpoint", "list")}),
    "an outage of two classes": (
        lambda a: everybody(a) and ("tcp.reset" if a.luck < 0.5 else "http.5xx"),
        "down", {(None, None)}),
}  # fmt: skip


@pytest.mark.parametrize("name", TWO)
def test_each_has_its_own_scope(name: str) -> None:
    """And what is one host's or resolver's counts for nothing against the proxy."""
    fails, state, scopes = TWO[name]
    report = Play(HOSTS, fails).run(BEGIN + 16)
    told = {(report.scope.kind, report.scope.who)}
    told |= {(cause.scope.kind, cause.scope.who) for cause in report.causes}

    assert report.track.state == state
    assert told == scopes
    own = {cause.failure for cause in report.causes if not cause.scope.is_part}
    assert not own & report.evidence.total.failures.keys()
    words = " ".join(finding.evidence for finding in report.track.findings)
    assert all(c.scope.words in words for c in report.causes if c.scope.is_part and c.scope.words)


def test_who_failed_later_had_got_so_far() -> None:
    """Whose certificate is refused has found its name; of the same stage nobody knows."""
    seen = ("dns.timeout", "tcp.reset", "tls.expired", "http.5xx", "auth.401")

    assert later_than("dns.servfail", seen) == {*seen[1:]}
    assert later_than("tls.untrusted", seen) == {"http.5xx", "auth.401"}
    assert later_than("auth.403", seen) == frozenset()
