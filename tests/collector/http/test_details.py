"""Rules of the pages of one proxy and one host, asked of a real collector."""

import json
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from collectors import Collector
from exhibit import FINE, HOSTS, MARKUP, PLANTED, SICK, exhibit
from readers import Read, get

from modpulse.collector.page.span import LENGTHS_S

PROXY_PAGE = f"/proxy?proxy={quote(SICK, safe='')}"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One whose every name is markup somewhere, with two days behind it."""
    made = exhibit(tmp_path_factory.mktemp("details"), 48)
    until_shown(made)
    yield made
    made.end()


def until_shown(collector: Collector) -> None:
    """Wait until what was in the log is judged."""
    end = time.monotonic() + 60
    while "Worst requests" not in get(collector, PROXY_PAGE)[2]:
        assert time.monotonic() < end
        time.sleep(0.1)


def page(collector: Collector, path: str, **headers: str) -> Read:
    """A page that is there."""
    status, _, body = get(collector, path, **headers)
    assert status == 200, body
    return Read(body)


@pytest.mark.parametrize("name", LENGTHS_S)
def test_a_proxy_in_each_length(collector: Collector, name: str) -> None:
    """Its phases, classes, hosts, sites, addresses, resolvers and kinds of requests are there."""
    read = page(collector, f"{PROXY_PAGE}&range={name}")

    for words in ("Latency by phase", "tcp.timeout", "build-03", "cn-north", "10.0.3.7",
                  "10.0.0.53", "zip", "Time lost"):  # fmt: skip
        assert words in read.text


@pytest.mark.parametrize("path", [
    PROXY_PAGE, f"/proxy?proxy={quote(PLANTED, safe='')}", f"/host?agent={quote(HOSTS[-1])}",
    "/host?agent=build-03",
    f"/compare?a={quote(PLANTED, safe='')}&b={quote(SICK, safe='')}&range=7d",
])  # fmt: skip
def test_names_are_no_markup(collector: Collector, path: str) -> None:
    """Whatever a proxy, host, site, label, module or resolver is called, it is text."""
    for language in ("en", "zh"):
        read = page(collector, path, Accept_Language=language)

        assert MARKUP.partition("<")[2] in read.text
        assert [n for n, _ in read.attributes if n.startswith("on") or n == "style"] == []
        scripts = [value for name, value in read.attributes if name == "src"]
        assert all(value and value.startswith("/assets/") for value in scripts)
        assert read.names.count("script") == len(scripts)
        assert all(link[:1] in "/#?" and link[:2] != "//" for link in read.links())


def test_a_day_by_its_link(collector: Collector) -> None:
    """Each day of the table leads to its hours."""
    days = [link for link in page(collector, f"{PROXY_PAGE}&range=7d").links() if "since=" in link]
    read = page(collector, days[0])

    assert len(days) >= 2
    assert "24 hours" in read.text
    assert " – " in read.text


def test_lines_are_those_of_the_page(collector: Collector) -> None:
    """The columns are as long as their times; what is not a number is not in them."""
    status, headers, body = get(collector, PROXY_PAGE.replace("?", "/lines?") + "&range=7d")
    found = json.loads(body, parse_constant=pytest.fail)
    columns = [*found["failures"].values(), *found["rates"].values()]
    columns += [column for of in found["phases"].values() for column in of.values()]

    assert (status, headers["content-type"]) == (200, "application/json")
    assert {len(column) for column in columns} == {len(found["at_s"])}
    assert len(found["at_s"]) > 24
    assert set(found["failures"]) == {"tcp.timeout", "http.5xx"}


def test_a_host(collector: Collector) -> None:
    """Its agent, losses, version, labels, what it asks, and its worst requests."""
    read = page(collector, "/host?agent=build-03")

    for words in ("Host build-03", "goproxy.corp/go", "mirror.example", "by resolver 10.0.0.53"):
        assert words in read.text
    assert f"/proxy?proxy={quote(SICK, safe='')}" in read.links()


def test_two_mirrors(collector: Collector) -> None:
    """Without two of them a form chooses, then both stand side by side, for the time chosen."""
    asked = f"/compare?a={quote(SICK, safe='')}&b={quote(FINE, safe='')}&range=30d"
    form, read = page(collector, "/compare"), page(collector, asked)

    assert form.names.count("select") == 3
    assert "At the same hours" not in form.text
    for words in ("mirror.example against goproxy.corp/go", "At the same hours and sites",
                  "Both were asked in", "Each alone", "tcp.timeout"):  # fmt: skip
        assert words in read.text
    assert read.attributes.count(("selected", None)) == 3


def test_a_chain(collector: Collector) -> None:
    """Who is asked after whom, and what makes the next one asked."""
    read = page(collector, PROXY_PAGE)

    assert "goproxy.corp/go → mirror.example → direct" in read.text
    for words in ("went on · after a miss", "after any failure", "Worst requests", "the next"):
        assert words in read.text


@pytest.mark.parametrize(("path", "status", "words"), [
    ("/proxy?proxy=https://nobody.example", 404, "nobody has asked such a proxy"),
    ("/proxy", 400, "proxy: expected"),
    ("/proxy?proxy=x&colour=red", 400, "unknown or twice"),
    (f"{PROXY_PAGE}&since=yesterday", 400, "since and until: expected"),
    (f"{PROXY_PAGE}&since=2126-01-01", 400, "since: expected a time before until"),
    ("/host?agent=nobody", 404, "no agent of such a name"),
    ("/host", 404, "no agent of such a name"),
    ("/compare?a=https://x&b=https://x", 400, "expected two mirrors"),
    ("/proxy?proxy=https://x&range=7", 400, "range: 7: expected 24h, 7d, 30d, 90d"),
    (f"/compare?a={quote(SICK)}&b=https://nobody.example", 404, "no history of such a proxy"),
    ("/compare?c=1", 400, "unknown or twice"),
])  # fmt: skip
def test_what_makes_no_sense(collector: Collector, path: str, status: int, words: str) -> None:
    """It is told as a page, with what is wrong."""
    found, headers, body = get(collector, path)

    assert (found, headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert words in Read(body).text
