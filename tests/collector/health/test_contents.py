"""Rules of consistency: who serves another content, and what only looks like it."""

from collections import Counter

import msgpack
import pytest
from sightings import T0_NS, S, arrival, sighting

from modpulse.collector.health import contents
from modpulse.collector.health.consistency import ContentFinding
from modpulse.collector.health.contents import Contents, Sight
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.score import Formula

CORP, MIRROR, THIRD = "https://corp.example", "https://mirror.example", "https://third.example"
OLD, NEW = "h1:old", "h1:new"
REFUSED = "checksum.gosum"


def sight(
    second: int,
    proxy: str = CORP,
    h1: str | None = None,
    *,
    outcome: str = "ok",
    host: str = "build-1",
    size: int | None = 1000,
    endpoint: str = "zip",
    module: str = "mod.example/m",
) -> Sight:
    """One answer, so many seconds after the beginning."""
    return Sight(
        T0_NS + second * S, "token 1", host, proxy, module, "v1.0.0", endpoint, outcome, size, h1
    )


def refused(second: int, proxy: str = CORP, host: str = "build-1", h1: str | None = None) -> Sight:
    """What `go` did not take."""
    return sight(second, proxy, h1, outcome=REFUSED, host=host, size=None)


def found(*sights: Sight, at: int = 100) -> list[ContentFinding]:
    """What is not the same everywhere, at a second."""
    memory = Contents(Counter())
    for one in sights:
        memory.note(one)
    return list(memory.finding(T0_NS + at * S))


def kinds(*sights: Sight) -> list[str]:
    return [finding.kind for finding in found(*sights)]


def test_the_same_everywhere_is_nothing() -> None:
    """One sum from all proxies, hosts and days; also sizes of two proxies that zip differently."""
    same = [sight(n, proxy, OLD, host=f"build-{n}") for n, proxy in enumerate((CORP, MIRROR))]

    assert found(*same, sight(90_000, CORP, OLD)) == []
    assert found(sight(0, CORP, size=1000), sight(1, MIRROR, size=1100)) == []


def test_one_proxy_serves_another_content() -> None:
    """What go.sum refuses from one and takes from another is that one's; hosts are named."""
    (finding,) = found(
        sight(0), sight(1, MIRROR), refused(10), refused(20, host="build-2"),
        sight(30, MIRROR, host="build-2"),
    )  # fmt: skip

    assert (finding.kind, finding.proxies) == ("proxy", (CORP,))
    assert (finding.hosts, finding.refused) == (("build-1", "build-2"), 2)
    assert finding.since_ns == T0_NS + 10 * S
    assert finding.words == (
        f"{CORP} serves mod.example/m@v1.0.0 with another content than {MIRROR} on build-1, build-2"
    )


def test_a_sum_alone_is_enough() -> None:
    """Where no go.sum knows it, the sum that most have is the right one, of two the first."""
    first_wrong = [sight(0, CORP, NEW), sight(1, MIRROR, OLD), sight(2, THIRD, OLD)]
    second_wrong = [sight(0, MIRROR, OLD), sight(1, CORP, NEW), sight(2, MIRROR, OLD)]
    for sights in (first_wrong, second_wrong):
        (finding,) = found(*sights)
        assert (finding.kind, finding.proxies) == ("proxy", (CORP,))
    assert kinds(*second_wrong[:2]) == ["unknown"]


def test_a_moved_tag() -> None:
    """All that were asked changed, and go.sum says otherwise: nobody but the author did."""
    told = [sight(0), sight(1, MIRROR), refused(10), refused(20, MIRROR, "build-2")]
    by_sums = [sight(0, CORP, OLD), sight(1, MIRROR, OLD), sight(9, CORP, NEW),
               sight(10, MIRROR, NEW)]  # fmt: skip

    assert kinds(*told) == ["author"]
    assert found(*told)[0].proxies == (CORP, MIRROR)
    assert kinds(*by_sums) == ["author"]


