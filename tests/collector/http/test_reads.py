"""Rules of what may be read, of a real collector."""

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from collectors import Collector, Reply, batch_bytes, call, post

from modpulse.collector.access import file as access_file
from modpulse.collector.access.entries import Entry, key_of

WAIT_S = 30
PATHS = (
    "/api/v1/public",
    "/api/v1/proxies",
    "/api/v1/incidents",
    "/api/v1/agents",
    "/api/v1/alerts",
    "/api/v1/alerts/past",
    "/api/v1/maintenance",
    "/api/v1/compare?a=https://good.example&b=https://sick.example",
    "/api/v1/history?proxy=https://good.example",
)


def settled(read: Callable[[], Reply]) -> Reply:
    """Wait until all of the time before the start is known: before that nothing has a version."""
    end = time.monotonic() + WAIT_S
    while "etag" not in (answer := read()).headers:
        assert time.monotonic() < end
        time.sleep(0.1)
    return answer


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One that judges when it starts, and then not for as long as these tests take."""
    folder = tmp_path_factory.mktemp("reads")
    first = Collector(folder, window_seconds=0.1).start()
    assert post(first, batch_bytes(failing="https://sick.example")).status == 202
    end = time.monotonic() + WAIT_S
    while call(first, "GET", PATHS[-1]).status != 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    first.stop()
    made = Collector(folder, window_seconds=300, public_summary="on").start()
    settled(partial(call, made, "GET", "/api/v1/proxies"))
    yield made
    made.end()


@pytest.mark.parametrize("path", PATHS)
def test_who_has_it_is_told_so(collector: Collector, path: str) -> None:
    """Until the next judgement the same tag is the same answer, which is not made again."""
    first = call(collector, "GET", path)
    tag = first.headers["etag"]
    again = call(collector, "GET", path, If_None_Match=f'"x", {tag}')
    other = call(collector, "GET", path, If_None_Match='W/"x"')
    anything = call(collector, "GET", path, If_None_Match="*")

    assert first.status == 200
    assert first.headers["cache-control"] == "private, no-cache"
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert "content-length" not in again.headers
    assert other.status == 200
    assert anything.status == 304


def test_each_address_has_its_own_tag(collector: Collector) -> None:
    """A tag of one address is none of another, so that nothing wrong is ever unchanged."""
    tags = [call(collector, "GET", path).headers["etag"] for path in PATHS]
    asked = "/api/v1/history?proxy=https://good.example&by=moon"

    assert len(set(tags)) == len(PATHS)
    for tag in (*tags, "*"):
        assert call(collector, "GET", asked, If_None_Match=tag).status == 400


def test_what_people_do_is_a_change(tmp_path: Path) -> None:
    """Who announces a window sees it at once, whatever tag he has."""
    token = "Bearer chief"
    access_file.add(
        str(tmp_path / "access"), Entry("chief", frozenset({"admin"}), key_of(b"chief"))
    )
    guarded = Collector(tmp_path, window_seconds=300, access_file=tmp_path / "access").start()
    try:
        read = partial(call, guarded, "GET", "/api/v1/maintenance", Authorization=token)
        tag = settled(read).headers["etag"]
        assert read(If_None_Match=tag).status == 304
        made = call(
            guarded, "POST", "/api/v1/maintenance", b'{"minutes": 5}',
            Authorization=token, Content_Type="application/json",
        )  # fmt: skip
        after = read(If_None_Match=tag)
    finally:
        guarded.end()

    assert (made.status, after.status) == (201, 200)
    assert len(after.body["maintenance"]) == 1


@pytest.mark.parametrize(("path", "rows"), [("proxies", "proxy"), ("incidents", "id")])
def test_lists_come_in_pages(collector: Collector, path: str, rows: str) -> None:
    """Row by row the same comes as at once, in its order; the last page says that it is."""
    found, after = [], ""
    whole = call(collector, "GET", f"/api/v1/{path}").body
    while after is not None:
        page = call(collector, "GET", f"/api/v1/{path}?limit=1&after={quote(after)}").body
        found += [row[rows] for row in page[path]]
        after = page["next"]

    assert found == [row[rows] for row in whole[path]]
    assert whole["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=2000", "after=x&after=y", "before=1"])
@pytest.mark.parametrize("path", ["proxies", "incidents", "agents"])
def test_a_page_that_makes_no_sense_is_refused(collector: Collector, path: str, query: str) -> None:
    """With the reason."""
    answer = call(collector, "GET", f"/api/v1/{path}?{query}")

    assert answer.status == 400
    assert answer.body["error"]


@pytest.mark.parametrize("path", [*PATHS, "/healthz", "/readyz"])
def test_a_head_is_the_answer_without_its_body(collector: Collector, path: str) -> None:
    """HEAD has the status, the type and the length that GET has, and nothing behind them."""
    with closing(http.client.HTTPConnection("127.0.0.1", collector.port, timeout=30)) as line:
        told = []
        for method in ("GET", "HEAD", "GET"):
            line.request(method, path)
            answer = line.getresponse()
            body = answer.read()
            told.append((answer.status, answer.headers["content-type"], answer.headers["etag"]))
            assert (body == b"") == (method == "HEAD")

    assert told[0] == told[1] == told[2]


def test_what_else_may_be_asked_is_told(collector: Collector) -> None:
    """Allow has HEAD where there is a GET."""
    assert call(collector, "PUT", "/api/v1/proxies").headers["allow"] == "GET, HEAD"
    assert call(collector, "PUT", "/api/v1/maintenance").headers["allow"] == "GET, POST, HEAD"
