"""Rules of the page that anybody may see, asked of a real collector."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from collectors import Collector
from outages import SICK, fail, quick, until
from readers import Read, get

from modpulse.collector.page.public import BADGES

MAINTENANCE = f"""
[[maintenance]]
begins = "2126-01-15T08:00:00Z"
minutes = 60
proxy = "{SICK}"

[[maintenance]]
begins = "mon 02:00"
minutes = 30
site = "secret-site"
"""
NAMES = ("sick", "good", "example", "build-", "tcp.refused", "secret-site")


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One with a proxy that is down."""
    made = quick(tmp_path_factory.mktemp("public"), MAINTENANCE, public_summary="on").start()
    fail(made)
    until(made, lambda found: any(one["notices"] for one in found["incidents"]))
    yield made
    made.end()


def test_it_says_what_is_wrong_and_names_nobody(collector: Collector) -> None:
    """In both languages: the state, the incident, the next maintenance, and no name."""
    for language, words in (("en", "A module proxy is down"), ("zh", "有模块代理不可用")):
        status, headers, body = get(collector, "/public", Accept_Language=language)
        assert status == 200
        assert f"<h1>{words}</h1>" in body
        assert re.search("P[012]", Read(body).text)
        assert "02:00" in Read(body).text
        assert "2126" not in body
        assert [name for name in NAMES if name in body.lower()] == []
        assert headers["cache-control"] == "public, max-age=30"
        assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("name", BADGES)
def test_badges(collector: Collector, name: str) -> None:
    """Each is a picture that caches may keep; in both languages."""
    for query in ("", "?language=zh", "?language=x"):
        status, headers, body = get(collector, f"/badge/{name}.svg{query}")
        root = ElementTree.fromstring(body)
        assert (status, headers["content-type"]) == (200, "image/svg+xml")
        assert headers["cache-control"] == "public, max-age=30"
        assert root.get("aria-label")
        assert [word for word in NAMES if word in body] == []
    assert ("不可用" in get(collector, f"/badge/{name}.svg?language=zh")[2]) == (name == "status")


@pytest.mark.parametrize("path", ["/badge/x.svg", "/badge/status.png", "/badge/status"])
def test_no_such_badge(collector: Collector, path: str) -> None:
    """It says which there are."""
    status, _, body = get(collector, path)

    assert (status, "status, proxies, incidents" in body) == (404, True)


def test_switched_off(tmp_path: object) -> None:
    """Unless it is switched on there is neither page nor badge."""
    made = quick(tmp_path).start()  # type: ignore[arg-type]
    found = [get(made, path)[0] for path in ("/public", "/badge/status.svg")]
    made.stop()

    assert found == [404, 404]
