"""Rules of the page's requests, asked of a real collector."""

import gzip
import re
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from collectors import Collector, batch_bytes, call, post
from outages import fail, quick, until
from readers import Read

from modpulse.agent.batch.batch import ProxyWindow

PLANTED = 'https://x.example/"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One with a proxy that is down, and one whose name is markup."""
    made = quick(tmp_path_factory.mktemp("pages")).start()
    fail(made)
    post(made, batch_bytes("build-3", windows=(ProxyWindow(proxy=PLANTED, requests=9),)))
    until(made, lambda found: found["incidents"])
    yield made
    made.end()


def get(collector: Collector, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask; return status, headers and body as they are."""
    connection = HTTPConnection("127.0.0.1", collector.port, timeout=30)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers=sent)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, body


def test_what_is_wrong_is_on_top(collector: Collector) -> None:
    """The first page says it in its heading, its title and its row, in both languages."""
    english, chinese = (
        get(collector, "/", Accept_Language=language)[2].decode() for language in ("en", "zh-CN")
    )

    assert re.search(r"<h1>sick.example is down</h1>", english)
    assert "<title>sick.example is down · modpulse</title>" in english
    assert "<h1>sick.example 不可用</h1>" in chinese
    assert '<html lang="zh-Hans">' in chinese


def test_names_are_no_markup(collector: Collector) -> None:
    """Whatever a name is, it is text; nothing is run that is not of the page's own scripts."""
    read = Read(get(collector, "/")[2].decode())

    assert "<script>alert(1)</script>" in read.text
    assert [name for name, _ in read.attributes if name.startswith("on") or name == "style"] == []
    scripts = [value for name, value in read.attributes if name == "src"]
    assert len(scripts) == 2
    assert all(value and value.startswith("/assets/") for value in scripts)


def test_the_policy(collector: Collector) -> None:
    """Browsers are told to run and fetch nothing but ours, on pages that tell of errors too."""
    for path in ("/", "/look?language=zh&language=en"):
        policy = get(collector, path)[1]["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "*" not in policy


def test_a_page_that_is_known(collector: Collector) -> None:
    """It is not sent again until something is new; another language is another page."""
    _, headers, _ = get(collector, "/", Accept_Language="en")
    again = get(collector, "/", Accept_Language="en", If_None_Match=headers["etag"])
    other = get(collector, "/", Accept_Language="zh", If_None_Match=headers["etag"])

    assert (again[0] == 304 and again[2] == b"") or again[1]["etag"] != headers["etag"]
    assert other[0] == 200


def test_assets(collector: Collector) -> None:
    """What a page names is there, for a year, also packed; a name that was is not."""
    page = get(collector, "/")[2].decode()
    paths = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)

    assert len(paths) == 4
    for path in paths:
        _, headers, body = get(collector, path)
        packed = get(collector, path, Accept_Encoding="gzip, br")
        assert "immutable" in headers["cache-control"]
        assert packed[1]["content-encoding"] == "gzip"
        assert gzip.decompress(packed[2]) == body
    assert get(collector, "/assets/page.000000000000.css")[0] == 404


def test_a_choice_comes_back(collector: Collector) -> None:
    """A language and a theme are chosen in a cookie that no script sees; the way back is ours."""
    status, headers, _ = get(collector, "/look?language=zh&theme=dark&back=%2F%2Fevil.example")
    cookie = headers["set-cookie"]
    page = get(collector, "/", Cookie=cookie.partition(";")[0])[2].decode()

    assert (status, headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert '<html lang="zh-Hans" data-theme="dark">' in page


def test_what_goes_wrong_is_a_page(collector: Collector) -> None:
    """Who asks for a page is told in one; who asks the API is told in JSON."""
    status, headers, body = get(collector, "/look?language=zh&nonsense=<b>")

    assert (status, headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "b" not in Read(body.decode()).names
    assert call(collector, "GET", "/api/v1/history?x=1").body["error"]


def test_large_pages_are_packed(collector: Collector) -> None:
    """For who takes it; it is the same page, and has the same tag."""
    for n in range(40):
        windows = (ProxyWindow(proxy=f"https://p{n}.example", requests=9),)
        post(collector, batch_bytes(f"build-{n}", seq=9, windows=windows))
    found: tuple[int, dict[str, str], bytes] = 0, {}, b""
    while b"p39.example" not in found[2]:
        found = get(collector, "/", Accept_Language="en")
    _, headers, body = get(collector, "/", Accept_Language="en", Accept_Encoding="gzip")

    assert headers["content-encoding"] == "gzip"
    assert len(body) < len(found[2]) / 4
    assert b"p39.example" in gzip.decompress(body)