def test_a_cache_that_keeps_the_old_content() -> None:
    """Told of the proxy that differs, until the others change too."""
    memory = Contents(Counter())
    for one in (sight(0), sight(1, MIRROR), refused(10), sight(15, MIRROR)):
        memory.note(one)
    (before,) = memory.finding(T0_NS + 20 * S)
    memory.note(refused(30, MIRROR))
    (after,) = memory.finding(T0_NS + 40 * S)

    assert (before.kind, after.kind) == ("proxy", "author")


def test_nobody_else_was_asked() -> None:
    """Then it is not known whose it is."""
    assert kinds(refused(0), refused(10, host="build-2")) == ["unknown"]


def test_the_go_sum_of_one_host() -> None:
    """What it alone refuses, and others take in between from the same proxy, is its own."""
    sights = (refused(0), sight(10, host="build-2"), refused(20), sight(21, MIRROR, host="build-2"))

    assert kinds(*sights) == ["host"]
    assert found(*sights)[0].words == (
        "mod.example/m@v1.0.0 from https://corp.example is refused on build-1 alone, others take"
        " the same"
    )


def test_another_size_proves_little() -> None:
    """Of the same proxy it is told as such; not where the sum says that nothing changed."""
    (finding,) = found(sight(0, size=1000), sight(10, size=1100))

    assert (finding.kind, finding.proxies) == ("resized", (CORP,))
    assert "1,100 bytes instead of 1,000: it may be zipped anew" in finding.words
    assert found(sight(0, h1=OLD, size=1000), sight(10, h1=OLD, size=1100)) == []


def test_a_go_mod_that_is_refused() -> None:
    """Is told apart from the zip of the same version."""
    (finding,) = found(sight(0), sight(5, outcome=REFUSED, endpoint="mod"))

    assert finding.name == "mod.example/m@v1.0.0 (mod)"


def test_misses_and_other_failures_are_no_content() -> None:
    """What was not served cannot differ."""
    assert found(sight(0, outcome="miss"), sight(1, outcome="http.5xx", h1=NEW)) == []


def test_it_is_over_when_it_is_taken_again() -> None:
    """Silence is no proof; an answer that somebody took is one."""
    sights = [sight(0), refused(10), refused(20, host="build-2")]
    assert [(f.is_now, f.is_over) for f in found(*sights, at=900)] == [(False, False)]
    assert [f.is_over for f in found(*sights, sight(700, host="build-2"), at=900)] == [True]
    assert found(*sights, at=20 + 86_400) == []


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions, their proxies, the troubled ones of one caller: beyond is counted."""
    for name, bound in (("MAX_CONTENTS", 3), ("MAX_COPIES", 2)):
        monkeypatch.setattr(contents, name, bound)
    monkeypatch.setattr(contents, "MAX_TROUBLED", 4)
    overflow: Counter[str] = Counter()
    memory = Contents(overflow)
    for proxy in (CORP, MIRROR, THIRD):
        memory.note(sight(0, proxy))
    for number in range(5):
        memory.note(sight(1, module=f"mod.example/{number}"))
    for number in range(3):
        memory.note(sight(2, outcome=REFUSED, module=f"mod.example/{number}"))

    assert len(list(memory.finding(T0_NS))) == 2
    assert overflow == {"MAX_COPIES": 1, "MAX_CONTENTS": 4, "MAX_TROUBLED": 1}


def test_each_proxy_reports_its_own() -> None:
    """What agents asked for is in the next report of the proxy that serves another content."""
    fleet = Fleet(Formula(), Rules(), float)
    for outcome, proxy in (("ok", MIRROR), (REFUSED, CORP)):
        seen = sighting(proxy, ok=1)
        seen.asked = msgpack.packb([["m", "v1.0.0", "zip", outcome, 9, None]])
        fleet.merge(arrival(seen))
    said = {report.proxy: report.contents for report in fleet.evaluate(T0_NS)}

    assert said[MIRROR] == ()
    assert [found.words for found in said[CORP]] == [
        f"{CORP} serves m@v1.0.0 with another content than {MIRROR} on build-1"
    ]
