"""What explains the failures of a proxy: fleets with a fault, and what is said of each."""

import random
from dataclasses import replace

import pytest
from parted import Agent, Asked, Fails, Play, agents
from sightings import SICK

from modpulse.collector.health.contrast import Contrast
from modpulse.collector.health.explain import explain
from modpulse.collector.health.report import Report

BEGIN = 12
"""The window in which a fault begins."""
TWO = agents(("ams", 6), ("fra", 6))
SKEWED = agents(("ams", 27), ("fra", 3))
OWN_RESOLVERS = agents(("ams", 6), ("fra", 6), resolvers=("10.0.0.53", "10.1.0.53"))


def played(hosts: list[Agent], fails: Fails, windows: int = 24, **options: object) -> Report:
    """What is said in the end where three of a thousand requests fail as well."""

    def with_noise(asked: Asked) -> str | None:
        fault = fails(asked) if asked.window >= BEGIN else None
        return fault or ("http.5xx" if asked.luck < 0.003 else None)

    return Play(hosts, with_noise, **options).run(windows)  # type: ignore[arg-type]


PARTIAL: dict[str, tuple[list[Agent], Fails, str, str]] = {
    "an address": (TWO, lambda a: "tcp.refused" if a.address == "192.0.2.7" else None,
                   "address", "192.0.2.7"),
    "a third at an address": (
        TWO, lambda a: "http.5xx" if a.address == "192.0.2.7" and a.luck < 0.3 else None,
        "address", "192.0.2.7"),
    "a certificate at an address": (
        TWO, lambda a: "tls.expired" if a.address == "192.0.2.8" else None, "address", "192.0.2.8"),
    "list": (TWO, lambda a: "http.5xx" if a.endpoint == "list" else None, "endpoint", "list"),
    "suspect misses of list": (
        TWO, lambda a: "suspect" if a.endpoint == "list" else None, "endpoint", "list"),
    "zips": (TWO, lambda a: "http.body" if a.endpoint == "zip" else None, "endpoint", "zip"),
    "a site": (TWO, lambda a: "tcp.reset" if a.site == "fra" else None, "site", "fra"),
    "an eighth of a site's": (
        TWO, lambda a: "http.429" if a.site == "fra" and a.luck < 0.12 else None, "site", "fra"),
    "a site with its own resolver": (
        OWN_RESOLVERS, lambda a: "tcp.reset" if a.site == "fra" else None, "site", "fra"),
    "a small site": (SKEWED, lambda a: "tcp.reset" if a.site == "fra" else None, "site", "fra"),
    "nearly all traffic": (SKEWED, lambda a: "tcp.reset" if a.site == "ams" else None,
                           "site", "ams"),
    "a pool": (TWO, lambda a: "auth.401" if a.agent.labels["pool"] == "ci" else None,
               "pool", "ci"),
    "four hosts with little traffic": (
        agents(("ams", 2), ("fra", 2), requests=1),
        lambda a: "http.5xx" if a.site == "fra" else None, "site", "fra"),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTIAL)
def test_a_part_of_a_proxy(name: str) -> None:
    """What fails for some requests only is told with its share, and the proxy is not down."""
    hosts, fails, kind, who = PARTIAL[name]
    report = played(hosts, fails, 24)
    scope = report.scope

    assert (scope.kind, scope.who, report.track.state) == (kind, who, "degraded")
    assert scope.share is not None
    assert scope.part is not None
    assert scope.share > 0.9
    assert who in str(scope.words)
    assert f"{min(99, round(100 * scope.part))}% of the requests" in str(scope.words)
    assert "partial" in {finding.gate for finding in report.track.findings}


WHOLE: dict[str, tuple[list[Agent], Fails, str]] = {
    "all": (TWO, lambda _: "tcp.refused", "down"),
    "all, most of them at one site": (SKEWED, lambda _: "tcp.refused", "down"),
    "a third": (TWO, lambda a: "http.5xx" if a.luck < 0.3 else None, "degraded"),
    "a third, most of it at one site": (
        SKEWED, lambda a: "http.5xx" if a.luck < 0.3 else None, "degraded"),
    "one of thirty": (TWO, lambda a: "http.5xx" if a.luck < 0.03 else None, "healthy"),
    "two of three sites": (
        agents(("ams", 5), ("fra", 5), ("ber", 5)),
        lambda a: "tcp.refused" if a.site != "ams" else None, "degraded"),
    "two hosts of a site": (
        TWO, lambda a: "tcp.refused" if a.agent.name in ("fra-2", "fra-3") else None, "degraded"),
    "a site and an endpoint": (
        TWO, lambda a: "tcp.refused" if a.site == "fra" or a.endpoint == "list" else None,
        "degraded"),
    "first a site, then all": (
        TWO, lambda a: "tcp.refused" if a.site == "fra" or a.window >= BEGIN + 5 else None,
        "down"),
    "hosts at random": (
        agents(("ams", 20), ("fra", 20)),
        lambda a: "http.5xx"
        if random.Random(f"{a.agent.name} {a.window // 3}").random() < 0.25 else None,
        "degraded"),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_nothing_explains(name: str, seed: int) -> None:
    """What fails everywhere, or by two causes, or here and there, is everybody's."""
    hosts, fails, state = WHOLE[name]
    report = played(hosts, fails, 30, seed=seed)

    assert (report.scope.kind, report.track.state) == (None, state)


@pytest.mark.parametrize("failure", ["checksum.gosum", "suspect", "http.5xx"])
def test_a_module(failure: str) -> None:
    """What fails of one module is not the proxy's; its share is of the sample that is known."""
    report = played(TWO, lambda a: failure if a.module.endswith("/m7") else None, 40)

    assert (report.scope.kind, report.scope.who) == ("module", "mod.example/m7")
    assert (report.track.state, report.scope.part) == ("healthy", None)
    assert "known by module" in str(report.scope.words)
    assert report.evidence.total.failed < report.seen.total.failed or failure == "suspect"


def test_a_resolver() -> None:
    """Where names are not found it is the resolver, and the site of the same users is said."""
    report = played(OWN_RESOLVERS, lambda a: "dns.servfail" if a.site == "fra" else None)

    assert (report.scope.kind, report.scope.who) == ("resolver", "10.1.0.53")
    assert (report.track.state, report.scope.excluded) == (
        "healthy", {f"fra-{n}" for n in range(1, 7)},
    )  # fmt: skip
    assert "at site fra" in str(report.scope.words)
    assert ("site", "fra") in report.scope.also


@pytest.mark.parametrize("kind", ["host", "site of one host"])
def test_one_host(kind: str) -> None:
    """A host is no site, and a site of one host is that host: one witness makes no proxy sick."""
    hosts = TWO if kind == "host" else agents(("ams", 6), ("fra", 1))
    name = "fra-2" if kind == "host" else "fra-1"
    report = played(hosts, lambda a: "tcp.refused" if a.agent.name == name else None)

    assert (report.scope.kind, report.scope.who, report.track.state) == ("host", name, "healthy")
    assert report.scope.words == f"only {name} sees failures"


def test_a_single_witness_tells_an_endpoint() -> None:
    """Where one host alone asks, an endpoint is told, and that nobody else saw it."""
    report = played(
        agents(("ams", 1), requests=20), lambda a: "http.5xx" if a.endpoint == "list" else None
    )

    assert (report.scope.kind, report.track.state) == ("endpoint", "degraded")
    assert str(report.scope.words).endswith("seen from one host only, ams-1")


def test_sets_of_the_same_requests_are_told_together() -> None:
    """Where a pool is a site nobody can know which it is: of 401 the pool is told first."""
    hosts = [replace(host, labels={"site": s, "pool": f"of-{s}"}) for host in TWO
             if (s := host.labels["site"])]  # fmt: skip
    reset = played(hosts, lambda a: "tcp.reset" if a.site == "fra" else None)
    refused = played(hosts, lambda a: "auth.401" if a.site == "fra" else None)

    assert (reset.scope.kind, refused.scope.kind) == ("site", "pool")
    assert (reset.scope.also, refused.scope.also) == ((("pool", "of-fra"),), (("site", "fra"),))
    assert "; the same requests are of pool of-fra" in str(reset.scope.words)


def test_labels_without_parts_are_enough_for_sites() -> None:
    """Agents that ship no parts have labels and resolvers all the same."""
    report = played(TWO, lambda a: "tcp.reset" if a.site == "fra" else None, has_parts=False)
    address = played(
        TWO, lambda a: "tcp.reset" if a.address == "192.0.2.7" else None, has_parts=False
    )

    assert (report.scope.kind, report.track.state) == ("site", "degraded")
    assert (address.scope.kind, address.track.state) == (None, "degraded")


def test_nothing_is_explained_before_others_are_answered() -> None:
    """In its first two windows a fault of some may be everybody's, and none is told."""
    play = Play(TWO, lambda a: "tcp.reset" if a.site == "fra" and a.window >= BEGIN else None)
    kinds = [report.scope.kind for report in play.reports(BEGIN + 3)]

    assert kinds[: BEGIN + 2] == [None] * (BEGIN + 2)
    assert kinds[BEGIN + 2] == "site"


def test_nothing_explains_where_nothing_fails() -> None:
    """A quiet proxy has no candidates, and no work is done."""
    play = Play(TWO, lambda _: None)
    report = play.run(3)
    timeline = play.fleet.proxies[SICK].timeline

    assert report.scope.kind is None
    assert list(explain([], timeline, None, None, "")) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "is_told"),
    [
        (Contrast(40, 40, 60, 0, 60, 0, 40), True),
        (Contrast(40, 4, 60, 0, 60, 0, 40), False),
        (Contrast(40, 40, 60, 20, 40, 0, 40), False),
        (Contrast(40, 40, 4, 0, 4, 0, 40), False),
        (Contrast(90, 30, 30, 10, 20, 0, 40), False),
        (Contrast(6, 6, 6, 0, 6, 0, 9), True),
        (Contrast(5, 5, 5, 0, 5, 0, 9), False),
        (Contrast(40, 40, 60, 0, 60, 0, 6), False),
        (Contrast(40, 40, 60, 0, 60, 1, 0), False),
        (Contrast(40, 40, 60, 0, 60, 2, 0), True),
    ],
    ids=[
        "plain",
        "few failures",
        "half outside",
        "few others",
        "alike",
        "six of twelve",
        "thin",
        "not at the same time",
        "once more",
        "again and again",
    ],
)
def test_thin_evidence_explains_nothing(found: Contrast, is_told: bool) -> None:
    """It takes failures inside, answers outside, a ratio and a share that no accident makes."""
    assert found.explains() is is_told


def test_a_resolver_resets_no_connection() -> None:
    """Before it can be counted its users are told by their site, where that is their own."""
    play = Play(OWN_RESOLVERS, lambda a: "tcp.reset" if a.site == "fra" else None)
    report = play.run(1)
    nameless = Play(
        [replace(host, labels={"site": "all"}) for host in OWN_RESOLVERS],
        lambda a: "tcp.reset" if a.agent.resolver == "10.1.0.53" else None,
    ).run(1)

    assert (report.scope.kind, report.scope.who, report.scope.share) == ("site", "fra", None)
    assert (
        report.scope.words == "only hosts at site fra see failures: fra-1, fra-2, fra-3 and 3 more"
    )
    assert report.scope.also == (("resolver", "10.1.0.53"),)
    assert (nameless.scope.kind, nameless.track.state) == ("resolver", "healthy")
